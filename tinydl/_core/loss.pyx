"""Softmax, log-softmax and softmax with cross-entropy: reductions over the rows of a (N, C) array.

A task is a block of rows. The exponentials of all its rows are one loop over contiguous memory, so that vectors are
full even where a row has ten classes; the sum of a row is made in float64.
"""

from cython.parallel cimport prange
from libc.stdint cimport int64_t
from tinydl._core.array cimport (
    NPY_FLOAT32,
    NPY_INT64,
    PyArray_DIMS,
    PyArray_NDIM,
    PyArrayObject,
    channels_last,
    data,
    float_type,
    import_array,
    real,
)

cdef extern from "src/vector.h" nogil:
    unsigned int td_flush_denormals() noexcept
    void td_restore_denormals(unsigned int) noexcept

cdef extern from "src/exp.h" nogil:
    float td_exp_f(float x) noexcept
    double td_exp_d(double x) noexcept
    double td_log_d(double x) noexcept

import_array()

cdef enum:
    BLOCK = 16384  # elements of one task
    LANES = 8      # partial sums and maxima of a long row, combined in order


cdef inline Py_ssize_t rows_per_task(Py_ssize_t n_classes) noexcept nogil:
    return 1 if n_classes >= BLOCK else BLOCK // n_classes


cdef inline real exponential(real x) noexcept nogil:
    if real is float:
        return td_exp_f(x)
    else:
        return td_exp_d(x)


cdef inline real row_maximum(const real *x, Py_ssize_t n) noexcept nogil:
    # May miss a NaN; its own exponential is NaN all the same, and so the row's sum.
    cdef real lane[LANES]
    cdef real largest = x[0]
    cdef Py_ssize_t i = 0, b, k
    if n >= 4 * LANES:
        for k in range(LANES):
            lane[k] = x[k]
        for b in range(1, n // LANES):
            for k in range(LANES):
                lane[k] = x[b * LANES + k] if x[b * LANES + k] > lane[k] else lane[k]
        for k in range(LANES):
            largest = lane[k] if lane[k] > largest else largest
        i = n - n % LANES
    while i < n:
        largest = x[i] if x[i] > largest else largest
        i += 1
    return largest


cdef inline double row_sum(const real *x, Py_ssize_t n) noexcept nogil:
    cdef double lane[LANES]
    cdef double total = 0
    cdef Py_ssize_t i = 0, b, k
    if n >= 4 * LANES:
        for k in range(LANES):
            lane[k] = 0
        for b in range(n // LANES):
            for k in range(LANES):
                lane[k] += <double> x[b * LANES + k]
        for k in range(LANES):
            total += lane[k]
        i = n - n % LANES
    while i < n:
        total += <double> x[i]
        i += 1
    return total


cdef inline double row_dot(const real *x, const real *y, Py_ssize_t n) noexcept nogil:
    cdef double lane[LANES]
    cdef double total = 0
    cdef Py_ssize_t i = 0, b, k
    if n >= 4 * LANES:
        for k in range(LANES):
            lane[k] = 0
        for b in range(n // LANES):
            for k in range(LANES):
                lane[k] += <double> x[b * LANES + k] * <double> y[b * LANES + k]
        for k in range(LANES):
            total += lane[k]
        i = n - n % LANES
    while i < n:
        total += <double> x[i] * <double> y[i]
        i += 1
    return total


cdef void shift_rows(const real *x, real *y, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    # y = x less its row's maximum: the largest exponential is then 1, and no other overflows.
    cdef Py_ssize_t n = 0, c, k
    cdef real lane[LANES]
    cdef real largest
    if n_classes < 4 * LANES:
        # Short rows: eight at a time, because one after the other each waits for its own chain of comparisons.
        while n + LANES <= n_rows:
            for k in range(LANES):
                lane[k] = x[(n + k) * n_classes]
            for c in range(1, n_classes):
                for k in range(LANES):
                    lane[k] = x[(n + k) * n_classes + c] if x[(n + k) * n_classes + c] > lane[k] else lane[k]
            for k in range(LANES):
                for c in range((n + k) * n_classes, (n + k + 1) * n_classes):
                    y[c] = x[c] - lane[k]
            n += LANES
    while n < n_rows:
        largest = row_maximum(x + n * n_classes, n_classes)
        for c in range(n * n_classes, (n + 1) * n_classes):
            y[c] = x[c] - largest
        n += 1


cdef void row_sums(const real *y, double *sums, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    # The sums of at most LANES rows; each in the order of its own length, whatever its neighbours.
    cdef Py_ssize_t c, k
    if n_classes < 4 * LANES and n_rows == LANES:
        for k in range(LANES):
            sums[k] = 0
        for c in range(n_classes):
            for k in range(LANES):
                sums[k] += <double> y[k * n_classes + c]
    else:
        for k in range(n_rows):
            sums[k] = row_sum(y + k * n_classes, n_classes)


cdef void normalise_rows(real *y, double *sums, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    # Divide at most LANES rows by their sums, which are kept.
    cdef Py_ssize_t c, k
    cdef real factor
    row_sums(y, sums, n_rows, n_classes)
    for k in range(n_rows):
        factor = <real> (1 / sums[k])
        for c in range(k * n_classes, (k + 1) * n_classes):
            y[c] = y[c] * factor


# --- checks ----------------------------------------------------------------------------------------------------------

cdef void *rows(object a, str name, int type_number, Py_ssize_t n_rows, Py_ssize_t n_classes,
                bint writable=False) except? NULL:
    """Pointer to a row-major (N, C) array."""
    cdef void *pointer = channels_last(a, name, type_number, n_rows * n_classes, writable)
    cdef PyArrayObject *array = <PyArrayObject *> a
    if PyArray_NDIM(array) != 2 or PyArray_DIMS(array)[0] != n_rows or PyArray_DIMS(array)[1] != n_classes:
        raise ValueError(f"{name}: expected shape ({n_rows}, {n_classes}), got {a.shape}")
    return pointer


cdef int check_labels(const int64_t *labels, Py_ssize_t n_rows, Py_ssize_t n_classes,
                      int64_t ignore_index) except -1:
    cdef Py_ssize_t n
    for n in range(n_rows):
        if (labels[n] < 0 or labels[n] >= n_classes) and labels[n] != ignore_index:
            raise ValueError(f"labels: row {n} holds {labels[n]}, expected a class from 0 to {n_classes - 1} or "
                             f"ignore_index ({ignore_index})")
    return 0


cdef (Py_ssize_t, Py_ssize_t) shape_of(object a, str name) except *:
    float_type(a, name)
    if PyArray_NDIM(<PyArrayObject *> a) != 2:
        raise ValueError(f"{name}: expected a (rows, classes) array, got shape {a.shape}")
    return PyArray_DIMS(<PyArrayObject *> a)[0], PyArray_DIMS(<PyArrayObject *> a)[1]


# --- softmax with cross-entropy --------------------------------------------------------------------------------------

cdef void cross_entropy_task(const real *x, const int64_t *labels, const real *weight, int64_t ignore_index,
                             double smoothing, real *losses, real *p, Py_ssize_t n_rows,
                             Py_ssize_t n_classes) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t n, c
    cdef int64_t label
    cdef double sums[LANES]
    cdef double log_sum, loss, smooth, v
    cdef real *row
    shift_rows(x, p, n_rows, n_classes)
    # What the loss needs of the shifted logits is taken before the exponentials replace them: -(log p[label] + log
    # of the sum), and for smoothing the same summed over the classes.
    for n in range(n_rows):
        label = labels[n]
        row = p + n * n_classes
        losses[n] = 0 if label == ignore_index else row[label]
    if smoothing != 0:
        smooth_rows(p, labels, weight, ignore_index, smoothing, losses, n_rows, n_classes)
    for c in range(n_rows * n_classes):
        p[c] = exponential(p[c])
    for n in range(n_rows):
        label = labels[n]
        if n % LANES == 0:
            normalise_rows(p + n * n_classes, sums, min(<Py_ssize_t> LANES, n_rows - n), n_classes)
        if label == ignore_index:
            continue
        log_sum = td_log_d(sums[n % LANES])
        v = 1 if weight == NULL else <double> weight[label]
        if smoothing == 0:
            losses[n] = <real> (v * (log_sum - <double> losses[n]))
        else:
            smooth = <double> n_classes if weight == NULL else row_sum(weight, n_classes)
            loss = (1 - smoothing) * v + smoothing / <double> n_classes * smooth
            losses[n] = <real> (loss * log_sum - <double> losses[n])
    td_restore_denormals(saved)


cdef void smooth_rows(const real *shifted, const int64_t *labels, const real *weight, int64_t ignore_index,
                      double smoothing, real *losses, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    # losses = sum over classes of target * shifted logit, target = (1-s) v [c == label] + s/C v.
    cdef Py_ssize_t n
    cdef const real *row
    cdef double v, all_classes
    for n in range(n_rows):
        if labels[n] == ignore_index:
            continue
        row = shifted + n * n_classes
        v = 1 if weight == NULL else <double> weight[labels[n]]
        all_classes = row_sum(row, n_classes) if weight == NULL else row_dot(row, weight, n_classes)
        losses[n] = <real> ((1 - smoothing) * v * <double> row[labels[n]]
                            + smoothing / <double> n_classes * all_classes)


cdef void cross_entropy_all(const real *x, const int64_t *labels, const real *weight, int64_t ignore_index,
                            double smoothing, real *losses, real *p, Py_ssize_t n_rows, Py_ssize_t n_classes,
                            int n_threads) noexcept nogil:
    cdef Py_ssize_t step = rows_per_task(n_classes), t
    cdef Py_ssize_t n_tasks = (n_rows + step - 1) // step
    if n_rows <= step:  # not even a team of one: it costs as much as the work
        cross_entropy_task(x, labels, weight, ignore_index, smoothing, losses, p, n_rows, n_classes)
        return
    for t in prange(n_tasks, num_threads=n_threads, schedule="static"):
        cross_entropy_task(x + t * step * n_classes, labels + t * step, weight, ignore_index, smoothing,
                           losses + t * step, p + t * step * n_classes, min(step, n_rows - t * step), n_classes)


cdef (double, double) totals(const real *losses, const int64_t *labels, const real *weight, int64_t ignore_index,
                             Py_ssize_t n_rows) noexcept nogil:
    cdef double total = 0, count = 0
    cdef Py_ssize_t n
    for n in range(n_rows):
        if labels[n] != ignore_index:
            total += <double> losses[n]
            count += 1 if weight == NULL else <double> weight[labels[n]]
    return total, count


def softmax_cross_entropy_forward(logits, labels, weight, int64_t ignore_index, double label_smoothing, losses,
                                  probabilities, int n_threads=1):
    """Per row, with log p = log softmax(logits), s = label_smoothing, C classes and v = weight (ones when None):

    losses[n] = -(1-s) v[label] log p[label] - s/C sum over c of v[c] log p[c];  0 where label == ignore_index.

    logits : IN (N, C).  labels : IN (N,) int64.  weight : IN (C,) or None.  losses : OUT (N,).
    probabilities : OUT (N, C), softmax of the logits, of ignored rows too.
    Returns (sum of losses, sum of v[label] over the rows that count) as floats, summed in index order in float64.

    A NaN or +inf in a row makes its loss and probabilities NaN; -inf is a class of probability 0. ValueError names
    the first row whose label is neither a class nor ignore_index.
    """
    cdef Py_ssize_t n_rows, n_classes
    n_rows, n_classes = shape_of(logits, "logits")
    cdef int t = float_type(logits, "logits")
    cdef void *x = rows(logits, "logits", t, n_rows, n_classes)
    cdef int64_t *py = <int64_t *> data(labels, "labels", NPY_INT64, n_rows)
    cdef void *v = NULL if weight is None else data(weight, "weight", t, n_classes)
    cdef void *loss = data(losses, "losses", t, n_rows, True)
    cdef void *p = rows(probabilities, "probabilities", t, n_rows, n_classes, True)
    cdef double total, count
    check_labels(py, n_rows, n_classes, ignore_index)
    if n_classes == 0:
        losses.fill(0)  # every row is an ignored one
        return 0.0, 0.0
    if t == NPY_FLOAT32:
        cross_entropy_all(<float *> x, py, <float *> v, ignore_index, label_smoothing, <float *> loss, <float *> p,
                          n_rows, n_classes, n_threads)
        total, count = totals(<float *> loss, py, <float *> v, ignore_index, n_rows)
    else:
        cross_entropy_all(<double *> x, py, <double *> v, ignore_index, label_smoothing, <double *> loss,
                          <double *> p, n_rows, n_classes, n_threads)
        total, count = totals(<double *> loss, py, <double *> v, ignore_index, n_rows)
    return total, count


cdef void cross_entropy_backward_task(const real *p, const int64_t *labels, const real *weight, int64_t ignore_index,
                                      double smoothing, const real *dlosses, Py_ssize_t g_step, real *dx,
                                      Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t n, c
    cdef double g, hard, soft = smoothing / <double> n_classes, target_sum, v, sum_v = <double> n_classes
    cdef const real *row
    cdef real *out
    cdef real slope, offset
    if weight != NULL:
        sum_v = row_sum(weight, n_classes)
    for n in range(n_rows):
        row = p + n * n_classes
        out = dx + n * n_classes
        if labels[n] == ignore_index:
            for c in range(n_classes):
                out[c] = 0
            continue
        g = <double> dlosses[n * g_step]
        v = 1 if weight == NULL else <double> weight[labels[n]]
        hard = (1 - smoothing) * v
        target_sum = hard + soft * sum_v
        slope = <real> (g * target_sum)
        offset = <real> (g * soft)
        if smoothing == 0:
            for c in range(n_classes):
                out[c] = slope * row[c]
        elif weight == NULL:
            for c in range(n_classes):
                out[c] = slope * row[c] - offset
        else:
            for c in range(n_classes):
                out[c] = slope * row[c] - offset * weight[c]
        # At the label in one step: slope*p - slope loses the digits of a p near 1.
        c = <Py_ssize_t> labels[n]
        out[c] = <real> (g * (hard * (<double> row[c] - 1) + soft * (sum_v * <double> row[c] - v)))
    td_restore_denormals(saved)


cdef void cross_entropy_backward_all(const real *p, const int64_t *labels, const real *weight, int64_t ignore_index,
                                     double smoothing, const real *dlosses, Py_ssize_t g_step, real *dx,
                                     Py_ssize_t n_rows, Py_ssize_t n_classes, int n_threads) noexcept nogil:
    cdef Py_ssize_t step = rows_per_task(n_classes), t
    cdef Py_ssize_t n_tasks = (n_rows + step - 1) // step
    if n_rows <= step:
        cross_entropy_backward_task(p, labels, weight, ignore_index, smoothing, dlosses, g_step, dx, n_rows, n_classes)
        return
    for t in prange(n_tasks, num_threads=n_threads, schedule="static"):
        cross_entropy_backward_task(
            p + t * step * n_classes, labels + t * step, weight, ignore_index, smoothing, dlosses + t * step * g_step,
            g_step, dx + t * step * n_classes, min(step, n_rows - t * step), n_classes)


def softmax_cross_entropy_backward(probabilities, labels, weight, int64_t ignore_index, double label_smoothing,
                                   dlosses, dlogits, int n_threads=1):
    """dlogits[n,c] = g (1-s) v[label] (p[c] - [c == label]) + g s/C (p[c] sum of v - v[c]), g = dlosses[n].

    probabilities : IN (N, C), from the forward pass.  labels, weight, ignore_index, label_smoothing : as there.
    dlosses : IN (N,), or a number that stands for all rows.  dlogits : OUT (N, C); 0 in ignored rows.
    """
    cdef Py_ssize_t n_rows, n_classes, g_step = 0
    n_rows, n_classes = shape_of(probabilities, "probabilities")
    cdef int t = float_type(probabilities, "probabilities")
    cdef void *p = rows(probabilities, "probabilities", t, n_rows, n_classes)
    cdef int64_t *py = <int64_t *> data(labels, "labels", NPY_INT64, n_rows)
    cdef void *v = NULL if weight is None else data(weight, "weight", t, n_classes)
    cdef void *dx = rows(dlogits, "dlogits", t, n_rows, n_classes, True)
    cdef double wide
    cdef float narrow
    cdef void *g
    if isinstance(dlosses, (int, float)):
        wide = dlosses
        narrow = <float> wide
        g = <void *> &narrow if t == NPY_FLOAT32 else <void *> &wide
    else:
        g_step = 1
        g = data(dlosses, "dlosses", t, n_rows)
    check_labels(py, n_rows, n_classes, ignore_index)
    if n_classes == 0:
        return
    if t == NPY_FLOAT32:
        cross_entropy_backward_all(<float *> p, py, <float *> v, ignore_index, label_smoothing, <float *> g, g_step,
                                   <float *> dx, n_rows, n_classes, n_threads)
    else:
        cross_entropy_backward_all(<double *> p, py, <double *> v, ignore_index, label_smoothing, <double *> g, g_step,
                                   <double *> dx, n_rows, n_classes, n_threads)


# --- softmax and log-softmax -----------------------------------------------------------------------------------------

cdef enum Operation:
    SOFTMAX
    LOG_SOFTMAX
    SOFTMAX_BACKWARD
    LOG_SOFTMAX_BACKWARD


cdef void softmax_rows(const real *x, real *y, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    cdef Py_ssize_t n = 0, c
    cdef double sums[LANES]
    shift_rows(x, y, n_rows, n_classes)
    for c in range(n_rows * n_classes):
        y[c] = exponential(y[c])
    while n < n_rows:
        normalise_rows(y + n * n_classes, sums, min(<Py_ssize_t> LANES, n_rows - n), n_classes)
        n += LANES


cdef void log_softmax_rows(const real *x, real *y, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
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
        for c in range(n_classes - n_classes % LANES, n_classes):
            lane[0] += <double> exponential(row[c])
        total = 0
        for k in range(LANES):
            total += lane[k]
        log_sum = <real> td_log_d(total)
        for c in range(n_classes):
            row[c] = row[c] - log_sum


cdef void softmax_backward_rows(const real *y, const real *dy, real *dx, Py_ssize_t n_rows,
                                Py_ssize_t n_classes) noexcept nogil:
    cdef Py_ssize_t n, c
    cdef real mean
    for n in range(n_rows):
        mean = <real> row_dot(y + n * n_classes, dy + n * n_classes, n_classes)
        for c in range(n * n_classes, (n + 1) * n_classes):
            dx[c] = y[c] * (dy[c] - mean)


cdef void log_softmax_backward_rows(const real *y, const real *dy, real *dx, Py_ssize_t n_rows,
                                    Py_ssize_t n_classes) noexcept nogil:
    cdef Py_ssize_t n, c
    cdef real total
    for n in range(n_rows):
        total = <real> row_sum(dy + n * n_classes, n_classes)
        for c in range(n * n_classes, (n + 1) * n_classes):
            dx[c] = dy[c] - exponential(y[c]) * total


cdef void rows_task(Operation operation, const real *x, const real *dy, real *out, Py_ssize_t n_rows,
                    Py_ssize_t n_classes) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    if operation == SOFTMAX:
        softmax_rows(x, out, n_rows, n_classes)
    elif operation == LOG_SOFTMAX:
        log_softmax_rows(x, out, n_rows, n_classes)
    elif operation == SOFTMAX_BACKWARD:
        softmax_backward_rows(x, dy, out, n_rows, n_classes)
    else:
        log_softmax_backward_rows(x, dy, out, n_rows, n_classes)
    td_restore_denormals(saved)


cdef void rows_all(Operation operation, const real *x, const real *dy, real *out, Py_ssize_t n_rows,
                   Py_ssize_t n_classes, int n_threads) noexcept nogil:
    cdef Py_ssize_t step = rows_per_task(n_classes), t, first
    cdef Py_ssize_t n_tasks = (n_rows + step - 1) // step
    if n_rows <= step:
        rows_task(operation, x, dy, out, n_rows, n_classes)
        return
    for t in prange(n_tasks, num_threads=n_threads, schedule="static"):
        first = t * step * n_classes
        rows_task(operation, x + first, dy + first if dy != NULL else dy, out + first, min(step, n_rows - t * step),
                  n_classes)


cdef object run(Operation operation, object x, str x_name, object dy, object out, str out_name, int n_threads):
    cdef Py_ssize_t n_rows, n_classes
    n_rows, n_classes = shape_of(x, x_name)
    cdef int t = float_type(x, x_name)
    cdef void *px = rows(x, x_name, t, n_rows, n_classes)
    cdef void *pdy = NULL if dy is None else rows(dy, "dy", t, n_rows, n_classes)
    cdef void *pout = rows(out, out_name, t, n_rows, n_classes, True)
    if n_rows == 0 or n_classes == 0:
        return
    if t == NPY_FLOAT32:
        rows_all(operation, <float *> px, <float *> pdy, <float *> pout, n_rows, n_classes, n_threads)
    else:
        rows_all(operation, <double *> px, <double *> pdy, <double *> pout, n_rows, n_classes, n_threads)


def softmax_forward(x, y, int n_threads=1):
    """y[n,c] = exp(x[n,c]) / sum over k of exp(x[n,k]).

    x : IN (N, C).  y : OUT (N, C).
    """
    run(SOFTMAX, x, "x", None, y, "y", n_threads)


def softmax_backward(y, dy, dx, int n_threads=1):
    """dx = y (dy - sum over the row of y dy).

    y : IN (N, C), from the forward pass.  dy : IN (N, C).  dx : OUT (N, C).
    """
    if dy is None:
        raise TypeError("dy: expected a NumPy array, got NoneType")
    run(SOFTMAX_BACKWARD, y, "y", dy, dx, "dx", n_threads)


def log_softmax_forward(x, y, int n_threads=1):
    """y[n,c] = x[n,c] - log sum over k of exp(x[n,k]).

    x : IN (N, C).  y : OUT (N, C).
    """
    run(LOG_SOFTMAX, x, "x", None, y, "y", n_threads)


def log_softmax_backward(y, dy, dx, int n_threads=1):
    """dx = dy - exp(y) * sum over the row of dy.

    y : IN (N, C), from the forward pass.  dy : IN (N, C).  dx : OUT (N, C).
    """
    if dy is None:
        raise TypeError("dy: expected a NumPy array, got NoneType")
    run(LOG_SOFTMAX_BACKWARD, y, "y", dy, dx, "dx", n_threads)
