"""Both gradients of a Winograd convolution: dx by F(4x4, 3x3) of dy, dw by F(3x3, 4x4) on the tiles of the forward
pass.

The weight gradient stays in the transformed domain over all blocks of a part of the batch and is transformed back at
its end; parts are added in order. Blocks and parts are rules of the shape alone, so any number of threads gives the
same bits.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memset
from tinydl._core.array cimport NPY_FLOAT32, channels_last, data
from tinydl._core.conv.blocks cimport (
    MIN_BLOCKS, Source, TileBuffer, WinogradPlan, block_images, block_rows, load_tiles, plan_blocks, transform_block,
)
from tinydl._core.conv.geometry cimport Geometry, weight
from tinydl._core.conv.transforms cimport td_wino_filter_gradient
from tinydl._core.conv.winograd cimport (
    BlockOperands, block_scratch, block_task, run_blocks, transform_filters_back, winograd_geometry,
)
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport Map, Moments, read_gradient, read_map, read_moments, td_epilogue
from tinydl._core.parallel cimport check_team
from tinydl._core.parts cimport combine, combine_images
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.strip cimport outer_strip, td_entries, td_pixel_range
from tinydl._core.vector cimport TD_LANES_F, td_flush_denormals, td_restore_denormals

cdef enum:
    MIN_WORK = 65536        # output elements times channels below which a region costs more than it gains
    MIN_PARTS = 16          # parts of the batch, as long as there are so many blocks
    PART_BYTES = 10485760   # partial weight gradients of all parts
    PANEL_C = 64            # input channels whose transformed gradient is summed at a time, and
    PANEL_O = 256           # output channels, two vectors by two vectors
    GROUP = 2               # most blocks whose transformed x waits for all of these
    LINE = 16               # elements of a cache line

# One call: x and dy as tiles at the same places, dx as the blocks of a forward pass over dy, and where scratch lies.
cdef struct WinogradBackward:
    WinogradPlan x_plan, dy_plan, dx_plan
    Source x, dy
    BlockOperands on_dx
    float *dw
    float *db
    Py_ssize_t n_parts, blocks      # of the weight gradient: parts, blocks of a part, and
    Py_ssize_t group                # blocks whose tiles of x are kept at a time
    Py_ssize_t n_w
    float *parts
    float *band_sums                # moments of dx where its blocks are bands
    float *threads
    Py_ssize_t per_thread           # elements


# --- the weight gradient of a part ---------------------------------------------------------------------------------

cdef void transform_sums(const WinogradPlan *dy, Py_ssize_t n_c, Py_ssize_t o, const float *s, float *dw,
                         Py_ssize_t tap) noexcept nogil:
    """n_c rows of dw, from column o on, from their sums s, panel behind panel of outputs; taps lie `tap` apart."""
    cdef Py_ssize_t lanes = TD_LANES_F, stop = min(dy.C, o + <Py_ssize_t> PANEL_O), width, slice_s, c, k
    while o < stop:
        width = lanes if dy.C - o <= lanes else 2 * lanes
        slice_s = n_c * width + lanes
        for c in range(n_c):
            for k in range(width // lanes):
                td_wino_filter_gradient(s + c * width + k * lanes, slice_s, dw + c * dy.C + o + k * lanes, tap,
                                        min(lanes, dy.C - o - k * lanes))
        o, s = o + width, s + 36 * slice_s


cdef void sum_tiles(const WinogradBackward *call, Py_ssize_t part, Py_ssize_t c0, Py_ssize_t o0, float *scratch,
                    float *dw) noexcept nogil:
    """Rows c0 .. c0 + PANEL_C - 1 and columns o0 .. o0 + PANEL_O - 1 of a part's dw (9, C, O)."""
    cdef const WinogradPlan *x = &call.x_plan
    cdef const WinogradPlan *dy = &call.dy_plan
    cdef Py_ssize_t begin = part * call.blocks, end = min(x.n_blocks, begin + call.blocks), block, n, g, k, o
    cdef Py_ssize_t lanes = TD_LANES_F, n_c = min(x.C - c0, <Py_ssize_t> PANEL_C)
    cdef Py_ssize_t stop = min(dy.C, o0 + <Py_ssize_t> PANEL_O), width, slice_s
    cdef Py_ssize_t n_tiles[GROUP]
    cdef TileBuffer v, z
    cdef float *sums
    cdef float *s
    cdef td_pixel_range tiles
    cdef td_entries entries
    # Scratch: padded rows, of x and afterwards of dy; then 36 slices each of tiles of x for every block of a group,
    # tiles of dy, and sums for every panel of O.
    v.slab = z.slab = scratch
    v.step = round_up(min(x.C, <Py_ssize_t> PANEL_C), lanes)
    v.slice, z.slice = x.tiles * v.step + lanes, x.tiles * 2 * lanes + lanes
    cdef float *group = scratch + round_up(max(x.slab, dy.slab), LINE)
    z.v = group + call.group * 36 * v.slice
    sums = z.v + 36 * z.slice
    memset(&tiles, 0, sizeof(tiles))
    # To the outer tiles the tiles of a slice are a row of pixels, and channels are the entries of a filter.
    tiles.n_images = tiles.n_rows = 1
    tiles.x_col = v.step
    entries.rows, entries.n, entries.x_row, entries.dw_row = 1, n_c, 0, 0
    block = begin
    while block < end:
        n = min(call.group, end - block)
        for g in range(n):
            v.v = group + g * 36 * v.slice
            n_tiles[g] = transform_block(&call.x, x, block + g, c0, n_c, &v)
        # Tiles of x were transformed once for all panels of O.
        o, s = o0, sums
        while o < stop:
            width = lanes if dy.C - o <= lanes else 2 * lanes
            slice_s = n_c * width + lanes
            z.step = tiles.dy_col = entries.dw_entry = width
            for g in range(n):
                tiles.n_cols = n_tiles[g]
                transform_block(&call.dy, dy, block + g, o, min(width, dy.C - o), &z)
                # Sums stay in the transformed domain from block to block: the way back is linear, so once a part is
                # enough.
                for k in range(36):
                    outer_strip(&tiles, &entries, group + (36 * g + k) * v.slice, z.v + k * z.slice, width,
                                s + k * slice_s, block + g > begin)
            o, s = o + width, s + 36 * slice_s
        block = block + n
    transform_sums(dy, n_c, o0, sums, dw + c0 * dy.C, x.C * dy.C)


cdef void sum_pixels(const WinogradBackward *call, Py_ssize_t part, float *slab, float *db) noexcept nogil:
    """The bias gradient of a part."""
    cdef const WinogradPlan *p = &call.dy_plan
    cdef Py_ssize_t block, first, row, n_images, n_rows, i, k, c, begin = part * call.blocks
    memset(db, 0, p.C * sizeof(float))
    for block in range(begin, min(p.n_blocks, begin + call.blocks)):
        n_images = block_images(p, block, &first)
        n_rows = block_rows(p, block, &row)
        # dy_plan has no border: the slab holds the 16 pixels of every tile, zeros where they are outside the image.
        for i in range(n_images):
            load_tiles(&call.dy, p, first + i, row, n_rows, 0, p.C, slab)
            for k in range(16 * n_rows * p.TW):
                for c in range(p.C):
                    db[c] = db[c] + slab[k * p.C + c]


cdef void weight_task(const WinogradBackward *call, Py_ssize_t part, float *scratch) noexcept nogil:
    """dw (9, C, O) of a part, and behind it db (O)."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t c0 = 0, o, C = call.x_plan.C, O = call.dy_plan.C
    cdef float *dw = call.parts + part * (call.n_w + O)
    # The 36 slices of sums for PANEL_C x two vectors of channels stay in L2 over the blocks of a group, and those for
    # PANEL_C x PANEL_O in L3 over all of the part. The price: dy is transformed again for every panel of C.
    while c0 < C:
        o = 0
        while o < O:
            sum_tiles(call, part, c0, o, scratch, dw)
            o = o + PANEL_O
        c0 = c0 + PANEL_C
    if call.db != NULL:
        sum_pixels(call, part, scratch, dw + call.n_w)
    td_restore_denormals(saved)


cdef void joint_task(const WinogradBackward *call, Py_ssize_t part, float *scratch) noexcept nogil:
    """The weight gradient of a part and as large a share of dx, for about the same images: the second reader finds them
    in the cache."""
    cdef Py_ssize_t block, n = call.dx_plan.n_blocks
    weight_task(call, part, scratch)
    # Rounding down at both ends gives every block exactly one part.
    for block in range(part * n // call.n_parts, (part + 1) * n // call.n_parts):
        block_task(&call.dx_plan, &call.on_dx, block, scratch)


# --- one call ------------------------------------------------------------------------------------------------------

cdef void backward_all(WinogradBackward *call, int n_threads) noexcept nogil:
    cdef const WinogradPlan *dy = &call.dy_plan
    cdef const WinogradPlan *dx = &call.dx_plan
    cdef Py_ssize_t stride = call.n_w + dy.C, part
    cdef bint wants_dx = call.on_dx.y != NULL, bands
    cdef float *sums = <float *> call.on_dx.epilogue.moments.out
    # The blocks of dx are shared out more finely than the parts of dw when there are many threads.
    # That choice depends on the threads, but no bit does: the same tasks write the same elements either way.
    cdef bint joint = call.dw != NULL and wants_dx and call.n_parts >= 4 * n_threads
    if joint:
        bands = sums != NULL and dx.images == 0
        # Bands sum their moments apart, whoever takes them; an image's are added in the order of its bands.
        if bands:
            call.on_dx.epilogue.moments.out = call.band_sums
        for part in prange(call.n_parts, num_threads=n_threads, schedule="dynamic",
                           use_threads_if=dy.N * dy.H * dy.W * dy.C * call.x_plan.C > MIN_WORK):
            joint_task(call, part, call.threads + threadid() * call.per_thread)
        if bands:
            combine_images(call.band_sums, sums, dx.N, dx.n_bands, 2 * dx.O)
    elif call.dw != NULL:
        for part in prange(call.n_parts, num_threads=n_threads, schedule="dynamic",
                           use_threads_if=call.n_parts > 1
                           and dy.N * dy.H * dy.W * dy.C * call.x_plan.C > MIN_WORK):
            weight_task(call, part, call.threads + threadid() * call.per_thread)
    if call.dw != NULL:
        combine(call.parts, call.dw, call.n_parts, stride, call.n_w, n_threads)
        if call.db != NULL:
            combine(call.parts + call.n_w, call.db, call.n_parts, stride, dy.C, 1)
    if wants_dx and not joint:
        run_blocks(dx, &call.on_dx, call.band_sums, call.threads, call.per_thread, n_threads)


cdef Py_ssize_t plan_parts(WinogradBackward *call) noexcept:
    """Cut the blocks of the weight gradient into parts; returns the elements of scratch a thread needs for one."""
    cdef const WinogradPlan *x = &call.x_plan
    cdef Py_ssize_t lanes = TD_LANES_F, step = round_up(min(x.C, <Py_ssize_t> PANEL_C), lanes)
    call.blocks = max(1, ceil_div(x.n_blocks, MIN_PARTS))
    # Each part has a dw of its own: large filters make fewer parts.
    while call.blocks < x.n_blocks and ceil_div(x.n_blocks, call.blocks) * call.n_w * 4 > PART_BYTES:
        call.blocks *= 2
    call.n_parts = ceil_div(x.n_blocks, call.blocks)
    # One panel of O sums two blocks no faster than one.
    call.group = GROUP if call.dy_plan.C > 2 * lanes else 1
    # Padded rows, tiles of x of a group, tiles of dy, and the sums.
    return (round_up(max(x.slab, call.dy_plan.slab), LINE)
            + 36 * (call.group * (x.tiles * step + lanes) + x.tiles * 2 * lanes + lanes
                    + ceil_div(min(call.dy_plan.C, <Py_ssize_t> PANEL_O), 2 * lanes) * (step * 2 * lanes + lanes)))


def winograd_backward(x, dy, w, dx, dw, db, geometry, Map on_x, residual, Moments moments, int n_threads, /):
    """`conv_backward` for 3x3 filters: dx by F(4x4, 3x3), dw by F(3x3, 4x4); the arguments are its, float32 only.

    db needs dw.
    """
    check_team(n_threads)
    cdef WinogradBackward call
    memset(&call, 0, sizeof(call))
    cdef Geometry g = winograd_geometry(geometry)
    cdef td_epilogue *e = &call.on_dx.epilogue
    cdef int t = NPY_FLOAT32
    cdef Py_ssize_t x_size = g.N * g.C * g.H * g.W
    call.n_w = 9 * g.C * g.O
    read_map(on_x, &call.x.on_x, t, g.C)
    read_gradient(dy, &call.dy.dy, t, g.N * g.O * g.P * g.Q, g.O)
    read_moments(moments, &e.moments, t, g.N, g.C)
    if moments is not None and call.x.on_x.activation and call.x.on_x.scale == NULL:
        raise ValueError("winograd_backward: moments behind an activation need the scale and shift of on_x")
    if x is None and (dw is not None or moments is not None) or db is not None and dw is None:
        raise TypeError("winograd_backward: dw and moments need x, db needs dw")
    call.x.x = NULL if x is None else <float *> channels_last(x, "x", t, x_size)
    cdef float *w_data = NULL if dx is None else <float *> weight(w, "w", t, call.n_w)
    call.on_dx.source = call.dy
    call.on_dx.y = NULL if dx is None else <float *> channels_last(dx, "dx", t, x_size, True)
    call.dw = NULL if dw is None else <float *> weight(dw, "dw", t, call.n_w, True)
    call.db = NULL if db is None else <float *> data(db, "db", t, g.O, True)
    e.residual = NULL if residual is None else channels_last(residual, "residual", t, x_size)
    e.moments.saved_x, e.moments.mask = call.x.x, call.x.on_x
    # Without pixels every sum is empty.
    if g.N * g.P * g.Q == 0 or g.H * g.W == 0:
        for array in (dx, dw, db, None if moments is None else moments.sums):
            if array is not None:
                array[...] = 0
        return
    # The tiles of the weight gradient are those of the forward pass; dy's are 4x4 blocks at the same places.
    call.x_plan = plan_blocks(g.N, g.C, g.H, g.W, g.O, g.PH, g.PW, 1)
    call.dy_plan = call.x_plan
    call.dy_plan.C, call.dy_plan.H, call.dy_plan.W, call.dy_plan.PH, call.dy_plan.PW = g.O, g.P, g.Q, 0, 0
    call.dy_plan.border, call.dy_plan.slab = 0, 16 * call.x_plan.band * call.x_plan.TW * g.O
    # dx is a forward pass over dy with padding 2 - PH, 2 - PW and its filters reversed and transposed.
    call.dx_plan = plan_blocks(g.N, g.O, g.P, g.Q, g.C, 2 - g.PH, 2 - g.PW, MIN_BLOCKS)
    cdef Py_ssize_t parts = 0, filters = 0, sums = 0
    if dw is not None:
        call.per_thread = plan_parts(&call)
        parts = call.n_parts * (call.n_w + g.O)
    if dx is not None:
        call.per_thread = max(call.per_thread, block_scratch(&call.dx_plan))
        filters = round_up(36 * g.O * round_up(g.C, TD_LANES_F) + call.n_w, LINE)
        sums = 0 if moments is None else call.dx_plan.n_blocks * 2 * g.C
    call.per_thread = round_up(call.per_thread, LINE)
    # Scratch: transformed filters (behind them room for the nine taps transposed), a part a thread, dw and db of each
    # part, moments of bands.
    cdef Block scratch = Block((filters + n_threads * call.per_thread + parts + sums + LINE) * sizeof(float))
    cdef float *u = <float *> scratch.address
    call.threads = u + filters
    call.parts = call.threads + n_threads * call.per_thread
    call.band_sums = call.parts + parts
    if dx is not None:
        transform_filters_back(w_data, g.C, g.O, u, n_threads)
        call.on_dx.u = u
    backward_all(&call, n_threads)
