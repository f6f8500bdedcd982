"""Both gradients of a convolution in one pass over groups of images, so that padded copies of x and dy are made once.

dw sums outer products of their pixels, dx is the sum over taps of dy with the filters reversed and transposed (the
transpose A' of the convolution's matrix A). A task is a part of the batch. Its weight gradient is summed apart from
that of other parts and the parts are added in order, so the number of threads never changes a bit.

Geometry as in `forward`.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memcpy, memset
from tinydl._core.array cimport NPY_FLOAT32, channels_last, data, real
from tinydl._core.conv.filters cimport pack_backward, pack_products, panel_width
from tinydl._core.conv.geometry cimport ALIGN, Geometry, is_channelwise, multiplications, streams, unpack, weight
from tinydl._core.conv.grid cimport PRODUCT_BYTES, Grid, border_of, plan_grids, plan_products, product_width
from tinydl._core.conv.outer cimport add_outer, add_pixels
from tinydl._core.load cimport Window, load_gradient, load_image
from tinydl._core.memory cimport Block
from tinydl._core.move cimport gather_row
from tinydl._core.operands cimport (
    Map, Moments, gradient_type, read_gradient, read_map, read_moments, td_epilogue, td_epilogue_from_channel,
    td_epilogue_from_pixel, td_map, td_pending,
)
from tinydl._core.parallel cimport check_team
from tinydl._core.parts cimport combine
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.strip cimport channelwise_strip, strips, td_pixel_range, td_rectangle
from tinydl._core.vector cimport lanes_of, lanes_of_size, td_flush_denormals, td_restore_denormals

cdef enum:
    MIN_PARTS = 16          # parts of the batch, as long as there are so many images
    PART_BYTES = 10485760   # partial weight gradients of all parts
    MIN_WORK = 262144       # multiply-adds below which a region costs more than it gains
    PACK_WORK = 100000      # the same for filters that are packed
    PASS_PIXELS = 256       # pixels an outer tile sums over before it returns to memory

# How the batch is cut into parts, and what a thread copies.
cdef struct BackwardPlan:
    Geometry g
    bint wants_dx, wants_dw, wants_db
    Grid *grids
    Py_ssize_t n_grids
    Py_ssize_t *positions               # filter positions in the order of the grids' taps
    Py_ssize_t images, n_parts          # images of a part
    Py_ssize_t per_pass                 # images an outer tile sums over
    bint copies_x, copies_dy
    Window x, dy                        # the (copied) images
    Py_ssize_t x_image, dy_image        # elements of one
    Py_ssize_t products                 # elements of the row products in L2, 0 where dx is not made of them
    Py_ssize_t slab                     # elements of scratch a thread
    Py_ssize_t n_w

# One call: arrays of the whole batch, and where its scratch lies (in elements).
cdef struct BackwardCall:
    BackwardPlan plan
    const void *x
    const void *w
    td_pending dy
    td_map on_x
    td_epilogue on_dx
    void *dx
    void *dw
    void *db
    Py_ssize_t parts_at, slabs_at


# --- how the batch is cut into parts -------------------------------------------------------------------------------

cdef void plan_copies(BackwardPlan *plan, bint maps_x, bint deferred_dy, Py_ssize_t products) noexcept:
    """Which images are copied, and how far beyond their borders."""
    cdef Geometry *g = &plan.g
    cdef Py_ssize_t top = 0, bottom = 0, left = 0, right = 0
    # Only dw sums over x. Without padding and without a map it reads x where it lies.
    plan.copies_x = plan.wants_dw and (maps_x or g.PH > 0 or g.PW > 0)
    plan.x.H, plan.x.W, plan.x.C, plan.x.step = g.H, g.W, g.C, g.C
    plan.x.h0, plan.x.w0, plan.x.n_rows, plan.x.n_cols = 0, 0, g.H, g.W
    if plan.copies_x:
        # What the windows reach and no more: a stride may leave rows and columns at the end unread.
        plan.x.h0, plan.x.n_rows = -g.PH, (g.P - 1) * g.SH + (g.KH - 1) * g.DH + 1
        plan.x.w0, plan.x.n_cols = -g.PW, (g.Q - 1) * g.SW + (g.KW - 1) * g.DW + 1
    if plan.wants_dx:
        # Taps of dx reach beyond the borders of dy. Zeros there spare the tiles a test for every tap.
        border_of(g.H, g.P, g.KH, g.SH, g.PH, g.DH, &top, &bottom)
        if not products:
            # Row products are whole rows of dy; what reaches beyond them is left out as they are gathered.
            border_of(g.W, g.Q, g.KW, g.SW, g.PW, g.DW, &left, &right)
    plan.copies_dy = deferred_dy or top + bottom + left + right > 0
    plan.dy.H, plan.dy.W, plan.dy.C, plan.dy.step = g.P, g.Q, g.O, g.O
    plan.dy.h0, plan.dy.n_rows = -top, top + g.P + bottom
    plan.dy.w0, plan.dy.n_cols = -left, left + g.Q + right
    plan.x_image = plan.x.n_rows * plan.x.n_cols * g.C
    plan.dy_image = plan.dy.n_rows * plan.dy.n_cols * g.O


cdef void plan_backward(BackwardPlan *plan, bint maps_x, bint deferred_dy, bint plain_dx, Py_ssize_t itemsize) noexcept:
    """Complete the plan of plan.g; grids and positions have room. plain_dx: dx has no epilogue."""
    cdef Geometry *g = &plan.g
    cdef Py_ssize_t width = 0
    cdef bint sums = plan.wants_dw or plan.wants_db
    plan.n_w = g.KH * g.KW * (g.C // g.G) * g.O
    # Row products are gathered into dx behind the tiles, whose epilogue would see parts of sums.
    if plan.wants_dx and plain_dx:
        width = product_width(g, lanes_of_size(itemsize))
    plan_copies(plan, maps_x, deferred_dy, width)
    plan.products = plan.n_grids = 0
    if width:
        plan.products = g.Q * width * max(1, min(g.H, PRODUCT_BYTES // (g.Q * width * itemsize)))
        plan.n_grids = 1
        plan_products(g, &plan.dy, plan.grids, plan.positions, width)
    elif plan.wants_dx:
        plan.n_grids = plan_grids(g, &plan.dy, plan.grids, plan.positions, plan.positions + g.KH * g.KW)
    # Images of few pixels are summed several at a time, or a tile would load and store dw for a few terms.
    plan.per_pass = max(1, min(ceil_div(PASS_PIXELS, max(1, g.P * g.Q)), g.N)) if sums else 1
    # Whole passes, and nothing here asks for the number of threads: the order of every sum is that of the shape.
    plan.images = round_up(max(1, ceil_div(g.N, MIN_PARTS)), plan.per_pass)
    if sums:
        # Each part has a dw of its own, which is read again at the end: large filters make fewer parts.
        while plan.images < g.N and ceil_div(g.N, plan.images) * plan.n_w * itemsize > PART_BYTES:
            plan.images *= 2
    plan.n_parts = ceil_div(g.N, plan.images)
    plan.slab = plan.per_pass * (
        (plan.x_image if plan.copies_x else 0) + (plan.dy_image if plan.copies_dy else 0))
    # A line more than it needs: slabs of two threads share none.
    plan.slab = round_up(plan.slab, ALIGN // itemsize) + ALIGN // itemsize + plan.products


# --- one task ------------------------------------------------------------------------------------------------------

cdef void gather_products(const BackwardPlan *plan, const real *dy, const real *panels, real *dx,
                          real *products) noexcept nogil:
    """dx of an image as gathered row products, so many rows at a time as stay in L2; dy is its copy."""
    cdef const Geometry *g = &plan.g
    cdef td_rectangle band = plan.grids[0].pixels
    cdef td_epilogue nothing
    cdef Py_ssize_t h = 0, k
    memset(&nothing, 0, sizeof(nothing))
    while h < g.H:
        # A row of products is dst_row elements; plan.products holds a whole number of them.
        band.rows = min(plan.products // band.dst_row, g.H - h)
        strips(&band, dy + h * band.src_row, panels, products, band.dst_col, &nothing)
        for k in range(band.rows):
            gather_row(products + k * band.dst_row, band.dst_col, g.Q, g.KW, g.PW, dx + (h + k) * g.W * g.C, g.W, g.C)
        h = h + band.rows


cdef void sum_grids(const BackwardCall *call, Py_ssize_t n, const real *dy, const real *panels) noexcept nogil:
    """dx of image n, whose gradient `dy` is copied; every pixel of dx belongs to one grid."""
    cdef const BackwardPlan *plan = &call.plan
    cdef const Geometry *g = &plan.g
    cdef Py_ssize_t Cg = g.C // g.G, Og = g.O // g.G, width = panel_width(Cg, lanes_of[real](0)), k, group, at, taps
    cdef td_epilogue e, of_grid
    cdef const Grid *grid
    if call.on_dx.moments.out != NULL:
        memset(<real *> call.on_dx.moments.out + n * 2 * g.C, 0, 2 * g.C * sizeof(real))
    for k in range(plan.n_grids):
        grid = &plan.grids[k]
        # The grid's first pixel in image n of dx; the next lie SH*W*C and SW*C elements apart.
        at = n * g.H * g.W * g.C + grid.dst_origin
        # plan_grids may merge the taps of a filter row into one long run; K then counts their channels.
        taps = grid.pixels.n_taps * grid.pixels.K // Og
        of_grid = td_epilogue_from_pixel(call.on_dx, at * sizeof(real))
        if of_grid.moments.out != NULL:
            of_grid.moments.out = <real *> of_grid.moments.out + n * 2 * g.C
        if is_channelwise(g):
            channelwise_strip(&grid.pixels, dy, panels + grid.first_tap * g.C, <real *> call.dx + at, g.C, &of_grid)
            continue
        for group in range(g.G):
            e = td_epilogue_from_channel(of_grid, group * Cg * sizeof(real))
            # Panels lie as [grid][group][panel][tap, output channel][lanes]: skip the grids and groups before.
            strips(&grid.pixels, dy + group * Og, panels + (grid.first_tap * g.G + group * taps) * Og * width,
                   <real *> call.dx + at + group * Cg, Cg, &e)


cdef void backward_task(const BackwardCall *call, Py_ssize_t part, real *scratch, real *slab) noexcept nogil:
    """The images of a part: their weight gradient into the part's place in scratch, their dx."""
    cdef unsigned int saved = td_flush_denormals()
    cdef const BackwardPlan *plan = &call.plan
    cdef const Geometry *g = &plan.g
    cdef Py_ssize_t n = part * plan.images, last = min(g.N, n + plan.images), count, i
    cdef Py_ssize_t x_size = g.H * g.W * g.C, dy_size = g.P * g.Q * g.O
    cdef Py_ssize_t inside = (-plan.dy.h0 * plan.dy.n_cols - plan.dy.w0) * g.O  # from the border to the first pixel
    # A thread's slab: copies of x, copies of dy, then the row products at its end.
    cdef real *dy_slab = slab + (plan.per_pass * plan.x_image if plan.copies_x else 0)
    cdef real *products = slab + plan.slab - plan.products
    # The part's own sums: dw (KH, KW, C/G, O), and behind it db (O).
    cdef real *dw = scratch + call.parts_at + part * (plan.n_w + g.O)
    cdef real *db = dw + plan.n_w
    cdef const real *x
    cdef const real *dy
    cdef td_pixel_range pixels
    pixels.n_rows, pixels.n_cols = g.P, g.Q
    # From one output pixel to the next x steps by the stride and dy by a pixel of its copy.
    pixels.x_image, pixels.x_row, pixels.x_col = plan.x_image, g.SH * plan.x.n_cols * g.C, g.SW * g.C
    pixels.dy_image, pixels.dy_row, pixels.dy_col = plan.dy_image, plan.dy.n_cols * g.O, g.O
    if plan.wants_db:
        memset(db, 0, g.O * sizeof(real))
    while n < last:
        count = min(plan.per_pass, last - n)
        x, dy = <const real *> call.x + n * x_size, <const real *> call.dy.dz + n * dy_size
        if plan.copies_x:
            x = slab
            for i in range(count):
                load_image(<const real *> call.x + (n + i) * x_size, slab + i * plan.x_image, &plan.x, &call.on_x)
        if plan.copies_dy:
            dy = dy_slab
            for i in range(count):
                load_gradient(&call.dy, n + i, dy_slab + i * plan.dy_image, &plan.dy)
        if plan.wants_dw:
            pixels.n_images = count
            # The first pass of a part writes dw, later ones add to it: scratch needs no clearing.
            add_outer(g, &pixels, x, dy + inside, dw, n > part * plan.images)
        # db and dx follow while the copies of these images are in the cache.
        for i in range(count):
            if plan.wants_db:
                add_pixels(dy + i * plan.dy_image + inside, g.P, g.Q, plan.dy.n_cols * g.O, g.O, db)
            if plan.products:
                gather_products(plan, dy + i * plan.dy_image, scratch, <real *> call.dx + (n + i) * x_size, products)
            elif plan.wants_dx:
                sum_grids(call, n + i, dy + i * plan.dy_image, <const real *> scratch)
        n = n + count
    td_restore_denormals(saved)


# --- one call ------------------------------------------------------------------------------------------------------

cdef void pack_filters(const BackwardCall *call, real *panels, int n_threads) noexcept nogil:
    """Panels of all grids, or of the row products, at the begin of scratch; none without dx."""
    cdef const BackwardPlan *plan = &call.plan
    cdef const Geometry *g = &plan.g
    cdef Py_ssize_t lanes = lanes_of[real](0), Cg = g.C // g.G, Og = g.O // g.G, block, k, n_taps, tap
    cdef const Grid *grid
    if plan.products:
        pack_products(<const real *> call.w, panels, g, plan.grids[0].pixels.dst_col)
        return
    for k in range(plan.n_grids):
        grid = &plan.grids[k]
        n_taps = grid.pixels.n_taps * grid.pixels.K // Og
        if is_channelwise(g):
            # The filters in the order in which the grid visits them. Taps that reach no pixel are in no grid.
            for tap in range(grid.first_tap, grid.first_tap + n_taps):
                memcpy(panels + tap * g.C, <const real *> call.w + plan.positions[tap] * g.C, g.C * sizeof(real))
            continue
        # A panel is a task. Packing moves elements and sums none: it may be split in any way.
        for block in prange(g.G * ceil_div(Cg, 2 * lanes), num_threads=n_threads, schedule="static",
                            use_threads_if=n_taps * Og * g.C > PACK_WORK):
            pack_backward(<const real *> call.w, panels + grid.first_tap * g.G * Og * panel_width(Cg, lanes), g,
                          plan.positions + grid.first_tap, n_taps, block)


cdef void backward_all(const BackwardCall *call, real *scratch, int n_threads) noexcept nogil:
    cdef const BackwardPlan *plan = &call.plan
    cdef Py_ssize_t part, O = plan.g.O, stride = plan.n_w + O
    cdef const real *parts = scratch + call.parts_at
    # An empty batch: its sums are 0, and dx has no elements.
    if plan.n_parts == 0:
        if plan.wants_dw:
            memset(call.dw, 0, plan.n_w * sizeof(real))
        if plan.wants_db:
            memset(call.db, 0, O * sizeof(real))
        return
    pack_filters(call, scratch, n_threads)
    # dynamic: who takes a part decides which slab it uses, not the order of any sum.
    for part in prange(plan.n_parts, num_threads=n_threads, schedule="dynamic",
                       use_threads_if=plan.n_parts > 1 and multiplications(&plan.g) > MIN_WORK):
        backward_task(call, part, scratch, scratch + call.slabs_at + threadid() * plan.slab)
    if plan.wants_dw:
        combine(parts, <real *> call.dw, plan.n_parts, stride, plan.n_w, n_threads)
    if plan.wants_db:
        combine(parts + plan.n_w, <real *> call.db, plan.n_parts, stride, O, 1)


def conv_backward(x, dy, w, dx, dw, db, geometry, Map on_x, residual, Moments moments, int n_threads, /):
    """Both gradients of a convolution in one pass over the images.

    x : IN (N, C, H, W) as `conv_forward` read it through `on_x`; None if dw and moments are.  dy : IN (N, O, P, Q), or
    the `Pending` that gives it.  w : IN (O, C/G, KH, KW), None if dx is None.  dx : OUT as x, the gradient at `on_x` of
    x, or None.  dw : OUT as w and db : OUT (O,), or None.  residual : IN as dx, added to it, or None.  moments : None,
    or for each image the sums of dx' and dx' * (x - about) OUT, dx' being dx times the derivative of on_x's
    activation: what the batch norm before x needs.
    """
    check_team(n_threads)
    cdef BackwardCall call
    cdef BackwardPlan *plan = &call.plan
    cdef Geometry *g = &plan.g
    memset(&call, 0, sizeof(call))
    g[0] = unpack(geometry)
    cdef int t = gradient_type(dy)
    cdef Py_ssize_t itemsize = 4 if t == NPY_FLOAT32 else 8, lanes = lanes_of_size(itemsize)
    cdef Py_ssize_t n_w = g.KH * g.KW * (g.C // g.G) * g.O, x_size = g.N * g.C * g.H * g.W
    plan.wants_dx, plan.wants_dw, plan.wants_db = dx is not None, dw is not None, db is not None
    call.x = NULL if x is None else channels_last(x, "x", t, x_size)
    read_gradient(dy, &call.dy, t, g.N * g.O * g.P * g.Q, g.O)
    if dx is not None:
        call.w = weight(w, "w", t, n_w)
        call.dx = channels_last(dx, "dx", t, x_size, True)
    call.dw = NULL if dw is None else weight(dw, "dw", t, n_w, True)
    call.db = NULL if db is None else data(db, "db", t, g.O, True)
    call.on_dx.residual = NULL if residual is None else channels_last(residual, "residual", t, x_size)
    read_map(on_x, &call.on_x, t, g.C)
    read_moments(moments, &call.on_dx.moments, t, g.N, g.C)
    call.on_dx.moments.saved_x, call.on_dx.moments.mask = call.x, call.on_x
    if moments is not None and call.on_x.activation and call.on_x.scale == NULL:
        raise ValueError("conv_backward: moments behind an activation need the scale and shift of on_x")
    if x is None and (dw is not None or moments is not None):
        raise TypeError("conv_backward: dw and moments need x")
    call.on_dx.stream = streams(call.dx, x_size, g.C // g.G, itemsize)
    # Positions and offsets of all taps; a tap belongs to one grid.
    cdef Block taps = Block(2 * (g.KH * g.KW + 1) * sizeof(Py_ssize_t))
    cdef Block grids = Block(min(g.SH, g.H + 1) * min(g.SW, g.W + 1) * sizeof(Grid))
    plan.positions, plan.grids = <Py_ssize_t *> taps.address, <Grid *> grids.address
    plan_backward(plan, call.on_x.scale != NULL or call.on_x.activation, call.dy.y != NULL,
                  moments is None and residual is None, itemsize)
    # Scratch: panels of filters, then dw and db of each part, then a slab a thread.
    if dx is not None:
        call.parts_at = round_up(g.KH * g.KW * g.O * panel_width(g.C // g.G, lanes), lanes)
    call.slabs_at = call.parts_at
    if plan.wants_dw or plan.wants_db:
        call.slabs_at += round_up(plan.n_parts * (n_w + g.O), lanes)
    cdef Block scratch = Block((call.slabs_at + n_threads * plan.slab + 1) * itemsize)
    if t == NPY_FLOAT32:
        backward_all(&call, <float *> scratch.address, n_threads)
    else:
        backward_all(&call, <double *> scratch.address, n_threads)


def conv_backward_input(dy, w, dx, geometry, int n_threads, /):
    """dx (N, C, H, W) OUT = A' dy: the transposed convolution of dy with w IN (O, C/G, KH, KW).

    dy : IN (N, O, P, Q) or `Pending`.
    """
    conv_backward(None, dy, w, dx, None, None, geometry, None, None, None, n_threads)


def conv_backward_weight(x, dy, dw, db, geometry, Map on_x, int n_threads, /):
    """dw[o,c,kh,kw] OUT = sum over n,p,q of dy[n,o,p,q] * z[n, c, p*SH - PH + kh*DH, q*SW - PW + kw*DW].

    db : OUT (O,) = the sum of dy over n, p, q, or None.  x IN, on_x and z as in `conv_forward`; dy as in
    `conv_backward`.
    """
    conv_backward(x, dy, None, None, dw, db, geometry, on_x, None, None, n_threads)
