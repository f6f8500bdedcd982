"""Winograd convolution: 3x3 filters, stride 1, in float32, with a quarter of the multiplications of the direct sum.

Forward and backward-input are F(4x4, 3x3), the weight gradient is F(3x3, 4x4) on the same input tiles; the transforms
are in src/winograd.h. A task takes a block of tiles through all steps while it stays in L2: copy the rows (zero
padded, with a pending batch norm applied), transform, 36 products with the register tiles of src/tile.h, transform
back. Weight gradients stay in the transformed domain over all tiles of a group of images.

Blocks and groups are functions of the shape alone, so any number of threads gives the same bits.

Geometry as in `conv`: (N, C, H, W, O, 3, 3, 1, 1, PH, PW, 1, 1, 1, P, Q), PH and PW at most 2.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset
from tinydl._core.array cimport NPY_FLOAT32, channels_last, data, import_array
from tinydl._core.images cimport (
    Geometry, ceil_div, combine_chunk, load_gradient, load_rect, round_up, unpack, weight,
)
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport (
    Map, Moments, read_gradient, read_map, read_moments, td_map, td_moments, td_pending,
)
from tinydl._core.inference.program cimport Filters, make_filters, make_step
from tinydl._core.tile cimport (
    TD_LANES_F, TD_MAX_NB, td_epilogue_f, td_flush_denormals, td_outer_size_f, td_pixel_range_f, td_restore_denormals,
    td_tile_outer_f, td_tile_pixels_f, td_transpose_block_f,
)

cdef extern from "src/winograd.h" nogil:
    void td_wino_input(const float *src, Py_ssize_t row, Py_ssize_t col, float *v, Py_ssize_t slice,
                       Py_ssize_t n) noexcept
    void td_wino_gradient(const float *src, Py_ssize_t row, Py_ssize_t col, float *z, Py_ssize_t slice,
                          Py_ssize_t n) noexcept
    void td_wino_output(const float *m, Py_ssize_t slice, float *y, const float *add, Py_ssize_t row, Py_ssize_t col,
                        Py_ssize_t n_rows, Py_ssize_t n_cols, const float *bias, int clamp, Py_ssize_t n) noexcept
    void td_wino_filter(const float *w, Py_ssize_t tap, int flip, float *u, Py_ssize_t slice, Py_ssize_t n) noexcept
    void td_wino_filter_gradient(const float *s, Py_ssize_t slice, float *dw, Py_ssize_t tap, Py_ssize_t n,
                                 int accumulate) noexcept
    void td_wino_sums(const float *y, const float *below, Py_ssize_t row, Py_ssize_t col, Py_ssize_t n_rows,
                      Py_ssize_t n_cols, const float *origin, const float *scale, const float *shift, int relu,
                      float *sums, Py_ssize_t stride, Py_ssize_t n) noexcept

import_array()

cdef enum:
    TILE_FLOATS = 2048      # channels times tiles of a block: its transformed input is 288 KB
    MIN_TILES = 14          # fewer rows leave the register tiles half empty
    MAX_TILES = 128
    MIN_WORK = 65536        # output elements times channels below which a region costs more than it gains
    MIN_BLOCKS = 16         # blocks are made smaller, down to MIN_TILES, until there are so many
    GRADIENT_C = 64         # input channels whose transformed gradient is summed at a time: with 32 output channels
    GRADIENT_BYTES = 10485760   # partial weight gradients of all groups


# A convolution as tiles: in (N, H, W, C) -> out (N, P, Q, O).
cdef struct Plan:
    Py_ssize_t N, C, H, W, O, P, Q, PH, PW
    Py_ssize_t TH, TW               # tiles down and across an image
    Py_ssize_t images               # images of a block, or 0 where a block is a band of tile rows
    Py_ssize_t band, n_bands        # tile rows of a band
    Py_ssize_t tiles                # most tiles of a block
    Py_ssize_t n_blocks
    Py_ssize_t Cp                   # channels of a transformed tile: whole vectors
    Py_ssize_t slab, slab_cols      # padded rows of a block's image
    Py_ssize_t slice_v, slice_m     # elements from one of the 36 products to the next; a line more than they need, so
    #                                 that the 36 stores of a tile do not fall into one set of the L1 cache


# How an image is read: as it is, through a pending [relu](scale*x + shift), or as the pending gradient of a batch norm.
cdef struct Source:
    const float *x
    const float *scale
    const float *shift
    bint relu
    const float *y
    const float *a
    const float *b
    const float *c


# What else happens to results: an addend laid out as they are, and sums over them; see td_wino_sums.
cdef struct Sums:
    const float *add
    float *sums                     # (blocks, images of a block, 2, O)
    const float *origin
    const float *below
    const float *scale
    const float *shift
    bint relu
    bint clamp                      # whether results below 0 become 0


cdef Plan make_plan(Py_ssize_t N, Py_ssize_t C, Py_ssize_t H, Py_ssize_t W, Py_ssize_t O, Py_ssize_t P, Py_ssize_t Q,
                    Py_ssize_t PH, Py_ssize_t PW, Py_ssize_t min_blocks) noexcept:
    cdef Plan p
    cdef Py_ssize_t most, per_image, lanes = TD_LANES_F
    p.N, p.C, p.H, p.W, p.O, p.P, p.Q, p.PH, p.PW = N, C, H, W, O, P, Q, PH, PW
    p.TH, p.TW = ceil_div(P, 4), ceil_div(Q, 4)
    p.Cp = round_up(C, lanes)
    per_image = p.TH * p.TW
    # Scratch stays within 2 MB a thread up to 512 channels.
    most = max(32 if p.Cp <= 256 else <Py_ssize_t> MIN_TILES, min(<Py_ssize_t> MAX_TILES, TILE_FLOATS // p.Cp))
    while True:
        if per_image <= most:
            p.images = max(1, min(N, most // max(1, per_image)))
            p.band, p.n_bands = p.TH, 1
            p.n_blocks = ceil_div(N, p.images)
        else:
            p.images = 0
            p.band = max(1, most // p.TW)
            p.n_bands = ceil_div(p.TH, p.band)
            p.band = ceil_div(p.TH, p.n_bands)
            p.n_bands = ceil_div(p.TH, p.band)
            p.n_blocks = N * p.n_bands
        if p.n_blocks >= min_blocks or most <= MIN_TILES:
            break
        most = max(<Py_ssize_t> MIN_TILES, most // 2)
    p.tiles = max(1, p.images) * p.band * p.TW
    p.slab_cols = 4 * p.TW + 2
    p.slab = (4 * p.band + 2) * p.slab_cols * C
    p.slice_v = p.tiles * p.Cp + lanes
    p.slice_m = p.tiles * 2 * lanes + lanes
    return p


cdef inline Py_ssize_t block_images(const Plan *p, Py_ssize_t block, Py_ssize_t *first) noexcept nogil:
    """Images of a block and the first of them."""
    if p.images == 0:
        first[0] = block // p.n_bands
        return 1
    first[0] = block * p.images
    return min(p.images, p.N - first[0])


cdef inline Py_ssize_t block_rows(const Plan *p, Py_ssize_t block, Py_ssize_t *first) noexcept nogil:
    """Tile rows of each image of a block and the first of them."""
    first[0] = block % p.n_bands * p.band if p.images == 0 else 0
    return min(p.band, p.TH - first[0])


cdef void load_image(const Source *s, const Plan *p, Py_ssize_t n, Py_ssize_t row, Py_ssize_t n_rows, Py_ssize_t border,
                     Py_ssize_t c0, Py_ssize_t n_c, float *slab) noexcept nogil:
    """Channels c0 .. c0 + n_c - 1 of the input rows of image n's tile rows row .. row + n_rows - 1; `border` 2 for 6x6
    tiles, 0 for 4x4."""
    cdef Py_ssize_t at = n * p.H * p.W * p.C + c0, top = 4 * row - (p.PH if border else 0)
    cdef Py_ssize_t left = -(p.PW if border else 0), rows = 4 * n_rows + border, cols = 4 * p.TW + border
    cdef const float *scale = NULL if s.scale == NULL else s.scale + c0
    cdef const float *shift = NULL if s.scale == NULL else s.shift + c0
    if s.y == NULL:
        load_rect(s.x + at, p.C, slab, p.H, p.W, n_c, top, rows, left, cols, scale, shift, s.relu)
        return
    load_gradient(s.x + at, s.y + at, p.C, slab, p.H, p.W, n_c, -top, rows, -left, cols, scale, shift, s.relu,
                  NULL if s.a == NULL else s.a + c0, NULL if s.a == NULL else s.b + c0,
                  NULL if s.a == NULL else s.c + c0)


cdef Py_ssize_t transform_block(const Source *s, const Plan *p, Py_ssize_t block, Py_ssize_t c0, Py_ssize_t n_c,
                                bint gradient, float *slab, float *v, Py_ssize_t step, Py_ssize_t slice) noexcept nogil:
    """Transform channels c0 .. c0 + n_c - 1 of a block's tiles into v; returns the number of tiles."""
    cdef Py_ssize_t first, row, n_images = block_images(p, block, &first), n_rows = block_rows(p, block, &row)
    cdef Py_ssize_t i, r, q, c, t = 0, lanes = TD_LANES_F, border = 0 if gradient else 2
    cdef Py_ssize_t cols = 4 * p.TW + border
    cdef const float *at
    for i in range(n_images):
        load_image(s, p, first + i, row, n_rows, border, c0, n_c, slab)
        for r in range(n_rows):
            for q in range(p.TW):
                at = slab + (4 * r * cols + 4 * q) * n_c
                c = 0
                while c < n_c:
                    if gradient:
                        td_wino_gradient(at + c, cols * n_c, n_c, v + t * step + c, slice, min(lanes, n_c - c))
                    else:
                        td_wino_input(at + c, cols * n_c, n_c, v + t * step + c, slice, min(lanes, n_c - c))
                    c = c + lanes
                t = t + 1
    return t


cdef void multiply(const float *v, Py_ssize_t Cp, Py_ssize_t n_tiles, Py_ssize_t C, const float *u, Py_ssize_t vectors,
                   float *m) noexcept nogil:
    """m (n_tiles, lanes) = v (n_tiles, C) u (C, lanes)."""
    cdef Py_ssize_t width = vectors * TD_LANES_F, zero = 0, first = 0, tile, nb, j
    cdef Py_ssize_t group = 1 if n_tiles % 2 else 4 if vectors == 1 and n_tiles % 4 == 0 else 2
    cdef Py_ssize_t n_groups = n_tiles // group, n = ceil_div(n_groups, TD_MAX_NB)
    cdef Py_ssize_t a[8]
    cdef Py_ssize_t d[8]
    cdef td_epilogue_f e
    memset(&e, 0, sizeof(e))
    for tile in range(n):
        nb = (n_groups - first + n - tile - 1) // (n - tile)
        for j in range(nb):
            a[j] = (first + j) * group * Cp
            d[j] = (first + j) * group * width
        first = first + nb
        td_tile_pixels_f(nb, group, vectors, v, a, Cp, &zero, 1, C, u, width, m, d, width, width, &e)


cdef void run_block(const Source *s, const Plan *p, Py_ssize_t block, const float *u, const float *bias, float *y,
                    float *slab, float *v, float *m, const Sums *sums, Py_ssize_t o, Py_ssize_t stop) noexcept nogil:
    """The output channels o .. stop - 1 of a block of tiles; o is a multiple of two vectors."""
    cdef Py_ssize_t n_tiles = transform_block(s, p, block, 0, p.C, False, slab, v, p.Cp, p.slice_v)
    cdef Py_ssize_t lanes = TD_LANES_F, vectors, k, slice = p.slice_m
    while o < stop:
        vectors = 1 if p.O - o <= lanes else 2
        for k in range(36):
            multiply(v + k * p.slice_v, p.Cp, n_tiles, p.C, u + (36 * o + k * vectors * lanes) * p.C, vectors,
                     m + k * slice)
        finish_block(p, block, o, vectors, bias, y, m, sums)
        o = o + vectors * lanes


cdef void finish_block(const Plan *p, Py_ssize_t block, Py_ssize_t o, Py_ssize_t vectors, const float *bias, float *y,
                       const float *m, const Sums *sums) noexcept nogil:
    """Transform products back and sum what is asked; without m only the sums, of results that are there already."""
    cdef Py_ssize_t first, row, n_images = block_images(p, block, &first), n_rows = block_rows(p, block, &row)
    cdef Py_ssize_t lanes = TD_LANES_F, i, r, q, k, n, at, t = 0, part
    for i in range(n_images):
        part = (block if p.images == 0 else first + i) * 2 * p.O
        for r in range(n_rows):
            for q in range(p.TW):
                for k in range(vectors):
                    n = min(lanes, p.O - o - k * lanes)
                    at = (((first + i) * p.P + 4 * (row + r)) * p.Q + 4 * q) * p.O + o + k * lanes
                    if m != NULL:
                        td_wino_output(m + t * vectors * lanes + k * lanes, p.slice_m, y + at,
                                       NULL if sums.add == NULL else sums.add + at, p.Q * p.O, p.O,
                                       min(4, p.P - 4 * (row + r)), min(4, p.Q - 4 * q),
                                       NULL if bias == NULL else bias + o + k * lanes, sums.clamp, n)
                    if sums.sums != NULL:
                        td_wino_sums(y + at, NULL if sums.below == NULL else sums.below + at, p.Q * p.O, p.O,
                                     min(4, p.P - 4 * (row + r)), min(4, p.Q - 4 * q), sums.origin + o + k * lanes,
                                     NULL if sums.scale == NULL else sums.scale + o + k * lanes,
                                     NULL if sums.scale == NULL else sums.shift + o + k * lanes, sums.relu,
                                     sums.sums + part + o + k * lanes, p.O, n)
                t = t + 1


# --- filters -------------------------------------------------------------------------------------------------------

cdef void transform_filters(const float *w, Py_ssize_t C, Py_ssize_t O, bint flip, float *u,
                            Py_ssize_t c) noexcept nogil:
    """u [block of outputs][36][C][lanes] of input channel c from w (9, C, O)."""
    cdef Py_ssize_t o = 0, lanes = TD_LANES_F, vectors, k
    while o < O:
        vectors = 1 if O - o <= lanes else 2
        for k in range(vectors):
            td_wino_filter(w + c * O + o + k * lanes, C * O, flip,
                           u + 36 * o * C + c * vectors * lanes + k * lanes, C * vectors * lanes,
                           min(lanes, O - o - k * lanes))
        o = o + vectors * lanes


cdef void transpose_filters(const float *w, Py_ssize_t C, Py_ssize_t O, float *wt, Py_ssize_t tap) noexcept nogil:
    """wt (9, O, C) from w (9, C, O)."""
    cdef Py_ssize_t c, o, lanes = TD_LANES_F
    cdef const float *src = w + tap * C * O
    cdef float *dst = wt + tap * C * O
    if C % lanes == 0 and O % lanes == 0:
        for c in range(C // lanes):
            for o in range(O // lanes):
                td_transpose_block_f(src + c * lanes * O + o * lanes, O, dst + o * lanes * C + c * lanes, C)
    else:
        for c in range(C):
            for o in range(O):
                dst[o * C + c] = src[c * O + o]


cdef void filters_to_tiles(const float *w, Py_ssize_t C, Py_ssize_t O, bint backward, float *u, float *wt,
                           int n_threads) noexcept nogil:
    """Transformed filters of the forward sum, or, reversed and transposed, of the backward one."""
    cdef Py_ssize_t k
    if backward:
        for k in range(9):
            transpose_filters(w, C, O, wt, k)
        for k in prange(O, num_threads=n_threads, schedule="static", use_threads_if=C * O > 2048):
            transform_filters(wt, O, C, True, u, k)
    else:
        for k in prange(C, num_threads=n_threads, schedule="static", use_threads_if=C * O > 2048):
            transform_filters(w, C, O, False, u, k)


# --- forward and backward-input ------------------------------------------------------------------------------------

cdef void forward_task(const Source *s, const Plan *p, Py_ssize_t block, const float *u, const float *bias, float *y,
                       float *scratch, const Sums *sums) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t first, n_images = block_images(p, block, &first), o, lanes = TD_LANES_F, vectors
    cdef float *v = scratch + round_up(p.slab, 16)
    if sums.sums != NULL:
        memset(sums.sums + (block if p.images == 0 else first) * 2 * p.O, 0, n_images * 2 * p.O * sizeof(float))
    if s.x != NULL:
        run_block(s, p, block, u, bias, y, scratch, v, v + 36 * p.slice_v, sums, 0, p.O)
    else:
        o = 0
        while o < p.O:
            vectors = 1 if p.O - o <= lanes else 2
            finish_block(p, block, o, vectors, NULL, y, NULL, sums)
            o = o + vectors * lanes
    td_restore_denormals(saved)


cdef void fold_bands(const Plan *p, const float *parts, float *sums) noexcept nogil:
    cdef Py_ssize_t n, band, i, size = 2 * p.O
    for n in range(p.N):
        memcpy(sums + n * size, parts + n * p.n_bands * size, size * sizeof(float))
        for band in range(1, p.n_bands):
            for i in range(size):
                sums[n * size + i] = sums[n * size + i] + parts[(n * p.n_bands + band) * size + i]


cdef void forward_all(const Source *s, const Plan *p, const float *u, const float *bias, float *y, float *scratch,
                      Py_ssize_t per_thread, Sums *sums, float *parts, int n_threads) noexcept nogil:
    cdef Py_ssize_t block
    cdef float *total = sums.sums
    if total != NULL and p.images == 0:
        sums.sums = parts
    for block in prange(p.n_blocks, num_threads=n_threads, schedule="dynamic",
                        use_threads_if=p.n_blocks > 1 and p.N * p.P * p.Q * p.O * p.C > MIN_WORK):
        forward_task(s, p, block, u, bias, y, scratch + threadid() * per_thread, sums)
    if total != NULL and p.images == 0:
        fold_bands(p, parts, total)


cdef Py_ssize_t forward_scratch(const Plan *p) noexcept:
    return round_up(p.slab, 16) + 36 * (p.slice_v + p.slice_m)


cdef Geometry checked(geometry) except *:
    cdef Geometry g = unpack(geometry)
    if (g.KH != 3 or g.KW != 3 or g.SH != 1 or g.SW != 1 or g.DH != 1 or g.DW != 1 or g.G != 1 or g.PH > 2 or g.PW > 2
            or g.P != g.H + 2 * g.PH - 2 or g.Q != g.W + 2 * g.PW - 2):
        raise ValueError(f"conv geometry {geometry}: Winograd takes 3x3 filters with stride 1, dilation 1, one group "
                         "and padding up to 2")
    return g


def winograd_forward(x, w, bias, y, geometry, Map on_x, Moments moments, int n_threads):
    """`conv.conv_forward` for 3x3 filters by F(4x4, 3x3); the arguments are its, float32 only."""
    convolve(x, w, bias, y, geometry, on_x, moments, n_threads)


def winograd_statistics(y, geometry, Moments moments not None, int n_threads):
    """The moments that `winograd_forward` gives, from its result y IN (N, O, P, Q): the same bits."""
    convolve(None, None, None, y, geometry, None, moments, n_threads)


cdef int convolve(x, w, bias, y, geometry, Map on_x, Moments moments, int n_threads) except -1:
    cdef Geometry g = checked(geometry)
    cdef int t = NPY_FLOAT32
    cdef Source s
    cdef Sums out
    cdef td_map map_x
    cdef td_moments m
    memset(&s, 0, sizeof(s))
    memset(&out, 0, sizeof(out))
    cdef float *pw = NULL
    if x is not None:
        s.x = <float *> channels_last(x, "x", t, g.N * g.C * g.H * g.W)
        pw = <float *> weight(w, "w", t, 9 * g.C * g.O)
    cdef float *py = <float *> channels_last(y, "y", t, g.N * g.O * g.P * g.Q, x is not None)
    cdef float *pb = NULL if bias is None else <float *> data(bias, "bias", t, g.O)
    read_map(on_x, &map_x, t, g.C)
    read_moments(moments, &m, t, g.N, g.O)
    s.scale, s.shift, s.relu = <float *> map_x.scale, <float *> map_x.shift, map_x.relu
    out.origin, out.sums = <float *> m.about, <float *> m.out
    if g.N * g.P * g.Q == 0:
        if moments is not None:
            moments.sums[...] = 0
        return 0
    cdef Plan p = make_plan(g.N, g.C, g.H, g.W, g.O, g.P, g.Q, g.PH, g.PW, MIN_BLOCKS)
    cdef Py_ssize_t width = round_up(g.O, TD_LANES_F), per_thread = forward_scratch(&p)
    cdef Py_ssize_t parts = p.n_blocks * 2 * g.O if moments is not None else 0, filters = 36 * g.C * width
    cdef Block scratch = Block((filters + width + n_threads * per_thread + parts) * sizeof(float))
    cdef float *base = <float *> scratch.address
    cdef float *padded = base + filters
    if bias is not None:
        memset(padded, 0, width * sizeof(float))
        memcpy(padded, pb, g.O * sizeof(float))
    if x is not None:
        filters_to_tiles(pw, g.C, g.O, False, base, NULL, n_threads)
    forward_all(&s, &p, base, NULL if bias is None else padded, py, padded + width, per_thread, &out,
                padded + width + n_threads * per_thread, n_threads)
    return 0


# --- forward as a step of a program --------------------------------------------------------------------------------

cdef struct Frozen:
    Plan p
    const float *u
    const float *bias           # whole vectors, or NULL
    bint clamp
    Py_ssize_t channels         # output channels of a task
    Py_ssize_t n_parts          # tasks along the output channels


cdef void frozen_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y, const float *addend,
                      float *scratch) noexcept nogil:
    cdef const Frozen *f = <const Frozen *> state
    cdef Py_ssize_t o = task % f.n_parts * f.channels
    cdef Plan p = f.p
    cdef Source s
    cdef Sums out
    cdef float *v = scratch + round_up(p.slab, 16)
    memset(&s, 0, sizeof(s))
    memset(&out, 0, sizeof(out))
    p.N, s.x, out.add, out.clamp = n, x, addend, f.clamp
    run_block(&s, &p, task // f.n_parts, f.u, f.bias, y, scratch, v, v + 36 * p.slice_v, &out, o,
              min(p.O, o + f.channels))


def winograd_filters(w, bias):
    """Filters of `winograd_step`: w IN (O, C, 3, 3) over (3, 3, C, O), bias IN (O,) or None."""
    cdef Py_ssize_t O, C, lanes = TD_LANES_F
    if w.ndim != 4 or w.shape[2:] != (3, 3):
        raise ValueError(f"winograd_filters: a weight of shape {w.shape}")
    O, C = w.shape[:2]
    cdef float *pw = <float *> weight(w, "w", NPY_FLOAT32, 9 * C * O)
    cdef Block u = Block(max(1, 36 * C * round_up(O, lanes) * sizeof(float)))
    filters_to_tiles(pw, C, O, False, <float *> u.address, NULL, 1)
    return make_filters(u, bias, O, 1, lanes, ("winograd", O, C))


def winograd_step(Filters filters not None, geometry, bint relu, Py_ssize_t min_tasks):
    """`conv.conv_step` for 3x3 filters by F(4x4, 3x3); here N, the images that are there at once, counts."""
    cdef Geometry g = checked(geometry)
    if filters.shape != ("winograd", g.O, g.C):
        raise ValueError(f"winograd_step: filters of shape {filters.shape} for geometry {geometry}")
    cdef Block state = Block(sizeof(Frozen))
    cdef Frozen *f = <Frozen *> state.address
    cdef Py_ssize_t lanes = TD_LANES_F, panels = ceil_div(g.O, 2 * lanes), blocks
    cdef Py_ssize_t per_image = ceil_div(g.P, 4) * ceil_div(g.Q, 4)
    # Blocks of at least 2 * MIN_TILES tiles are cut; smaller ones would read all filters for few tiles.
    blocks = max(1, min(min_tasks, g.N * per_image // MIN_TILES))
    f.p = make_plan(g.N, g.C, g.H, g.W, g.O, g.P, g.Q, g.PH, g.PW, blocks)
    f.channels = ceil_div(panels, max(1, min(panels, ceil_div(min_tasks, f.p.n_blocks)))) * 2 * lanes
    f.n_parts = ceil_div(g.O, f.channels)
    f.u, f.clamp = <float *> filters.weights.address, relu
    f.bias = NULL if filters.bias is None else <float *> filters.bias.address
    cdef Py_ssize_t bands = f.p.n_bands if f.p.images == 0 else 1
    return make_step(frozen_task, state, filters, max(1, f.p.images), f.n_parts * bands, g.C * g.H * g.W,
                     g.O * g.P * g.Q, forward_scratch(&f.p), True)


# --- backward-weight -----------------------------------------------------------------------------------------------

cdef void weight_task(const Source *sx, const Plan *px, const Source *sy, const Plan *py, Py_ssize_t group,
                      Py_ssize_t blocks, float *dw, float *db, float *scratch) noexcept nogil:
    """Weight gradient (9, C, O) of the blocks of a group; sums stay transformed until the group's end."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t lanes = TD_LANES_F, begin = group * blocks, end = min(px.n_blocks, begin + blocks), block, n_tiles
    cdef Py_ssize_t c0 = 0, o, n_c, vectors, width, n_o, k, r, size, c, slice_s
    cdef Py_ssize_t step = round_up(min(px.C, <Py_ssize_t> GRADIENT_C), lanes), slice_v = px.tiles * step + lanes
    cdef Py_ssize_t slice_z = px.tiles * 2 * lanes + lanes
    cdef float *v = scratch + round_up(max(px.slab, py.slab), 16)
    cdef float *z = v + 36 * slice_v
    cdef float *s = z + 36 * slice_z
    cdef td_pixel_range_f range_
    memset(&range_, 0, sizeof(range_))
    range_.n_images = range_.n_rows = 1
    range_.x_col = step
    while c0 < px.C:
        n_c = min(px.C - c0, <Py_ssize_t> GRADIENT_C)
        o = 0
        while o < py.C:
            vectors = 1 if py.C - o <= lanes else 2
            width = vectors * lanes
            n_o = min(width, py.C - o)
            slice_s = n_c * width + lanes
            range_.dy_col = width
            for block in range(begin, end):
                n_tiles = transform_block(sx, px, block, c0, n_c, False, scratch, v, step, slice_v)
                transform_block(sy, py, block, o, n_o, True, scratch, z, width, slice_z)
                range_.n_cols = n_tiles
                for k in range(36):
                    r = 0
                    while r < n_c:
                        size = td_outer_size_f(n_c - r, vectors)
                        td_tile_outer_f(size, vectors, v + k * slice_v + r, z + k * slice_z, &range_,
                                        s + k * slice_s + r * width, width, width, block > begin)
                        r = r + size
            for c in range(n_c):
                for k in range(vectors):
                    td_wino_filter_gradient(s + c * width + k * lanes, slice_s, dw + (c0 + c) * py.C + o + k * lanes,
                                            px.C * py.C, min(lanes, py.C - o - k * lanes), False)
            o = o + width
        c0 = c0 + n_c
    if db != NULL:
        sum_pixels(sy, py, begin, end, db, scratch)
    td_restore_denormals(saved)


cdef void sum_pixels(const Source *s, const Plan *p, Py_ssize_t begin, Py_ssize_t end, float *db,
                     float *slab) noexcept nogil:
    cdef Py_ssize_t block, first, row, n_images, n_rows, i, k, c
    memset(db, 0, p.C * sizeof(float))
    for block in range(begin, end):
        n_images = block_images(p, block, &first)
        n_rows = block_rows(p, block, &row)
        for i in range(n_images):
            load_image(s, p, first + i, row, n_rows, 0, 0, p.C, slab)
            for k in range(16 * n_rows * p.TW):
                for c in range(p.C):
                    db[c] = db[c] + slab[k * p.C + c]


cdef void backward_task(const Source *sx, const Plan *px, const Source *sy, const Plan *py, const Plan *pdx, float *dx,
                        float *dw, float *db, const float *u, float *scratch, Py_ssize_t n_groups, Py_ssize_t blocks,
                        const Sums *sums, Py_ssize_t group) noexcept nogil:
    """The weight gradient of a group of blocks and, unless dx is NULL, as large a share of dx, for about the same
    images: the second reader finds them in the cache."""
    cdef Py_ssize_t block
    weight_task(sx, px, sy, py, group, blocks, dw, db, scratch)
    if dx != NULL:
        for block in range(group * pdx.n_blocks // n_groups, (group + 1) * pdx.n_blocks // n_groups):
            forward_task(sy, pdx, block, u, NULL, dx, scratch, sums)


cdef void backward_all(const Source *sx, const Plan *px, const Source *sy, const Plan *py, const Plan *pdx, float *dx,
                       float *dw, float *db, const float *u, float *scratch, Py_ssize_t per_thread,
                       float *parts, Py_ssize_t n_groups, Py_ssize_t blocks, Sums *sums, float *sum_parts,
                       int n_threads) noexcept nogil:
    cdef Py_ssize_t n_w = 9 * px.C * py.C, stride = n_w + py.C, group, n_chunks = ceil_div(n_w, 4096)
    cdef float *total = sums.sums
    # The blocks of dx are shared out more finely than the groups of dw when there are many threads.
    cdef bint joint = dw != NULL and dx != NULL and n_groups >= 4 * n_threads
    if joint and total != NULL and pdx.images == 0:
        sums.sums = sum_parts
    if dw != NULL:
        for group in prange(n_groups, num_threads=n_threads, schedule="dynamic",
                            use_threads_if=n_groups > 1 and py.N * py.H * py.W * py.C * px.C > MIN_WORK):
            backward_task(sx, px, sy, py, pdx, dx if joint else NULL, parts + group * stride,
                          NULL if db == NULL else parts + group * stride + n_w, u, scratch + threadid() * per_thread,
                          n_groups, blocks, sums, group)
        for group in prange(n_chunks, num_threads=n_threads, schedule="static", use_threads_if=n_chunks > 4):
            combine_chunk(parts, dw, n_groups, stride, group * 4096, min(n_w, (group + 1) * 4096))
        if db != NULL:
            combine_chunk(parts + n_w, db, n_groups, stride, 0, py.C)
    if dx != NULL and not joint:
        forward_all(sy, pdx, u, NULL, dx, scratch, per_thread, sums, sum_parts, n_threads)
    elif joint and total != NULL and pdx.images == 0:
        fold_bands(pdx, sum_parts, total)


def winograd_backward(x, dy, w, dx, dw, db, geometry, Map on_x, residual, Moments moments, int n_threads):
    """`conv.conv_backward` for 3x3 filters: dx by F(4x4, 3x3), dw by F(3x3, 4x4); the arguments are its, float32 only.

    db needs dw.
    """
    cdef Geometry g = checked(geometry)
    cdef int t = NPY_FLOAT32
    cdef Source sx, sy
    cdef Sums out
    cdef td_map map_x
    cdef td_pending pending
    cdef td_moments m
    memset(&sx, 0, sizeof(sx))
    memset(&sy, 0, sizeof(sy))
    memset(&out, 0, sizeof(out))
    read_map(on_x, &map_x, t, g.C)
    read_gradient(dy, &pending, t, g.N * g.O * g.P * g.Q, g.O)
    read_moments(moments, &m, t, g.N, g.C)
    if moments is not None and map_x.relu and map_x.scale == NULL:
        raise ValueError("winograd_backward: moments behind a ReLU need the scale and shift of on_x")
    if x is None and (dw is not None or moments is not None) or db is not None and dw is None:
        raise TypeError("winograd_backward: dw and moments need x, db needs dw")
    cdef float *px = NULL if x is None else <float *> channels_last(x, "x", t, g.N * g.C * g.H * g.W)
    cdef float *pw = NULL if dx is None else <float *> weight(w, "w", t, 9 * g.C * g.O)
    cdef float *pdx = NULL if dx is None else <float *> channels_last(dx, "dx", t, g.N * g.C * g.H * g.W, True)
    cdef float *pdw = NULL if dw is None else <float *> weight(dw, "dw", t, 9 * g.C * g.O, True)
    cdef float *pdb = NULL if db is None else <float *> data(db, "db", t, g.O, True)
    sx.x, sx.scale, sx.shift, sx.relu = px, <float *> map_x.scale, <float *> map_x.shift, map_x.relu
    sy.x, sy.y = <float *> pending.dz, <float *> pending.y
    sy.scale, sy.shift = <float *> pending.mask.scale, <float *> pending.mask.shift
    sy.relu = pending.mask.relu and pending.y != NULL
    sy.a, sy.b, sy.c = <float *> pending.a, <float *> pending.b, <float *> pending.c
    if residual is not None:
        out.add = <float *> channels_last(residual, "residual", t, g.N * g.C * g.H * g.W)
    if moments is not None:
        out.origin, out.sums = <float *> m.about, <float *> m.out
        out.below, out.scale, out.shift, out.relu = px, sx.scale, sx.shift, sx.relu
    if g.N * g.P * g.Q == 0 or g.H * g.W == 0:
        for array in (dx, dw, db, None if moments is None else moments.sums):
            if array is not None:
                array[...] = 0
        return
    # The tiles of the weight gradient are those of the forward pass; dy's are 4x4 blocks at the same places.
    cdef Plan p = make_plan(g.N, g.C, g.H, g.W, g.O, g.P, g.Q, g.PH, g.PW, 1)
    cdef Plan q = p
    q.C, q.H, q.W, q.PH, q.PW = g.O, g.P, g.Q, 0, 0
    q.slab = 16 * q.band * q.TW * g.O
    cdef Plan r = make_plan(g.N, g.O, g.P, g.Q, g.C, g.H, g.W, 2 - g.PH, 2 - g.PW, MIN_BLOCKS)
    cdef Py_ssize_t lanes = TD_LANES_F, per_thread = 0, parts = 0, filters = 0, blocks = 1, n_groups = 0
    cdef Py_ssize_t step = round_up(min(g.C, <Py_ssize_t> GRADIENT_C), lanes), sum_parts = 0
    if dw is not None:
        blocks = max(1, ceil_div(p.n_blocks, MIN_BLOCKS))
        while blocks < p.n_blocks and ceil_div(p.n_blocks, blocks) * 9 * g.C * g.O * 4 > GRADIENT_BYTES:
            blocks *= 2
        n_groups = ceil_div(p.n_blocks, blocks)
        parts = n_groups * (9 * g.C * g.O + g.O)
        per_thread = (round_up(max(p.slab, q.slab), 16) + 36 * (p.tiles * step + lanes)
                      + 36 * (p.tiles * 2 * lanes + lanes) + 36 * (step * 2 * lanes + lanes))
    if dx is not None:
        per_thread = max(per_thread, forward_scratch(&r))
        filters = 36 * g.O * round_up(g.C, lanes) + 9 * g.C * g.O
        sum_parts = r.n_blocks * 2 * g.C if moments is not None else 0
    per_thread = round_up(per_thread, 16)
    cdef Block scratch = Block((filters + parts + n_threads * per_thread + sum_parts + 64) * sizeof(float))
    cdef float *base = <float *> scratch.address
    cdef float *threads = base + round_up(filters, 16)
    cdef float *ppart = threads + n_threads * per_thread
    if dx is not None:
        filters_to_tiles(pw, g.C, g.O, True, base, base + 36 * g.O * round_up(g.C, lanes), n_threads)
    backward_all(&sx, &p, &sy, &q, &r, pdx, pdw, pdb, base, threads, per_thread, ppart, n_groups, blocks,
                 &out, ppart + parts, n_threads)
