# The loops over register tiles, compiled once for all kernels of an ISA level: callers say which pixels and channels.

from tinydl._core.array cimport real
from tinydl._core.operands cimport td_epilogue

cdef extern from "src/strip.h" nogil:
    ctypedef struct td_rectangle:
        Py_ssize_t rows, cols
        Py_ssize_t src_row, src_col, dst_row, dst_col
        const Py_ssize_t *taps
        Py_ssize_t n_taps, K
    td_rectangle td_matrix(Py_ssize_t n_rows, Py_ssize_t K, Py_ssize_t ld_src, Py_ssize_t ld_dst) noexcept
    ctypedef struct td_pixel_range:
        Py_ssize_t n_images, n_rows, n_cols
        Py_ssize_t x_image, x_row, x_col
        Py_ssize_t dy_image, dy_row, dy_col
    ctypedef struct td_entries:
        Py_ssize_t rows, n
        Py_ssize_t x_row, dw_row, dw_entry

cdef void strip(const td_rectangle *pixels, const real *src, const real *panel, Py_ssize_t ld, real *dst, Py_ssize_t n,
                const td_epilogue *e) noexcept nogil
cdef void strips(const td_rectangle *pixels, const real *src, const real *panels, real *dst, Py_ssize_t n,
                 const td_epilogue *e) noexcept nogil
cdef void outer_strip(const td_pixel_range *pixels, const td_entries *entries, const real *x, const real *dy,
                      Py_ssize_t n, real *dw, bint adds) noexcept nogil
cdef void channelwise_strip(const td_rectangle *pixels, const real *src, const real *filters, real *dst, Py_ssize_t C,
                            const td_epilogue *e) noexcept nogil
cdef void channelwise_outer(const td_pixel_range *pixels, const Py_ssize_t *taps, Py_ssize_t n_taps, const real *x,
                            const real *dy, Py_ssize_t C, real *dw, bint adds) noexcept nogil
