"""Batch norm forward: statistics per channel, the map they lead to, and the affine map itself.

Activations are (N, C, *spatial), channels last in memory: M = N * prod(spatial) rows of C channels. One rounding rule
serves all: sums run over groups of rows in the type of x, of at most 1024 values to an accumulator, and the groups,
whose number depends on the shape only, are combined in float64 in the order of their index. What is computed per
channel (mean, variance and what follows from them) stays in float64 until it becomes the vectors of a map.
"""

from cython.parallel cimport prange
from libc.math cimport NAN, isfinite, sqrt
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy, memset
from tinydl._core.activations cimport activation_of, td_element_loop
from tinydl._core.array cimport NPY_FLOAT32, NPY_FLOAT64, channels_last, data, float_type, real
from tinydl._core.channels cimport TD_MOST, affine, fold, repeat, td_residual_sum, td_stretch
from tinydl._core.channels cimport moments as sum_moments
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport TD_LEAK, Map, Moments, read_map
from tinydl._core.parallel cimport check_team
from tinydl._core.rows cimport (
    RETAKES,
    RowPlan,
    combine,
    keeps_digits,
    nearer_about,
    partial_sums,
    plan_rows,
    repeat_map,
)
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

from tinydl._core.memory import scratch

cdef enum:
    # Beside x, results of this size leave no cache for anything else; stored as usual, maps of 128 and more channels,
    # whose constants are loaded for each vector, took up to a third longer.
    STREAM_BYTES = 8388608

# --- statistics ------------------------------------------------------------------------------------------------------

cdef struct Statistics:
    RowPlan p
    const void *given      # (n_given, 2, C): sums that another kernel made about `about`, or NULL
    Py_ssize_t n_given
    void *about            # (C), a copy that `settle` moves
    void *repeated_about   # (L)
    void *sums             # (n_groups, 2, L)
    double *total          # (2, C)
    char *unsettled        # (C)
    double *mean           # (C)
    double *var            # (C)


cdef void moments_task(const real *x, const Statistics *s, Py_ssize_t g) noexcept nogil:
    """The two sums of group g about s.about, in L accumulators each, folded to C."""
    cdef unsigned int saved = td_flush_denormals()
    cdef const RowPlan *p = &s.p
    cdef real *sums = <real *> s.sums + 2 * p.L * g
    cdef Py_ssize_t n = min(p.group, p.n - g * p.group)
    memset(sums, 0, 2 * p.L * sizeof(real))
    sum_moments(x + g * p.group, <const real *> s.repeated_about, sums, sums + p.L, n, p.L)
    fold(sums, p.C, p.L)
    fold(sums + p.L, p.C, p.L)
    td_restore_denormals(saved)


cdef Py_ssize_t settle(const real *x, Statistics *s) noexcept nogil:
    """Mean and variance of the unsettled channels from their totals; how many have to be summed again.

    A channel is settled when its sums kept their digits, or when the type of x has no better `about`.
    """
    cdef real *about = <real *> s.about
    cdef real nearer
    cdef Py_ssize_t c, left = 0
    cdef double first, spread
    for c in range(s.p.C):
        if not s.unsettled[c]:
            continue
        first = s.total[c] / s.p.M
        spread = s.total[s.p.C + c] / s.p.M - first * first
        s.mean[c] = about[c] + first
        s.var[c] = 0 if spread < 0 else spread  # written so that NaN passes
        nearer = nearer_about(about[c], s.mean[c])
        s.unsettled[c] = not keeps_digits(first, spread) and nearer != about[c]
        if s.unsettled[c]:
            about[c] = nearer
            left += 1
    return left


cdef void take_statistics(const real *x, Statistics *s, int n_threads) noexcept nogil:
    cdef const RowPlan *p = &s.p
    cdef Py_ssize_t g, c
    cdef int take
    memset(s.unsettled, 1, p.C)
    if p.M == 0:
        for c in range(p.C):
            s.mean[c] = s.var[c] = NAN
        return
    # Each further take is about the means that the one before found. It sums all channels, as they share the rows;
    # settle looks at those that are not settled.
    for take in range(1 + RETAKES):
        if take == 0 and s.given != NULL:
            combine(<const real *> s.given, s.n_given, 2 * p.C, p.C, p.C, s.total)
        else:
            repeat(<const real *> s.about, <real *> s.repeated_about, p.C, p.L)
            for g in prange(p.n_groups, num_threads=n_threads, schedule="static", use_threads_if=p.n_groups > 1):
                moments_task(x, s, g)
            combine(<const real *> s.sums, p.n_groups, 2 * p.L, p.L, p.C, s.total)
        if settle(x, s) == 0:
            break


cdef int run_statistics(object x, object about, object sums, object mean, object var, int n_threads) except -1:
    cdef Statistics s
    cdef RowPlan *p = &s.p
    cdef int t = plan_rows(x, "x", p)
    cdef Py_ssize_t C = p.C
    cdef void *x_data = channels_last(x, "x", t, p.n)
    cdef void *about_data = data(about, "about", t, p.C)
    s.mean = <double *> data(mean, "mean", NPY_FLOAT64, p.C, True)
    s.var = <double *> data(var, "var", NPY_FLOAT64, p.C, True)
    s.given = NULL
    if sums is not None:
        s.given = partial_sums(sums, t, &s.n_given, &C)
        if C != p.C:
            raise ValueError(f"sums: expected (G, 2, {p.C}), got shape {sums.shape}")
    # Scratch: sums of the groups, `about` along a period, `about`; then, in float64, totals; a flag a channel.
    cdef Block block = scratch(p.L * (2 * p.n_groups + 2) * p.size + p.C * (2 * sizeof(double) + 1) + 64)
    s.sums = block.address
    s.repeated_about = <char *> s.sums + 2 * p.L * p.n_groups * p.size
    s.about = <char *> s.repeated_about + p.L * p.size
    s.total = <double *> ((<uintptr_t> s.about + p.L * p.size + 7) & ~<uintptr_t> 7)
    s.unsettled = <char *> (s.total + 2 * p.C)
    memcpy(s.about, about_data, p.C * p.size)
    with nogil:
        if t == NPY_FLOAT32:
            take_statistics(<const float *> x_data, &s, n_threads)
        else:
            take_statistics(<const double *> x_data, &s, n_threads)
    return 0


def statistics(x, about, mean, var, int n_threads, /):
    """mean = sum(x) / M and var = sum((x - mean)^2) / M (biased) per channel; NaN when M = 0.

    Sums of (x - about) and (x - about)^2 are made in one pass. Where `about`, usually the running mean, lies so far
    from the mean that they lose digits, they are made again about the mean: the relative error of var is below 1e-5 in
    float32 (1e-14 in float64) for any mean, and usually near 1e-7. An `about` that is no number counts as 0.

    x : IN (N, C, *spatial).  about : IN (C,).  mean, var : OUT (C,) float64.
    """
    check_team(n_threads)
    run_statistics(x, about, None, mean, var, n_threads)


def finish_statistics(x, Moments moments not None, mean, var, int n_threads, /):
    """`statistics` of x from sums about moments.about that another kernel made while it had x in registers.

    x : IN (N, C, *spatial), read only where the sums lost digits.  moments : IN, of any number of groups.
    mean, var : OUT (C,) float64.
    """
    check_team(n_threads)
    run_statistics(x, moments.about, moments.sums, mean, var, n_threads)


# --- running statistics ----------------------------------------------------------------------------------------------

cdef void blend(const double *value, double factor, double momentum, real *running, Py_ssize_t C) noexcept nogil:
    """(1 - momentum) running + momentum factor value: in float64, and rounded once."""
    cdef Py_ssize_t c
    for c in range(C):
        running[c] = <real> ((1 - momentum) * running[c] + momentum * (factor * value[c]))


def update_running(mean, var, Py_ssize_t rows, double momentum, running_mean, running_var, /):
    """Running statistics: (1 - momentum) running + momentum batch, the variance unbiased over `rows` > 1 values.

    mean, var : IN (C,) float64.  running_mean, running_var : IN and OUT (C,), of one type.
    """
    cdef int t = float_type(running_mean, "running_mean")
    cdef Py_ssize_t C = running_mean.size
    cdef const double *mean_data = <const double *> data(mean, "mean", NPY_FLOAT64, C)
    cdef const double *var_data = <const double *> data(var, "var", NPY_FLOAT64, C)
    cdef void *to_mean = data(running_mean, "running_mean", t, C, True)
    cdef void *to_var = data(running_var, "running_var", t, C, True)
    # A batch's variance divides by its rows; as an estimate of the data's it would be too small by this factor.
    if rows < 2:
        raise ValueError(f"the unbiased variance divides by rows - 1: rows must be at least 2, got {rows}")
    cdef double unbiased = <double> rows / (<double> rows - 1)
    if t == NPY_FLOAT32:
        blend(mean_data, 1, momentum, <float *> to_mean, C)
        blend(var_data, unbiased, momentum, <float *> to_var, C)
    else:
        blend(mean_data, 1, momentum, <double *> to_mean, C)
        blend(var_data, unbiased, momentum, <double *> to_var, C)


# --- the map ---------------------------------------------------------------------------------------------------------

cdef struct MapCall:
    Py_ssize_t C
    const double *mean
    const double *var
    const void *weight     # or NULL for 1
    const void *bias       # or NULL for 0
    double eps
    double *rstd
    void *centre
    void *shift


cdef void make_map(real *scale, const MapCall *call) noexcept nogil:
    cdef const double *mean = call.mean
    cdef const real *weight = <const real *> call.weight
    cdef const real *bias = <const real *> call.bias
    cdef real *centre = <real *> call.centre
    cdef Py_ssize_t c
    cdef double a, rstd
    for c in range(call.C):
        # rstd stays in float64: the gradient's map is made from it.
        rstd = 1 / sqrt(call.var[c] + call.eps)
        a = rstd if weight == NULL else rstd * weight[c]
        call.rstd[c] = rstd
        centre[c] = <real> mean[c]
        scale[c] = <real> a
        # An infinite weight leaves the sign of x - centre, and would make NaN of this part, which may be 0.
        (<real *> call.shift)[c] = <real> ((0 if bias == NULL else <double> bias[c])
                                           - (a * (mean[c] - centre[c]) if isfinite(a) else 0))


def forward_map(mean, var, weight, bias, double eps, rstd, Map on_x not None, /):
    """Batch norm as a map of its input: rstd = 1 / sqrt(var + eps), scale = weight rstd, shift near bias.

    The map is centred. In scale*x + shift both terms would have the size of mean/std, and their sum its rounding error;
    x - centre is exact near the mean. What rounding took off the mean is in shift = bias - scale (mean - centre).

    mean, var : IN (C,) float64.  weight, bias : IN (C,), or None for 1 and 0.  rstd : OUT (C,) float64.
    on_x : OUT, its centre (the mean rounded to the type of x), scale and shift (C,).
    """
    cdef MapCall call
    cdef int t = float_type(on_x.scale, "scale")
    cdef Py_ssize_t C = on_x.scale.size
    call.C, call.eps = C, eps
    call.mean = <const double *> data(mean, "mean", NPY_FLOAT64, C)
    call.var = <const double *> data(var, "var", NPY_FLOAT64, C)
    call.weight = NULL if weight is None else data(weight, "weight", t, C)
    call.bias = NULL if bias is None else data(bias, "bias", t, C)
    call.rstd = <double *> data(rstd, "rstd", NPY_FLOAT64, C, True)
    call.centre = data(on_x.centre, "centre", t, C, True)
    cdef void *scale = data(on_x.scale, "scale", t, C, True)
    call.shift = data(on_x.shift, "shift", t, C, True)
    if t == NPY_FLOAT32:
        make_map(<float *> scale, &call)
    else:
        make_map(<double *> scale, &call)


cdef struct AffineCall:
    RowPlan p
    td_residual_sum sum
    bint stream
    td_element_loop activation      # of its own loop, over pieces in L1; NULL: that of `sum`, or none


cdef void affine_task(real *y, const AffineCall *call, Py_ssize_t task) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef const RowPlan *p = &call.p
    cdef Py_ssize_t i = task * p.chunk, n = min(p.chunk, p.n - i), end = i + n, m
    if call.activation != NULL:
        while i < end:
            m = min(p.piece, end - i)
            affine(&call.sum, i, y + i, m, p.L, False)
            call.activation(y + i, NULL, y + i, m, call.sum.on_x.parameter)
            i += m
        td_restore_denormals(saved)
        return
    # Past the caches only whole vectors: a last task that does not end with one is written as usual.
    affine(&call.sum, i, y + i, n, p.L, call.stream and n % 16 == 0)
    td_restore_denormals(saved)


cdef void affine_all(real *y, const AffineCall *call, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_tasks = (call.p.n + call.p.chunk - 1) // call.p.chunk, task
    # A task begins with channel 0: chunks are whole periods of the repeated vectors.
    for task in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        affine_task(y, call, task)


def affine_forward(x, Map on_x not None, residual, Map on_residual, y, int n_threads, /):
    """y = f(on_x of x [+ residual, or on_residual of it]), f the activation of on_x.

    x : IN (N, C, *spatial).  on_x : IN, with scale.  residual : IN as x, or None.  on_residual : IN without activation,
    or None.  y : OUT as x; may be x or residual.
    """
    check_team(n_threads)
    cdef AffineCall call
    cdef RowPlan *p = &call.p
    cdef td_residual_sum *s = &call.sum
    cdef int t = plan_rows(x, "x", p)
    s.x = channels_last(x, "x", t, p.n)
    cdef void *y_data = channels_last(y, "y", t, p.n, True)
    read_map(on_x, &s.on_x, t, p.C, True)
    read_map(on_residual, &s.on_residual, t, p.C)
    if s.on_x.scale == NULL:
        raise ValueError("affine_forward needs a map with scale and shift; an activation alone is activation_forward")
    if on_residual is not None and (residual is None or on_residual.number):
        raise ValueError("on_residual needs a residual and no activation, got "
                         f"{'None' if residual is None else on_residual.activation}")
    call.activation = NULL
    if s.on_x.activation > TD_LEAK:
        call.activation = activation_of(s.on_x.activation).value[t != NPY_FLOAT32]
        s.on_x.activation = 0
    s.stretch = td_stretch(p.C, p.size)
    s.residual = NULL if residual is None else channels_last(residual, "residual", t, p.n)
    # Up to six vectors along a period: three of each map.
    cdef Block vectors = scratch(6 * p.L * p.size)
    cdef char *at = <char *> vectors.address
    repeat_map(&s.on_x, &at, p)
    repeat_map(&s.on_residual, &at, p)
    # Larger than the caches, and in whole aligned vectors: y is then written past them.
    call.stream = (p.n * p.size >= STREAM_BYTES and p.L <= TD_MOST and p.L % 16 == 0
                   and <uintptr_t> y_data % 64 == 0)
    with nogil:
        if t == NPY_FLOAT32:
            affine_all(<float *> y_data, &call, n_threads)
        else:
            affine_all(<double *> y_data, &call, n_threads)
