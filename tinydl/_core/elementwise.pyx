"""Element-by-element kernels: activations and the fused affine maps that batch norm defers to its consumers.

All arrays of a call share one dense memory order; only their number of elements counts.
"""

from cython.parallel cimport prange
from tinydl._core.array cimport NPY_FLOAT32, data, float_type, import_array, real

cdef extern from "src/vector.h" nogil:
    unsigned int td_flush_denormals() noexcept
    void td_restore_denormals(unsigned int) noexcept

import_array()

cdef enum:
    CHUNK = 16384  # elements of one task: 64 KB of float32, small beside L2 and large beside a region's start


cdef void relu_chunk(const real *x, real *y, Py_ssize_t n) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = 0 if x[i] < 0 else x[i]  # written so that NaN passes
    td_restore_denormals(saved)


cdef void relu_all(const real *x, real *y, Py_ssize_t n, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_tasks = (n + CHUNK - 1) // CHUNK, t
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        relu_chunk(x + t * CHUNK, y + t * CHUNK, min(<Py_ssize_t> CHUNK, n - t * CHUNK))


def relu_forward(x, y, int n_threads):
    """y = max(x, 0); NaN passes.

    x : IN, any shape, dense.  y : OUT, as x.
    """
    cdef Py_ssize_t n = x.size
    cdef int t = float_type(x, "x")
    cdef void *px = data(x, "x", t, n)
    cdef void *py = data(y, "y", t, n, True)
    if t == NPY_FLOAT32:
        relu_all(<float *> px, <float *> py, n, n_threads)
    else:
        relu_all(<double *> px, <double *> py, n, n_threads)
