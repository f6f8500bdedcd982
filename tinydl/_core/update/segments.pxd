# The arrays of many parameters as one list of tasks.

from tinydl._core.memory cimport Block

cdef enum:
    CHUNK = 16384   # elements of one task: 64 KB of each array, so that all arrays of a task fit the L2
    MAX_ARRAYS = 5  # of one parameter: itself, its gradient and at most three that an optimiser keeps

# The arrays that belong to one parameter, and the first of the tasks they are cut into.
cdef struct Segment:
    void *array[MAX_ARRAYS]
    Py_ssize_t size
    Py_ssize_t first_task
    int dtype_num


cdef class Segments:
    cdef Block block
    cdef Segment *first
    cdef Py_ssize_t n, n_tasks, n_elements


cdef Segments segments_of(tuple names, tuple lists, tuple written)


cdef inline const Segment *segment_at(const Segment *segments, Py_ssize_t n, Py_ssize_t task) noexcept nogil:
    """The last segment that starts at or before `task`: empty ones, which have no task, lie before it."""
    cdef Py_ssize_t low = 0, high = n, middle
    while high - low > 1:
        middle = (low + high) // 2
        if segments[middle].first_task <= task:
            low = middle
        else:
            high = middle
    return segments + low
