# dx as regular grids of pixels, each one sum over taps of dy with the filters reversed and transposed: one grid for
# each residue of the stride, since only filter rows of that residue reach its pixels.

from tinydl._core.conv.geometry cimport Geometry
from tinydl._core.load cimport Window
from tinydl._core.rounding cimport ceil_div
from tinydl._core.strip cimport td_rectangle

cdef enum:
    PRODUCT_BYTES = 131072  # rows of products that are gathered while they are in L2

cdef struct Grid:
    td_rectangle pixels
    Py_ssize_t dst_origin   # of its first pixel in dx
    Py_ssize_t first_tap    # taps of the grids before: its filters and offsets follow theirs


cdef inline bint reaches(Py_ssize_t residue, Py_ssize_t padding, Py_ssize_t k, Py_ssize_t stride,
                         Py_ssize_t *step) noexcept nogil:
    """Whether tap k (times its dilation) is read at h = i*stride + residue; then it is dy row i + step."""
    cdef Py_ssize_t at = residue + padding - k
    # Exact where it divides, whatever the sign.
    step[0] = at // stride
    return at % stride == 0


cdef inline void border_of(Py_ssize_t size, Py_ssize_t out, Py_ssize_t K, Py_ssize_t S, Py_ssize_t pad, Py_ssize_t D,
                           Py_ssize_t *before, Py_ssize_t *after) noexcept:
    """How far along one axis the taps reach beyond dy, which is `out` long where dx is `size`."""
    cdef Py_ssize_t residue, k, t
    before[0] = after[0] = 0
    for residue in range(min(S, size)):
        for k in range(K):
            if reaches(residue, pad, k * D, S, &t):
                before[0] = max(before[0], -t)
                after[0] = max(after[0], (size - 1 - residue) // S + t - (out - 1))


cdef inline Py_ssize_t plan_grids(const Geometry *g, const Window *dy, Grid *grids, Py_ssize_t *positions,
                                  Py_ssize_t *taps) noexcept:
    """Fill the grids, for each tap its filter position and its offset in the copy `dy`; returns how many grids."""
    cdef Py_ssize_t rh, rw, kh, kw, th, tw, t, n = 0, n_grids = 0
    cdef Grid *grid
    cdef td_rectangle *pixels
    for rh in range(min(g.SH, g.H)):
        for rw in range(min(g.SW, g.W)):
            grid = &grids[n_grids]
            pixels = &grid.pixels
            n_grids += 1
            grid.first_tap, grid.dst_origin = n, (rh * g.W + rw) * g.C
            pixels.rows, pixels.cols = ceil_div(g.H - rh, g.SH), ceil_div(g.W - rw, g.SW)
            pixels.src_row, pixels.src_col = dy.n_cols * g.O, g.O
            pixels.dst_row, pixels.dst_col = g.SH * g.W * g.C, g.SW * g.C
            for kh in range(g.KH):
                if not reaches(rh, g.PH, kh * g.DH, g.SH, &th):
                    continue
                # Right to left, so that offsets in dy rise.
                for kw in range(g.KW - 1, -1, -1):
                    if reaches(rw, g.PW, kw * g.DW, g.SW, &tw):
                        positions[n] = kh * g.KW + kw
                        taps[n] = ((th - dy.h0) * dy.n_cols + tw - dy.w0) * g.O
                        n += 1
            pixels.taps, pixels.n_taps, pixels.K = taps + grid.first_tap, n - grid.first_tap, g.O // g.G
            if g.SW == 1 and g.DW == 1 and g.G == 1:
                # The taps of a filter row read neighbours: KW*O contiguous elements from the first on.
                pixels.n_taps //= g.KW
                pixels.K *= g.KW
                for t in range(pixels.n_taps):
                    taps[grid.first_tap + t] = taps[grid.first_tap + t * g.KW]
    return n_grids


# Few input channels leave lanes idle. The lanes of a tile are then the (kw, c) entries of a filter row: a grid of H x Q
# pixels with KH taps sums products of whole rows, and pixel w of dx gathers its KW parts from neighbouring products.

cdef inline Py_ssize_t product_width(const Geometry *g, Py_ssize_t lanes) noexcept:
    """Lanes of a row product, or 0 where dx is not made of them: they must take a quarter less vectors."""
    cdef Py_ssize_t vectors = ceil_div(g.KW * g.C, lanes)
    if g.SH > 1 or g.SW > 1 or g.DW > 1 or g.G > 1 or g.H * g.Q == 0:
        return 0
    return vectors * lanes if 4 * g.Q * vectors <= 3 * g.W * g.KW * ceil_div(g.C, lanes) else 0


cdef inline void plan_products(const Geometry *g, const Window *dy, Grid *grid, Py_ssize_t *taps,
                               Py_ssize_t width) noexcept:
    """The one grid of row products; its destination is scratch."""
    cdef td_rectangle *pixels = &grid.pixels
    cdef Py_ssize_t kh
    pixels.rows, pixels.cols = g.H, g.Q
    pixels.src_row, pixels.src_col = dy.n_cols * g.O, g.O
    pixels.dst_row, pixels.dst_col = g.Q * width, width
    pixels.taps, pixels.n_taps, pixels.K = taps, g.KH, g.O
    grid.dst_origin = grid.first_tap = 0
    for kh in range(g.KH):
        taps[kh] = (g.PH - kh * g.DH - dy.h0) * dy.n_cols * g.O
