# Cython's view of src/channels.h: the loops over rows of channels, one name for both element types.

from tinydl._core.array cimport real
from tinydl._core.operands cimport td_map, td_pending

cdef extern from "src/channels.h" nogil:
    Py_ssize_t TD_MOST
    Py_ssize_t td_period(Py_ssize_t C) noexcept
    Py_ssize_t td_stretch(Py_ssize_t C, Py_ssize_t size) noexcept
    ctypedef struct td_residual_sum:
        const void *x
        const void *residual
        td_map on_x, on_residual
        Py_ssize_t stretch
    ctypedef struct td_reduction:
        td_pending dy
        const void *x
        const void *about
    void td_affine_f(const td_residual_sum *, Py_ssize_t first, float *y, Py_ssize_t n, Py_ssize_t L,
                     int stream) noexcept
    void td_affine_d(const td_residual_sum *, Py_ssize_t first, double *y, Py_ssize_t n, Py_ssize_t L,
                     int stream) noexcept
    void td_mapped_f(const float *, const td_map *, float *y, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_mapped_d(const double *, const td_map *, double *y, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_moments_f(const float *x, const float *about, float *s1, float *s2, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_moments_d(const double *x, const double *about, double *s1, double *s2, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_gradient_sums_f(const td_reduction *, Py_ssize_t first, float *sums, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_gradient_sums_d(const td_reduction *, Py_ssize_t first, double *sums, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_product_sums_f(const float *dz, const float *x, const float *about, float *sums, Py_ssize_t n,
                           Py_ssize_t L) noexcept
    void td_product_sums_d(const double *dz, const double *x, const double *about, double *sums, Py_ssize_t n,
                           Py_ssize_t L) noexcept
    void td_gradient_f(const td_pending *dy, float *dx, Py_ssize_t n, Py_ssize_t L, Py_ssize_t near) noexcept
    void td_gradient_d(const td_pending *dy, double *dx, Py_ssize_t n, Py_ssize_t L, Py_ssize_t near) noexcept
    void td_fold_f(float *s, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_fold_d(double *s, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_repeat_f(const float *v, float *out, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_repeat_d(const double *v, double *out, Py_ssize_t C, Py_ssize_t L) noexcept


cdef inline void affine(const td_residual_sum *s, Py_ssize_t first, real *y, Py_ssize_t n, Py_ssize_t L,
                        bint stream) noexcept nogil:
    if real is float:
        td_affine_f(s, first, y, n, L, stream)
    else:
        td_affine_d(s, first, y, n, L, stream)


cdef inline void mapped(const real *x, const td_map *on_x, real *y, Py_ssize_t n, Py_ssize_t L) noexcept nogil:
    if real is float:
        td_mapped_f(x, on_x, y, n, L)
    else:
        td_mapped_d(x, on_x, y, n, L)


cdef inline void moments(const real *x, const real *about, real *s1, real *s2, Py_ssize_t n,
                         Py_ssize_t L) noexcept nogil:
    if real is float:
        td_moments_f(x, about, s1, s2, n, L)
    else:
        td_moments_d(x, about, s1, s2, n, L)


cdef inline void gradient_sums(const td_reduction *r, Py_ssize_t first, real *sums, Py_ssize_t n,
                               Py_ssize_t L) noexcept nogil:
    if real is float:
        td_gradient_sums_f(r, first, sums, n, L)
    else:
        td_gradient_sums_d(r, first, sums, n, L)


cdef inline void product_sums(const real *dz, const real *x, const real *about, real *sums, Py_ssize_t n,
                              Py_ssize_t L) noexcept nogil:
    if real is float:
        td_product_sums_f(dz, x, about, sums, n, L)
    else:
        td_product_sums_d(dz, x, about, sums, n, L)


cdef inline void gradient(const td_pending *dy, real *dx, Py_ssize_t n, Py_ssize_t L, Py_ssize_t near) noexcept nogil:
    if real is float:
        td_gradient_f(dy, dx, n, L, near)
    else:
        td_gradient_d(dy, dx, n, L, near)


cdef inline void fold(real *s, Py_ssize_t C, Py_ssize_t L) noexcept nogil:
    if real is float:
        td_fold_f(s, C, L)
    else:
        td_fold_d(s, C, L)


cdef inline void repeat(const real *v, real *out, Py_ssize_t C, Py_ssize_t L) noexcept nogil:
    if real is float:
        td_repeat_f(v, out, C, L)
    else:
        td_repeat_d(v, out, C, L)
