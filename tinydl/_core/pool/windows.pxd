# One pooling call: its geometry, its windows and the tasks that run a loop over them.

from tinydl._core.memory cimport Block
from tinydl._core.pool.loops cimport td_pool, td_pool_loop, td_span
from tinydl._core.pool.spans cimport Axis

cdef struct PoolCall:
    int dtype_num, itemsize
    Py_ssize_t N, C
    Py_ssize_t padded           # C rounded up to whole vectors
    Axis rows, cols
    td_pool pool                # what the loops read: arrays and strides
    td_pool_loop loop           # a run of positions of dst
    td_pool_loop tiles          # backward: a row of dx under windows that tile the input
    td_span *row_spans          # forward: the taps of each window; backward: the windows of each input position
    td_span *col_spans
    Py_ssize_t n_src, n_dst     # elements of what is read and of what is written
    Py_ssize_t task_rows        # rows of dst that a task writes
    Py_ssize_t n_tasks
    Py_ssize_t first, last      # forward: columns first <= q < last have all their taps inside the input

# Geometry and arrays of a call, checked; errors name the argument.
cdef int read_geometry(object geometry, int dtype_num, PoolCall *k) except -1
cdef int read_adaptive(object x, str name_x, object y, str name_y, PoolCall *k) except -1
cdef void *input_side(object a, str name, const PoolCall *k, bint writable=*) except? NULL
cdef void *output_side(object a, str name, const PoolCall *k, bint writable=*) except? NULL
cdef void *winners(object a, str name, const PoolCall *k, bint writable=*) except? NULL

# Tables of spans and the split into tasks; the block holds the tables. `include_pad` is about the counts of a mean.
cdef Block forward_windows(PoolCall *k, bint include_pad)
cdef Block backward_windows(PoolCall *k, bint include_pad)

cdef void forward_task(const PoolCall *k, Py_ssize_t task) noexcept nogil
cdef int run_forward(const PoolCall *k, int n_threads) except -1
cdef int run_backward(const PoolCall *k, int n_threads) except -1
