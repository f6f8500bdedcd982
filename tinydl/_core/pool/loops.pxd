# The loops of src/pool.h: what a call tells them, and each loop as a pair of pointers, to that of float and that of
# double. Above them there is no element type, so that everything else exists once; `of_type` chooses between the two.

from libc.stdint cimport int64_t
from tinydl._core.array cimport NPY_FLOAT32
from tinydl._core.operands cimport td_map

cdef extern from "src/pool.h" nogil:
    ctypedef struct td_span:
        Py_ssize_t start, step, n, count
        int64_t code, code_step
    ctypedef struct td_pool:
        const void *src
        void *dst
        void *codes
        td_map on_x
        const void *row_share
        const void *col_share
        Py_ssize_t C, row, step, tile, wide
    ctypedef struct td_pool_run:
        const td_span *rows
        const td_span *cols
        Py_ssize_t src, dst, count, whole
    ctypedef void (*td_pool_loop)(const td_pool *pool, const td_pool_run *run) noexcept nogil
    const td_pool_loop *td_max_row
    const td_pool_loop *td_max_gather
    const td_pool_loop *td_max_tiles
    const td_pool_loop *td_mean_row
    const td_pool_loop *td_mean_gather
    const td_pool_loop *td_mean_tiles


cdef inline td_pool_loop of_type(const td_pool_loop *pair, int dtype_num) noexcept nogil:
    return pair[0] if dtype_num == NPY_FLOAT32 else pair[1]
