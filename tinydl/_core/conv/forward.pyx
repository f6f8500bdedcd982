"""Convolution forward over channels-last images.

An output pixel is a sum over taps of input elements times panels of filters, which the register tiles of `strip`
compute. Nothing is written out as a matrix. A task is a band of an image's rows: it copies the input rows it reads,
zero padded, into scratch that stays in L2, and applies on the way the map that a batch norm or ReLU left to its reader.
How images are cut into bands is a rule of the shape alone, so the number of threads never changes a bit.

Geometry everywhere: (N, C, H, W, O, KH, KW, SH, SW, PH, PW, DH, DW, G, P, Q).
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memset
from tinydl._core.array cimport NPY_FLOAT32, channels_last, data, float_type, real
from tinydl._core.conv.filters cimport pack_bias, pack_forward, panel_width
from tinydl._core.conv.geometry cimport ALIGN, Geometry, is_channelwise, multiplications, streams, unpack, weight
from tinydl._core.load cimport Window, load_image
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport (
    Map, Moments, read_map, read_moments, td_at, td_epilogue_from_channel, td_epilogue_from_pixel,
)
from tinydl._core.parallel cimport check_team
from tinydl._core.parts cimport combine_images
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.strip cimport channelwise_strip, strips
from tinydl._core.vector cimport lanes_of, lanes_of_size, td_flush_denormals, td_restore_denormals

cdef enum:
    SLAB_BYTES = 393216     # padded rows of one task: with the filters they must stay in a 1 MB L2
    MIN_TASKS = 16          # fewer images than this are cut into bands of rows
    MIN_WORK = 262144       # multiply-adds below which a region costs more than it gains

# One call: how it is cut, what it reads and writes, and where its scratch lies (in elements).
cdef struct ForwardCall:
    ForwardPlan plan
    BandOperands operands
    const void *w
    const void *bias
    void *sums                      # (N, 2, O) OUT or NULL
    Py_ssize_t bias_at, slabs_at, sums_at


# --- how images are cut into bands ---------------------------------------------------------------------------------

cdef void plan_forward(ForwardPlan *plan, Py_ssize_t *taps, bint maps, Py_ssize_t itemsize,
                       Py_ssize_t min_tasks) noexcept:
    """Complete the plan of plan.g; `taps` has room for KH*KW offsets and lives as long as the plan.

    maps : whether input passes a map, which needs a copy even where there is no padding.
    """
    cdef Geometry *g = &plan.g
    cdef Py_ssize_t kh, kw, bands = 1, most = g.P if g.P > 1 else g.Q, in_rows, in_cols
    plan.copies = maps or g.PH > 0 or g.PW > 0
    while True:
        # Signals (P = 1) are cut along their length, images into bands of rows.
        plan.band_rows = ceil_div(g.P, bands) if g.P > 1 else g.P
        # Whole runs of four pixels, which the tiles like best.
        plan.band_cols = g.Q if g.P > 1 else round_up(ceil_div(g.Q, bands), 4)
        in_rows = (plan.band_rows - 1) * g.SH + (g.KH - 1) * g.DH + 1
        in_cols = (plan.band_cols - 1) * g.SW + (g.KW - 1) * g.DW + 1
        # More bands until there are enough tasks and the rows of one fit into L2, at most down to single rows.
        if bands >= most or (g.N * bands >= min_tasks and in_rows * in_cols * g.C * itemsize <= SLAB_BYTES):
            break
        bands += 1
    plan.n_row_bands = ceil_div(g.P, plan.band_rows) if g.P else 0
    plan.n_col_bands = ceil_div(g.Q, plan.band_cols) if g.Q else 0
    # From one input row to the next: in the slab, or in the image itself.
    plan.row_elements = in_cols * g.C if plan.copies else g.W * g.C
    plan.slab = 0
    if plan.copies:
        # A line more than it needs: slabs of two threads share none.
        plan.slab = round_up(in_rows * in_cols * g.C, ALIGN // itemsize) + ALIGN // itemsize
    plan.pixels.src_row, plan.pixels.src_col = g.SH * plan.row_elements, g.SW * g.C
    plan.pixels.dst_row, plan.pixels.dst_col = g.Q * g.O, g.O
    plan.pixels.taps = taps
    if g.DW == 1 and g.G == 1:
        # The taps of a filter row are contiguous: KW*C elements from the first on.
        plan.pixels.n_taps, plan.pixels.K = g.KH, g.KW * g.C
        for kh in range(g.KH):
            taps[kh] = kh * g.DH * plan.row_elements
    else:
        # Dilation or groups leave gaps between the taps of a row: each tap is a run of its group's channels.
        plan.pixels.n_taps, plan.pixels.K = g.KH * g.KW, g.C // g.G
        for kh in range(g.KH):
            for kw in range(g.KW):
                taps[kh * g.KW + kw] = kh * g.DH * plan.row_elements + kw * g.DW * g.C


# --- one task ------------------------------------------------------------------------------------------------------

cdef void forward_band(const ForwardPlan *plan, const BandOperands *b, Py_ssize_t band, Py_ssize_t o, Py_ssize_t n,
                       real *slab) noexcept nogil:
    """Output channels o .. o + n - 1 of every group for band number `band` of those of all images."""
    cdef const Geometry *g = &plan.g
    cdef Py_ssize_t bands = plan.n_row_bands * plan.n_col_bands, image = band // bands
    # Bands are numbered image by image, row by row: this one begins at y[image, p0, q0].
    cdef Py_ssize_t p0 = band % bands // plan.n_col_bands * plan.band_rows
    cdef Py_ssize_t q0 = band % plan.n_col_bands * plan.band_cols
    cdef Py_ssize_t at = ((image * g.P + p0) * g.Q + q0) * g.O, Cg = g.C // g.G, Og = g.O // g.G, group, channel
    cdef Py_ssize_t width = panel_width(Og, lanes_of[real](0)), rows = plan.pixels.n_taps * plan.pixels.K
    cdef td_rectangle pixels = plan.pixels
    cdef td_epilogue of_band = td_epilogue_from_pixel(b.epilogue, at * sizeof(real)), e
    cdef Window w
    cdef const real *src = slab
    pixels.rows, pixels.cols = min(plan.band_rows, g.P - p0), min(plan.band_cols, g.Q - q0)
    if plan.copies:
        # Padding is written out as zeros once, instead of a test at every tap.
        w.H, w.W, w.C, w.step = g.H, g.W, g.C, g.C
        w.h0, w.n_rows = p0 * g.SH - g.PH, (pixels.rows - 1) * g.SH + (g.KH - 1) * g.DH + 1
        w.w0, w.n_cols = q0 * g.SW - g.PW, plan.row_elements // g.C
        load_image(<const real *> b.x + image * g.H * g.W * g.C, slab, &w, &b.on_x)
    else:
        src = <const real *> b.x + ((image * g.H + p0 * g.SH) * g.W + q0 * g.SW) * g.C
    if of_band.moments.out != NULL:
        of_band.moments.out = <real *> of_band.moments.out + band * 2 * g.O
    if is_channelwise(g):
        channelwise_strip(&pixels, src, <const real *> b.panels, <real *> b.y + at, g.C, &of_band)
        return
    for group in range(g.G):
        channel = group * Og + o
        e = td_epilogue_from_channel(of_band, channel * sizeof(real))
        # Unlike all else that has channels the bias is padded, group by group.
        e.bias = td_at(b.epilogue.bias, (group * width + o) * sizeof(real))
        strips(&pixels, src + group * Cg, <const real *> b.panels + rows * (group * width + o),
               <real *> b.y + at + channel, n, &e)


cdef void forward_task(const ForwardPlan *plan, const BandOperands *b, Py_ssize_t band, real *slab) noexcept nogil:
    """All channels of a band. Its moments are its own, and cleared first, for tiles add to them."""
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t O = plan.g.O
    if b.epilogue.moments.out != NULL:
        memset(<real *> b.epilogue.moments.out + band * 2 * O, 0, 2 * O * sizeof(real))
    forward_band(plan, b, band, 0, O // plan.g.G, slab)
    td_restore_denormals(saved)


# --- one call ------------------------------------------------------------------------------------------------------

cdef void forward_all(ForwardCall *call, real *scratch, int n_threads) noexcept nogil:
    cdef ForwardPlan *plan = &call.plan
    cdef Geometry *g = &plan.g
    cdef BandOperands *b = &call.operands
    cdef Py_ssize_t bands = plan.n_row_bands * plan.n_col_bands, n_tasks = g.N * bands, task, block
    if n_tasks == 0:
        if call.sums != NULL:
            memset(call.sums, 0, g.N * 2 * g.O * sizeof(real))
        return
    b.panels, b.epilogue.bias = call.w, call.bias   # as depthwise convolution reads them
    if call.bias != NULL and not is_channelwise(g):
        pack_bias(<const real *> call.bias, scratch + call.bias_at, g)
        b.epilogue.bias = scratch + call.bias_at
    if not is_channelwise(g):
        for block in range(g.G * ceil_div(g.O // g.G, 2 * lanes_of[real](0))):
            pack_forward(<const real *> call.w, scratch, g, block)
        b.panels = scratch
    if call.sums != NULL:
        # Bands of one image are summed apart, whoever computes them.
        b.epilogue.moments.out = call.sums if bands == 1 else <void *> (scratch + call.sums_at)
    # dynamic: who takes a band decides which slab it uses, not the order of any sum.
    for task in prange(n_tasks, num_threads=n_threads, schedule="dynamic",
                       use_threads_if=n_tasks > 1 and multiplications(g) > MIN_WORK):
        forward_task(plan, b, task, scratch + call.slabs_at + threadid() * plan.slab)
    if call.sums != NULL and bands > 1:
        combine_images(scratch + call.sums_at, <real *> call.sums, g.N, bands, 2 * g.O)


def conv_forward(x, w, bias, y, geometry, Map on_x, Moments moments, int n_threads, /):
    """y[n,o,p,q] = bias[o] + sum over c,kh,kw of z[n, c, p*SH - PH + kh*DH, q*SW - PW + kw*DW] * w[o,c,kh,kw].

    x : IN (N, C, H, W) channels-last; z is x, or `on_x` of it. Padding stays zero.
    w : IN (O, C/G, KH, KW) over (KH, KW, C/G, O).  bias : IN (O,) or None.  y : OUT (N, O, P, Q) channels-last.
    moments : None, or for each image the sums of (y - about) and (y - about)^2 OUT, which batch-norm statistics are
    combined from.
    """
    check_team(n_threads)
    cdef ForwardCall call
    cdef BandOperands *b = &call.operands
    cdef Geometry *g = &call.plan.g
    memset(&call, 0, sizeof(call))
    g[0] = unpack(geometry)
    cdef int t = float_type(y, "y")
    cdef Py_ssize_t itemsize = 4 if t == NPY_FLOAT32 else 8, y_size = g.N * g.O * g.P * g.Q
    cdef Py_ssize_t n_w = g.KH * g.KW * (g.C // g.G) * g.O
    b.x, call.w = channels_last(x, "x", t, g.N * g.C * g.H * g.W), weight(w, "w", t, n_w)
    b.y = channels_last(y, "y", t, y_size, True)
    call.bias = NULL if bias is None else data(bias, "bias", t, g.O)
    read_map(on_x, &b.on_x, t, g.C)
    read_moments(moments, &b.epilogue.moments, t, g.N, g.O)
    call.sums = b.epilogue.moments.out
    b.epilogue.stream = streams(b.y, y_size, g.O // g.G, itemsize)
    cdef Block taps = Block((g.KH * g.KW + 1) * sizeof(Py_ssize_t))
    plan_forward(&call.plan, <Py_ssize_t *> taps.address, b.on_x.scale != NULL or b.on_x.activation, itemsize,
                 MIN_TASKS)
    cdef Py_ssize_t lanes = lanes_of_size(itemsize), width = g.G * panel_width(g.O // g.G, lanes)
    cdef Py_ssize_t bands = call.plan.n_row_bands * call.plan.n_col_bands
    # Scratch: panels of filters, the padded bias, a slab a thread, moments of bands.
    call.bias_at = round_up(g.KH * g.KW * (g.C // g.G) * width, lanes)
    call.slabs_at = call.bias_at + width
    call.sums_at = call.slabs_at + n_threads * call.plan.slab
    cdef Py_ssize_t size = call.sums_at + (g.N * bands * 2 * g.O if call.sums != NULL and bands > 1 else 0)
    cdef Block scratch = Block((size + 1) * itemsize)
    if t == NPY_FLOAT32:
        forward_all(&call, <float *> scratch.address, n_threads)
    else:
        forward_all(&call, <double *> scratch.address, n_threads)
