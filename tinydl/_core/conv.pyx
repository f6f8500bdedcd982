"""Convolution over channels-last images: forward, backward-input and backward-weight.

One sum serves forward and backward-input (the pixel tiles of src/tile_template.h): an output pixel is a sum over taps
of input elements times panels of filters. Nothing is written out as a matrix. A task copies the rows it reads, zero
padded, into scratch that stays in L2; on the way it applies the affine map and ReLU that a batch norm deferred, and
for backward passes the affine form of batch norm's own gradient. Images are split into tasks by shape alone, and
weight gradients are summed per fixed group of images and combined in group order, so the number of threads never
changes a bit.

Geometry everywhere: (N, C, H, W, O, KH, KW, SH, SW, PH, PW, DH, DW, G, P, Q).
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset
from tinydl._core.array cimport NPY_FLOAT32, channels_last, data, float_type, import_array, real
from tinydl._core.images cimport (
    Geometry, ceil_div, combine_chunk, load_gradient, load_rect, multiplications, round_up, unpack, weight,
)
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport (
    Map, Moments, gradient_type, read_gradient, read_map, read_moments, td_map, td_moments, td_pending,
)
from tinydl._core.inference.program cimport Filters, make_filters, make_step
from tinydl._core.tile cimport (
    TD_LANES_D, TD_LANES_F, TD_MAX_NB, TD_PAIRS, lanes_of, td_epilogue_d, td_epilogue_f, td_flush_denormals,
    td_outer_size_d, td_outer_size_f, td_pairs_outer, td_pairs_pixels, td_pixel_range_d, td_pixel_range_f,
    td_restore_denormals, td_stream_fence, td_tile_gather_d, td_tile_gather_f, td_tile_outer_d, td_tile_outer_f,
    td_tile_outer_rows_d, td_tile_outer_rows_f, td_tile_pixels_d, td_tile_pixels_f, td_tile_sums_d, td_tile_sums_f,
)

import_array()

cdef enum:
    SLAB_BYTES = 393216     # padded rows of one task: with the filters they must stay in a 1 MB L2
    STREAM_BYTES = 25165824  # results of this size leave no cache for anything else
    MIN_TASKS = 16          # fewer images than this are cut into bands of rows
    GROUP_BYTES = 10485760  # partial weight gradients of all groups
    MIN_WORK = 262144       # multiply-adds below which a region costs more than it gains
    PRODUCT_BYTES = 131072  # rows of products that are gathered while they are in L2
    WIDE = 128              # channels of pixels summed side by side
    PASS_PIXELS = 256       # pixels an outer tile sums over before it returns to memory
    ALIGN = 64


# One sum of taps for every pixel of a regular grid of output pixels: forward is one such grid, backward-input one for
# each residue of the stride.
cdef struct Grid:
    Py_ssize_t rows, cols           # extent of the grid
    Py_ssize_t group                # consecutive pixels addressed from one base: 1, 2 or 4
    Py_ssize_t n_taps, K            # taps, and contiguous elements of each
    Py_ssize_t *taps                # offset of each tap from a pixel's origin, elements of src
    Py_ssize_t src_row, src_col     # steps of the origin
    Py_ssize_t dst_origin, dst_row, dst_col
    Py_ssize_t panels               # offset of the grid's filters, elements
    Py_ssize_t n_channels           # output channels of one group of the convolution


cdef inline bint streams(const void *y, Py_ssize_t size, Py_ssize_t n_channels, Py_ssize_t itemsize) noexcept:
    """Whether a result that is larger than the caches can be written in whole lines."""
    return size * itemsize >= STREAM_BYTES and n_channels * itemsize % ALIGN == 0 and <Py_ssize_t> y % ALIGN == 0


cdef inline Py_ssize_t pixel_group(Py_ssize_t cols) noexcept nogil:
    return 4 if cols % 4 == 0 else 2 if cols % 2 == 0 else 1


# --- filters as panels ---------------------------------------------------------------------------------------------
# A panel holds, for two vectors (one at the tail) of output channels, all (tap, input channel) rows in the order the
# tile reads them; channels beyond the last are zero.

cdef inline Py_ssize_t panel_width(Py_ssize_t n_channels, Py_ssize_t lanes) noexcept nogil:
    return round_up(n_channels, lanes)


cdef void pack_forward(const real *w, real *panels, Geometry *g, Py_ssize_t block) noexcept nogil:
    # w (KH*KW, C/G, O) -> [group][panel][KH*KW*C/G][lanes]; `block` numbers the panels of all groups.
    cdef Py_ssize_t lanes = lanes_of[real](0), Og = g.O // g.G, K = g.KH * g.KW * (g.C // g.G)
    cdef Py_ssize_t per_group = ceil_div(Og, 2 * lanes), group = block // per_group, o = block % per_group * 2 * lanes
    cdef Py_ssize_t width = min(2 * lanes, round_up(Og - o, lanes)), n = min(width, Og - o), k
    cdef real *out = panels + K * (group * panel_width(Og, lanes) + o)
    for k in range(K):
        memcpy(out + k * width, w + k * g.O + group * Og + o, n * sizeof(real))
        if n < width:
            memset(out + k * width + n, 0, (width - n) * sizeof(real))


cdef void pack_backward(const real *w, real *panels, Geometry *g, const Py_ssize_t *taps, Py_ssize_t n_taps,
                        Py_ssize_t block) noexcept nogil:
    # The same for backward-input: rows are (tap, output channel), lanes are input channels; `taps` are filter
    # positions kh*KW + kw in the order in which the grid visits them.
    cdef Py_ssize_t lanes = lanes_of[real](0), Og = g.O // g.G, Cg = g.C // g.G
    cdef Py_ssize_t per_group = ceil_div(Cg, 2 * lanes), group = block // per_group, c = block % per_group * 2 * lanes
    cdef Py_ssize_t width = min(2 * lanes, round_up(Cg - c, lanes)), n = min(width, Cg - c), t, o, i
    cdef real *out = panels + n_taps * Og * (group * panel_width(Cg, lanes) + c)
    cdef const real *tap
    for t in range(n_taps):
        tap = w + (taps[t] * Cg + c) * g.O + group * Og
        for o in range(Og):
            for i in range(n):
                out[i] = tap[i * g.O + o]
            for i in range(n, width):
                out[i] = 0
            out = out + width


# --- the sum over taps ---------------------------------------------------------------------------------------------

cdef void run_grid(const real *src, const Grid *grid, const real *panels, real *dst, Py_ssize_t channel,
                   const real *bias, const real *origin, real *sums, Py_ssize_t sums_stride, const real *addend,
                   const real *below, const real *scale, const real *shift, bint relu, bint stream,
                   bint clamp) noexcept nogil:
    """All pixels and output channels of one group: dst (a row of dst_col elements a pixel) from `channel` on.

    With `sums`: per channel the sums of (y - origin) and (y - origin)^2 of the results y; with `below` (laid out as
    dst) the sums of dz and dz * (below - origin), dz being the result where scale*below + shift > 0 (if relu).
    `stream` writes past the caches; `clamp` makes results below 0 zero.
    """
    cdef Py_ssize_t lanes = lanes_of[real](0), group = grid.group, per_row = grid.cols // group
    cdef Py_ssize_t n_groups = grid.rows * per_row, n_tiles, tile, first, nb, j, row, col
    cdef Py_ssize_t o, vectors, valid, width, G
    cdef Py_ssize_t a[8]
    cdef Py_ssize_t d[8]
    cdef const real *panel = panels
    cdef td_epilogue_f ef
    cdef td_epilogue_d ed
    cdef bint pairs = False  # few filters on one input channel: two pixels share a vector
    if real is float:
        pairs = (TD_PAIRS and 2 * grid.n_channels <= lanes and grid.src_col == 1 and group > 1
                 and grid.dst_col == grid.n_channels and sums == NULL and addend == NULL)
    memset(&ef, 0, sizeof(ef))
    memset(&ed, 0, sizeof(ed))
    o = 0
    while o < grid.n_channels:
        width = min(2 * lanes, round_up(grid.n_channels - o, lanes))
        valid = min(width, grid.n_channels - o)
        vectors = width // lanes
        # Two vectors leave registers for at most two pixels a base; see src/tile.h.
        G = group if vectors == 1 or group < 4 else 2
        per_row = grid.cols // G
        n_groups = grid.rows * per_row
        n_tiles = ceil_div(n_groups, TD_MAX_NB)
        if real is float:
            ef.bias = NULL if bias == NULL else bias + o
            ef.origin = NULL if origin == NULL else origin + o
            ef.sums = NULL if sums == NULL else sums + o
            ef.sums_stride = sums_stride
            ef.add = NULL if addend == NULL else addend + channel + o
            ef.y = NULL if below == NULL else below + channel + o
            ef.scale = NULL if scale == NULL else scale + o
            ef.shift = NULL if scale == NULL else shift + o
            ef.relu = relu
            ef.stream, ef.clamp = stream, clamp
        else:
            ed.bias = NULL if bias == NULL else bias + o
            ed.origin = NULL if origin == NULL else origin + o
            ed.sums = NULL if sums == NULL else sums + o
            ed.sums_stride = sums_stride
            ed.add = NULL if addend == NULL else addend + channel + o
            ed.y = NULL if below == NULL else below + channel + o
            ed.scale = NULL if scale == NULL else scale + o
            ed.shift = NULL if scale == NULL else shift + o
            ed.relu = relu
            ed.stream, ed.clamp = stream, clamp
        first = 0
        row = 0
        col = 0
        for tile in range(n_tiles):
            nb = (n_groups - first + n_tiles - tile - 1) // (n_tiles - tile)
            first = first + nb
            for j in range(nb):
                a[j] = row * grid.src_row + col * G * grid.src_col
                d[j] = row * grid.dst_row + col * G * grid.dst_col
                col = col + 1
                if col == per_row:
                    col = 0
                    row = row + 1
            if src == NULL:
                # Only the sums, of results that are there already: the order of additions stays the tiles'.
                if real is float:
                    td_tile_sums_f(nb, G, vectors, dst + channel + o, d, grid.dst_col, valid, ef.origin, ef.sums,
                                   sums_stride)
                else:
                    td_tile_sums_d(nb, G, vectors, dst + channel + o, d, grid.dst_col, valid, ed.origin, ed.sums,
                                   sums_stride)
            elif pairs:
                if real is float:
                    td_pairs_pixels(nb, G, src, a, grid.taps, grid.n_taps, grid.K, panel, width, dst, d, valid, &ef)
            elif real is float:
                td_tile_pixels_f(nb, G, vectors, src, a, grid.src_col, grid.taps, grid.n_taps, grid.K, panel, width,
                                 dst + channel + o, d, grid.dst_col, valid, &ef)
            else:
                td_tile_pixels_d(nb, G, vectors, src, a, grid.src_col, grid.taps, grid.n_taps, grid.K, panel, width,
                                 dst + channel + o, d, grid.dst_col, valid, &ed)
        panel = panel + grid.n_taps * grid.K * width
        o = o + width


# --- forward -------------------------------------------------------------------------------------------------------

cdef struct ForwardPlan:
    Geometry g
    Grid grid
    Py_ssize_t band_rows, band_cols     # output rows and columns of a task
    Py_ssize_t n_row_bands, n_col_bands
    Py_ssize_t row_elements             # of the (copied) input
    bint copies                         # whether rows are copied: padding or an affine map
    bint stream                         # y goes past the caches
    Py_ssize_t slab                     # elements of scratch a thread


cdef void plan_forward(ForwardPlan *plan, bint affine, Py_ssize_t itemsize, Py_ssize_t min_tasks) noexcept:
    cdef Geometry *g = &plan.g
    cdef Py_ssize_t kh, kw, bands = 1, most = g.P if g.P > 1 else g.Q, in_rows, in_cols
    plan.copies = affine or g.PH > 0 or g.PW > 0
    while True:
        # Signals (P = 1) are cut along their length, images into bands of rows.
        plan.band_rows = ceil_div(g.P, bands) if g.P > 1 else g.P
        plan.band_cols = g.Q if g.P > 1 else round_up(ceil_div(g.Q, bands), 4)
        in_rows = (plan.band_rows - 1) * g.SH + (g.KH - 1) * g.DH + 1
        in_cols = (plan.band_cols - 1) * g.SW + (g.KW - 1) * g.DW + 1
        if bands >= most or (g.N * bands >= min_tasks and in_rows * in_cols * g.C * itemsize <= SLAB_BYTES):
            break
        bands += 1
    plan.n_row_bands = ceil_div(g.P, plan.band_rows) if g.P else 0
    plan.n_col_bands = ceil_div(g.Q, plan.band_cols) if g.Q else 0
    plan.row_elements = in_cols * g.C if plan.copies else g.W * g.C
    plan.slab = 0
    if plan.copies:
        plan.slab = round_up(in_rows * in_cols * g.C, ALIGN // itemsize) + ALIGN // itemsize
    plan.grid.src_row = g.SH * plan.row_elements
    plan.grid.src_col = g.SW * g.C
    plan.grid.dst_row = g.Q * g.O
    plan.grid.dst_col = g.O
    plan.grid.n_channels = g.O // g.G
    if g.DW == 1 and g.G == 1:
        # The taps of a filter row are contiguous: KW*C elements from the first on.
        plan.grid.n_taps, plan.grid.K = g.KH, g.KW * g.C
        for kh in range(g.KH):
            plan.grid.taps[kh] = kh * g.DH * plan.row_elements
    else:
        plan.grid.n_taps, plan.grid.K = g.KH * g.KW, g.C // g.G
        for kh in range(g.KH):
            for kw in range(g.KW):
                plan.grid.taps[kh * g.KW + kw] = kh * g.DH * plan.row_elements + kw * g.DW * g.C


cdef void forward_task(const ForwardPlan *plan, Py_ssize_t task, const real *x, const real *panels, const real *bias,
                       real *y, real *slab, const real *scale, const real *shift, bint relu, const real *origin,
                       real *sums) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef const Geometry *g = &plan.g
    cdef Py_ssize_t bands = plan.n_row_bands * plan.n_col_bands, n = task // bands
    cdef Py_ssize_t p0 = task % bands // plan.n_col_bands * plan.band_rows
    cdef Py_ssize_t q0 = task % plan.n_col_bands * plan.band_cols
    cdef Py_ssize_t Cg = g.C // g.G, Og = g.O // g.G, lanes = lanes_of[real](0), group
    cdef Py_ssize_t panel = g.KH * g.KW * Cg * panel_width(Og, lanes)
    cdef Grid grid = plan.grid
    cdef const real *src
    grid.rows = min(plan.band_rows, g.P - p0)
    grid.cols = min(plan.band_cols, g.Q - q0)
    grid.group = pixel_group(grid.cols)
    if x == NULL:
        src = NULL
    elif plan.copies:
        load_rect(x + n * g.H * g.W * g.C, g.C, slab, g.H, g.W, g.C, p0 * g.SH - g.PH,
                  (grid.rows - 1) * g.SH + (g.KH - 1) * g.DH + 1, q0 * g.SW - g.PW, plan.row_elements // g.C,
                  scale, shift, relu)
        src = slab
    else:
        src = x + ((n * g.H + p0 * g.SH) * g.W + q0 * g.SW) * g.C
    if sums != NULL:
        memset(sums + task * 2 * g.O, 0, 2 * g.O * sizeof(real))
    for group in range(g.G):
        run_grid(NULL if src == NULL else src + group * Cg, &grid, panels + group * panel,
                 y + ((n * g.P + p0) * g.Q + q0) * g.O, group * Og,
                 NULL if bias == NULL else bias + group * panel_width(Og, lanes),
                 NULL if origin == NULL else origin + group * Og,
                 NULL if sums == NULL else sums + task * 2 * g.O + group * Og, g.O, NULL, NULL, NULL, NULL, False,
                 plan.stream, False)
    if plan.stream:
        td_stream_fence()
    td_restore_denormals(saved)


cdef void forward_all(ForwardPlan *plan, const real *x, const real *w, const real *bias, real *y, real *panels,
                      real *padded_bias, real *slabs, const real *scale, const real *shift, bint relu,
                      const real *origin, real *sums, real *parts, int n_threads) noexcept nogil:
    cdef Geometry *g = &plan.g
    cdef Py_ssize_t bands = plan.n_row_bands * plan.n_col_bands, n_tasks = g.N * bands, task, block, group, i
    cdef Py_ssize_t Og = g.O // g.G, lanes = lanes_of[real](0), width = panel_width(Og, lanes)
    cdef Py_ssize_t n_blocks = g.G * ceil_div(Og, 2 * lanes)
    cdef const real *task_bias = NULL
    if n_tasks == 0:
        if sums != NULL:
            memset(sums, 0, g.N * 2 * g.O * sizeof(real))
        return
    if bias != NULL:
        # Laid out as the panels, so that a tile may read whole vectors.
        memset(padded_bias, 0, g.G * width * sizeof(real))
        for group in range(g.G):
            memcpy(padded_bias + group * width, bias + group * Og, Og * sizeof(real))
        task_bias = padded_bias
    if x != NULL:
        for block in range(n_blocks):
            pack_forward(w, panels, g, block)
    for task in prange(n_tasks, num_threads=n_threads, schedule="dynamic",
                       use_threads_if=n_tasks > 1 and multiplications(g) > MIN_WORK):
        forward_task(plan, task, x, panels, task_bias, y, slabs + threadid() * plan.slab, scale, shift, relu, origin,
                     parts)
    if sums != NULL and bands > 1:
        for task in range(g.N):
            memcpy(sums + task * 2 * g.O, parts + task * bands * 2 * g.O, 2 * g.O * sizeof(real))
            for block in range(1, bands):
                for i in range(2 * g.O):
                    sums[task * 2 * g.O + i] += parts[(task * bands + block) * 2 * g.O + i]


def conv_forward(x, w, bias, y, geometry, Map on_x, Moments moments, int n_threads):
    """y[n,o,p,q] = bias[o] + sum over c,kh,kw of z[n, c, p*SH - PH + kh*DH, q*SW - PW + kw*DW] * w[o,c,kh,kw].

    x : IN (N, C, H, W) channels-last; z is x, or `on_x` of it: its scale*x + shift, then ReLU (padding stays zero; its
    centre is not used yet and must be 0).  w : IN (O, C/G, KH, KW) over (KH, KW, C/G, O).  bias : IN (O,) or None.
    y : OUT (N, O, P, Q) channels-last.  moments : None, or for each image the sums of (y - about) and (y - about)^2
    OUT, which batch-norm statistics are combined from.
    """
    convolve(x, w, bias, y, geometry, on_x, moments, n_threads)


def conv_statistics(y, geometry, Moments moments not None, int n_threads):
    """The moments that `conv_forward` gives, from its result y IN (N, O, P, Q): the same bits."""
    convolve(None, None, None, y, geometry, None, moments, n_threads)


cdef int convolve(x, w, bias, y, geometry, Map on_x, Moments moments, int n_threads) except -1:
    cdef ForwardPlan plan
    plan.g = unpack(geometry)
    cdef Geometry *g = &plan.g
    cdef int t = float_type(y, "y")
    cdef Py_ssize_t itemsize = 4 if t == NPY_FLOAT32 else 8, n_w = g.KH * g.KW * (g.C // g.G) * g.O
    cdef void *px = NULL if x is None else channels_last(x, "x", t, g.N * g.C * g.H * g.W)
    cdef void *pw = NULL if x is None else weight(w, "w", t, n_w)
    cdef void *py = channels_last(y, "y", t, g.N * g.O * g.P * g.Q, x is not None)
    cdef void *pb = NULL if bias is None else data(bias, "bias", t, g.O)
    cdef td_map map_x
    cdef td_moments m
    read_map(on_x, &map_x, t, g.C)
    read_moments(moments, &m, t, g.N, g.O)
    cdef Block taps = Block((g.KH * g.KW + 1) * sizeof(Py_ssize_t))
    plan.grid.taps = <Py_ssize_t *> taps.address
    plan.stream = streams(py, g.N * g.O * g.P * g.Q, g.O // g.G, itemsize)
    plan_forward(&plan, map_x.scale != NULL or map_x.relu, itemsize, MIN_TASKS)
    cdef Py_ssize_t lanes = TD_LANES_F if itemsize == 4 else TD_LANES_D
    cdef Py_ssize_t width = g.G * panel_width(g.O // g.G, lanes)
    cdef Py_ssize_t panels = round_up(g.KH * g.KW * (g.C // g.G) * width, lanes)
    cdef Py_ssize_t bands = plan.n_row_bands * plan.n_col_bands
    cdef Py_ssize_t parts = g.N * bands * 2 * g.O if moments is not None and bands > 1 else 0
    cdef Block scratch = Block((panels + width + n_threads * plan.slab + parts + 1) * itemsize)
    cdef char *base = <char *> scratch.address
    cdef char *padded_bias = base + panels * itemsize
    cdef char *slabs = padded_bias + width * itemsize
    cdef char *ppart = <char *> m.out if bands <= 1 else slabs + n_threads * plan.slab * itemsize
    if moments is None:
        ppart = NULL
    if t == NPY_FLOAT32:
        forward_all(&plan, <float *> px, <float *> pw, <float *> pb, <float *> py, <float *> base,
                    <float *> padded_bias, <float *> slabs, <float *> map_x.scale, <float *> map_x.shift, map_x.relu,
                    <float *> m.about, <float *> m.out, <float *> ppart, n_threads)
    else:
        forward_all(&plan, <double *> px, <double *> pw, <double *> pb, <double *> py, <double *> base,
                    <double *> padded_bias, <double *> slabs, <double *> map_x.scale, <double *> map_x.shift,
                    map_x.relu, <double *> m.about, <double *> m.out, <double *> ppart, n_threads)
    return 0


# --- forward as a step of a program --------------------------------------------------------------------------------

cdef struct Frozen:
    ForwardPlan plan            # of one image
    const float *panels
    const float *bias           # laid out as the panels, or NULL
    bint clamp                  # whether results below 0 become 0
    Py_ssize_t channels         # output channels of a task: whole panels
    Py_ssize_t n_parts          # tasks along the output channels


cdef void frozen_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y, const float *addend,
                      float *slab) noexcept nogil:
    cdef const Frozen *f = <const Frozen *> state
    cdef const ForwardPlan *plan = &f.plan
    cdef const Geometry *g = &plan.g
    cdef Py_ssize_t part = task % f.n_parts, band = task // f.n_parts, bands = plan.n_row_bands * plan.n_col_bands
    cdef Py_ssize_t image = band // bands, p0 = band % bands // plan.n_col_bands * plan.band_rows
    cdef Py_ssize_t q0 = band % plan.n_col_bands * plan.band_cols, o = part * f.channels
    cdef Py_ssize_t Cg = g.C // g.G, Og = g.O // g.G, width = panel_width(Og, TD_LANES_F), K = g.KH * g.KW * Cg, group
    cdef Py_ssize_t at = ((image * g.P + p0) * g.Q + q0) * g.O
    cdef Grid grid = plan.grid
    cdef const float *src = slab
    grid.rows = min(plan.band_rows, g.P - p0)
    grid.cols = min(plan.band_cols, g.Q - q0)
    grid.group = pixel_group(grid.cols)
    grid.n_channels = min(f.channels, Og - o)
    if plan.copies:
        load_rect(x + image * g.H * g.W * g.C, g.C, slab, g.H, g.W, g.C, p0 * g.SH - g.PH,
                  (grid.rows - 1) * g.SH + (g.KH - 1) * g.DH + 1, q0 * g.SW - g.PW, plan.row_elements // g.C,
                  <const float *> NULL, <const float *> NULL, False)
    else:
        src = x + ((image * g.H + p0 * g.SH) * g.W + q0 * g.SW) * g.C
    for group in range(g.G):
        run_grid(src + group * Cg, &grid, f.panels + K * (group * width + o), y + at, group * Og + o,
                 NULL if f.bias == NULL else f.bias + group * width + o, <const float *> NULL, <float *> NULL, 0,
                 NULL if addend == NULL else addend + at, <const float *> NULL, <const float *> NULL,
                 <const float *> NULL, False, False, f.clamp)


def conv_filters(w, bias, Py_ssize_t n_groups):
    """Filters of `conv_step`: w IN (O, C/G, KH, KW) over (KH, KW, C/G, O), bias IN (O,) or None; float32."""
    cdef Geometry g
    memset(&g, 0, sizeof(g))
    shape = tuple(w.shape)
    if len(shape) not in (3, 4) or n_groups < 1 or shape[0] % n_groups:
        raise ValueError(f"conv_filters: a weight of shape {shape} in {n_groups} groups")
    g.O, g.C, g.G = shape[0], shape[1] * n_groups, n_groups
    g.KH, g.KW = shape[2:] if len(shape) == 4 else (1, shape[2])
    cdef float *pw = <float *> weight(w, "w", NPY_FLOAT32, w.size)
    cdef Py_ssize_t lanes = TD_LANES_F, Og = g.O // g.G, width = panel_width(Og, lanes), block
    cdef Block panels = Block(max(1, g.KH * g.KW * shape[1] * g.G * width * sizeof(float)))
    for block in range(g.G * ceil_div(Og, 2 * lanes)):
        pack_forward(pw, <float *> panels.address, &g, block)
    return make_filters(panels, bias, g.O, g.G, lanes, ("conv", g.O, shape[1], g.KH, g.KW, g.G))


def conv_step(Filters filters not None, geometry, bint relu, Py_ssize_t min_tasks):
    """A `Step`: y = [relu](convolution of x + bias + addend) for images of `geometry`, whose N does not count.

    An image is cut into at least `min_tasks` tasks where it has so many rows.
    """
    cdef Block state = Block(sizeof(Frozen)), taps
    cdef Frozen *f = <Frozen *> state.address
    cdef Geometry *g = &f.plan.g
    cdef Py_ssize_t lanes = TD_LANES_F, panels
    g[0] = unpack(geometry)
    if filters.shape != ("conv", g.O, g.C // g.G, g.KH, g.KW, g.G):
        raise ValueError(f"conv_step: filters of shape {filters.shape} for geometry {geometry}")
    g.N = 1
    taps = Block((g.KH * g.KW + 1) * sizeof(Py_ssize_t))
    f.plan.grid.taps = <Py_ssize_t *> taps.address
    plan_forward(&f.plan, False, sizeof(float), 1)
    f.panels = <float *> filters.weights.address
    f.bias = NULL if filters.bias is None else <float *> filters.bias.address
    # Output channels are cut first: bands of rows read their neighbours' rows again.
    panels = ceil_div(g.O // g.G, 2 * lanes)
    f.channels = ceil_div(panels, max(1, min(panels, min_tasks))) * 2 * lanes
    f.n_parts = ceil_div(g.O // g.G, f.channels)
    plan_forward(&f.plan, False, sizeof(float), ceil_div(min_tasks, f.n_parts))
    f.clamp = relu
    return make_step(frozen_task, state, (filters, taps), 1, f.plan.n_row_bands * f.plan.n_col_bands * f.n_parts,
                     g.C * g.H * g.W, g.O * g.P * g.Q, f.plan.slab, True)


# --- backward ------------------------------------------------------------------------------------------------------
# One pass over groups of images serves both gradients, so that the padded copies of x and dy are made once and read
# from L2: dW sums outer products of their rows, dx is the sum over taps of dy with the filters reversed and transposed
# (the transpose A' of the convolution's matrix A).

cdef struct BackwardPlan:
    Geometry g
    Grid *grids                         # one for each residue of the stride
    Py_ssize_t n_grids
    Py_ssize_t *positions               # filter positions in the order of the grids' taps
    Py_ssize_t images, n_groups         # images of a group
    Py_ssize_t per_pass                 # images an outer tile sums over
    bint copies_x, copies_dy
    Py_ssize_t x_rows, x_cols, x_image  # the (copied) input
    Py_ssize_t dy_top, dy_left, dy_rows, dy_cols, dy_image
    Py_ssize_t slab                     # elements of scratch a thread
    Py_ssize_t n_w
    Py_ssize_t products                 # elements of an image's row products, 0 where dx is not made of them
    bint wants_dx, wants_dw
    bint stream                         # dx goes past the caches


cdef void plan_backward(BackwardPlan *plan, bint affine_x, bint deferred_dy, bint plain_dx,
                        Py_ssize_t itemsize) noexcept:
    cdef Geometry *g = &plan.g
    cdef Py_ssize_t lanes = TD_LANES_F if itemsize == 4 else TD_LANES_D, vectors = ceil_div(g.KW * g.C, lanes)
    cdef Py_ssize_t rh, rw, kh, kw, top = 0, bottom = 0, left = 0, right = 0, t, n = 0, first, per_row
    cdef Grid *grid
    plan.n_w = g.KH * g.KW * (g.C // g.G) * g.O
    plan.copies_x = plan.wants_dw and (affine_x or g.PH > 0 or g.PW > 0)
    plan.x_rows = (g.P - 1) * g.SH + (g.KH - 1) * g.DH + 1 if plan.copies_x else g.H
    plan.x_cols = (g.Q - 1) * g.SW + (g.KW - 1) * g.DW + 1 if plan.copies_x else g.W
    plan.x_image = plan.x_rows * plan.x_cols * g.C
    plan.products = 0
    if plan.wants_dx and plain_dx and g.SH == 1 and g.SW == 1 and g.DW == 1 and g.G == 1 and g.H * g.Q > 0:
        # Few input channels leave lanes idle; those of a whole filter row fill them better. Worth it from a quarter on.
        if 4 * g.Q * vectors <= 3 * g.W * g.KW * ceil_div(g.C, lanes):
            plan.products = g.Q * vectors * lanes
            plan.products *= max(1, min(g.H, PRODUCT_BYTES // (plan.products * itemsize)))
    if plan.wants_dx:
        # Tap kh of output row h = i*SH + rh reads dy row i + t, t = (rh + PH - kh*DH) / SH where that divides.
        for rh in range(min(g.SH, g.H)):
            for kh in range(g.KH):
                if (rh + g.PH - kh * g.DH) % g.SH == 0:
                    t = (rh + g.PH - kh * g.DH) // g.SH
                    top = max(top, -t)
                    bottom = max(bottom, (g.H - 1 - rh) // g.SH + t - (g.P - 1))
        for rw in range(0 if plan.products else min(g.SW, g.W)):
            for kw in range(g.KW):
                if (rw + g.PW - kw * g.DW) % g.SW == 0:
                    t = (rw + g.PW - kw * g.DW) // g.SW
                    left = max(left, -t)
                    right = max(right, (g.W - 1 - rw) // g.SW + t - (g.Q - 1))
    plan.copies_dy = deferred_dy or top + bottom + left + right > 0
    plan.dy_top, plan.dy_left = top, left
    plan.dy_rows, plan.dy_cols = top + g.P + bottom, left + g.Q + right
    plan.dy_image = plan.dy_rows * plan.dy_cols * g.O
    plan.n_grids = 0
    if plan.products:
        plan_products(plan, vectors * lanes)
    elif plan.wants_dx:
        for rh in range(min(g.SH, g.H)):
            for rw in range(min(g.SW, g.W)):
                grid = &plan.grids[plan.n_grids]
                plan.n_grids += 1
                grid.rows, grid.cols = ceil_div(g.H - rh, g.SH), ceil_div(g.W - rw, g.SW)
                grid.group = pixel_group(grid.cols)
                grid.src_row, grid.src_col = plan.dy_cols * g.O, g.O
                grid.dst_origin, grid.dst_row, grid.dst_col = (rh * g.W + rw) * g.C, g.SH * g.W * g.C, g.SW * g.C
                grid.n_channels = g.C // g.G
                grid.K = g.O // g.G
                grid.panels = n
                grid.taps = plan.positions + g.KH * g.KW + n
                first = n
                for kh in range(g.KH):
                    if (rh + g.PH - kh * g.DH) % g.SH:
                        continue
                    for kw in range(g.KW - 1, -1, -1):
                        if (rw + g.PW - kw * g.DW) % g.SW:
                            continue
                        plan.positions[n] = kh * g.KW + kw
                        plan.positions[g.KH * g.KW + n] = (
                            ((rh + g.PH - kh * g.DH) // g.SH + top) * plan.dy_cols
                            + (rw + g.PW - kw * g.DW) // g.SW + left) * g.O
                        n += 1
                grid.n_taps = n - first
                if g.SW == 1 and g.DW == 1 and g.G == 1:
                    # The taps of a filter row read neighbours: one run of KW*O elements from the first on.
                    per_row = g.KW
                    grid.n_taps //= per_row
                    grid.K *= per_row
                    for t in range(grid.n_taps):
                        grid.taps[t] = grid.taps[t * per_row]
    plan.per_pass = max(1, min(ceil_div(PASS_PIXELS, max(1, g.P * g.Q)), g.N)) if plan.wants_dw else 1
    plan.images = round_up(max(1, ceil_div(g.N, MIN_TASKS)), plan.per_pass)
    if plan.wants_dw:
        while plan.images < g.N and ceil_div(g.N, plan.images) * plan.n_w * itemsize > GROUP_BYTES:
            plan.images *= 2
    plan.n_groups = ceil_div(g.N, plan.images)
    plan.slab = plan.per_pass * (
        (plan.x_image if plan.copies_x else 0) + (plan.dy_image if plan.copies_dy else 0))
    plan.slab = round_up(plan.slab, ALIGN // itemsize) + ALIGN // itemsize + plan.products


# --- dx of few input channels --------------------------------------------------------------------------------------
# The lanes of a tile are then the (kw, c) entries of a filter row: a grid of H x Q pixels with KH taps sums products of
# whole rows, and pixel w of dx gathers its KW parts from neighbouring products.

cdef void plan_products(BackwardPlan *plan, Py_ssize_t width) noexcept:
    cdef Geometry *g = &plan.g
    cdef Grid *grid = &plan.grids[0]
    cdef Py_ssize_t kh
    plan.n_grids = 1
    grid.rows, grid.cols, grid.group = g.H, g.Q, pixel_group(g.Q)
    grid.src_row, grid.src_col = plan.dy_cols * g.O, g.O
    grid.dst_origin, grid.dst_row, grid.dst_col = 0, g.Q * width, width
    grid.n_channels, grid.panels = width, 0
    grid.n_taps, grid.K = g.KH, g.O
    grid.taps = plan.positions
    for kh in range(g.KH):
        grid.taps[kh] = (g.PH - kh * g.DH + plan.dy_top) * plan.dy_cols * g.O


cdef void pack_products(const real *w, real *panels, Geometry *g, Py_ssize_t width) noexcept nogil:
    """Panels with rows (kh, o) and lanes (kw, c) from w (KH, KW*C, O); `width` of them, whole vectors."""
    cdef Py_ssize_t lanes = lanes_of[real](0), first = 0, n, kh, o, i, run = g.KW * g.C
    while first < width:
        n = min(2 * lanes, width - first)
        for kh in range(g.KH):
            for o in range(g.O):
                for i in range(n):
                    panels[i] = w[(kh * run + first + i) * g.O + o] if first + i < run else 0
                panels = panels + n
        first = first + n


cdef void add_outer(const BackwardPlan *plan, const real *x, const real *dy, Py_ssize_t n_images, real *dw,
                    bint accumulate) noexcept nogil:
    """dw (KH, KW, C/G, O) (+)= the outer products of the pixels of some images."""
    cdef const Geometry *g = &plan.g
    cdef Py_ssize_t lanes = lanes_of[real](0), Cg = g.C // g.G, Og = g.O // g.G
    cdef bint merged = g.DW == 1 and g.G == 1
    cdef Py_ssize_t run = g.KW * Cg if merged else Cg, n_runs = g.KH if merged else g.KH * g.KW
    cdef Py_ssize_t group, k, kh, kw, r, o, size, vectors, valid
    cdef int done = 0
    cdef const real *at
    cdef td_pixel_range_f nf
    cdef td_pixel_range_d nd
    nf.n_images, nf.n_rows, nf.n_cols = n_images, g.P, g.Q
    nf.x_image, nf.x_row, nf.x_col = plan.x_image, g.SH * plan.x_cols * g.C, g.SW * g.C
    nf.dy_image, nf.dy_row, nf.dy_col = plan.dy_image, plan.dy_cols * g.O, g.O
    memcpy(&nd, &nf, sizeof(nf))
    if real is float:
        if TD_PAIRS and merged and g.C * g.SW == 1 and 2 * g.O <= lanes and g.Q % 2 == 0 and (
                td_pairs_outer(g.KH, g.KW, x, g.DH * plan.x_cols, dy, &nf, dw, g.O, g.KW * g.O, g.O, accumulate)):
            return
    if merged:
        o = 0
        while o < g.O:
            # Two vectors where the tile has registers for them, else one.
            for vectors in range(2 if g.O - o > lanes else 1, 0, -1):
                valid = min(vectors * lanes, g.O - o)
                if real is float:
                    done = td_tile_outer_rows_f(g.KH, run, vectors, x, g.DH * plan.x_cols * g.C, dy + o, &nf, dw + o,
                                                g.O, run * g.O, valid, accumulate)
                else:
                    done = td_tile_outer_rows_d(g.KH, run, vectors, x, g.DH * plan.x_cols * g.C, dy + o, &nd, dw + o,
                                                g.O, run * g.O, valid, accumulate)
                if done:
                    break
            if not done:
                break
            o = o + valid
        if o >= g.O:
            return
    for group in range(g.G):
        for k in range(n_runs):
            kh = k if merged else k // g.KW
            kw = 0 if merged else k % g.KW
            at = x + (kh * g.DH * plan.x_cols + kw * g.DW) * g.C + group * Cg
            o = 0
            while o < Og:
                vectors = 1 if Og - o <= lanes else 2
                valid = min(vectors * lanes, Og - o)
                r = 0
                while r < run:
                    if real is float:
                        size = td_outer_size_f(run - r, vectors)
                        td_tile_outer_f(size, vectors, at + r, dy + group * Og + o, &nf,
                                        dw + (k * run + r) * g.O + group * Og + o, g.O, valid, accumulate)
                    else:
                        size = td_outer_size_d(run - r, vectors)
                        td_tile_outer_d(size, vectors, at + r, dy + group * Og + o, &nd,
                                        dw + (k * run + r) * g.O + group * Og + o, g.O, valid, accumulate)
                    r = r + size
                o = o + valid


cdef void add_pixels(const real *dy, Py_ssize_t n_rows, Py_ssize_t n_cols, Py_ssize_t row, Py_ssize_t O,
                     real *db) noexcept nogil:
    """db (O,) += the sum of an image's pixels."""
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


cdef void backward_task(const BackwardPlan *plan, Py_ssize_t task, const real *x, const real *dz, const real *panels,
                        real *dx, real *dw, real *db, real *slab, const real *scale, const real *shift, bint relu,
                        const real *y, const real *y_scale, const real *y_shift, bint y_relu, const real *a,
                        const real *b, const real *c, const real *origin, real *sums,
                        const real *addend) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef const Geometry *g = &plan.g
    cdef Py_ssize_t n = task * plan.images, last = min(g.N, n + plan.images), count, i, k, group
    cdef Py_ssize_t Cg = g.C // g.G, Og = g.O // g.G, width = panel_width(Cg, lanes_of[real](0))
    cdef Py_ssize_t x_size = g.H * g.W * g.C, dy_size = g.P * g.Q * g.O
    cdef real *dy_slab = slab + (plan.per_pass * plan.x_image if plan.copies_x else 0)
    cdef real *products = slab + plan.slab - plan.products
    cdef const real *xs
    cdef const real *dys
    cdef const Grid *grid
    cdef Grid band
    cdef Py_ssize_t h
    if db != NULL:
        memset(db, 0, g.O * sizeof(real))
    while n < last:
        count = min(plan.per_pass, last - n)
        xs, dys = x + n * x_size, dz + n * dy_size
        if plan.copies_x:
            xs = slab
            for i in range(count):
                load_rect(x + (n + i) * x_size, g.C, slab + i * plan.x_image, g.H, g.W, g.C, -g.PH, plan.x_rows, -g.PW,
                          plan.x_cols, scale, shift, relu)
        if plan.copies_dy:
            dys = dy_slab
            for i in range(count):
                if y != NULL:
                    load_gradient(dz + (n + i) * dy_size, y + (n + i) * dy_size, g.O, dy_slab + i * plan.dy_image, g.P,
                                  g.Q, g.O, plan.dy_top, plan.dy_rows, plan.dy_left, plan.dy_cols, y_scale, y_shift,
                                  y_relu, a, b, c)
                else:
                    load_rect(dz + (n + i) * dy_size, g.O, dy_slab + i * plan.dy_image, g.P, g.Q, g.O, -plan.dy_top,
                              plan.dy_rows, -plan.dy_left, plan.dy_cols, NULL, NULL, False)
        if dw != NULL:
            add_outer(plan, xs, dys + (plan.dy_top * plan.dy_cols + plan.dy_left) * g.O, count, dw,
                      n > task * plan.images)
        if db != NULL:
            for i in range(count):
                add_pixels(dys + i * plan.dy_image + (plan.dy_top * plan.dy_cols + plan.dy_left) * g.O, g.P, g.Q,
                           plan.dy_cols * g.O, g.O, db)
        if plan.products:
            band = plan.grids[0]
            for i in range(count):
                h = 0
                while h < g.H:
                    band.rows = min(plan.products // band.dst_row, g.H - h)
                    run_grid(dys + i * plan.dy_image + h * band.src_row, &band, panels, products, 0, NULL, NULL, NULL,
                             0, NULL, NULL, NULL, NULL, False, False, False)
                    for k in range(band.rows):
                        if real is float:
                            td_tile_gather_f(products + k * band.dst_row, band.dst_col, g.Q, g.KW, g.PW,
                                             dx + ((n + i) * g.H + h + k) * g.W * g.C, g.W, g.C)
                        else:
                            td_tile_gather_d(products + k * band.dst_row, band.dst_col, g.Q, g.KW, g.PW,
                                             dx + ((n + i) * g.H + h + k) * g.W * g.C, g.W, g.C)
                    h = h + band.rows
        elif dx != NULL:
            for i in range(count):
                if sums != NULL:
                    memset(sums + (n + i) * 2 * g.C, 0, 2 * g.C * sizeof(real))
                for k in range(plan.n_grids):
                    grid = &plan.grids[k]
                    for group in range(g.G):
                        run_grid(dys + i * plan.dy_image + group * Og, grid,
                                 panels + (grid.panels * g.G + group * grid.n_taps * grid.K // Og) * Og * width,
                                 dx + (n + i) * x_size + grid.dst_origin, group * Cg, NULL,
                                 NULL if sums == NULL else origin + group * Cg,
                                 NULL if sums == NULL else sums + (n + i) * 2 * g.C + group * Cg, g.C,
                                 NULL if addend == NULL else addend + (n + i) * x_size + grid.dst_origin,
                                 NULL if sums == NULL else x + (n + i) * x_size + grid.dst_origin,
                                 NULL if scale == NULL else scale + group * Cg,
                                 NULL if scale == NULL else shift + group * Cg, relu, plan.stream,
                                 False)
        n = n + count
    if plan.stream:
        td_stream_fence()
    td_restore_denormals(saved)


cdef void backward_all(BackwardPlan *plan, const real *x, const real *dz, const real *w, real *dx, real *dw, real *db,
                       real *panels, real *parts, real *slabs, const real *scale, const real *shift,
                       bint relu, const real *y, const real *y_scale, const real *y_shift, bint y_relu, const real *a,
                       const real *b, const real *c, const real *origin, real *sums, const real *addend,
                       int n_threads) noexcept nogil:
    cdef Geometry *g = &plan.g
    cdef Py_ssize_t lanes = lanes_of[real](0), Cg = g.C // g.G, Og = g.O // g.G, task, block, k
    cdef Py_ssize_t n_blocks = g.G * ceil_div(Cg, 2 * lanes), stride = plan.n_w + g.O, n_chunks, n_taps
    cdef Grid *grid
    if plan.n_groups == 0:
        if dw != NULL:
            memset(dw, 0, plan.n_w * sizeof(real))
        if db != NULL:
            memset(db, 0, g.O * sizeof(real))
        return
    if plan.products:
        pack_products(w, panels, g, plan.grids[0].dst_col)
    elif dx != NULL:
        for k in range(plan.n_grids):
            grid = &plan.grids[k]
            n_taps = grid.n_taps * grid.K // Og
            for block in prange(n_blocks, num_threads=n_threads, schedule="static",
                                use_threads_if=n_taps * Og * g.C > 100000):
                pack_backward(w, panels + grid.panels * g.G * Og * panel_width(Cg, lanes), g,
                              plan.positions + grid.panels, n_taps, block)
    for task in prange(plan.n_groups, num_threads=n_threads, schedule="dynamic",
                       use_threads_if=plan.n_groups > 1 and multiplications(g) > MIN_WORK):
        backward_task(plan, task, x, dz, panels, dx, NULL if dw == NULL else parts + task * stride,
                      NULL if db == NULL else parts + task * stride + plan.n_w, slabs + threadid() * plan.slab, scale,
                      shift, relu, y, y_scale, y_shift, y_relu, a, b, c, origin, sums, addend)
    if dw != NULL:
        n_chunks = ceil_div(plan.n_w, 4096)
        for task in prange(n_chunks, num_threads=n_threads, schedule="static", use_threads_if=n_chunks > 4):
            combine_chunk(parts, dw, plan.n_groups, stride, task * 4096, min(plan.n_w, (task + 1) * 4096))
    if db != NULL:
        combine_chunk(parts + plan.n_w, db, plan.n_groups, stride, 0, g.O)


def conv_backward(x, dy, w, dx, dw, db, geometry, Map on_x, residual, Moments moments, int n_threads):
    """Both gradients of a convolution in one pass over the images.

    x : IN (N, C, H, W) as `conv_forward` read it through `on_x`; None if dw and moments are.  dy : IN (N, O, P, Q), or
    the `Pending` that gives it (its centre is not used yet and must be 0).  w : IN (O, C/G, KH, KW), None if dx is
    None.  dx : OUT as x, the gradient at `on_x` of x, or None.  dw : OUT as w and db : OUT (O,), or None.
    residual : IN as dx, added to it, or None.  moments : None, or for each image the sums of dx' and dx' * (x - about)
    OUT, dx' being dx where on_x of x is above 0 (if its relu): what the batch norm before x needs.
    """
    cdef BackwardPlan plan
    plan.g = unpack(geometry)
    cdef Geometry *g = &plan.g
    cdef int t = gradient_type(dy)
    cdef Py_ssize_t itemsize = 4 if t == NPY_FLOAT32 else 8, n_w = g.KH * g.KW * (g.C // g.G) * g.O
    cdef Py_ssize_t lanes = TD_LANES_F if itemsize == 4 else TD_LANES_D
    cdef td_map map_x
    cdef td_pending p
    cdef td_moments m
    plan.wants_dx, plan.wants_dw = dx is not None, dw is not None or db is not None
    cdef void *px = NULL if x is None else channels_last(x, "x", t, g.N * g.C * g.H * g.W)
    read_gradient(dy, &p, t, g.N * g.O * g.P * g.Q, g.O)
    cdef void *pw = NULL if dx is None else weight(w, "w", t, n_w)
    cdef void *pdx = NULL if dx is None else channels_last(dx, "dx", t, g.N * g.C * g.H * g.W, True)
    cdef void *pdw = NULL if dw is None else weight(dw, "dw", t, n_w, True)
    cdef void *pdb = NULL if db is None else data(db, "db", t, g.O, True)
    cdef void *presidual = NULL
    if residual is not None:
        presidual = channels_last(residual, "residual", t, g.N * g.C * g.H * g.W)
    read_map(on_x, &map_x, t, g.C)
    read_moments(moments, &m, t, g.N, g.C)
    if moments is not None and map_x.relu and map_x.scale == NULL:
        raise ValueError("conv_backward: moments behind a ReLU need the scale and shift of on_x")
    if x is None and (dw is not None or moments is not None):
        raise TypeError("conv_backward: dw and moments need x")
    cdef Block tables = Block(2 * (g.KH * g.KW + 1) * sizeof(Py_ssize_t))
    cdef Block grids = Block(min(g.SH, g.H + 1) * min(g.SW, g.W + 1) * sizeof(Grid))
    plan.positions = <Py_ssize_t *> tables.address
    plan.grids = <Grid *> grids.address
    plan.stream = streams(pdx, g.N * g.C * g.H * g.W, g.C // g.G, itemsize)
    plan_backward(&plan, map_x.scale != NULL or map_x.relu, p.y != NULL, moments is None and residual is None, itemsize)
    cdef Py_ssize_t panels = 0, parts = 0
    if dx is not None:
        panels = round_up(g.KH * g.KW * g.O * panel_width(g.C // g.G, lanes), lanes)
    if plan.wants_dw:
        parts = round_up(plan.n_groups * (n_w + g.O), lanes)
    cdef Block scratch = Block((panels + parts + n_threads * plan.slab + 1) * itemsize)
    cdef char *base = <char *> scratch.address
    cdef char *ppart = base + panels * itemsize
    cdef char *slabs = ppart + parts * itemsize
    if t == NPY_FLOAT32:
        backward_all(&plan, <float *> px, <float *> p.dz, <float *> pw, <float *> pdx, <float *> pdw, <float *> pdb,
                     <float *> base, <float *> ppart, <float *> slabs, <float *> map_x.scale, <float *> map_x.shift,
                     map_x.relu, <float *> p.y, <float *> p.mask.scale, <float *> p.mask.shift, p.mask.relu,
                     <float *> p.a, <float *> p.b, <float *> p.c, <float *> m.about, <float *> m.out,
                     <float *> presidual, n_threads)
    else:
        backward_all(&plan, <double *> px, <double *> p.dz, <double *> pw, <double *> pdx, <double *> pdw,
                     <double *> pdb, <double *> base, <double *> ppart, <double *> slabs, <double *> map_x.scale,
                     <double *> map_x.shift, map_x.relu, <double *> p.y, <double *> p.mask.scale,
                     <double *> p.mask.shift, p.mask.relu, <double *> p.a, <double *> p.b, <double *> p.c,
                     <double *> m.about, <double *> m.out, <double *> presidual, n_threads)


def conv_backward_input(dy, w, dx, geometry, int n_threads):
    """dx (N, C, H, W) OUT = A' dy: the transposed convolution of dy IN (N, O, P, Q) with w IN (O, C/G, KH, KW)."""
    conv_backward(None, dy, w, dx, None, None, geometry, None, None, None, n_threads)


def conv_backward_weight(x, dy, dw, db, geometry, Map on_x, int n_threads):
    """dw[o,c,kh,kw] OUT = sum over n,p,q of dy[n,o,p,q] * z[n, c, p*SH - PH + kh*DH, q*SW - PW + kw*DW].

    db : OUT (O,) = the sum of dy over n, p, q, or None.  x IN, on_x and z as in `conv_forward`; dy as in
    `conv_backward`.
    """
    conv_backward(x, dy, None, None, dw, db, geometry, on_x, None, None, n_threads)
