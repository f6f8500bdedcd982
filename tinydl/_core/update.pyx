"""Optimiser updates over all parameters in one call, gradient norms, scaling and clipping.

The arrays of all parameters are cut into chunks; one parallel region runs over the chunks of all of them. Reading
each array once and writing it once is all the memory traffic there is.
"""

from cython.parallel cimport prange
from libc.math cimport INFINITY, fabs, isinf, pow, sqrt
from libc.stdint cimport int32_t, int64_t
from tinydl._core.array cimport (
    NPY_FLOAT32,
    PyArray_DATA,
    PyArray_DIMS,
    PyArray_NDIM,
    PyArray_STRIDES,
    PyArrayObject,
    as_array,
    data,
    float_type,
    import_array,
    real,
)
from tinydl._core.memory cimport Block

cdef extern from "src/vector.h" nogil:
    unsigned int td_flush_denormals() noexcept
    void td_restore_denormals(unsigned int) noexcept

cdef extern from "src/exp.h" nogil:
    int32_t td_bits_f(float) noexcept
    int64_t td_bits_d(double) noexcept
    float td_from_bits_f(int32_t) noexcept
    double td_from_bits_d(int64_t) noexcept

cdef extern from "<math.h>" nogil:
    float sqrtf(float) noexcept

import_array()

cdef enum:
    CHUNK = 16384  # elements of one task
    LANES = 8      # partial sums inside a chunk, combined in order
    MOST = 5       # arrays of one parameter: itself, its gradient and at most three buffers

cdef struct Segment:
    void *array[MOST]
    Py_ssize_t size
    Py_ssize_t first_task
    int type_number


# --- the table of arrays ---------------------------------------------------------------------------------------------

cdef class Table:
    """Pointers to the arrays of every parameter, and the chunks they are cut into."""

    cdef Block block
    cdef Segment *segments
    cdef Py_ssize_t n_segments, n_tasks, n_elements

    def __cinit__(self, Py_ssize_t n_segments):
        self.block = Block(<size_t> max(n_segments, 1) * sizeof(Segment))
        self.segments = <Segment *> self.block.address
        self.n_segments = n_segments


cdef int same_order(PyArrayObject *a, object reference, str name, Py_ssize_t k) except -1:
    """Elements that belong together must lie at the same offset: same shape, same strides."""
    cdef PyArrayObject *b = <PyArrayObject *> reference
    cdef int ndim = PyArray_NDIM(b), axis
    cdef bint good = PyArray_NDIM(a) == ndim
    if good:
        for axis in range(ndim):
            good = good and PyArray_DIMS(a)[axis] == PyArray_DIMS(b)[axis] and (
                PyArray_DIMS(b)[axis] == 1 or PyArray_STRIDES(a)[axis] == PyArray_STRIDES(b)[axis])
    if not good:
        other = <object> a
        raise ValueError(
            f"{name}[{k}]: shape {other.shape} with strides {other.strides} does not match the parameter's shape "
            f"{reference.shape} with strides {reference.strides}; copy it into an array made by layout.empty_like")
    return 0


cdef Table table_of(tuple names, tuple lists):
    """The table of `lists`: parameters, gradients (read only), buffers; None for absent ones."""
    cdef Py_ssize_t n = len(lists[0]), k, size
    cdef int which, t
    cdef Table table = Table(n)
    cdef Segment *segment
    cdef bint written
    cdef object p, a
    for which in range(1, len(lists)):
        if lists[which] is not None and len(lists[which]) != n:
            raise ValueError(f"{names[which]}: {len(lists[which])} arrays for {n} {names[0]}")
    table.n_tasks = table.n_elements = 0
    for k in range(n):
        p = lists[0][k]
        t = float_type(p, names[0])
        size = p.size
        segment = table.segments + k
        segment.type_number = t
        segment.size = size
        segment.first_task = table.n_tasks
        table.n_tasks += (size + CHUNK - 1) // CHUNK
        table.n_elements += size
        segment.array[0] = data(p, names[0], t, size, True)
        for which in range(1, len(lists)):
            segment.array[which] = NULL
            if lists[which] is None:
                continue
            a = lists[which][k]
            written = which != 1
            segment.array[which] = PyArray_DATA(as_array(a, names[which], t, size, written))
            if size:
                same_order(<PyArrayObject *> a, p, names[which], k)
    return table


cdef inline Segment *find(Segment *segments, Py_ssize_t n, Py_ssize_t task) noexcept nogil:
    """The last segment that starts at or before `task`: empty ones, which have no task, lie before it."""
    cdef Py_ssize_t low = 0, high = n, middle
    while high - low > 1:
        middle = (low + high) // 2
        if segments[middle].first_task <= task:
            low = middle
        else:
            high = middle
    return segments + low


# --- SGD -------------------------------------------------------------------------------------------------------------

cdef struct Sgd:
    double lr, momentum, gain, weight_decay  # gain = 1 - dampening
    bint nesterov, first


cdef void sgd_chunk(real *p, const real *grad, real *buf, Py_ssize_t n, const Sgd *rule) noexcept nogil:
    cdef real lr = <real> rule.lr, momentum = <real> rule.momentum, gain = <real> rule.gain
    cdef real decay = <real> rule.weight_decay, g, b
    cdef bint nesterov = rule.nesterov
    cdef Py_ssize_t i
    if rule.momentum == 0:
        for i in range(n):
            p[i] = p[i] - lr * (grad[i] + decay * p[i])
    elif rule.first:
        for i in range(n):
            g = grad[i] + decay * p[i]
            buf[i] = g
            p[i] = p[i] - lr * (g + momentum * g if nesterov else g)
    elif nesterov:
        for i in range(n):
            g = grad[i] + decay * p[i]
            b = momentum * buf[i] + gain * g
            buf[i] = b
            p[i] = p[i] - lr * (g + momentum * b)
    else:
        for i in range(n):
            b = momentum * buf[i] + gain * (grad[i] + decay * p[i])
            buf[i] = b
            p[i] = p[i] - lr * b


cdef void sgd_task(Segment *segments, Py_ssize_t n_segments, Py_ssize_t task, const Sgd *rule) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Segment *s = find(segments, n_segments, task)
    cdef Py_ssize_t at = (task - s.first_task) * CHUNK
    cdef Py_ssize_t n = min(<Py_ssize_t> CHUNK, s.size - at)
    if s.type_number == NPY_FLOAT32:
        sgd_chunk(<float *> s.array[0] + at, <float *> s.array[1] + at,
                  <float *> s.array[2] + at if s.array[2] != NULL else <float *> NULL, n, rule)
    else:
        sgd_chunk(<double *> s.array[0] + at, <double *> s.array[1] + at,
                  <double *> s.array[2] + at if s.array[2] != NULL else <double *> NULL, n, rule)
    td_restore_denormals(saved)


cdef void sgd_all(Segment *segments, Py_ssize_t n_segments, Py_ssize_t n_tasks, const Sgd *rule, bint threads,
                  int n_threads) noexcept nogil:
    cdef Py_ssize_t t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=threads):
        sgd_task(segments, n_segments, t, rule)


def sgd(params, grads, buffers, double lr, double momentum, double dampening, double weight_decay, bint nesterov,
        bint first, int n_threads=1):
    """g = grad + weight_decay p;  b = g on the first step, momentum b + (1-dampening) g later;
    p -= lr (g + momentum b) with nesterov, else lr b; without momentum p -= lr g and b is not used.

    params, buffers : lists of IN/OUT arrays (buffers may be None when momentum is 0).  grads : list of IN arrays.
    first : write the buffers instead of reading them.

    All arrays of one parameter share its dtype, shape and dense memory order; float32 and float64 may mix in a list.
    """
    if momentum != 0 and buffers is None:
        raise ValueError(f"buffers: momentum = {momentum} needs one array per parameter, got None")
    cdef Sgd rule = Sgd(lr, momentum, 1 - dampening, weight_decay, nesterov, first)
    cdef Table table = table_of(("params", "grads", "buffers"), (params, grads, None if momentum == 0 else buffers))
    sgd_all(table.segments, table.n_segments, table.n_tasks, &rule, table.n_elements > CHUNK, n_threads)


# --- Adam ------------------------------------------------------------------------------------------------------------

cdef struct Adam:
    double step_size, beta1, beta2, eps, inverse_root  # inverse_root = 1 / sqrt(1 - beta2^step)
    double l2, shrink                                  # L2: g += l2 p;  decoupled: p *= shrink


cdef inline real root(real x) noexcept nogil:
    if real is float:
        return sqrtf(x)
    else:
        return sqrt(x)


cdef void adam_chunk(real *p, const real *grad, real *m, real *v, Py_ssize_t n, const Adam *rule) noexcept nogil:
    cdef real step_size = <real> rule.step_size, beta1 = <real> rule.beta1, beta2 = <real> rule.beta2
    cdef real rest1 = <real> (1 - rule.beta1), rest2 = <real> (1 - rule.beta2), eps = <real> rule.eps
    cdef real inverse_root = <real> rule.inverse_root, l2 = <real> rule.l2, shrink = <real> rule.shrink, g
    cdef Py_ssize_t i
    for i in range(n):
        g = grad[i] + l2 * p[i]
        m[i] = beta1 * m[i] + rest1 * g
        v[i] = beta2 * v[i] + rest2 * (g * g)
        p[i] = shrink * p[i] - step_size * m[i] / (root(v[i]) * inverse_root + eps)


cdef void adam_task(Segment *segments, Py_ssize_t n_segments, Py_ssize_t task, const Adam *rule) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Segment *s = find(segments, n_segments, task)
    cdef Py_ssize_t at = (task - s.first_task) * CHUNK
    cdef Py_ssize_t n = min(<Py_ssize_t> CHUNK, s.size - at)
    if s.type_number == NPY_FLOAT32:
        adam_chunk(<float *> s.array[0] + at, <float *> s.array[1] + at, <float *> s.array[2] + at,
                   <float *> s.array[3] + at, n, rule)
    else:
        adam_chunk(<double *> s.array[0] + at, <double *> s.array[1] + at, <double *> s.array[2] + at,
                   <double *> s.array[3] + at, n, rule)
    td_restore_denormals(saved)


cdef void adam_all(Segment *segments, Py_ssize_t n_segments, Py_ssize_t n_tasks, const Adam *rule, bint threads,
                   int n_threads) noexcept nogil:
    cdef Py_ssize_t t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=threads):
        adam_task(segments, n_segments, t, rule)


def adam(params, grads, m, v, double lr, double beta1, double beta2, double eps, double weight_decay, bint decoupled,
         long long step, int n_threads=1):
    """decoupled (AdamW): p *= 1 - lr weight_decay, g = grad;  else g = grad + weight_decay p (L2);
    m = beta1 m + (1-beta1) g;  v = beta2 v + (1-beta2) g^2;
    p -= lr/(1-beta1^step) m / (sqrt(v)/sqrt(1-beta2^step) + eps).

    params, m, v : lists of IN/OUT arrays.  grads : list of IN arrays.  step : 1 for the first call.

    All arrays of one parameter share its dtype, shape and dense memory order.
    """
    if m is None or v is None:
        raise ValueError("m, v: expected one array per parameter, got None")
    if step < 1:
        raise ValueError(f"step: counts from 1, got {step}")
    cdef Adam rule
    rule.step_size = lr / (1 - pow(beta1, <double> step))
    rule.inverse_root = 1 / sqrt(1 - pow(beta2, <double> step))
    rule.beta1, rule.beta2, rule.eps = beta1, beta2, eps
    rule.l2 = 0 if decoupled else weight_decay
    rule.shrink = 1 - lr * weight_decay if decoupled else 1
    cdef Table table = table_of(("params", "grads", "m", "v"), (params, grads, m, v))
    adam_all(table.segments, table.n_segments, table.n_tasks, &rule, table.n_elements > CHUNK, n_threads)


# --- RMSprop ---------------------------------------------------------------------------------------------------------

cdef struct RmsProp:
    double lr, alpha, eps, weight_decay, momentum


cdef void rmsprop_chunk(real *p, const real *grad, real *square, real *average, real *buf, Py_ssize_t n,
                        const RmsProp *rule) noexcept nogil:
    cdef real lr = <real> rule.lr, alpha = <real> rule.alpha, rest = <real> (1 - rule.alpha), eps = <real> rule.eps
    cdef real decay = <real> rule.weight_decay, momentum = <real> rule.momentum, a, g, s
    cdef Py_ssize_t i
    # One loop a case: a test of a pointer inside keeps the loop from being vectorised.
    if average == NULL and buf == NULL:
        for i in range(n):
            g = grad[i] + decay * p[i]
            s = alpha * square[i] + rest * (g * g)
            square[i] = s
            p[i] = p[i] - lr * (g / (root(s) + eps))
    elif average == NULL:
        for i in range(n):
            g = grad[i] + decay * p[i]
            s = alpha * square[i] + rest * (g * g)
            square[i] = s
            buf[i] = momentum * buf[i] + g / (root(s) + eps)
            p[i] = p[i] - lr * buf[i]
    else:
        for i in range(n):
            g = grad[i] + decay * p[i]
            s = alpha * square[i] + rest * (g * g)
            a = alpha * average[i] + rest * g
            square[i] = s
            average[i] = a
            s = s - a * a
            s = 0 if s < 0 else s  # rounding; NaN passes
            g = g / (root(s) + eps)
            if buf == NULL:
                p[i] = p[i] - lr * g
            else:
                buf[i] = momentum * buf[i] + g
                p[i] = p[i] - lr * buf[i]


cdef void rmsprop_task(Segment *segments, Py_ssize_t n_segments, Py_ssize_t task, const RmsProp *rule) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Segment *s = find(segments, n_segments, task)
    cdef Py_ssize_t at = (task - s.first_task) * CHUNK
    cdef Py_ssize_t n = min(<Py_ssize_t> CHUNK, s.size - at)
    if s.type_number == NPY_FLOAT32:
        rmsprop_chunk(<float *> s.array[0] + at, <float *> s.array[1] + at, <float *> s.array[2] + at,
                      <float *> s.array[3] + at if s.array[3] != NULL else <float *> NULL,
                      <float *> s.array[4] + at if s.array[4] != NULL else <float *> NULL, n, rule)
    else:
        rmsprop_chunk(<double *> s.array[0] + at, <double *> s.array[1] + at, <double *> s.array[2] + at,
                      <double *> s.array[3] + at if s.array[3] != NULL else <double *> NULL,
                      <double *> s.array[4] + at if s.array[4] != NULL else <double *> NULL, n, rule)
    td_restore_denormals(saved)


cdef void rmsprop_all(Segment *segments, Py_ssize_t n_segments, Py_ssize_t n_tasks, const RmsProp *rule, bint threads,
                      int n_threads) noexcept nogil:
    cdef Py_ssize_t t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=threads):
        rmsprop_task(segments, n_segments, t, rule)


def rmsprop(params, grads, squares, averages, buffers, double lr, double alpha, double eps, double weight_decay,
            double momentum, int n_threads=1):
    """g = grad + weight_decay p;  s = alpha s + (1-alpha) g^2;  centred (averages given): a = alpha a + (1-alpha) g,
    d = sqrt(s - a^2) + eps, else d = sqrt(s) + eps;  momentum: b = momentum b + g/d, p -= lr b;  else p -= lr g/d.

    params, squares, averages (or None), buffers (or None when momentum is 0) : lists of IN/OUT arrays.
    grads : list of IN arrays.

    All arrays of one parameter share its dtype, shape and dense memory order.
    """
    if squares is None:
        raise ValueError("squares: expected one array per parameter, got None")
    if momentum != 0 and buffers is None:
        raise ValueError(f"buffers: momentum = {momentum} needs one array per parameter, got None")
    cdef RmsProp rule = RmsProp(lr, alpha, eps, weight_decay, momentum)
    cdef Table table = table_of(("params", "grads", "squares", "averages", "buffers"),
                                (params, grads, squares, averages, None if momentum == 0 else buffers))
    rmsprop_all(table.segments, table.n_segments, table.n_tasks, &rule, table.n_elements > CHUNK, n_threads)


# --- gradients: norm, scaling, clipping ------------------------------------------------------------------------------

cdef double largest(const real *g, Py_ssize_t n) noexcept nogil:
    """The largest |g|, NaN if there is one: without their sign, numbers and NaN are in the order of their bits."""
    cdef int32_t bits, most = 0
    cdef int64_t wide_bits, wide_most = 0
    cdef Py_ssize_t i
    if real is float:
        for i in range(n):
            bits = td_bits_f(g[i]) & 0x7fffffff
            most = bits if bits > most else most
        return <double> td_from_bits_f(most)
    else:
        for i in range(n):
            wide_bits = td_bits_d(g[i]) & 0x7fffffffffffffffLL
            wide_most = wide_bits if wide_bits > wide_most else wide_most
        return td_from_bits_d(wide_most)


cdef double power_sum(const real *g, Py_ssize_t n, double p) noexcept nogil:
    """Sum of |g|^p, or the largest |g| for p = inf, of one chunk in float64."""
    cdef double lane[LANES]
    cdef double total
    cdef Py_ssize_t b, i, k
    for k in range(LANES):
        lane[k] = 0
    if isinf(p):
        return largest(g, n)
    if p == 2:
        for b in range(n // LANES):
            for k in range(LANES):
                lane[k] += <double> g[b * LANES + k] * <double> g[b * LANES + k]
    elif p == 1:
        for b in range(n // LANES):
            for k in range(LANES):
                lane[k] += fabs(<double> g[b * LANES + k])
    else:
        for b in range(n // LANES):
            for k in range(LANES):
                lane[k] += pow(fabs(<double> g[b * LANES + k]), p)
    for i in range(n - n % LANES, n):
        lane[0] += pow(fabs(<double> g[i]), p)
    total = 0
    for k in range(LANES):
        total += lane[k]
    return total


cdef enum Operation:
    NORM
    SCALE
    CLIP


cdef void scale_chunk(real *g, Py_ssize_t n, real factor) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        g[i] = g[i] * factor


cdef void clip_chunk(real *g, Py_ssize_t n, real value) noexcept nogil:
    cdef Py_ssize_t i
    cdef real a
    for i in range(n):
        a = g[i]
        a = value if a > value else a
        g[i] = -value if a < -value else a


cdef void gradient_task(Operation operation, Segment *segments, Py_ssize_t n_segments, Py_ssize_t task,
                        double argument, double *partial) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Segment *s = find(segments, n_segments, task)
    cdef Py_ssize_t at = (task - s.first_task) * CHUNK
    cdef Py_ssize_t n = min(<Py_ssize_t> CHUNK, s.size - at)
    if s.type_number == NPY_FLOAT32:
        if operation == NORM:
            partial[task] = power_sum(<float *> s.array[0] + at, n, argument)
        elif operation == SCALE:
            scale_chunk(<float *> s.array[0] + at, n, <float> argument)
        else:
            clip_chunk(<float *> s.array[0] + at, n, <float> argument)
    else:
        if operation == NORM:
            partial[task] = power_sum(<double *> s.array[0] + at, n, argument)
        elif operation == SCALE:
            scale_chunk(<double *> s.array[0] + at, n, argument)
        else:
            clip_chunk(<double *> s.array[0] + at, n, argument)
    td_restore_denormals(saved)


cdef void gradient_all(Operation operation, Segment *segments, Py_ssize_t n_segments, Py_ssize_t n_tasks,
                       double argument, double *partial, bint threads, int n_threads) noexcept nogil:
    cdef Py_ssize_t t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=threads):
        gradient_task(operation, segments, n_segments, t, argument, partial)


cdef Table gradient_table(object grads, bint written):
    cdef Py_ssize_t n = len(grads), k
    cdef Table table = Table(n)
    cdef int t
    table.n_tasks = table.n_elements = 0
    for k in range(n):
        t = float_type(grads[k], "grads")
        table.segments[k].type_number = t
        table.segments[k].size = grads[k].size
        table.segments[k].first_task = table.n_tasks
        table.n_tasks += (table.segments[k].size + CHUNK - 1) // CHUNK
        table.n_elements += table.segments[k].size
        table.segments[k].array[0] = data(grads[k], "grads", t, table.segments[k].size, written)
    return table


def norms(grads, double p, int n_threads=1):
    """(sum over all elements of all arrays of |g|^p)^(1/p); the largest |g| for p = inf; NaN propagates.

    grads : list of IN arrays, each dense.  p : a number > 0.  Returns a float.

    Summed in float64: float32 squares cannot overflow. Chunks are combined in index order.
    """
    if not p > 0:
        raise ValueError(f"p: the order of a norm must be positive, got {p}")
    cdef Table table = gradient_table(grads, False)
    cdef Block block = Block(<size_t> max(table.n_tasks, <Py_ssize_t> 1) * sizeof(double))
    cdef double *partial = <double *> block.address
    cdef double total = 0
    cdef Py_ssize_t t
    gradient_all(NORM, table.segments, table.n_segments, table.n_tasks, p, partial, table.n_elements > CHUNK,
                 n_threads)
    for t in range(table.n_tasks):
        if p == INFINITY:
            if partial[t] > total or partial[t] != partial[t]:
                total = partial[t]
        else:
            total += partial[t]
    if p == INFINITY or p == 1:
        return total
    return sqrt(total) if p == 2 else pow(total, 1 / p)


def scale(grads, double factor, int n_threads=1):
    """g *= factor.

    grads : list of IN/OUT arrays, each dense.
    """
    cdef Table table = gradient_table(grads, True)
    gradient_all(SCALE, table.segments, table.n_segments, table.n_tasks, factor, NULL, table.n_elements > CHUNK,
                 n_threads)


def clip(grads, double value, int n_threads=1):
    """g = min(max(g, -value), value); NaN passes.

    grads : list of IN/OUT arrays, each dense.
    """
    if not value >= 0:
        raise ValueError(f"value: the clipping limit must not be negative, got {value}")
    cdef Table table = gradient_table(grads, True)
    gradient_all(CLIP, table.segments, table.n_segments, table.n_tasks, value, NULL, table.n_elements > CHUNK,
                 n_threads)
