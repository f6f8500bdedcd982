"""Batch norm backward: the sums over a channel that its gradient needs, and the gradient as a map per channel.

The rounding rule is that of `batchnorm`. Sums about the true mean are not made: they are made about the centre of the
forward map, which the type of x holds exactly, and moved to the mean in float64.
"""

from cython.parallel cimport prange, threadid
from libc.string cimport memset
from tinydl._core.activations cimport activation_of, td_activation
from tinydl._core.array cimport NPY_FLOAT32, NPY_FLOAT64, channels_last, data, float_type, real
from tinydl._core.channels cimport fold, gradient, gradient_sums, mapped, td_reduction, td_stretch
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport TD_LEAK, Pending, read_gradient, td_pending
from tinydl._core.parallel cimport check_team
from tinydl._core.rows cimport RowPlan, combine, partial_sums, plan_rows, repeat_map, repeated
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

from tinydl._core.memory import scratch

# --- sums ------------------------------------------------------------------------------------------------------------

cdef struct ReduceCall:
    RowPlan p
    td_reduction r      # its vectors along a period
    void *masked        # where dz' goes, or NULL; it may be dz
    # Of an activation that readers do not apply as they load
    const td_activation *activation     # or NULL
    int double_loops                    # 1: of float64
    void *values                        # scratch: a piece a thread


cdef void reduce_pieces(real *s, const ReduceCall *call, Py_ssize_t first, Py_ssize_t n, int thread) noexcept nogil:
    """The two sums of n elements from `first` on, and dz'.

    Pieces of dz' are computed, and summed while they are in L1: sums read four periods at once, and with y and dz'
    beside x and dz those are more streams than prefetchers follow.
    """
    cdef const RowPlan *p = &call.p
    cdef const td_activation *f = call.activation
    cdef double parameter = call.r.dy.mask.parameter
    cdef real *values = <real *> call.values + thread * p.piece
    cdef real *masked = <real *> call.masked
    cdef const real *dz = <const real *> call.r.dy.dz
    cdef const real *y = <const real *> call.r.dy.y
    cdef Py_ssize_t end = first + n, m
    cdef td_pending dy = call.r.dy
    cdef td_reduction sums = call.r
    sums.dy.dz, sums.dy.y = masked, NULL
    while first < end:
        m = min(p.piece, end - first)
        if f == NULL:
            dy.dz = dz + first
            if y != NULL:
                dy.y = y + first
            gradient(&dy, masked + first, m, p.L, td_stretch(p.C, p.size))
        else:
            mapped(<const real *> call.r.x + first, &call.r.dy.mask, values, m, p.L)
            if f.gradient_reads_y:
                f.value[call.double_loops](values, NULL, values, m, parameter)
            f.gradient[call.double_loops](values, dz + first, masked + first, m, parameter)
        gradient_sums(&sums, first, s, m, p.L)
        first += m


cdef void reduce_task(real *groups, const ReduceCall *call, Py_ssize_t g, int thread) noexcept nogil:
    """The two sums of group g, and dz' where it is wanted."""
    cdef unsigned int saved = td_flush_denormals()
    cdef const RowPlan *p = &call.p
    cdef real *s = groups + 2 * p.L * g
    # Groups are whole periods of the repeated vectors: each begins with channel 0.
    cdef Py_ssize_t first = g * p.group, n = min(p.group, p.n - first)
    memset(s, 0, 2 * p.L * sizeof(real))
    if call.masked == NULL:
        gradient_sums(&call.r, first, s, n, p.L)
    else:
        reduce_pieces(s, call, first, n, thread)
    fold(s, p.C, p.L)
    fold(s + p.L, p.C, p.L)
    td_restore_denormals(saved)


cdef void reduce_all(real *groups, const ReduceCall *call, double *sums, int n_threads) noexcept nogil:
    """The sums (2, C) of all rows; `groups` (n_groups, 2, L) is scratch."""
    cdef const RowPlan *p = &call.p
    cdef Py_ssize_t g
    # A group is a task; combine adds them in float64, in the order of their index.
    for g in prange(p.n_groups, num_threads=n_threads, schedule="static", use_threads_if=p.n_groups > 1):
        reduce_task(groups, call, g, threadid())
    combine(<const real *> groups, p.n_groups, 2 * p.L, p.L, p.C, sums)


def backward_reduce(dy, x, about, sums, masked, int n_threads, /):
    """sums = sum of dz' and of dz' * (x - about) per channel, the two that the gradient of batch norm needs.

    dy : IN (N, C, *spatial), which is dz' itself, or a `Pending` without a, b, c: dz' is then dz times the derivative
    of its mask's activation. A mask with scale reads x; one without, of ReLU or leaky ReLU, reads the sign of its y,
    the result behind a residual sum.  x : IN as dy.  about : IN (C,).  sums : OUT (1, 2, C) float64.
    masked : OUT as x, dz', or None; may be dz. It is needed for the activations that readers do not apply as they load.
    """
    check_team(n_threads)
    cdef ReduceCall call
    cdef RowPlan *p = &call.p
    cdef td_reduction *r = &call.r
    cdef int t = plan_rows(x, "x", p)
    cdef Py_ssize_t G, C
    r.x = channels_last(x, "x", t, p.n)
    read_gradient(dy, &r.dy, t, p.n, p.C, True)
    if r.dy.a != NULL:
        raise ValueError("backward_reduce: dy still has a map a, b, c; compute it with backward_apply first")
    if r.dy.mask.scale != NULL and r.dy.y != r.x:
        raise ValueError("backward_reduce: the mask's map reads another array than x")
    cdef void *about_data = data(about, "about", t, p.C)
    cdef double *to_sums = <double *> partial_sums(sums, NPY_FLOAT64, &G, &C)
    if G != 1 or C != p.C or not sums.flags.writeable:
        raise ValueError(f"sums: expected a writeable array (1, 2, {p.C}), got shape {sums.shape}")
    call.masked = NULL if masked is None else channels_last(masked, "masked", t, p.n, True)
    call.activation, call.double_loops = NULL, t != NPY_FLOAT32
    if r.dy.mask.activation > TD_LEAK:
        call.activation = activation_of(r.dy.mask.activation)
        if call.masked == NULL or r.dy.mask.scale == NULL:
            raise ValueError(f"backward_reduce: a mask with {dy.mask.activation} needs scale and shift, and `masked`")
    # Scratch: `about` and the mask's three vectors along a period, a piece a thread, two sums along a period for each
    # group.
    cdef Py_ssize_t pieces = n_threads * p.piece if call.activation != NULL else 0
    cdef Block block = scratch((p.L * (4 + 2 * p.n_groups) + pieces) * p.size)
    cdef char *at = <char *> block.address
    cdef bint at_centre = r.dy.mask.scale != NULL and about_data == r.dy.mask.centre
    repeat_map(&r.dy.mask, &at, p)
    r.about = r.dy.mask.centre if at_centre else repeated(about_data, &at, p)
    call.values = at
    at += pieces * p.size
    with nogil:
        if t == NPY_FLOAT32:
            reduce_all(<float *> at, &call, to_sums, n_threads)
        else:
            reduce_all(<double *> at, &call, to_sums, n_threads)


# --- the map ---------------------------------------------------------------------------------------------------------

cdef struct GradientMapCall:
    Py_ssize_t C, rows
    const double *total    # (2, C): sums about the centre
    const double *mean
    const double *rstd
    bint training
    const void *weight     # or NULL
    const void *centre
    void *dweight          # or NULL
    void *dbias            # or NULL
    void *b
    void *c


cdef void make_gradient_map(real *a, const GradientMapCall *call) noexcept nogil:
    cdef const real *weight = <const real *> call.weight
    cdef const real *centre = <const real *> call.centre
    cdef Py_ssize_t k
    cdef double r, off, s1, s2, ka, kb
    for k in range(call.C):
        # In float64 up to the vectors of the map: `off`, what rounding took off the mean, is below the precision of x.
        r, off, s1 = call.rstd[k], call.mean[k] - centre[k], call.total[k]
        s2 = call.total[call.C + k] - off * s1
        ka = r if weight == NULL else r * weight[k]
        kb = -ka * r * r * s2 / call.rows if call.training and call.rows else 0
        if call.dweight != NULL:
            (<real *> call.dweight)[k] = <real> (r * s2)
        if call.dbias != NULL:
            (<real *> call.dbias)[k] = <real> s1
        a[k] = <real> ka
        (<real *> call.b)[k] = <real> kb
        # The map reads x - centre in place of x - mean: -kb * off makes up for it.
        (<real *> call.c)[k] = <real> (-ka * s1 / call.rows - kb * off if call.training and call.rows else 0)


def gradient_map(sums, Py_ssize_t rows, mean, rstd, weight, bint training, dweight, dbias, Pending dy not None, /):
    """The gradient of batch norm as the map a dz' + b (x - centre) + c of what it gets and of its input.

    With S1, S2 the sums of dz' and dz' (x - mean) over M = `rows` values: dbias = S1, dweight = rstd S2,
    a = weight rstd and, in training, b = -a rstd^2 S2 / M, c = -a S1 / M - b (mean - centre); b = c = 0 in evaluation.
    S2 is the given sum about the centre less (mean - centre) S1.

    sums : IN (G, 2, C) of either type, over group g the sums of dz' and dz' (x - centre).  mean, rstd : IN (C,)
    float64.  weight : IN (C,) or None for 1.  dweight, dbias : OUT (C,) or None.  dy : OUT a, b and c (C,), IN the
    centre of its mask.
    """
    cdef GradientMapCall call
    cdef int t = float_type(dy.a, "a"), t_sums = float_type(sums, "sums")
    cdef Py_ssize_t G
    cdef void *groups = partial_sums(sums, t_sums, &G, &call.C)
    cdef Py_ssize_t C = call.C
    call.rows, call.training = rows, training
    call.mean = <const double *> data(mean, "mean", NPY_FLOAT64, C)
    call.rstd = <const double *> data(rstd, "rstd", NPY_FLOAT64, C)
    call.weight = NULL if weight is None else data(weight, "weight", t, C)
    call.dweight = NULL if dweight is None else data(dweight, "dweight", t, C, True)
    call.dbias = NULL if dbias is None else data(dbias, "dbias", t, C, True)
    call.centre = data(dy.mask.centre, "centre", t, C)
    cdef void *a = data(dy.a, "a", t, C, True)
    call.b = data(dy.b, "b", t, C, True)
    call.c = data(dy.c, "c", t, C, True)
    cdef Block block = scratch(2 * C * sizeof(double))
    call.total = <double *> block.address
    # backward_reduce gives float64; a convolution that summed on the way gives the type of its arrays.
    if t_sums == NPY_FLOAT32:
        combine(<const float *> groups, G, 2 * C, C, C, <double *> block.address)
    else:
        combine(<const double *> groups, G, 2 * C, C, C, <double *> block.address)
    if t == NPY_FLOAT32:
        make_gradient_map(<float *> a, &call)
    else:
        make_gradient_map(<double *> a, &call)


# --- the gradient ----------------------------------------------------------------------------------------------------

cdef struct ApplyCall:
    RowPlan p
    td_pending dy


cdef void apply_task(real *dx, const ApplyCall *call, Py_ssize_t task) noexcept nogil:
    """A chunk of dx. It may overwrite dz or y: every element is read before it is written."""
    cdef unsigned int saved = td_flush_denormals()
    cdef const RowPlan *p = &call.p
    cdef Py_ssize_t i = task * p.chunk, n = min(p.chunk, p.n - i)
    cdef td_pending dy = call.dy
    dy.dz = <const real *> dy.dz + i
    if dy.y != NULL:
        dy.y = <const real *> dy.y + i
    gradient(&dy, dx + i, n, p.L, td_stretch(p.C, p.size))
    td_restore_denormals(saved)


cdef void apply_all(real *dx, const ApplyCall *call, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_tasks = (call.p.n + call.p.chunk - 1) // call.p.chunk, task
    for task in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        apply_task(dx, call, task)


def backward_apply(Pending dy not None, dx, int n_threads, /):
    """dx = a dz' + b (y - centre) + c, the gradient that waits; dz' alone where there are no a, b, c.

    dy : IN, its arrays (N, C, *spatial) and (C,).  dx : OUT as dy.dz; may be dy.dz or dy.y.
    """
    check_team(n_threads)
    cdef ApplyCall call
    cdef RowPlan *p = &call.p
    cdef int t = plan_rows(dy.dz, "dz", p)
    cdef void *dx_data = channels_last(dx, "dx", t, p.n, True)
    read_gradient(dy, &call.dy, t, p.n, p.C)
    # Up to six vectors along a period: three of the mask, then a, b and c.
    cdef Block block = scratch(6 * p.L * p.size)
    cdef char *at = <char *> block.address
    repeat_map(&call.dy.mask, &at, p)
    if call.dy.a != NULL:
        call.dy.a, call.dy.b = repeated(call.dy.a, &at, p), repeated(call.dy.b, &at, p)
        call.dy.c = repeated(call.dy.c, &at, p)
    with nogil:
        if t == NPY_FLOAT32:
            apply_all(<float *> dx_data, &call, n_threads)
        else:
            apply_all(<double *> dx_data, &call, n_threads)
