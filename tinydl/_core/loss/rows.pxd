# Reductions over the rows of a (N, C) array. A task is a block of rows; each row is reduced in the order of its own
# length, whatever its neighbours and the number of threads.

from tinydl._core.array cimport real

cdef enum:
    BLOCK = 16384        # elements of one task
    LANES = 8            # partial sums and maxima of a long row, combined in order
    SHORT = 4 * LANES    # rows below this length are too short for lanes of their own


cdef inline Py_ssize_t rows_per_task(Py_ssize_t n_classes) noexcept nogil:
    return 1 if n_classes >= BLOCK else BLOCK // n_classes


# --- one row ---------------------------------------------------------------------------------------------------------

cdef inline real row_maximum(const real *x, Py_ssize_t n) noexcept nogil:
    # May miss a NaN; its own exponential is NaN all the same, and so the row's sum.
    cdef real lane[LANES]
    cdef real largest = x[0]
    cdef Py_ssize_t i = 0, b, k
    if n >= SHORT:
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
    # In float64, which costs nothing here and leaves the rounding of the exponentials as the only error.
    cdef double lane[LANES]
    cdef double total = 0
    cdef Py_ssize_t i = 0, b, k
    if n >= SHORT:
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
    if n >= SHORT:
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


# --- the rows of a task ----------------------------------------------------------------------------------------------

cdef inline void shift_rows(const real *x, real *y, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    # y = x less its row's maximum: the largest exponential is then 1, and no other overflows.
    cdef Py_ssize_t n = 0, c, k
    cdef real lane[LANES]
    cdef real largest
    if n_classes < SHORT:
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


cdef inline void row_sums(const real *y, double *sums, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    # The sums of at most LANES rows; eight short ones side by side have the order of a loop over one.
    cdef Py_ssize_t c, k
    if n_classes < SHORT and n_rows == LANES:
        for k in range(LANES):
            sums[k] = 0
        for c in range(n_classes):
            for k in range(LANES):
                sums[k] += <double> y[k * n_classes + c]
    else:
        for k in range(n_rows):
            sums[k] = row_sum(y + k * n_classes, n_classes)


cdef inline void normalise_rows(real *y, double *sums, Py_ssize_t n_rows, Py_ssize_t n_classes) noexcept nogil:
    # Divide at most LANES rows by their sums, which are kept.
    cdef Py_ssize_t c, k
    cdef real factor
    row_sums(y, sums, n_rows, n_classes)
    for k in range(n_rows):
        factor = <real> (1 / sums[k])
        for c in range(k * n_classes, (k + 1) * n_classes):
            y[c] = y[c] * factor
