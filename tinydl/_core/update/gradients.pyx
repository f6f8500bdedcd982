"""Norm, scaling and clipping of all gradients together."""

from cython.parallel cimport prange
from libc.math cimport INFINITY, fabs, isinf, pow, sqrt
from libc.stdint cimport int64_t
from tinydl._core.array cimport NPY_FLOAT32, real
from tinydl._core.exp cimport bits_of, number_of
from tinydl._core.memory cimport Block
from tinydl._core.parallel cimport check_team
from tinydl._core.update.segments cimport CHUNK, Segment, Segments, segment_at, segments_of
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

cdef enum:
    LANES = 8  # partial sums inside a chunk, combined in order

# What one task does; a norm's argument is its order, that of the others a factor or a limit.
cdef enum Operation:
    NORM
    SCALE
    CLIP


# --- one chunk -------------------------------------------------------------------------------------------------------

cdef double largest(const real *g, Py_ssize_t n) noexcept nogil:
    """The largest |g|, NaN if there is one: without their sign, numbers and NaN are in the order of their bits."""
    cdef int64_t bits, most = 0
    cdef Py_ssize_t i
    for i in range(n):
        bits = bits_of(<double> g[i]) & 0x7fffffffffffffffLL
        most = bits if bits > most else most
    return number_of(most)


cdef double power_sum(const real *g, Py_ssize_t n, double p) noexcept nogil:
    """Sum of |g|^p, or the largest |g| for p = inf, in float64: squares of float32 cannot overflow there."""
    cdef double lane[LANES]
    cdef double total
    cdef Py_ssize_t b, i, k
    for k in range(LANES):
        lane[k] = 0
    if isinf(p):
        return largest(g, n)
    # The usual norms need no pow, which costs 20 times a product.
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
    for i in range(n - n % LANES, n):  # what does not fill the lanes goes to the first
        lane[0] += pow(fabs(<double> g[i]), p)
    total = 0
    for k in range(LANES):
        total += lane[k]
    return total


cdef void scale_chunk(real *g, Py_ssize_t n, real factor) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        g[i] = g[i] * factor


cdef void clip_chunk(real *g, Py_ssize_t n, real value) noexcept nogil:
    # Both comparisons are false for NaN, which so passes.
    cdef Py_ssize_t i
    cdef real a
    for i in range(n):
        a = g[i]
        a = value if a > value else a
        g[i] = -value if a < -value else a


cdef void gradient_chunk(Operation operation, double argument, real *g, Py_ssize_t n, double *partial) noexcept nogil:
    if operation == NORM:
        partial[0] = power_sum(g, n, argument)
    elif operation == SCALE:
        scale_chunk(g, n, <real> argument)
    else:
        clip_chunk(g, n, <real> argument)


# --- from the lists to their chunks ----------------------------------------------------------------------------------

cdef void gradient_task(Operation operation, double argument, const Segment *segments, Py_ssize_t n_segments,
                        Py_ssize_t task, double *partial) noexcept nogil:
    """One chunk; partial[task] gets its share of a norm."""
    cdef unsigned int saved = td_flush_denormals()
    cdef const Segment *s = segment_at(segments, n_segments, task)
    # The chunk's place in its array, whose first task is s.first_task.
    cdef Py_ssize_t at = (task - s.first_task) * CHUNK
    cdef Py_ssize_t n = min(<Py_ssize_t> CHUNK, s.size - at)
    if s.dtype_num == NPY_FLOAT32:
        gradient_chunk(operation, argument, <float *> s.array[0] + at, n, partial + task)
    else:
        gradient_chunk(operation, argument, <double *> s.array[0] + at, n, partial + task)
    td_restore_denormals(saved)


cdef int run(Operation operation, double argument, Segments segments, double *partial, int n_threads) except -1:
    check_team(n_threads)
    cdef const Segment *first = segments.first
    cdef Py_ssize_t n = segments.n, n_tasks = segments.n_tasks, t
    cdef bint threads = segments.n_elements > CHUNK  # one chunk is done before a second thread has woken up
    with nogil:
        for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=threads):
            gradient_task(operation, argument, first, n, t, partial)
    return 0


# Gradients of either type and any dense order, as each is read in the order of its memory.
cdef Segments segments_of_grads(object grads, bint written):
    return segments_of(("grads",), (grads,), (written,))


# --- entries ---------------------------------------------------------------------------------------------------------

def norms(grads, double p, int n_threads=1, /):
    """(sum over all elements of all arrays of |g|^p)^(1/p); the largest |g| for p = inf; NaN propagates.

    grads : list of IN arrays, each dense.  p : a number > 0.  Returns a float.

    Summed in float64: float32 squares cannot overflow. Chunks are combined in index order.
    """
    check_team(n_threads)
    if not p > 0:
        raise ValueError(f"p: the order of a norm must be positive, got {p}")
    cdef Segments segments = segments_of_grads(grads, False)
    cdef Block block = Block(<size_t> max(segments.n_tasks, <Py_ssize_t> 1) * sizeof(double))
    cdef double *partial = <double *> block.address
    cdef double total = 0
    cdef Py_ssize_t t
    run(NORM, p, segments, partial, n_threads)
    for t in range(segments.n_tasks):
        if p == INFINITY:
            # NaN compares false with everything: it is taken as soon as it comes, and never left again.
            if partial[t] > total or partial[t] != partial[t]:
                total = partial[t]
        else:
            total += partial[t]
    if p == INFINITY or p == 1:
        return total
    # sqrt is rounded correctly, pow need not be.
    return sqrt(total) if p == 2 else pow(total, 1 / p)


def scale(grads, double factor, int n_threads=1, /):
    """g *= factor.

    grads : list of IN/OUT arrays, each dense.
    """
    check_team(n_threads)
    run(SCALE, factor, segments_of_grads(grads, True), NULL, n_threads)


def clip(grads, double value, int n_threads=1, /):
    """g = min(max(g, -value), value); NaN passes.

    grads : list of IN/OUT arrays, each dense.
    """
    check_team(n_threads)
    if not value >= 0:
        raise ValueError(f"value: the clipping limit must not be negative, got {value}")
    run(CLIP, value, segments_of_grads(grads, True), NULL, n_threads)
