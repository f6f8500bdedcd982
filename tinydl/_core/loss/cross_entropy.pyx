"""Softmax with cross-entropy over the rows of a (N, C) array of logits.

The loss is made of the shifted logits and the logarithm of their sum, never of the logarithm of a probability, which
would be -inf where the probability underflows.
"""

from cython.parallel cimport prange
from libc.stdint cimport int64_t
from tinydl._core.array cimport NPY_FLOAT32, NPY_INT64, data, float_type, matrix, matrix_shape, real
from tinydl._core.exp cimport exponential, logarithm
from tinydl._core.loss.rows cimport LANES, normalise_rows, row_dot, row_sum, rows_per_task, shift_rows
from tinydl._core.parallel cimport check_team
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

# What the rows should be, and how much each counts.
cdef struct Targets:
    const int64_t *labels
    const void *weight        # of C classes, in the type of the logits, or NULL
    int64_t ignore_index
    double smoothing


cdef inline double weight_of(const real *weight, int64_t label) noexcept nogil:
    return 1 if weight == NULL else <double> weight[label]


# --- forward ---------------------------------------------------------------------------------------------------------

cdef void smooth_rows(const real *shifted, const Targets *targets, const int64_t *labels, real *losses,
                      Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    # losses = sum over classes of target * shifted logit, target = (1-s) v [c == label] + s/C v: the part of the loss
    # that is linear in the logits. The rest is the logarithm of the row's sum times the sum of the targets.
    cdef const real *weight = <const real *> targets.weight
    cdef const real *row
    cdef double smoothing = targets.smoothing, all_classes
    cdef Py_ssize_t n
    for n in range(n_rows):
        if labels[n] == targets.ignore_index:  # its label may be no class at all
            continue
        row = shifted + n * n_classes
        all_classes = row_sum(row, n_classes) if weight == NULL else row_dot(row, weight, n_classes)
        losses[n] = <real> ((1 - smoothing) * weight_of(weight, labels[n]) * <double> row[labels[n]]
                            + smoothing / <double> n_classes * all_classes)


cdef void forward_task(const real *x, const Targets *targets, real *losses, real *p, Py_ssize_t first,
                       Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    """Losses and probabilities of n_rows rows from row `first` on."""
    cdef unsigned int saved = td_flush_denormals()
    cdef const int64_t *labels = targets.labels + first
    cdef const real *weight = <const real *> targets.weight
    cdef int64_t label, ignored = targets.ignore_index
    cdef double sums[LANES]
    cdef double log_sum, loss, smooth, v, smoothing = targets.smoothing
    cdef Py_ssize_t n, c
    cdef real *row
    x += first * n_classes
    p += first * n_classes
    losses += first
    shift_rows(x, p, n_rows, n_classes)
    # What the loss needs of the shifted logits is taken before the exponentials replace them: -(log p[label] + log
    # of the sum), and for smoothing the same summed over the classes.
    for n in range(n_rows):
        label = labels[n]
        row = p + n * n_classes
        losses[n] = 0 if label == ignored else row[label]
    if smoothing != 0:
        smooth_rows(p, targets, labels, losses, n_rows, n_classes)
    for c in range(n_rows * n_classes):  # all rows in one loop: vectors are full even with ten classes
        p[c] = exponential(p[c])
    for n in range(n_rows):
        label = labels[n]
        if n % LANES == 0:  # the sums of the next eight rows are made side by side
            normalise_rows(p + n * n_classes, sums, min(<Py_ssize_t> LANES, n_rows - n), n_classes)
        if label == ignored:
            continue
        # The largest shifted logit is 0, so the sum is at least 1 and its logarithm never negative or infinite.
        log_sum = logarithm(sums[n % LANES])
        v = weight_of(weight, label)
        if smoothing == 0:
            losses[n] = <real> (v * (log_sum - <double> losses[n]))
        else:
            # Sum of the targets: what the shift and the sum's logarithm are multiplied by.
            smooth = <double> n_classes if weight == NULL else row_sum(weight, n_classes)
            loss = (1 - smoothing) * v + smoothing / <double> n_classes * smooth
            losses[n] = <real> (loss * log_sum - <double> losses[n])
    td_restore_denormals(saved)


cdef (double, double) forward_all(const real *x, const Targets *targets, real *losses, real *p, Py_ssize_t n_rows,
                                  Py_ssize_t n_classes, int n_threads) noexcept nogil:
    """All rows; returns the sum of the losses and the sum of the weights that count."""
    cdef const real *weight = <const real *> targets.weight
    cdef Py_ssize_t step = rows_per_task(n_classes), t, n
    cdef Py_ssize_t n_tasks = (n_rows + step - 1) // step
    cdef double total = 0, count = 0
    # Rows share nothing, so where they are cut changes no bit.
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        forward_task(x, targets, losses, p, t * step, min(step, n_rows - t * step), n_classes)
    # By one thread in the order of the rows, which no number of threads changes.
    for n in range(n_rows):
        if targets.labels[n] != targets.ignore_index:
            total = total + <double> losses[n]
            count = count + weight_of(weight, targets.labels[n])
    return total, count


# --- backward --------------------------------------------------------------------------------------------------------

cdef void backward_task(const real *p, const Targets *targets, const real *dlosses, Py_ssize_t g_step, real *dx,
                        Py_ssize_t first, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    """Gradients of n_rows rows from row `first` on; g_step is 0 where one dloss stands for all rows."""
    cdef unsigned int saved = td_flush_denormals()
    cdef const real *weight = <const real *> targets.weight
    cdef double smoothing = targets.smoothing, soft = smoothing / <double> n_classes, sum_v = <double> n_classes
    cdef double g, hard, target_sum, v
    cdef const real *row
    cdef real *out
    cdef real slope, offset
    cdef int64_t label
    cdef Py_ssize_t n, c
    if weight != NULL:
        sum_v = row_sum(weight, n_classes)
    for n in range(first, first + n_rows):
        row = p + n * n_classes
        out = dx + n * n_classes
        label = targets.labels[n]
        if label == targets.ignore_index:
            for c in range(n_classes):
                out[c] = 0
            continue
        # What multiplies the probabilities of the row is made in float64 and rounded once.
        g = <double> dlosses[n * g_step]
        v = weight_of(weight, label)
        hard = (1 - smoothing) * v
        target_sum = hard + soft * sum_v
        # dx = g (p sum of targets - target); off the label the target is s/C v, the same for all where v is 1.
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
        out[label] = <real> (g * (hard * (<double> row[label] - 1) + soft * (sum_v * <double> row[label] - v)))
    td_restore_denormals(saved)


cdef void backward_all(const real *p, const Targets *targets, const real *dlosses, Py_ssize_t g_step, real *dx,
                       Py_ssize_t n_rows, Py_ssize_t n_classes, int n_threads) noexcept nogil:
    cdef Py_ssize_t step = rows_per_task(n_classes), t
    cdef Py_ssize_t n_tasks = (n_rows + step - 1) // step
    for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=n_tasks > 1):
        backward_task(p, targets, dlosses, g_step, dx, t * step, min(step, n_rows - t * step), n_classes)


# --- entries ---------------------------------------------------------------------------------------------------------

cdef int read_targets(Targets *out, object labels, object weight, int dtype_num, Py_ssize_t n_rows,
                      Py_ssize_t n_classes) except -1:
    """Fill labels and weight; ignore_index is set already, as every other label must be a class."""
    cdef Py_ssize_t n
    out.labels = <const int64_t *> data(labels, "labels", NPY_INT64, n_rows)
    out.weight = NULL if weight is None else data(weight, "weight", dtype_num, n_classes)
    # Before any thread starts: a task raises nothing, and a label is an index of its row.
    for n in range(n_rows):
        if (out.labels[n] < 0 or out.labels[n] >= n_classes) and out.labels[n] != out.ignore_index:
            raise ValueError(f"labels: row {n} holds {out.labels[n]}, expected a class from 0 to {n_classes - 1} or "
                             f"ignore_index ({out.ignore_index})")
    return 0


def softmax_cross_entropy_forward(logits, labels, weight, int64_t ignore_index, double label_smoothing, losses,
                                  probabilities, int n_threads=1, /):
    """Per row, with log p = log softmax(logits), s = label_smoothing, C classes and v = weight (ones when None):

    losses[n] = -(1-s) v[label] log p[label] - s/C sum over c of v[c] log p[c];  0 where label == ignore_index.

    logits : IN (N, C).  labels : IN (N,) int64.  weight : IN (C,) or None.  losses : OUT (N,).
    probabilities : OUT (N, C), softmax of the logits, of ignored rows too.
    Returns (sum of losses, sum of v[label] over the rows that count) as floats, summed in index order in float64.

    A NaN or +inf in a row makes its loss and probabilities NaN; -inf is a class of probability 0. ValueError names
    the first row whose label is neither a class nor ignore_index.
    """
    check_team(n_threads)
    cdef Py_ssize_t n_rows, n_classes
    cdef int t = float_type(logits, "logits")
    n_rows, n_classes = matrix_shape(logits, "logits")
    cdef Targets targets = Targets(NULL, NULL, ignore_index, label_smoothing)
    cdef void *x = matrix(logits, "logits", t, n_rows, n_classes)
    read_targets(&targets, labels, weight, t, n_rows, n_classes)
    cdef void *loss = data(losses, "losses", t, n_rows, True)
    cdef void *p = matrix(probabilities, "probabilities", t, n_rows, n_classes, True)
    if n_classes == 0:
        losses.fill(0)  # every row is an ignored one
        return 0.0, 0.0
    if t == NPY_FLOAT32:
        return forward_all(<float *> x, &targets, <float *> loss, <float *> p, n_rows, n_classes, n_threads)
    return forward_all(<double *> x, &targets, <double *> loss, <double *> p, n_rows, n_classes, n_threads)


def softmax_cross_entropy_backward(probabilities, labels, weight, int64_t ignore_index, double label_smoothing,
                                   dlosses, dlogits, int n_threads=1, /):
    """dlogits[n,c] = g (1-s) v[label] (p[c] - [c == label]) + g s/C (p[c] sum of v - v[c]), g = dlosses[n].

    probabilities : IN (N, C), from the forward pass.  labels, weight, ignore_index, label_smoothing : as there.
    dlosses : IN (N,), or a number that stands for all rows.  dlogits : OUT (N, C); 0 in ignored rows.
    """
    check_team(n_threads)
    cdef Py_ssize_t n_rows, n_classes, g_step = 0
    cdef int t = float_type(probabilities, "probabilities")
    n_rows, n_classes = matrix_shape(probabilities, "probabilities")
    cdef Targets targets = Targets(NULL, NULL, ignore_index, label_smoothing)
    cdef void *p = matrix(probabilities, "probabilities", t, n_rows, n_classes)
    read_targets(&targets, labels, weight, t, n_rows, n_classes)
    cdef void *dx = matrix(dlogits, "dlogits", t, n_rows, n_classes, True)
    cdef double wide
    cdef float narrow
    cdef void *g
    # A mean has the same upstream gradient for every row: read with a step of 0 it needs no array.
    if isinstance(dlosses, (int, float)):
        wide = dlosses
        narrow = <float> wide
        g = <void *> &narrow if t == NPY_FLOAT32 else <void *> &wide
    else:
        g_step = 1
        g = data(dlosses, "dlosses", t, n_rows)
    if n_classes == 0:
        return
    if t == NPY_FLOAT32:
        backward_all(<float *> p, &targets, <float *> g, g_step, <float *> dx, n_rows, n_classes, n_threads)
    else:
        backward_all(<double *> p, &targets, <double *> g, g_step, <double *> dx, n_rows, n_classes, n_threads)
