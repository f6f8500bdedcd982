"""Dropout: elements are kept or dropped by random words that depend on two keys and the place in memory alone.

Nothing is stored for the backward pass, which makes the same words again, and any thread may make any block of them.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint32_t, uint64_t
from tinydl._core.array cimport NPY_FLOAT32, data, float_type, real
from tinydl._core.parallel cimport check_team
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

cdef extern from "src/dropout.h" nogil:
    enum:
        TD_DROPOUT_BLOCK
    void td_dropout_words(uint64_t block, uint64_t key0, uint64_t key1, uint32_t *words) noexcept

cdef enum:
    CHUNK = 16384  # elements of one task; whole blocks of words


cdef void dropout_task(const real *x, real *y, Py_ssize_t start, Py_ssize_t stop, uint64_t key0, uint64_t key1,
                       uint32_t threshold, real scale) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef uint32_t words[TD_DROPOUT_BLOCK]
    cdef Py_ssize_t b, i, j, m
    # Chunks are whole blocks of words: no block is made by two tasks.
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
    # p is 1, or rounds to it in 32 bits: nothing is kept, and 1 / (1 - p) may be infinite.
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


def dropout_forward(x, uint64_t key0, uint64_t key1, double p, y, int n_threads, /):
    """y = x / (1 - p) where the element is kept, else 0 (also where x is NaN).

    The element at place i of memory is kept when its 32-bit random word, a function of (key0, key1, i), is at least
    p 2^32 (rounded).

    x : IN.  y : OUT, as x.
    """
    check_team(n_threads)
    dropout(x, "x", key0, key1, p, y, "y", n_threads)


def dropout_backward(dy, uint64_t key0, uint64_t key1, double p, dx, int n_threads, /):
    """dx = dy / (1 - p) where the element was kept, else 0; the same keys and p make the same mask.

    dy : IN.  dx : OUT, as dy.
    """
    check_team(n_threads)
    dropout(dy, "dy", key0, key1, p, dx, "dx", n_threads)
