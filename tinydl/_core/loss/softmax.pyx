"""Softmax and log-softmax over the rows of a (N, C) array.

The exponentials of all rows of a task are one loop over contiguous memory, so that vectors are full even where a row
has ten classes.
"""

from cython.parallel cimport prange
from tinydl._core.array cimport NPY_FLOAT32, float_type, matrix, matrix_shape, real
from tinydl._core.exp cimport exponential, logarithm
from tinydl._core.loss.rows cimport LANES, normalise_rows, row_dot, row_sum, rows_per_task, shift_rows
from tinydl._core.parallel cimport check_team
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

cdef enum Operation:
    SOFTMAX
    LOG_SOFTMAX
    SOFTMAX_BACKWARD
    LOG_SOFTMAX_BACKWARD


# --- one task --------------------------------------------------------------------------------------------------------

cdef void softmax_rows(const real *x, real *y, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    cdef Py_ssize_t n = 0, c
    cdef double sums[LANES]
    shift_rows(x, y, n_rows, n_classes)
    # One loop over all rows, not one a row: ten classes would leave most of a vector empty.
    for c in range(n_rows * n_classes):
        y[c] = exponential(y[c])
    # The sums of LANES rows are made side by side.
    while n < n_rows:
        normalise_rows(y + n * n_classes, sums, min(<Py_ssize_t> LANES, n_rows - n), n_classes)
        n += LANES


cdef void log_softmax_rows(const real *x, real *y, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    # y keeps the shifted logits, so exponentials are summed as they are made: there is no room to store them.
    cdef Py_ssize_t n, b, c, k
    cdef double lane[LANES]
    cdef double total
    cdef real log_sum
    cdef real *row
    shift_rows(x, y, n_rows, n_classes)
    for n in range(n_rows):
        row = y + n * n_classes
        for k in range(LANES):
            lane[k] = 0
        for b in range(n_classes // LANES):
            for k in range(LANES):
                lane[k] += <double> exponential(row[b * LANES + k])
        # What does not fill the lanes goes to the first.
        for c in range(n_classes - n_classes % LANES, n_classes):
            lane[0] += <double> exponential(row[c])
        total = 0
        for k in range(LANES):
            total += lane[k]
        log_sum = <real> logarithm(total)
        for c in range(n_classes):
            row[c] = row[c] - log_sum


cdef void softmax_backward_rows(const real *y, const real *dy, real *dx, Py_ssize_t n_rows,
                                Py_ssize_t n_classes) noexcept nogil:
    cdef Py_ssize_t n, c
    cdef real mean
    for n in range(n_rows):
        # The mean of dy under the row's distribution: what all logits share changes no probability.
        mean = <real> row_dot(y + n * n_classes, dy + n * n_classes, n_classes)
        for c in range(n * n_classes, (n + 1) * n_classes):
            dx[c] = y[c] * (dy[c] - mean)


cdef void log_softmax_backward_rows(const real *y, const real *dy, real *dx, Py_ssize_t n_rows,
                                    Py_ssize_t n_classes) noexcept nogil:
    cdef Py_ssize_t n, c
    cdef real total
    for n in range(n_rows):
        # The probabilities are exp(y): the forward pass kept their logarithms, which do not underflow.
        total = <real> row_sum(dy + n * n_classes, n_classes)
        for c in range(n * n_classes, (n + 1) * n_classes):
            dx[c] = dy[c] - exponential(y[c]) * total


cdef void rows_task(Operation operation, const real *x, const real *dy, real *out, Py_ssize_t n_rows,
                    Py_ssize_t n_classes) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()  # probabilities of hopeless classes are denormal
    if operation == SOFTMAX:
        softmax_rows(x, out, n_rows, n_classes)
    elif operation == LOG_SOFTMAX:
        log_softmax_rows(x, out, n_rows, n_classes)
    elif operation == SOFTMAX_BACKWARD:
        softmax_backward_rows(x, dy, out, n_rows, n_classes)
    else:
        log_softmax_backward_rows(x, dy, out, n_rows, n_classes)
    td_restore_denormals(saved)


# --- from an entry to its tasks --------------------------------------------------------------------------------------

cdef void rows_all(Operation operation, const real *x, const real *dy, real *out, Py_ssize_t n_rows,
                   Py_ssize_t n_classes, int n_threads) noexcept nogil:
    # The split follows from the shape alone, and no sum crosses a row: any number of threads gives the same bits.
    cdef Py_ssize_t step = rows_per_task(n_classes), t, first
    cdef Py_ssize_t n_tasks = (n_rows + step - 1) // step
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        first = t * step * n_classes
        rows_task(operation, x + first, dy + first if dy != NULL else dy, out + first, min(step, n_rows - t * step),
                  n_classes)


cdef int run(Operation operation, tuple x, object dy, tuple out, int n_threads) except -1:
    """Check the arrays and dispatch on their type; x and out are pairs (name, array), dy is None in forward passes."""
    cdef Py_ssize_t n_rows, n_classes
    check_team(n_threads)
    cdef int t = float_type(x[1], x[0])
    n_rows, n_classes = matrix_shape(x[1], x[0])
    cdef void *x_data = matrix(x[1], x[0], t, n_rows, n_classes)
    cdef void *dy_data = NULL
    if operation >= SOFTMAX_BACKWARD:
        dy_data = matrix(dy, "dy", t, n_rows, n_classes)
    cdef void *out_data = matrix(out[1], out[0], t, n_rows, n_classes, True)
    if n_rows == 0 or n_classes == 0:
        return 0
    if t == NPY_FLOAT32:
        rows_all(operation, <float *> x_data, <float *> dy_data, <float *> out_data, n_rows, n_classes, n_threads)
    else:
        rows_all(operation, <double *> x_data, <double *> dy_data, <double *> out_data, n_rows, n_classes, n_threads)
    return 0


def softmax_forward(x, y, int n_threads=1, /):
    """y[n,c] = exp(x[n,c]) / sum over k of exp(x[n,k]).

    x : IN (N, C).  y : OUT (N, C).
    """
    check_team(n_threads)
    run(SOFTMAX, ("x", x), None, ("y", y), n_threads)


def softmax_backward(y, dy, dx, int n_threads=1, /):
    """dx = y (dy - sum over the row of y dy).

    y : IN (N, C), from the forward pass.  dy : IN (N, C).  dx : OUT (N, C).
    """
    check_team(n_threads)
    run(SOFTMAX_BACKWARD, ("y", y), dy, ("dx", dx), n_threads)


def log_softmax_forward(x, y, int n_threads=1, /):
    """y[n,c] = x[n,c] - log sum over k of exp(x[n,k]).

    x : IN (N, C).  y : OUT (N, C).
    """
    check_team(n_threads)
    run(LOG_SOFTMAX, ("x", x), None, ("y", y), n_threads)


def log_softmax_backward(y, dy, dx, int n_threads=1, /):
    """dx = dy - exp(y) * sum over the row of dy.

    y : IN (N, C), from the forward pass.  dy : IN (N, C).  dx : OUT (N, C).
    """
    check_team(n_threads)
    run(LOG_SOFTMAX_BACKWARD, ("y", y), dy, ("dx", dx), n_threads)
