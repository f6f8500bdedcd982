"""Group norm: a sample's channels in groups, each normalised by its own mean and variance, forward and backward.

Activations are (N, C, *spatial), channels last in memory: a sample is S rows of C channels, group g of G the K = C / G
channels from g K on. Its M = S K values do not lie together, but the loops of batch norm over rows of channels do: sums
are made per channel about a centre that the channels of a group share, and added to sums of groups in float64. What
follows is a map per channel, which the same loops apply. A sample is one thread's from its sums to its map, so that it
is read from memory once and from a cache after that.
"""

from cython.parallel cimport prange, threadid
from libc.math cimport NAN, isfinite, sqrt
from libc.string cimport memset
from tinydl._core.array cimport NPY_FLOAT32, NPY_FLOAT64, channels_last, data, float_type, real
from tinydl._core.channels cimport fold, gradient, mapped, moments, product_sums, repeat
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport td_map, td_pending
from tinydl._core.parallel cimport check_team
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.rows cimport RETAKES, RowPlan, combine, keeps_digits, nearer_about, plan_rows
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

from tinydl._core.memory import scratch

cdef enum:
    WORTH_THREADS = 16384   # elements below which a second thread costs more than it gains
    VALUES = 1024           # that an accumulator takes in the type of x, before it is added to a total in float64
    PARTS = 64              # of a batch, whose gradients of weight and bias are summed apart: many for many threads
    ALIGNED = 64

# What both directions know of a call.
cdef struct GroupNormCall:
    RowPlan p               # of the batch; L is at most a sample
    Py_ssize_t N, S, G, K
    Py_ssize_t n            # elements of a sample
    double M                # values of a group of a sample
    double eps
    double *mean            # (N, G)
    double *rstd            # (N, G)
    const void *weight      # (C), or NULL for 1
    const void *bias        # (C), or NULL for 0
    const void *dy          # of the backward pass, as x
    double *parts           # (n_parts, 2, C): gradients of weight and bias by parts of the batch
    Py_ssize_t per_part     # samples of a part
    char *scratch
    Py_ssize_t vector       # bytes of a vector of L elements, rounded up to whole cache lines
    Py_ssize_t per_thread   # bytes of scratch of a thread

# The scratch of a thread. Vectors have L elements, per-channel values again and again.
cdef struct Vectors:
    void *centre
    void *a                 # scale of the forward map
    void *b                 # its shift
    void *c
    void *sums              # (2, L)
    double *total           # (2, C)
    char *unsettled         # (G)


cdef Vectors vectors_of(const GroupNormCall *call, int thread) noexcept nogil:
    cdef Vectors v
    cdef char *at = call.scratch + thread * call.per_thread
    v.centre, v.a, v.b = at, at + call.vector, at + 2 * call.vector
    v.c, v.sums = at + 3 * call.vector, at + 4 * call.vector
    v.total = <double *> (at + 6 * call.vector)
    v.unsettled = <char *> (v.total + 2 * call.p.C)
    return v


cdef int plan(GroupNormCall *call, x, mean, rstd, weight) except -1:
    """Check what both directions take; returns the type number of x."""
    cdef int t = plan_rows(x, "x", &call.p)
    call.N = x.shape[0]
    call.S = call.p.M // call.N if call.N else 0
    call.n = call.S * call.p.C
    float_type(mean, "mean")
    float_type(rstd, "rstd")
    if mean.ndim != 2 or mean.shape[0] != call.N or mean.shape[1] < 1 or call.p.C % mean.shape[1] != 0:
        raise ValueError(f"mean: expected ({call.N}, G) with a number of groups G that divides {call.p.C} channels, "
                         f"got shape {mean.shape}")
    call.G = mean.shape[1]
    call.K = call.p.C // call.G
    call.M = <double> call.S * call.K
    call.mean = <double *> channels_last(mean, "mean", NPY_FLOAT64, call.N * call.G)
    call.rstd = <double *> channels_last(rstd, "rstd", NPY_FLOAT64, call.N * call.G)
    if rstd.shape != mean.shape:
        raise ValueError(f"rstd: expected the shape of mean, {mean.shape}, got {rstd.shape}")
    call.weight = NULL if weight is None else data(weight, "weight", t, call.p.C)
    # Small samples need no long vectors: the period is whole rows in any case.
    call.p.L = min(call.p.L, call.n)
    call.vector = round_up(call.p.L * call.p.size, ALIGNED)
    call.per_thread = round_up(6 * call.vector + 2 * call.p.C * sizeof(double) + call.G, ALIGNED)
    return t


# --- sums of a sample ------------------------------------------------------------------------------------------------

cdef void fill(real *vector, Py_ssize_t g, real value, const GroupNormCall *call) noexcept nogil:
    """vector[c] = value for the channels of group g."""
    cdef Py_ssize_t c
    for c in range(g * call.K, (g + 1) * call.K):
        vector[c] = value


cdef void lengthen(real *vector, const GroupNormCall *call) noexcept nogil:
    """Repeat the first C values of a vector to its end."""
    repeat(vector, vector + call.p.C, call.p.C, call.p.L - call.p.C)


cdef void sum_sample(const real *x, const real *dy, const GroupNormCall *call, const Vectors *v) noexcept nogil:
    """v.total (2, C) = sums of x - centre and of its square or, given dy, of dy and of dy (x - centre)."""
    cdef Py_ssize_t C = call.p.C, L = call.p.L, chunk = VALUES * L, i = 0, c, n
    cdef real *s1 = <real *> v.sums
    cdef real *s2 = s1 + L
    memset(v.total, 0, 2 * C * sizeof(double))
    while i < call.n:
        n = min(chunk, call.n - i)
        memset(s1, 0, 2 * L * sizeof(real))
        if dy == NULL:
            moments(x + i, <const real *> v.centre, s1, s2, n, L)
        else:
            product_sums(dy + i, x + i, <const real *> v.centre, s1, n, L)
        fold(s1, C, L)
        fold(s2, C, L)
        for c in range(C):
            v.total[c] += s1[c]
            v.total[C + c] += s2[c]
        i += chunk


# --- forward ---------------------------------------------------------------------------------------------------------

cdef void guess(const real *x, const GroupNormCall *call, const Vectors *v) noexcept nogil:
    """Centres near the means: those of a sample's first row."""
    cdef Py_ssize_t g, c
    cdef double total
    for g in range(call.G):
        total = 0
        for c in range(g * call.K, (g + 1) * call.K):
            total += x[c]
        fill(<real *> v.centre, g, nearer_about(x[0], total / call.K), call)


cdef Py_ssize_t settle(real unused, double *mean, double *var, const GroupNormCall *call,
                       const Vectors *v) noexcept nogil:
    """Mean and variance of the unsettled groups from the totals; how many have to be summed again.

    A group is settled when its sums kept their digits, or when the type of x has no better centre.
    """
    cdef real *centre = <real *> v.centre
    cdef real nearer
    cdef Py_ssize_t g, c, left = 0
    cdef double first, spread
    for g in range(call.G):
        if not v.unsettled[g]:
            continue
        first = spread = 0
        for c in range(g * call.K, (g + 1) * call.K):
            first += v.total[c]
            spread += v.total[call.p.C + c]
        first /= call.M
        spread = spread / call.M - first * first
        mean[g] = centre[g * call.K] + first
        var[g] = 0 if spread < 0 else spread  # written so that NaN passes
        nearer = nearer_about(unused, mean[g])
        v.unsettled[g] = not keeps_digits(first, spread) and nearer != centre[g * call.K]
        if v.unsettled[g]:
            fill(centre, g, nearer, call)
            left += 1
    return left


cdef void make_map(real unused, const double *mean, const double *rstd, const GroupNormCall *call,
                   const Vectors *v) noexcept nogil:
    """y = a (x - centre) + b with a = weight rstd; what rounding took off the mean is in b."""
    cdef const real *weight = <const real *> call.weight
    cdef const real *bias = <const real *> call.bias
    cdef real *a = <real *> v.a
    cdef real *b = <real *> v.b
    cdef Py_ssize_t g, c
    cdef double scale, off
    for g in range(call.G):
        fill(<real *> v.centre, g, <real> mean[g], call)
        off = mean[g] - (<real *> v.centre)[g * call.K]
        # An infinite weight leaves the sign of x - centre, and would make NaN of this part, which may be 0.
        for c in range(g * call.K, (g + 1) * call.K):
            scale = rstd[g] if weight == NULL else rstd[g] * weight[c]
            a[c] = <real> scale
            b[c] = <real> ((0 if bias == NULL else <double> bias[c]) - (scale * off if isfinite(scale) else 0))
    lengthen(<real *> v.centre, call)
    lengthen(a, call)
    lengthen(b, call)


cdef void forward_task(const real *x, real *y, const GroupNormCall *call, Py_ssize_t sample, int thread) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Vectors v = vectors_of(call, thread)
    cdef double *mean = call.mean + sample * call.G
    cdef double *rstd = call.rstd + sample * call.G
    cdef td_map on_x
    cdef Py_ssize_t g
    cdef int _take
    memset(&on_x, 0, sizeof(on_x))
    guess(x, call, &v)
    memset(v.unsettled, 1, call.G)
    for _take in range(1 + RETAKES):
        lengthen(<real *> v.centre, call)
        sum_sample(x, <const real *> NULL, call, &v)
        if settle(x[0], mean, rstd, call, &v) == 0:
            break
    for g in range(call.G):
        rstd[g] = 1 / sqrt(rstd[g] + call.eps)  # settle left the variance there
    make_map(x[0], mean, rstd, call, &v)
    on_x.centre, on_x.scale, on_x.shift = v.centre, v.a, v.b
    mapped(x, &on_x, y, call.n, call.p.L)
    td_restore_denormals(saved)


cdef void forward_all(const real *x, real *y, const GroupNormCall *call, int n_threads) noexcept nogil:
    cdef Py_ssize_t sample
    for sample in prange(call.N, num_threads=n_threads, schedule="static", use_threads_if=call.p.n > WORTH_THREADS):
        forward_task(x + sample * call.n, y + sample * call.n, call, sample, threadid())


def group_norm_forward(x, weight, bias, y, mean, rstd, double eps, int n_threads, /):
    """y = weight (x - mean) rstd + bias, with mean and rstd = 1 / sqrt(var + eps) of each group of each sample.

    var is the biased variance. Its relative error is below 1e-5 in float32 (1e-14 in float64) for any mean, and usually
    near 1e-7, as in `batchnorm.statistics`. A group without values has mean and rstd NaN.

    x : IN (N, C, *spatial).  weight, bias : IN (C,), or None for 1 and 0.  y : OUT as x; may be x.
    mean, rstd : OUT (N, G) float64; G, which divides C, says how many groups there are.
    """
    check_team(n_threads)
    cdef GroupNormCall call
    cdef int t = plan(&call, x, mean, rstd, weight)
    cdef void *x_data = channels_last(x, "x", t, call.p.n)
    cdef void *y_data = channels_last(y, "y", t, call.p.n, True)
    channels_last(mean, "mean", NPY_FLOAT64, call.N * call.G, True)
    channels_last(rstd, "rstd", NPY_FLOAT64, call.N * call.G, True)
    call.bias = NULL if bias is None else data(bias, "bias", t, call.p.C)
    call.eps = eps
    cdef Py_ssize_t k
    if call.n == 0:
        for k in range(call.N * call.G):
            call.mean[k] = call.rstd[k] = NAN
        return
    cdef Block block = scratch(n_threads * call.per_thread)
    call.scratch = <char *> block.address
    with nogil:
        if t == NPY_FLOAT32:
            forward_all(<const float *> x_data, <float *> y_data, &call, n_threads)
        else:
            forward_all(<const double *> x_data, <double *> y_data, &call, n_threads)


# --- backward --------------------------------------------------------------------------------------------------------

cdef void make_gradient_map(real unused, const double *mean, const double *rstd, double *part,
                            const GroupNormCall *call, const Vectors *v) noexcept nogil:
    """dx = a dy + b (x - centre) + c from the totals, moved from the centre to the mean; part (2, C) += dw and db."""
    cdef const real *weight = <const real *> call.weight
    cdef real *a = <real *> v.a
    cdef Py_ssize_t g, c, C = call.p.C
    cdef double r, off, w, s2, sum_g, sum_gx, b
    for g in range(call.G):
        r, off = rstd[g], mean[g] - (<real *> v.centre)[g * call.K]
        sum_g = sum_gx = 0
        for c in range(g * call.K, (g + 1) * call.K):
            w = 1 if weight == NULL else weight[c]
            s2 = v.total[C + c] - off * v.total[c]
            sum_g += w * v.total[c]
            sum_gx += w * s2
            a[c] = <real> (r * w)
            # Made whether asked for or not: with a branch here the rest would be compiled twice, and round in two ways.
            part[c] += r * s2
            part[C + c] += v.total[c]
        b = -r * r * r * sum_gx / call.M
        fill(<real *> v.b, g, <real> b, call)
        fill(<real *> v.c, g, <real> (-r * sum_g / call.M - b * off), call)
    lengthen(a, call)
    lengthen(<real *> v.b, call)
    lengthen(<real *> v.c, call)


cdef void backward_sample(const real *x, real *dx, const GroupNormCall *call, Py_ssize_t sample,
                          const Vectors *v) noexcept nogil:
    cdef const double *mean = call.mean + sample * call.G
    cdef const double *rstd = call.rstd + sample * call.G
    cdef const real *dy = <const real *> call.dy + sample * call.n
    cdef td_pending arrived
    cdef Py_ssize_t g
    for g in range(call.G):
        fill(<real *> v.centre, g, <real> mean[g], call)
    lengthen(<real *> v.centre, call)
    sum_sample(x, dy, call, v)
    make_gradient_map(x[0], mean, rstd, call.parts + sample // call.per_part * 2 * call.p.C, call, v)
    if dx == NULL:
        return
    memset(&arrived, 0, sizeof(arrived))
    arrived.dz, arrived.y, arrived.mask.centre = dy, x, v.centre
    arrived.a, arrived.b, arrived.c = v.a, v.b, v.c
    gradient(&arrived, dx, call.n, call.p.L, 0)


cdef void backward_task(const real *x, real *dx, const GroupNormCall *call, Py_ssize_t part, int thread) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Vectors v = vectors_of(call, thread)
    cdef Py_ssize_t sample
    memset(call.parts + part * 2 * call.p.C, 0, 2 * call.p.C * sizeof(double))
    for sample in range(part * call.per_part, min(call.N, (part + 1) * call.per_part)):
        backward_sample(x + sample * call.n, dx + sample * call.n if dx != NULL else dx, call, sample, &v)
    td_restore_denormals(saved)


cdef void backward_all(const real *x, real *dx, const GroupNormCall *call, int n_threads) noexcept nogil:
    cdef Py_ssize_t part, n_parts = ceil_div(call.N, call.per_part)
    for part in prange(n_parts, num_threads=n_threads, schedule="static", use_threads_if=call.p.n > WORTH_THREADS):
        backward_task(x, dx, call, part, threadid())


cdef void store(const double *values, real *out, Py_ssize_t C) noexcept nogil:
    cdef Py_ssize_t c
    for c in range(C):
        out[c] = <real> values[c]


def group_norm_backward(dy, x, mean, rstd, weight, dx, dweight, dbias, int n_threads, /):
    """Gradients of `group_norm_forward`: with h = (x - mean) rstd and g = weight dy, dx = rstd (g - m(g) - h m(g h)).

    m is the mean over a group of a sample; dweight is the sum of dy h over samples and positions, dbias that of dy.

    dy, x : IN (N, C, *spatial).  mean, rstd : IN (N, G) float64, from the forward pass.
    weight : IN (C,), or None for 1.
    dx : OUT as x, may be dy or x.  dweight, dbias : OUT (C,).  Each of the three may be None.
    """
    check_team(n_threads)
    cdef GroupNormCall call
    cdef int t = plan(&call, x, mean, rstd, weight)
    cdef Py_ssize_t C = call.p.C
    cdef void *x_data = channels_last(x, "x", t, call.p.n)
    call.dy = channels_last(dy, "dy", t, call.p.n)
    cdef void *dx_data = NULL if dx is None else channels_last(dx, "dx", t, call.p.n, True)
    cdef void *dweight_data = NULL if dweight is None else data(dweight, "dweight", t, C, True)
    cdef void *dbias_data = NULL if dbias is None else data(dbias, "dbias", t, C, True)
    call.per_part = max(ceil_div(call.N, PARTS), 1)
    cdef Py_ssize_t n_parts = ceil_div(call.N, call.per_part) if call.n else 0
    cdef Block block = scratch(2 * C * (n_parts + 1) * sizeof(double) + ALIGNED + n_threads * call.per_thread)
    cdef double *total = <double *> block.address
    call.parts = total + 2 * C
    call.scratch = <char *> block.address + round_up(2 * C * (n_parts + 1) * sizeof(double), ALIGNED)
    with nogil:
        if call.n:
            if t == NPY_FLOAT32:
                backward_all(<const float *> x_data, <float *> dx_data, &call, n_threads)
            else:
                backward_all(<const double *> x_data, <double *> dx_data, &call, n_threads)
        combine(<const double *> call.parts, n_parts, 2 * C, C, C, total)
        if t == NPY_FLOAT32:
            store(total, <float *> dweight_data, C if dweight_data != NULL else 0)
            store(total + C, <float *> dbias_data, C if dbias_data != NULL else 0)
        else:
            store(total, <double *> dweight_data, C if dweight_data != NULL else 0)
            store(total + C, <double *> dbias_data, C if dbias_data != NULL else 0)
