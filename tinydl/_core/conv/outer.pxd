# Sums over pixels for the gradients of a layer's parameters.

from libc.string cimport memset
from tinydl._core.array cimport real
from tinydl._core.conv.geometry cimport Geometry, is_channelwise
from tinydl._core.strip cimport channelwise_outer, outer_strip, td_entries, td_pixel_range

cdef enum:
    WIDE = 128      # channels of pixels summed side by side


cdef inline void add_outer(const Geometry *g, const td_pixel_range *pixels, const real *x, const real *dy, real *dw,
                           bint adds) noexcept nogil:
    """dw (KH, KW, C/G, O) (+)= the outer products of the pixels of some images.

    x : the padded input, whose rows are pixels.x_row / SH apart.  dy : the first pixel inside its border.
    """
    cdef Py_ssize_t Cg = g.C // g.G, Og = g.O // g.G, x_row = pixels.x_row // g.SH, group, k
    cdef Py_ssize_t taps[9]
    cdef td_entries f
    if is_channelwise(g):
        for k in range(g.KH * g.KW):
            taps[k % 9] = k // g.KW * g.DH * x_row + k % g.KW * g.DW * g.C
            if k % 9 == 8 or k == g.KH * g.KW - 1:
                channelwise_outer(pixels, taps, k % 9 + 1, x, dy, g.C, dw + (k - k % 9) * g.C, adds)
        return
    f.dw_entry = g.O
    if g.DW == 1 and g.G == 1:
        # The entries (kw, c) of a filter row are neighbours in x: few input channels still fill a tile.
        f.rows, f.n = g.KH, g.KW * g.C
        f.x_row, f.dw_row = g.DH * x_row, f.n * g.O
        outer_strip(pixels, &f, x, dy, g.O, dw, adds)
        return
    f.rows, f.n, f.x_row, f.dw_row = 1, Cg, 0, 0
    for group in range(g.G):
        for k in range(g.KH * g.KW):
            outer_strip(pixels, &f, x + k // g.KW * g.DH * x_row + k % g.KW * g.DW * g.C + group * Cg, dy + group * Og,
                        Og, dw + k * Cg * g.O + group * Og, adds)


cdef inline void add_pixels(const real *dy, Py_ssize_t n_rows, Py_ssize_t n_cols, Py_ssize_t row, Py_ssize_t O,
                            real *db) noexcept nogil:
    """db (O,) += the sum of an image's pixels, whose rows lie `row` elements apart."""
    cdef Py_ssize_t p, q, i, o, m, n = 1
    cdef real wide[WIDE]
    # Several pixels side by side, so that few channels make long vectors too.
    while 2 * n * O <= WIDE and 2 * n <= n_cols:
        n = 2 * n
    memset(wide, 0, sizeof(wide))
    for p in range(n_rows):
        q = 0
        while q < n_cols:
            m = min(n, n_cols - q)
            if n > 1:
                for i in range(m * O):
                    wide[i] = wide[i] + dy[p * row + q * O + i]
            else:
                for o in range(O):
                    db[o] = db[o] + dy[p * row + q * O + o]
            q = q + m
    for i in range(n if n > 1 else 0):
        for o in range(O):
            db[o] = db[o] + wide[i * O + o]
