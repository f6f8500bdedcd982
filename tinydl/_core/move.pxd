# Cython's view of src/move.h: results on their way from one arrangement to another.

from tinydl._core.array cimport real

cdef extern from "src/move.h" nogil:
    void td_transpose_block_f(const float *src, Py_ssize_t lds, float *dst, Py_ssize_t ldd) noexcept
    void td_transpose_block_d(const double *src, Py_ssize_t lds, double *dst, Py_ssize_t ldd) noexcept
    void td_gather_row_f(const float *products, Py_ssize_t step, Py_ssize_t n_cols, Py_ssize_t KW, Py_ssize_t pad,
                         float *dx, Py_ssize_t W, Py_ssize_t C) noexcept
    void td_gather_row_d(const double *products, Py_ssize_t step, Py_ssize_t n_cols, Py_ssize_t KW, Py_ssize_t pad,
                         double *dx, Py_ssize_t W, Py_ssize_t C) noexcept


cdef inline void transpose_block(const real *src, Py_ssize_t lds, real *dst, Py_ssize_t ldd) noexcept nogil:
    """dst = src transposed, a block of as many rows as a vector has lanes; rows lie lds and ldd elements apart."""
    if real is float:
        td_transpose_block_f(src, lds, dst, ldd)
    else:
        td_transpose_block_d(src, lds, dst, ldd)


cdef inline void gather_row(const real *products, Py_ssize_t step, Py_ssize_t n_cols, Py_ssize_t KW, Py_ssize_t pad,
                            real *dx, Py_ssize_t W, Py_ssize_t C) noexcept nogil:
    """A row of dx (W, C): dx[w][c] = sum over kw of products[w + pad - kw][kw][c], n_cols of them `step` apart."""
    if real is float:
        td_gather_row_f(products, step, n_cols, KW, pad, dx, W, C)
    else:
        td_gather_row_d(products, step, n_cols, KW, pad, dx, W, C)
