"""Element-by-element kernels: activations and their gradients, addition, dropout.

All arrays of a call share one dense memory order; only their number of elements counts. The output
may be one of the inputs. Backward kernels take y (the output) where the derivative is cheapest from it, else x.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint32_t, uint64_t
from tinydl._core.array cimport NPY_FLOAT32, data, float_type, import_array, real
from tinydl._core.memory cimport Block
from tinydl._core.inference.program cimport make_step

cdef extern from "src/vector.h" nogil:
    unsigned int td_flush_denormals() noexcept
    void td_restore_denormals(unsigned int) noexcept

cdef extern from "src/activation.h" nogil:
    float td_exp_f(float) noexcept
    double td_exp_d(double) noexcept
    float td_expm1_f(float) noexcept
    double td_expm1_d(double) noexcept
    float td_tanh_f(float) noexcept
    double td_tanh_d(double) noexcept
    float td_sigmoid_f(float) noexcept
    double td_sigmoid_d(double) noexcept
    float td_normal_cdf_f(float) noexcept
    double td_normal_cdf_d(double) noexcept

cdef extern from "src/dropout.h" nogil:
    enum:
        TD_DROPOUT_BLOCK
    void td_dropout_words(uint64_t block, uint64_t key0, uint64_t key1, uint32_t *words) noexcept

import_array()

cdef enum:
    CHUNK = 16384  # elements of one task: 64 KB of float32, small beside L2 and large beside a region's start

cdef enum Operation:
    RELU, LEAKY_RELU, ELU, GELU, TANH, SIGMOID  # of one array
    RELU_BACKWARD, LEAKY_RELU_BACKWARD, ELU_BACKWARD, GELU_BACKWARD, TANH_BACKWARD, SIGMOID_BACKWARD, ADD  # of two


# Comparisons are written so that NaN takes the branch that keeps it.

cdef inline void relu(const real *x, real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = 0 if x[i] < 0 else x[i]


cdef inline void relu_gradient(const real *y, const real *dy, real *dx, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = 0 if y[i] <= 0 else dy[i]


cdef inline void leaky_relu(const real *x, real *y, Py_ssize_t n, real slope) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = slope * x[i] if x[i] <= 0 else x[i]


cdef inline void leaky_relu_gradient(const real *x, const real *dy, real *dx, Py_ssize_t n, real slope) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = slope * dy[i] if x[i] <= 0 else dy[i]


cdef inline void elu(const real *x, real *y, Py_ssize_t n, real alpha) noexcept nogil:
    cdef Py_ssize_t i
    cdef real z
    for i in range(n):
        z = 0 if x[i] > 0 else x[i]  # expm1 is never asked for what is not used
        if real is float:
            z = td_expm1_f(z)
        else:
            z = td_expm1_d(z)
        y[i] = alpha * z if x[i] <= 0 else x[i]


cdef inline void elu_gradient(const real *x, const real *dy, real *dx, Py_ssize_t n, real alpha) noexcept nogil:
    cdef Py_ssize_t i
    cdef real z
    for i in range(n):
        z = 0 if x[i] > 0 else x[i]
        if real is float:
            z = td_exp_f(z)
        else:
            z = td_exp_d(z)
        dx[i] = alpha * z * dy[i] if x[i] <= 0 else dy[i]


cdef inline void gelu(const real *x, real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef real z
    for i in range(n):
        z = -50 if x[i] < -50 else x[i]  # -50 * 0 is the limit at -inf, where -inf * 0 would be NaN
        if real is float:
            y[i] = z * td_normal_cdf_f(z)
        else:
            y[i] = z * td_normal_cdf_d(z)


cdef inline void gelu_gradient(const real *x, const real *dy, real *dx, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef real z
    for i in range(n):
        z = -50 if x[i] < -50 else x[i]
        z = 50 if z > 50 else z
        if real is float:
            dx[i] = dy[i] * (td_normal_cdf_f(z) + z * (<float> 0.3989422804014327 * td_exp_f(<float> -0.5 * z * z)))
        else:
            dx[i] = dy[i] * (td_normal_cdf_d(z) + z * (0.3989422804014327 * td_exp_d(-0.5 * z * z)))


cdef inline void tanh(const real *x, real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if real is float:
            y[i] = td_tanh_f(x[i])
        else:
            y[i] = td_tanh_d(x[i])


cdef inline void tanh_gradient(const real *y, const real *dy, real *dx, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = dy[i] * (1 - y[i] * y[i])


cdef inline void sigmoid(const real *x, real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if real is float:
            y[i] = td_sigmoid_f(x[i])
        else:
            y[i] = td_sigmoid_d(x[i])


cdef inline void sigmoid_gradient(const real *y, const real *dy, real *dx, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = dy[i] * (y[i] * (1 - y[i]))


cdef inline void sum_of_two(const real *a, const real *b, real *y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = a[i] + b[i]


cdef void unary_task(Operation f, const real *x, real *y, Py_ssize_t n, real parameter) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    if f == RELU:
        relu(x, y, n)
    elif f == LEAKY_RELU:
        leaky_relu(x, y, n, parameter)
    elif f == ELU:
        elu(x, y, n, parameter)
    elif f == GELU:
        gelu(x, y, n)
    elif f == TANH:
        tanh(x, y, n)
    elif f == SIGMOID:
        sigmoid(x, y, n)
    td_restore_denormals(saved)


cdef void binary_task(Operation f, const real *a, const real *b, real *y, Py_ssize_t n,
                      real parameter) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    if f == RELU_BACKWARD:
        relu_gradient(a, b, y, n)
    elif f == LEAKY_RELU_BACKWARD:
        leaky_relu_gradient(a, b, y, n, parameter)
    elif f == ELU_BACKWARD:
        elu_gradient(a, b, y, n, parameter)
    elif f == GELU_BACKWARD:
        gelu_gradient(a, b, y, n)
    elif f == TANH_BACKWARD:
        tanh_gradient(a, b, y, n)
    elif f == SIGMOID_BACKWARD:
        sigmoid_gradient(a, b, y, n)
    elif f == ADD:
        sum_of_two(a, b, y, n)
    td_restore_denormals(saved)


cdef void unary_all(Operation f, const real *x, real *y, Py_ssize_t n, real parameter, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_tasks = (n + CHUNK - 1) // CHUNK, t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        unary_task(f, x + t * CHUNK, y + t * CHUNK, min(<Py_ssize_t> CHUNK, n - t * CHUNK), parameter)


cdef void binary_all(Operation f, const real *a, const real *b, real *y, Py_ssize_t n, real parameter,
                     int n_threads) noexcept nogil:
    cdef Py_ssize_t n_tasks = (n + CHUNK - 1) // CHUNK, t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        binary_task(f, a + t * CHUNK, b + t * CHUNK, y + t * CHUNK, min(<Py_ssize_t> CHUNK, n - t * CHUNK), parameter)


cdef int unary(Operation f, x, y, double parameter, int n_threads) except -1:
    cdef int t = float_type(x, "x")
    cdef Py_ssize_t n = x.size
    cdef void *px = data(x, "x", t, n)
    cdef void *py = data(y, "y", t, n, True)
    with nogil:
        if t == NPY_FLOAT32:
            unary_all(f, <float *> px, <float *> py, n, <float> parameter, n_threads)
        else:
            unary_all(f, <double *> px, <double *> py, n, parameter, n_threads)
    return 0


cdef int binary(Operation f, a, str name_a, b, str name_b, y, str name_y, double parameter, int n_threads) except -1:
    cdef int t = float_type(a, name_a)
    cdef Py_ssize_t n = a.size
    cdef void *pa = data(a, name_a, t, n)
    cdef void *pb = data(b, name_b, t, n)
    cdef void *py = data(y, name_y, t, n, True)
    with nogil:
        if t == NPY_FLOAT32:
            binary_all(f, <float *> pa, <float *> pb, <float *> py, n, <float> parameter, n_threads)
        else:
            binary_all(f, <double *> pa, <double *> pb, <double *> py, n, parameter, n_threads)
    return 0


def relu_forward(x, y, int n_threads):
    """y = max(x, 0); NaN passes.

    x : IN, any shape, dense.  y : OUT, as x.
    """
    unary(RELU, x, y, 0, n_threads)


cdef void relu_step_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y,
                         const float *addend, float *scratch) noexcept nogil:
    cdef Py_ssize_t size = (<const Py_ssize_t *> state)[0]
    relu(x + task * size, y + task * size, size)


def relu_step(Py_ssize_t size):
    """A `Step` of a program: max(x, 0) of `size` elements an image, float32."""
    cdef Block state = Block(sizeof(Py_ssize_t))
    (<Py_ssize_t *> state.address)[0] = size
    return make_step(relu_step_task, state, None, 1, 1, size, size, 0, False)


def relu_backward(y, dy, dx, int n_threads):
    """dx = dy where y > 0 (or NaN), else 0.

    y, dy : IN.  dx : OUT, as y.
    """
    binary(RELU_BACKWARD, y, "y", dy, "dy", dx, "dx", 0, n_threads)


def leaky_relu_forward(x, y, double slope, int n_threads):
    """y = x where x > 0, else slope x.

    x : IN.  y : OUT, as x.
    """
    unary(LEAKY_RELU, x, y, slope, n_threads)


def leaky_relu_backward(x, dy, dx, double slope, int n_threads):
    """dx = dy where x > 0, else slope dy; for slope > 0 the output y may stand for x.

    x, dy : IN.  dx : OUT, as x.
    """
    binary(LEAKY_RELU_BACKWARD, x, "x", dy, "dy", dx, "dx", slope, n_threads)


def elu_forward(x, y, double alpha, int n_threads):
    """y = x where x > 0, else alpha (exp(x) - 1).

    x : IN.  y : OUT, as x.
    """
    unary(ELU, x, y, alpha, n_threads)


def elu_backward(x, dy, dx, double alpha, int n_threads):
    """dx = dy where x > 0, else alpha exp(x) dy.

    x, dy : IN.  dx : OUT, as x.
    """
    binary(ELU_BACKWARD, x, "x", dy, "dy", dx, "dx", alpha, n_threads)


def gelu_forward(x, y, int n_threads):
    """y = x Phi(x), Phi the distribution function of the standard normal (the erf form); 0 at -inf.

    x : IN.  y : OUT, as x.
    """
    unary(GELU, x, y, 0, n_threads)


def gelu_backward(x, dy, dx, int n_threads):
    """dx = dy (Phi(x) + x phi(x)), phi the density of the standard normal.

    x, dy : IN.  dx : OUT, as x.
    """
    binary(GELU_BACKWARD, x, "x", dy, "dy", dx, "dx", 0, n_threads)


def tanh_forward(x, y, int n_threads):
    """y = tanh x.

    x : IN.  y : OUT, as x.
    """
    unary(TANH, x, y, 0, n_threads)


def tanh_backward(y, dy, dx, int n_threads):
    """dx = dy (1 - y^2).

    y, dy : IN.  dx : OUT, as y.
    """
    binary(TANH_BACKWARD, y, "y", dy, "dy", dx, "dx", 0, n_threads)


def sigmoid_forward(x, y, int n_threads):
    """y = 1 / (1 + exp(-x)).

    x : IN.  y : OUT, as x.
    """
    unary(SIGMOID, x, y, 0, n_threads)


def sigmoid_backward(y, dy, dx, int n_threads):
    """dx = dy y (1 - y).

    y, dy : IN.  dx : OUT, as y.
    """
    binary(SIGMOID_BACKWARD, y, "y", dy, "dy", dx, "dx", 0, n_threads)


def add(a, b, y, int n_threads):
    """y = a + b.

    a, b : IN, in the same dense order.  y : OUT, as a.
    """
    binary(ADD, a, "a", b, "b", y, "y", 0, n_threads)


cdef void dropout_task(const real *x, real *y, Py_ssize_t start, Py_ssize_t stop, uint64_t key0, uint64_t key1,
                       uint32_t threshold, real scale) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef uint32_t words[TD_DROPOUT_BLOCK]
    cdef Py_ssize_t b, i, j, m
    for b in range(start // TD_DROPOUT_BLOCK, (stop + TD_DROPOUT_BLOCK - 1) // TD_DROPOUT_BLOCK):
        td_dropout_words(<uint64_t> b, key0, key1, words)
        i = b * TD_DROPOUT_BLOCK
        m = min(<Py_ssize_t> TD_DROPOUT_BLOCK, stop - i)
        for j in range(m):
            y[i + j] = x[i + j] * scale if words[j] >= threshold else 0
    td_restore_denormals(saved)


cdef void dropout_all(const real *x, real *y, Py_ssize_t n, uint64_t key0, uint64_t key1, uint32_t threshold,
                      real scale, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_tasks = (n + CHUNK - 1) // CHUNK, t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        dropout_task(x, y, t * CHUNK, min(n, (t + 1) * CHUNK), key0, key1, threshold, scale)


cdef int dropout(x, str name_x, uint64_t key0, uint64_t key1, double p, y, str name_y, int n_threads) except -1:
    cdef int t = float_type(x, name_x)
    cdef Py_ssize_t n = x.size
    cdef void *px = data(x, name_x, t, n)
    cdef void *py = data(y, name_y, t, n, True)
    if not 0 <= p <= 1:
        raise ValueError(f"p: expected a probability from 0 to 1, got {p}")
    cdef uint64_t threshold = <uint64_t> round(p * 4294967296.0)
    if threshold > 0xFFFFFFFF:
        y.fill(0)
        return 0
    with nogil:
        if t == NPY_FLOAT32:
            dropout_all(<float *> px, <float *> py, n, key0, key1, <uint32_t> threshold, <float> (1 / (1 - p)),
                        n_threads)
        else:
            dropout_all(<double *> px, <double *> py, n, key0, key1, <uint32_t> threshold, 1 / (1 - p), n_threads)
    return 0


def dropout_forward(x, uint64_t key0, uint64_t key1, double p, y, int n_threads):
    """y = x / (1 - p) where the element is kept, else 0 (also where x is NaN).

    The element at place i of memory is kept when its 32-bit random word, a function of (key0, key1, i), is at least
    p 2^32 (rounded).

    x : IN.  y : OUT, as x.
    """
    dropout(x, "x", key0, key1, p, y, "y", n_threads)


def dropout_backward(dy, uint64_t key0, uint64_t key1, double p, dx, int n_threads):
    """dx = dy / (1 - p) where the element was kept, else 0; the same keys and p make the same mask.

    dy : IN.  dx : OUT, as dy.
    """
    dropout(dy, "dy", key0, key1, p, dx, "dx", n_threads)
