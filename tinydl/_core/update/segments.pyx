"""The arrays of many parameters as one list of tasks.

A net has dozens of parameters, most of them small. Cutting each into chunks and running one parallel region over the
chunks of all of them starts the threads once, and keeps them equally busy however the sizes differ.
"""

from tinydl._core.array cimport (
    PyArray_DATA,
    PyArray_DIMS,
    PyArray_NDIM,
    PyArray_STRIDES,
    PyArrayObject,
    as_array,
    data,
    float_type,
)


cdef class Segments:
    """Pointers to the arrays of every parameter. Whoever makes it keeps the arrays alive."""

    def __cinit__(self, Py_ssize_t n):
        # A block of the pool, as every step makes a list anew.
        self.block = Block(<size_t> max(n, 1) * sizeof(Segment))
        self.first = <Segment *> self.block.address
        self.n = n
        self.n_tasks = self.n_elements = 0


cdef int same_order(PyArrayObject *a, object reference, str name, Py_ssize_t k) except -1:
    """Elements that belong together must lie at the same offset: same shape, same strides."""
    cdef PyArrayObject *b = <PyArrayObject *> reference
    cdef int ndim = PyArray_NDIM(b), axis
    cdef bint good = PyArray_NDIM(a) == ndim
    if good:
        for axis in range(ndim):
            # The stride of an axis of one entry is never used, and NumPy sets it as it likes.
            good = good and PyArray_DIMS(a)[axis] == PyArray_DIMS(b)[axis] and (
                PyArray_DIMS(b)[axis] == 1 or PyArray_STRIDES(a)[axis] == PyArray_STRIDES(b)[axis])
    if not good:
        other = <object> a
        raise ValueError(
            f"{name}[{k}]: shape {other.shape} with strides {other.strides} does not match the parameter's shape "
            f"{reference.shape} with strides {reference.strides}; copy it into an array made by layout.empty_like")
    return 0


cdef Segments segments_of(tuple names, tuple lists, tuple written):
    """The segments of lists of equal length, checked; a list may be None but the first, which sets size and order.

    names, written : for each list what messages call it, and whether kernels write to it.
    """
    cdef Py_ssize_t n = len(lists[0]) if isinstance(lists[0], (list, tuple)) else 0, k, size
    cdef int which, t
    cdef Segments made = Segments(n)
    cdef Segment *segment
    for which in range(len(lists)):
        if lists[which] is None and which:
            continue
        if not isinstance(lists[which], (list, tuple)):
            raise TypeError(f"{names[which]}: expected a list of arrays, got {type(lists[which]).__name__}")
        if len(lists[which]) != n:
            raise ValueError(f"{names[which]}: {len(lists[which])} arrays for {n} {names[0]}")
    for k in range(n):
        leader = lists[0][k]
        t = float_type(leader, names[0])
        size = leader.size
        segment = made.first + k
        segment.dtype_num, segment.size, segment.first_task = t, size, made.n_tasks
        # A chunk never crosses from one array into the next; an empty array has none.
        made.n_tasks += (size + CHUNK - 1) // CHUNK
        made.n_elements += size
        # Only the first need be dense: the others have its strides.
        segment.array[0] = data(leader, names[0], t, size, written[0])
        for which in range(1, MAX_ARRAYS):
            segment.array[which] = NULL  # what a rule does not keep
            if which >= len(lists) or lists[which] is None:
                continue
            array = lists[which][k]
            segment.array[which] = PyArray_DATA(as_array(array, names[which], t, size, written[which]))
            if size:  # strides of an empty array mean nothing
                same_order(<PyArrayObject *> array, leader, names[which], k)
    return made
