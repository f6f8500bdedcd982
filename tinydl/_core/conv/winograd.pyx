"""Winograd convolution: 3x3 filters, stride 1, in float32, with a quarter of the multiplications of the direct sum.

Forward is F(4x4, 3x3); the transforms are in src/winograd.h. A task takes a block of tiles through all steps while it
stays in L2: copy the rows (zero padded, with a pending map applied), transform, 36 products with the register tiles,
transform back. Blocks are a rule of the shape alone, so any number of threads gives the same bits.

Geometry as in `forward`: (N, C, H, W, O, 3, 3, 1, 1, PH, PW, 1, 1, 1, P, Q), PH and PW at most 2.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset
from tinydl._core.array cimport NPY_FLOAT32, channels_last, data
from tinydl._core.conv.blocks cimport MIN_BLOCKS, TileBuffer, block_images, block_rows, plan_blocks, transform_block
from tinydl._core.conv.geometry cimport unpack, weight
from tinydl._core.conv.transforms cimport td_block, td_wino_filter, td_wino_moments, td_wino_output
from tinydl._core.memory cimport Block
from tinydl._core.move cimport transpose_block
from tinydl._core.operands cimport Map, Moments, read_map, read_moments, td_epilogue_from_channel
from tinydl._core.parallel cimport check_team
from tinydl._core.parts cimport combine_images
from tinydl._core.rounding cimport round_up
from tinydl._core.strip cimport strip, td_matrix, td_rectangle
from tinydl._core.vector cimport TD_LANES_F, td_flush_denormals, td_restore_denormals

cdef enum:
    MIN_WORK = 65536        # output elements times channels below which a region costs more than it gains
    FILTER_WORK = 2048      # the same for filters that are transformed
    LINE = 16               # elements of a cache line


cdef Geometry winograd_geometry(geometry) except *:
    """The geometry of a tuple, refused where F(4x4, 3x3) computes something else."""
    cdef Geometry g = unpack(geometry)
    if (g.KH != 3 or g.KW != 3 or g.SH != 1 or g.SW != 1 or g.DH != 1 or g.DW != 1 or g.G != 1 or g.PH > 2 or g.PW > 2
            or g.P != g.H + 2 * g.PH - 2 or g.Q != g.W + 2 * g.PW - 2):
        raise ValueError(f"conv geometry {geometry}: Winograd takes 3x3 filters with stride 1, dilation 1, one group "
                         "and padding up to 2")
    return g


# --- filters -------------------------------------------------------------------------------------------------------

cdef void transform_channel(const float *w, Py_ssize_t C, Py_ssize_t O, bint flip, float *u,
                            Py_ssize_t c) noexcept nogil:
    """u [panel of outputs][36][C][lanes] of input channel c from w (9, C, O); `flip` reverses the taps."""
    cdef Py_ssize_t o = 0, lanes = TD_LANES_F, vectors, k
    while o < O:
        # All panels before that of channel o are whole: they hold 36*C*o elements.
        vectors = 1 if O - o <= lanes else 2
        for k in range(vectors):
            td_wino_filter(w + c * O + o + k * lanes, C * O, flip,
                           u + 36 * o * C + c * vectors * lanes + k * lanes, C * vectors * lanes,
                           min(lanes, O - o - k * lanes))
        o = o + vectors * lanes


cdef void transpose_tap(const float *w, Py_ssize_t C, Py_ssize_t O, float *wt) noexcept nogil:
    """wt (O, C) from w (C, O)."""
    cdef Py_ssize_t c, o, lanes = TD_LANES_F
    # Square blocks of a vector's width are transposed in registers.
    if C % lanes == 0 and O % lanes == 0:
        for c in range(C // lanes):
            for o in range(O // lanes):
                transpose_block(w + c * lanes * O + o * lanes, O, wt + o * lanes * C + c * lanes, C)
    else:
        for c in range(C):
            for o in range(O):
                wt[o * C + c] = w[c * O + o]


cdef void transform_filters(const float *w, Py_ssize_t C, Py_ssize_t O, float *u, int n_threads) noexcept nogil:
    """Transformed filters of the forward sum."""
    cdef Py_ssize_t k
    # An input channel is a task: its rows of every panel are its own.
    for k in prange(C, num_threads=n_threads, schedule="static", use_threads_if=C * O > FILTER_WORK):
        transform_channel(w, C, O, False, u, k)


cdef void transform_filters_back(const float *w, Py_ssize_t C, Py_ssize_t O, float *u, int n_threads) noexcept nogil:
    """Those of backward-input: reversed and transposed. Behind the 36 transformed taps u has room for the 9 of w."""
    cdef float *wt = u + 36 * O * round_up(C, TD_LANES_F)
    cdef Py_ssize_t k
    for k in range(9):
        transpose_tap(w + k * C * O, C, O, wt + k * C * O)
    for k in prange(O, num_threads=n_threads, schedule="static", use_threads_if=C * O > FILTER_WORK):
        transform_channel(wt, O, C, True, u, k)


# --- one block -----------------------------------------------------------------------------------------------------

cdef Py_ssize_t block_scratch(const WinogradPlan *p) noexcept:
    """Elements of scratch a thread: padded rows, transformed tiles, products."""
    return round_up(p.slab, LINE) + 36 * (p.slice_v + p.slice_m)


cdef void multiply(const WinogradPlan *p, Py_ssize_t n_tiles, const float *v, const float *u, Py_ssize_t width,
                   float *m) noexcept nogil:
    """The 36 products m (n_tiles, width) = v (n_tiles, C) u (C, width)."""
    cdef td_rectangle tiles = td_matrix(n_tiles, p.C, p.Cp, width)
    cdef td_epilogue nothing
    cdef Py_ssize_t k
    memset(&nothing, 0, sizeof(nothing))
    # Element k of all tiles times element k of all filters. The epilogue waits for the way back.
    for k in range(36):
        strip(&tiles, v + k * p.slice_v, u + k * p.C * width, width, m + k * p.slice_m, width, &nothing)


cdef void finish_block(const WinogradPlan *p, const BlockOperands *b, Py_ssize_t block, Py_ssize_t o,
                       Py_ssize_t vectors, const float *m) noexcept nogil:
    """Transform products of the vectors from channel o on back, with the epilogue."""
    cdef Py_ssize_t first, row, n_images = block_images(p, block, &first), n_rows = block_rows(p, block, &row)
    cdef Py_ssize_t lanes = TD_LANES_F, i, r, q, k, at, t = 0, part
    cdef td_epilogue e[2]
    cdef td_block pixels
    cdef float *y
    pixels.row, pixels.col = p.Q * p.O, p.O
    for k in range(vectors):
        e[k] = td_epilogue_from_channel(b.epilogue, (o + k * lanes) * sizeof(float))
    for i in range(n_images):
        # Moments are summed over an image, or over a band, which is then the block.
        part = block if p.images == 0 else first + i
        for k in range(vectors if b.epilogue.moments.out != NULL else 0):
            e[k].moments.out = <float *> b.epilogue.moments.out + part * 2 * p.O + o + k * lanes
        for r in range(n_rows):
            pixels.n_rows = min(4, p.P - 4 * (row + r))
            for q in range(p.TW):
                pixels.n_cols = min(4, p.Q - 4 * q)
                # Seek to y[n, 4*(row + r), 4*q, 0]; n_rows and n_cols say how much of the 4x4 block there is.
                at = (((first + i) * p.P + 4 * (row + r)) * p.Q + 4 * q) * p.O
                for k in range(vectors):
                    pixels.n = min(lanes, p.O - o - k * lanes)
                    y = b.y + o + k * lanes
                    td_wino_output(m + (t * vectors + k) * lanes, p.slice_m, y, at, &pixels, &e[k])
                    if e[k].moments.out != NULL:
                        # From y again: it was written just now and is in L1.
                        td_wino_moments(y, at, &pixels, &e[k].moments)
                t = t + 1


cdef void run_block(const WinogradPlan *p, const BlockOperands *b, Py_ssize_t block, Py_ssize_t o, Py_ssize_t stop,
                    float *scratch) noexcept nogil:
    """The output channels o .. stop - 1 of a block of tiles; o is a multiple of two vectors."""
    cdef TileBuffer tiles
    cdef Py_ssize_t lanes = TD_LANES_F, vectors, n_tiles
    cdef float *m
    # Scratch: padded rows, 36 slices of transformed tiles, 36 slices of products of one panel.
    tiles.slab, tiles.v, tiles.step, tiles.slice = scratch, scratch + round_up(p.slab, LINE), p.Cp, p.slice_v
    m = tiles.v + 36 * p.slice_v
    n_tiles = transform_block(&b.source, p, block, 0, p.C, &tiles)
    while o < stop:
        # Tiles were transformed once for all panels; products are used up before the next panel overwrites them.
        vectors = 1 if p.O - o <= lanes else 2
        multiply(p, n_tiles, tiles.v, b.u + 36 * o * p.C, vectors * lanes, m)
        finish_block(p, b, block, o, vectors, m)
        o = o + vectors * lanes


cdef void block_task(const WinogradPlan *p, const BlockOperands *b, Py_ssize_t block, float *scratch) noexcept nogil:
    """All output channels of a block. Its moments are its own, and cleared first, for tiles add to them."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t first, n_images = block_images(p, block, &first), part = block if p.images == 0 else first
    if b.epilogue.moments.out != NULL:
        memset(<float *> b.epilogue.moments.out + part * 2 * p.O, 0, n_images * 2 * p.O * sizeof(float))
    run_block(p, b, block, 0, p.O, scratch)
    td_restore_denormals(saved)


# --- one call ------------------------------------------------------------------------------------------------------

cdef void run_blocks(const WinogradPlan *p, BlockOperands *b, float *parts, float *scratch, Py_ssize_t per_thread,
                     int n_threads) noexcept nogil:
    """All blocks; `parts` takes the moments of bands, which are added up afterwards."""
    cdef Py_ssize_t block
    cdef float *sums = <float *> b.epilogue.moments.out
    if sums != NULL and p.images == 0:
        b.epilogue.moments.out = parts
    # dynamic: blocks at the end of an image are smaller. Who takes one decides only which scratch it uses.
    for block in prange(p.n_blocks, num_threads=n_threads, schedule="dynamic",
                        use_threads_if=p.n_blocks > 1 and p.N * p.P * p.Q * p.O * p.C > MIN_WORK):
        block_task(p, b, block, scratch + threadid() * per_thread)
    if sums != NULL and p.images == 0:
        combine_images(parts, sums, p.N, p.n_bands, 2 * p.O)


def winograd_forward(x, w, bias, y, geometry, Map on_x, Moments moments, int n_threads, /):
    """`conv_forward` for 3x3 filters by F(4x4, 3x3); the arguments are its, float32 only."""
    check_team(n_threads)
    cdef Geometry g = winograd_geometry(geometry)
    cdef int t = NPY_FLOAT32
    cdef BlockOperands b
    memset(&b, 0, sizeof(b))
    b.source.x = <float *> channels_last(x, "x", t, g.N * g.C * g.H * g.W)
    cdef float *w_data = <float *> weight(w, "w", t, 9 * g.C * g.O)
    cdef float *bias_data = NULL if bias is None else <float *> data(bias, "bias", t, g.O)
    b.y = <float *> channels_last(y, "y", t, g.N * g.O * g.P * g.Q, True)
    read_map(on_x, &b.source.on_x, t, g.C)
    read_moments(moments, &b.epilogue.moments, t, g.N, g.O)
    if g.N * g.P * g.Q == 0:
        if moments is not None:
            moments.sums[...] = 0
        return
    cdef WinogradPlan p = plan_blocks(g.N, g.C, g.H, g.W, g.O, g.PH, g.PW, MIN_BLOCKS)
    cdef Py_ssize_t width = round_up(g.O, TD_LANES_F), per_thread = block_scratch(&p), filters = 36 * g.C * width
    cdef Py_ssize_t parts = 0 if moments is None else p.n_blocks * 2 * g.O
    # Scratch: transformed filters, the bias in whole vectors, a part a thread, moments of bands.
    cdef Block scratch = Block((filters + width + n_threads * per_thread + parts) * sizeof(float))
    cdef float *u = <float *> scratch.address
    cdef float *padded = u + filters
    cdef float *threads = padded + width
    if bias is not None:
        # The way back reads whole vectors of it.
        memset(padded, 0, width * sizeof(float))
        memcpy(padded, bias_data, g.O * sizeof(float))
        b.epilogue.bias = padded
    transform_filters(w_data, g.C, g.O, u, n_threads)
    b.u = u
    run_blocks(&p, &b, threads + n_threads * per_thread, threads, per_thread, n_threads)
