# Cython's view of src/winograd.h, the transforms of one tile of one vector of channels. float32 only.

from tinydl._core.operands cimport td_epilogue, td_moments

cdef extern from "src/winograd.h" nogil:
    ctypedef struct td_block:
        Py_ssize_t n_rows, n_cols
        Py_ssize_t row, col
        Py_ssize_t n
    void td_wino_input(const float *src, Py_ssize_t row, Py_ssize_t col, float *v, Py_ssize_t slice,
                       Py_ssize_t n) noexcept
    void td_wino_gradient(const float *src, Py_ssize_t row, Py_ssize_t col, float *z, Py_ssize_t slice,
                          Py_ssize_t n) noexcept
    void td_wino_output(const float *m, Py_ssize_t slice, float *y, Py_ssize_t at, const td_block *,
                        const td_epilogue *) noexcept
    void td_wino_moments(const float *y, Py_ssize_t at, const td_block *, const td_moments *) noexcept
    void td_wino_filter(const float *w, Py_ssize_t tap, int flip, float *u, Py_ssize_t slice, Py_ssize_t n) noexcept
    void td_wino_filter_gradient(const float *s, Py_ssize_t slice, float *dw, Py_ssize_t tap, Py_ssize_t n) noexcept
