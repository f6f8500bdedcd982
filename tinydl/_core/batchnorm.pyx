"""Batch norm: statistics per channel, the affine maps they lead to, and the sums and maps of the gradient.

Activations are (N, C, *spatial), channels last in memory: M = N * prod(spatial) rows of C channels. One rounding rule
serves all: sums run over groups of rows in the type of x, of at most 1024 values to an accumulator, and the groups,
whose number depends on the shape only, are combined in float64 in the order of their index.
"""

from cython.parallel cimport prange
from libc.math cimport NAN, sqrt
from libc.string cimport memset
from tinydl._core.array cimport (
    NPY_FLOAT32, PyArray_DIMS, PyArray_NDIM, PyArrayObject, channels_last, data, float_type, import_array,
    real,
)
from tinydl._core.memory cimport Block

from tinydl._core.memory import empty as _empty
from tinydl._core.memory import scratch

cdef extern from "src/vector.h" nogil:
    unsigned int td_flush_denormals() noexcept
    void td_restore_denormals(unsigned int) noexcept

cdef extern from "src/rows.h" nogil:
    void td_affine_f(const float *x, const float *scale, const float *shift, const float *r, const float *r_scale,
                     const float *r_shift, float *y, Py_ssize_t n, Py_ssize_t L, int relu,
                     int stream) noexcept
    void td_affine_d(const double *x, const double *scale, const double *shift, const double *r,
                     const double *r_scale, const double *r_shift, double *y, Py_ssize_t n, Py_ssize_t L,
                     int relu, int stream) noexcept
    Py_ssize_t TD_MOST
    void td_moments_f(const float *x, const float *origin, float *s1, float *s2, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_moments_d(const double *x, const double *origin, double *s1, double *s2, Py_ssize_t n,
                      Py_ssize_t L) noexcept
    void td_gradient_sums_f(const float *dz, const float *x, const float *mean, const float *scale,
                            const float *shift, float *s1, float *s2, Py_ssize_t n, Py_ssize_t L, int relu) noexcept
    void td_gradient_sums_d(const double *dz, const double *x, const double *mean, const double *scale,
                            const double *shift, double *s1, double *s2, Py_ssize_t n, Py_ssize_t L,
                            int relu) noexcept
    void td_gradient_f(const float *dz, const float *x, const float *scale, const float *shift, const float *a,
                       const float *b, const float *c, float *dx, Py_ssize_t n, Py_ssize_t L, int relu) noexcept
    void td_gradient_d(const double *dz, const double *x, const double *scale, const double *shift, const double *a,
                       const double *b, const double *c, double *dx, Py_ssize_t n, Py_ssize_t L, int relu) noexcept
    void td_fold_f(float *s, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_fold_d(double *s, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_repeat_f(const float *v, float *out, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_repeat_d(const double *v, double *out, Py_ssize_t C, Py_ssize_t L) noexcept
    Py_ssize_t td_period(Py_ssize_t C) noexcept

import_array()

cdef enum:
    CHUNK = 16384  # elements of one task of a map
    STREAM_BYTES = 25165824  # results of this size leave no cache for anything else
    GROUP = 8192   # elements of one group of a sum, at least

# Rows, channels and the way they are cut into tasks: a function of the shape alone.
cdef struct Plan:
    Py_ssize_t C, rows, n
    Py_ssize_t L           # period of the repeated per-channel vectors
    Py_ssize_t chunk       # elements of a task of a map, a multiple of L
    Py_ssize_t group       # elements of a group of a sum
    Py_ssize_t n_groups
    Py_ssize_t size        # bytes of an element


cdef int plan(object x, str name, Plan *p) except -1:
    cdef int t = float_type(x, name)
    cdef PyArrayObject *array = <PyArrayObject *> x
    if PyArray_NDIM(array) < 2:
        raise ValueError(f"{name}: expected (N, C, *spatial), got shape {x.shape}")
    p.C = PyArray_DIMS(array)[1]
    p.n = x.size
    p.rows = p.n // p.C if p.C else 0
    p.size = 4 if t == NPY_FLOAT32 else 8
    p.L = td_period(p.C)
    p.chunk = max(CHUNK // p.L, 1) * p.L if p.L else 1
    cdef Py_ssize_t per_period = p.L // p.C if p.C else 1
    # Some 32 groups keep many threads busy; more only while each has enough elements to be worth it.
    cdef Py_ssize_t rows = max(p.rows // 32, GROUP // max(p.C, 1), 1)
    # An accumulator takes at most 1024 values; of few channels a group may have more rows, as there are L accumulators.
    rows = min(rows, max(<Py_ssize_t> 1024, 2 * GROUP // max(p.C, 1)))
    rows = max(rows // per_period, 1) * per_period
    p.group = rows * p.C
    p.n_groups = (p.n + p.group - 1) // p.group if p.n else 0
    return t


cdef inline void repeat(int t, const void *v, void *out, const Plan *p) noexcept nogil:
    if t == NPY_FLOAT32:
        td_repeat_f(<const float *> v, <float *> out, p.C, p.L)
    else:
        td_repeat_d(<const double *> v, <double *> out, p.C, p.L)


cdef class Channels:
    """Per-channel vectors, repeated to the period of a plan, in one scratch block."""
    cdef Block block
    cdef Plan *p
    cdef int t
    cdef int used

    @staticmethod
    cdef Channels make(int t, Plan *p, int n):
        cdef Channels self = Channels.__new__(Channels)
        self.block = scratch(n * p.L * p.size)
        self.p = p
        self.t = t
        self.used = 0
        return self

    cdef void *add(self, object v, str name) except? NULL:
        cdef void *values = data(v, name, self.t, self.p.C)
        cdef char *out = <char *> self.block.address + self.used * self.p.L * self.p.size
        self.used += 1
        repeat(self.t, values, out, self.p)
        return out


cdef void combine(const real *sums, Py_ssize_t n_groups, Py_ssize_t stride, Py_ssize_t half, Py_ssize_t C,
                  double *total) noexcept nogil:
    # total (2, C) = sum over groups, in the order of their index, of (C) sums at 0 and (C) sums at `half`.
    cdef Py_ssize_t g, c
    cdef const real *s
    memset(total, 0, 2 * C * sizeof(double))
    for g in range(n_groups):
        s = sums + g * stride
        for c in range(C):
            total[c] += s[c]
        for c in range(C):
            total[C + c] += s[half + c]


cdef void finish(const double *total, Py_ssize_t rows, const real *origin, real *mean, real *var,
                 Py_ssize_t C) noexcept nogil:
    cdef Py_ssize_t c
    cdef double first, spread
    for c in range(C):
        if rows == 0:
            mean[c] = <real> NAN
            var[c] = <real> NAN
            continue
        first = total[c] / rows
        spread = total[C + c] / rows - first * first
        mean[c] = <real> (origin[c] + first)
        var[c] = <real> (0 if spread < 0 else spread)


cdef void moments_task(const real *x, const real *origin, real *sums, const Plan *p, Py_ssize_t g) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef real *s = sums + 2 * p.L * g
    cdef Py_ssize_t n = min(p.group, p.n - g * p.group)
    memset(s, 0, 2 * p.L * sizeof(real))
    if real is float:
        td_moments_f(x + g * p.group, origin, s, s + p.L, n, p.L)
        td_fold_f(s, p.C, p.L)
        td_fold_f(s + p.L, p.C, p.L)
    else:
        td_moments_d(x + g * p.group, origin, s, s + p.L, n, p.L)
        td_fold_d(s, p.C, p.L)
        td_fold_d(s + p.L, p.C, p.L)
    td_restore_denormals(saved)


cdef void moments_all(const real *x, const real *origin, real *sums, double *total, real *mean, real *var,
                      const Plan *p, int n_threads) noexcept nogil:
    cdef Py_ssize_t g
    for g in prange(p.n_groups, num_threads=n_threads, schedule="static", use_threads_if=p.n_groups > 1):
        moments_task(x, origin, sums, p, g)
    combine(sums, p.n_groups, 2 * p.L, p.L, p.C, total)
    finish(total, p.rows, origin, mean, var, p.C)


def statistics(x, origin, mean, var, int n_threads):
    """mean = sum(x) / M and var = sum((x - mean)^2) / M (biased) per channel; NaN when M = 0.

    One pass: sums of (x - origin) and (x - origin)^2. An origin within a few standard deviations of the mean (the
    running mean) keeps the relative error of var near 1e-7 in float32; it shows in the rounding only.

    x : IN (N, C, *spatial).  origin : IN (C,).  mean, var : OUT (C,).
    """
    cdef Plan p
    cdef int t = plan(x, "x", &p)
    cdef void *px = channels_last(x, "x", t, p.n)
    cdef Channels vectors = Channels.make(t, &p, 1)
    cdef void *po = vectors.add(origin, "origin")
    cdef void *pm = data(mean, "mean", t, p.C, True)
    cdef void *pv = data(var, "var", t, p.C, True)
    cdef Block sums = scratch(2 * p.L * p.n_groups * p.size)
    cdef Block total = scratch(2 * p.C * sizeof(double))
    with nogil:
        if t == NPY_FLOAT32:
            moments_all(<float *> px, <float *> po, <float *> sums.address, <double *> total.address, <float *> pm,
                        <float *> pv, &p, n_threads)
        else:
            moments_all(<double *> px, <double *> po, <double *> sums.address, <double *> total.address,
                        <double *> pm, <double *> pv, &p, n_threads)


cdef void *partial_sums(sums, int t, Py_ssize_t *G, Py_ssize_t *C) except? NULL:
    """Pointer to two sums a channel of each of G groups, (G, 2, C)."""
    if sums.ndim != 3 or sums.shape[1] != 2 or not sums.flags.c_contiguous:
        raise ValueError(f"sums: expected a C-ordered array (G, 2, C), got shape {sums.shape}")
    G[0], C[0] = sums.shape[0], sums.shape[2]
    return data(sums, "sums", t, 2 * G[0] * C[0])


def finish_statistics(sums, Py_ssize_t rows, origin, mean, var):
    """Mean and biased variance over `rows` values a channel, from sums that another kernel made.

    sums : IN (G, 2, C), the sums of (x - origin) and (x - origin)^2 over group g.  origin : IN (C,).
    mean, var : OUT (C,).
    """
    cdef Py_ssize_t G, C
    cdef int t = float_type(sums, "sums")
    cdef void *ps = partial_sums(sums, t, &G, &C)
    cdef void *po = data(origin, "origin", t, C)
    cdef void *pm = data(mean, "mean", t, C, True)
    cdef void *pv = data(var, "var", t, C, True)
    cdef Block total = scratch(2 * C * sizeof(double))
    cdef double *pt = <double *> total.address
    with nogil:
        if t == NPY_FLOAT32:
            combine(<float *> ps, G, 2 * C, C, C, pt)
            finish(pt, rows, <float *> po, <float *> pm, <float *> pv, C)
        else:
            combine(<double *> ps, G, 2 * C, C, C, pt)
            finish(pt, rows, <double *> po, <double *> pm, <double *> pv, C)


cdef void make_map(const real *mean, const real *var, const real *weight, const real *bias, double eps, real *rstd,
                   real *scale, real *shift, Py_ssize_t C) noexcept nogil:
    cdef Py_ssize_t c
    cdef double r, a
    for c in range(C):
        r = 1 / sqrt(var[c] + eps)
        a = r if weight == NULL else r * weight[c]
        rstd[c] = <real> r
        scale[c] = <real> a
        shift[c] = <real> ((0 if bias == NULL else <double> bias[c]) - mean[c] * a)


def forward_map(mean, var, weight, bias, double eps, rstd, scale, shift):
    """rstd = 1 / sqrt(var + eps), scale = weight rstd, shift = bias - mean scale: batch norm as a map of its input.

    mean, var : IN (C,).  weight, bias : IN (C,), or None for 1 and 0.  rstd, scale, shift : OUT (C,).
    """
    cdef int t = float_type(mean, "mean")
    cdef Py_ssize_t C = mean.size
    cdef void *pm = data(mean, "mean", t, C)
    cdef void *pv = data(var, "var", t, C)
    cdef void *pw = NULL if weight is None else data(weight, "weight", t, C)
    cdef void *pb = NULL if bias is None else data(bias, "bias", t, C)
    cdef void *pr = data(rstd, "rstd", t, C, True)
    cdef void *ps = data(scale, "scale", t, C, True)
    cdef void *pt = data(shift, "shift", t, C, True)
    if t == NPY_FLOAT32:
        make_map(<float *> pm, <float *> pv, <float *> pw, <float *> pb, eps, <float *> pr, <float *> ps, <float *> pt,
                 C)
    else:
        make_map(<double *> pm, <double *> pv, <double *> pw, <double *> pb, eps, <double *> pr, <double *> ps,
                 <double *> pt, C)


cdef void blend(const real *value, double factor, double momentum, real *running, Py_ssize_t C) noexcept nogil:
    cdef Py_ssize_t c
    for c in range(C):
        running[c] = <real> ((1 - momentum) * running[c] + momentum * (factor * value[c]))


def update_running(mean, var, Py_ssize_t rows, double momentum, running_mean, running_var):
    """Running statistics: (1 - momentum) running + momentum batch, the variance unbiased over `rows` > 1 values.

    mean, var : IN (C,).  running_mean, running_var : IN and OUT (C,).
    """
    cdef int t = float_type(mean, "mean")
    cdef Py_ssize_t C = mean.size
    cdef void *pm = data(mean, "mean", t, C)
    cdef void *pv = data(var, "var", t, C)
    cdef void *prm = data(running_mean, "running_mean", t, C, True)
    cdef void *prv = data(running_var, "running_var", t, C, True)
    cdef double unbiased = <double> rows / (rows - 1)
    if t == NPY_FLOAT32:
        blend(<float *> pm, 1, momentum, <float *> prm, C)
        blend(<float *> pv, unbiased, momentum, <float *> prv, C)
    else:
        blend(<double *> pm, 1, momentum, <double *> prm, C)
        blend(<double *> pv, unbiased, momentum, <double *> prv, C)


cdef void affine_task(const real *x, const real *scale, const real *shift, const real *r, const real *r_scale,
                      const real *r_shift, real *y, int relu, const Plan *p, Py_ssize_t t) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t i = t * p.chunk, n = min(p.chunk, p.n - i)
    cdef bint stream = (p.n * p.size >= STREAM_BYTES and p.L <= TD_MOST and n % 16 == 0 and p.L % 16 == 0
                        and <Py_ssize_t> y % 64 == 0)
    if r != NULL:
        r += i
    if real is float:
        td_affine_f(x + i, scale, shift, r, r_scale, r_shift, y + i, n, p.L, relu, stream)
    else:
        td_affine_d(x + i, scale, shift, r, r_scale, r_shift, y + i, n, p.L, relu, stream)
    td_restore_denormals(saved)


cdef void affine_all(const real *x, const real *scale, const real *shift, const real *r, const real *r_scale,
                     const real *r_shift, real *y, int relu, const Plan *p, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_tasks = (p.n + p.chunk - 1) // p.chunk, t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        affine_task(x, scale, shift, r, r_scale, r_shift, y, relu, p, t)


def affine_forward(x, scale, shift, residual, residual_scale, residual_shift, bint relu, y, int n_threads):
    """y = [max 0] (scale x + shift [+ [residual_scale] residual [+ residual_shift]]); NaN passes.

    x : IN (N, C, *spatial).  scale, shift : IN (C,).  residual : IN as x, or None.
    residual_scale, residual_shift : IN (C,), or None.  y : OUT as x; may be x or residual.
    """
    cdef Plan p
    cdef int t = plan(x, "x", &p)
    cdef void *px = channels_last(x, "x", t, p.n)
    cdef void *py = channels_last(y, "y", t, p.n, True)
    cdef Channels vectors = Channels.make(t, &p, 4)
    cdef void *ps = vectors.add(scale, "scale")
    cdef void *pt = vectors.add(shift, "shift")
    cdef void *pr = NULL
    cdef void *prs = NULL
    cdef void *prt = NULL
    if residual is not None:
        pr = channels_last(residual, "residual", t, p.n)
        if residual_scale is not None or residual_shift is not None:
            prs = vectors.add(_or_full(residual_scale, 1, x, p.C), "residual_scale")
            prt = vectors.add(_or_full(residual_shift, 0, x, p.C), "residual_shift")
    elif residual_scale is not None or residual_shift is not None:
        raise ValueError("residual_scale and residual_shift need a residual, which is None")
    with nogil:
        if t == NPY_FLOAT32:
            affine_all(<float *> px, <float *> ps, <float *> pt, <float *> pr, <float *> prs, <float *> prt,
                       <float *> py, relu, &p, n_threads)
        else:
            affine_all(<double *> px, <double *> ps, <double *> pt, <double *> pr, <double *> prs, <double *> prt,
                       <double *> py, relu, &p, n_threads)


cdef object _or_full(object v, int value, object x, Py_ssize_t C):
    if v is not None:
        return v
    v = _empty((C,), x.dtype)
    v.fill(value)
    return v


cdef void gradient_sums_task(const real *dz, const real *x, const real *mean, const real *scale, const real *shift,
                             int relu, real *sums, const real *z, real *masked, const Plan *p,
                             Py_ssize_t g) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef real *s = sums + 2 * p.L * g
    cdef Py_ssize_t i = g * p.group, n = min(p.group, p.n - i), k
    memset(s, 0, 2 * p.L * sizeof(real))
    if z != NULL:
        for k in range(i, i + n):
            masked[k] = 0 if z[k] <= 0 else dz[k]  # written so that NaN passes
        dz = masked
    if real is float:
        td_gradient_sums_f(dz + i, x + i, mean, scale, shift, s, s + p.L, n, p.L, relu)
        td_fold_f(s, p.C, p.L)
        td_fold_f(s + p.L, p.C, p.L)
    else:
        td_gradient_sums_d(dz + i, x + i, mean, scale, shift, s, s + p.L, n, p.L, relu)
        td_fold_d(s, p.C, p.L)
        td_fold_d(s + p.L, p.C, p.L)
    td_restore_denormals(saved)


cdef void gradient_sums_all(const real *dz, const real *x, const real *mean, const real *scale, const real *shift,
                            int relu, real *sums, const real *z, real *masked, double *total, real *s1, real *s2,
                            const Plan *p, int n_threads) noexcept nogil:
    cdef Py_ssize_t g, c
    for g in prange(p.n_groups, num_threads=n_threads, schedule="static", use_threads_if=p.n_groups > 1):
        gradient_sums_task(dz, x, mean, scale, shift, relu, sums, z, masked, p, g)
    combine(sums, p.n_groups, 2 * p.L, p.L, p.C, total)
    for c in range(p.C):
        s1[c] = <real> total[c]
        s2[c] = <real> total[p.C + c]


def backward_reduce(dz, x, mean, scale, shift, bint relu, s1, s2, int n_threads, z=None, masked=None):
    """s1 = sum dz' and s2 = sum dz' (x - mean) per channel, the two sums the gradient of batch norm needs.

    dz' = dz where scale x + shift > 0 (or NaN) and 0 elsewhere if `relu`, else dz.

    dz, x : IN (N, C, *spatial).  mean, scale, shift : IN (C,).  s1, s2 : OUT (C,).  With z : IN as x, the result of a
    ReLU behind a residual sum, dz' is dz where z > 0 (or NaN) and goes to masked : OUT as x (which may be dz).
    """
    cdef Plan p
    cdef int t = plan(x, "x", &p)
    cdef void *px = channels_last(x, "x", t, p.n)
    cdef void *pd = channels_last(dz, "dz", t, p.n)
    cdef void *pz = NULL
    cdef void *pmasked = NULL
    if (z is None) != (masked is None) or z is not None and relu:
        raise ValueError("z and masked are given together, and without relu")
    if z is not None:
        pz, pmasked = channels_last(z, "z", t, p.n), channels_last(masked, "masked", t, p.n, True)
    cdef Channels vectors = Channels.make(t, &p, 3)
    cdef void *pm = vectors.add(mean, "mean")
    cdef void *ps = vectors.add(scale, "scale")
    cdef void *pt = vectors.add(shift, "shift")
    cdef void *p1 = data(s1, "s1", t, p.C, True)
    cdef void *p2 = data(s2, "s2", t, p.C, True)
    cdef Block sums = scratch(2 * p.L * p.n_groups * p.size)
    cdef Block total = scratch(2 * p.C * sizeof(double))
    with nogil:
        if t == NPY_FLOAT32:
            gradient_sums_all(<float *> pd, <float *> px, <float *> pm, <float *> ps, <float *> pt, relu,
                              <float *> sums.address, <float *> pz, <float *> pmasked,
                              <double *> total.address, <float *> p1, <float *> p2, &p, n_threads)
        else:
            gradient_sums_all(<double *> pd, <double *> px, <double *> pm, <double *> ps, <double *> pt, relu,
                              <double *> sums.address, <double *> pz, <double *> pmasked,
                              <double *> total.address, <double *> p1, <double *> p2, &p, n_threads)


cdef void make_gradient_map(const double *total, Py_ssize_t rows, const real *mean, const real *rstd,
                            const real *weight, bint training, real *dweight, real *dbias, real *a, real *b, real *c,
                            Py_ssize_t C) noexcept nogil:
    cdef Py_ssize_t k
    cdef double r, s1, s2, ka, kb
    for k in range(C):
        r, s1, s2 = rstd[k], total[k], total[C + k]
        ka = r if weight == NULL else r * weight[k]
        kb = -ka * r * r * s2 / rows if training and rows else 0
        if dweight != NULL:
            dweight[k] = <real> (r * s2)
        if dbias != NULL:
            dbias[k] = <real> s1
        a[k] = <real> ka
        b[k] = <real> kb
        c[k] = <real> (-ka * s1 / rows - kb * mean[k] if training and rows else 0)


def gradient_map(sums, Py_ssize_t rows, mean, rstd, weight, bint training, dweight, dbias, a, b, c):
    """The gradient of batch norm as a map a dz' + b x + c of what it gets and of its input; see `backward_apply`.

    sums : IN (G, 2, C), over group g the sums of dz' and dz' (x - mean), over `rows` values a channel in all.
    mean, rstd : IN (C,).  weight : IN (C,) or None for 1.  dweight = rstd s2, dbias = s1 : OUT (C,) or None.
    a, b, c : OUT (C,); b = c = 0 unless `training`.
    """
    cdef Py_ssize_t G, C
    cdef int t = float_type(sums, "sums")
    cdef void *ps = partial_sums(sums, t, &G, &C)
    cdef void *pm = data(mean, "mean", t, C)
    cdef void *pr = data(rstd, "rstd", t, C)
    cdef void *pw = NULL if weight is None else data(weight, "weight", t, C)
    cdef void *pdw = NULL if dweight is None else data(dweight, "dweight", t, C, True)
    cdef void *pdb = NULL if dbias is None else data(dbias, "dbias", t, C, True)
    cdef void *pa = data(a, "a", t, C, True)
    cdef void *pb = data(b, "b", t, C, True)
    cdef void *pc = data(c, "c", t, C, True)
    cdef Block total = scratch(2 * C * sizeof(double))
    cdef double *pt = <double *> total.address
    with nogil:
        if t == NPY_FLOAT32:
            combine(<float *> ps, G, 2 * C, C, C, pt)
            make_gradient_map(pt, rows, <float *> pm, <float *> pr, <float *> pw, training, <float *> pdw,
                              <float *> pdb, <float *> pa, <float *> pb, <float *> pc, C)
        else:
            combine(<double *> ps, G, 2 * C, C, C, pt)
            make_gradient_map(pt, rows, <double *> pm, <double *> pr, <double *> pw, training, <double *> pdw,
                              <double *> pdb, <double *> pa, <double *> pb, <double *> pc, C)


cdef void gradient_task(const real *dz, const real *x, const real *scale, const real *shift, int relu, const real *a,
                        const real *b, const real *c, real *dx, const Plan *p, Py_ssize_t t) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t i = t * p.chunk, n = min(p.chunk, p.n - i)
    if real is float:
        td_gradient_f(dz + i, x + i, scale, shift, a, b, c, dx + i, n, p.L, relu)
    else:
        td_gradient_d(dz + i, x + i, scale, shift, a, b, c, dx + i, n, p.L, relu)
    td_restore_denormals(saved)


cdef void gradient_all(const real *dz, const real *x, const real *scale, const real *shift, int relu, const real *a,
                       const real *b, const real *c, real *dx, const Plan *p, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_tasks = (p.n + p.chunk - 1) // p.chunk, t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        gradient_task(dz, x, scale, shift, relu, a, b, c, dx, p, t)


def backward_apply(dz, x, scale, shift, bint relu, a, b, c, dx, int n_threads):
    """dx = a dz' + b x + c with dz' as in `backward_reduce`.

    With r = 1 / sqrt(var + eps) the gradient of batch norm is a = gamma r, b = -gamma r^3 s2 / M,
    c = -a s1 / M - b mean (in training; b = c = 0 in evaluation).

    dz, x : IN (N, C, *spatial).  scale, shift, a, b, c : IN (C,).  dx : OUT as x; may be dz or x.
    """
    cdef Plan p
    cdef int t = plan(x, "x", &p)
    cdef void *px = channels_last(x, "x", t, p.n)
    cdef void *pd = channels_last(dz, "dz", t, p.n)
    cdef void *py = channels_last(dx, "dx", t, p.n, True)
    cdef Channels vectors = Channels.make(t, &p, 5)
    cdef void *ps = vectors.add(scale, "scale")
    cdef void *pt = vectors.add(shift, "shift")
    cdef void *pa = vectors.add(a, "a")
    cdef void *pb = vectors.add(b, "b")
    cdef void *pc = vectors.add(c, "c")
    with nogil:
        if t == NPY_FLOAT32:
            gradient_all(<float *> pd, <float *> px, <float *> ps, <float *> pt, relu, <float *> pa, <float *> pb,
                         <float *> pc, <float *> py, &p, n_threads)
        else:
            gradient_all(<double *> pd, <double *> px, <double *> ps, <double *> pt, relu, <double *> pa,
                         <double *> pb, <double *> pc, <double *> py, &p, n_threads)
