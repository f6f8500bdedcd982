# How the rows of an activation (N, C, *spatial) are cut into tasks and groups, for the kernels that work channel by
# channel. The cut is a function of the shape alone, so results have the same bits for any number of threads.

from libc.math cimport INFINITY, isfinite
from libc.string cimport memset
from tinydl._core.array cimport NPY_FLOAT32, PyArray_DIMS, PyArray_NDIM, PyArrayObject, data, float_type, real
from tinydl._core.channels cimport repeat, td_period
from tinydl._core.operands cimport td_map

cdef enum:
    CHUNK = 16384  # elements of one task of a map
    GROUP = 8192   # elements of one group of a sum, at least
    PIECE = 2048   # elements that pass several loops while they stay in L1
    # Sums of x - about and its square have a relative error e of about 3e-7 in float32, at worst some 1e-6. The
    # variance that is left when the square of their mean, d^2, is taken off is then wrong by e (1 + 3 d^2 / var): by
    # about 1e-5 at worst while d^2 <= 4 var, that is while `about` lies within two standard deviations of the mean.
    FAR = 4
    # Sums that lost their digits still tell the mean to within e |d|, so each retake about it gains six digits: one
    # serves for any mean/std that float32 can tell from a constant, the others for an `about` of another world.
    RETAKES = 8

# M rows of C channels, and the tasks they are cut into.
cdef struct RowPlan:
    Py_ssize_t C, M
    Py_ssize_t n           # elements
    Py_ssize_t L           # period of the repeated per-channel vectors
    Py_ssize_t chunk       # elements of a task of a map, a multiple of L
    Py_ssize_t piece       # elements that pass several loops in turn, a multiple of 4 L, which sums take at a time
    Py_ssize_t group       # elements of a group of a sum
    Py_ssize_t n_groups
    Py_ssize_t size        # bytes of an element


cdef inline int plan_rows(object x, str name, RowPlan *p) except -1:
    """Fill the plan of an activation and return its NumPy type number."""
    cdef int t = float_type(x, name)
    cdef PyArrayObject *array = <PyArrayObject *> x
    cdef int axis
    if PyArray_NDIM(array) < 2:
        raise ValueError(f"{name}: expected (N, C, *spatial), got shape {x.shape}")
    p.C = PyArray_DIMS(array)[1]
    p.n = 1
    for axis in range(PyArray_NDIM(array)):
        p.n *= PyArray_DIMS(array)[axis]
    p.M = p.n // p.C if p.C else 0
    p.size = 4 if t == NPY_FLOAT32 else 8
    p.L = td_period(p.C)
    p.chunk = max(CHUNK // p.L, 1) * p.L if p.L else 1
    p.piece = max(PIECE // (4 * p.L), 1) * 4 * p.L if p.L else 1
    cdef Py_ssize_t per_period = p.L // p.C if p.C else 1
    # Some 32 groups keep many threads busy; more only while each has enough elements to be worth it.
    cdef Py_ssize_t rows = max(p.M // 32, GROUP // max(p.C, 1), 1)
    # An accumulator takes at most 1024 values; of few channels a group may have more rows, as there are L accumulators.
    rows = min(rows, max(<Py_ssize_t> 1024, 2 * GROUP // max(p.C, 1)))
    rows = max(rows // per_period, 1) * per_period
    p.group = rows * p.C
    p.n_groups = (p.n + p.group - 1) // p.group if p.n else 0
    return t


cdef inline void *repeated(const void *values, char **at, const RowPlan *p) noexcept nogil:
    """A vector of C values repeated to the period, at `at`, which moves on."""
    cdef void *out = at[0]
    if p.size == sizeof(float):
        repeat(<const float *> values, <float *> out, p.C, p.L)
    else:
        repeat(<const double *> values, <double *> out, p.C, p.L)
    at[0] += p.L * p.size
    return out


cdef inline void repeat_map(td_map *m, char **at, const RowPlan *p) noexcept nogil:
    """Replace the vectors of a map by repeated ones."""
    if m.scale != NULL:
        m.centre, m.scale = repeated(m.centre, at, p), repeated(m.scale, at, p)
        m.shift = repeated(m.shift, at, p)


cdef inline void combine(const real *sums, Py_ssize_t n_groups, Py_ssize_t stride, Py_ssize_t half, Py_ssize_t C,
                         double *total) noexcept nogil:
    """total (2, C) = the sum over groups, in the order of their index, of C sums at 0 and C sums at `half`."""
    cdef Py_ssize_t g, c
    cdef const real *s
    memset(total, 0, 2 * C * sizeof(double))
    for g in range(n_groups):
        s = sums + g * stride
        for c in range(C):
            total[c] += s[c]
        for c in range(C):
            total[C + c] += s[half + c]


cdef inline void *partial_sums(object sums, int t, Py_ssize_t *G, Py_ssize_t *C) except? NULL:
    """Pointer to two sums a channel of each of G groups, (G, 2, C)."""
    float_type(sums, "sums")
    if sums.ndim != 3 or sums.shape[1] != 2 or not sums.flags.c_contiguous:
        raise ValueError(f"sums: expected a C-ordered array (G, 2, C), got shape {sums.shape}")
    G[0], C[0] = sums.shape[0], sums.shape[2]
    return data(sums, "sums", t, 2 * G[0] * C[0])


cdef inline bint keeps_digits(double d, double var) noexcept nogil:
    """Whether sums about a value at distance d from the mean tell the variance (see FAR); NaN does not."""
    return d * d <= FAR * var and var < INFINITY


cdef inline real nearer_about(real unused, double mean) noexcept nogil:
    """What to sum about next: the mean; 0 where that is no number, for sums about 0 tell whether the data hold one."""
    cdef real nearer = <real> mean
    return nearer if isfinite(nearer) else 0
