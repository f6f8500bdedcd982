# Cython's view of src/channels.h: the loops over rows of channels, one name for both element types.

from tinydl._core.array cimport real
from tinydl._core.operands cimport td_map, td_pending

cdef extern from "src/channels.h" nogil:
    Py_ssize_t TD_MOST
    Py_ssize_t td_period(Py_ssize_t C) noexcept
    void td_affine_f(const float *x, const td_map *on_x, const float *r, const td_map *on_r, float *y, Py_ssize_t n,
                     Py_ssize_t L, int stream) noexcept
    void td_affine_d(const double *x, const td_map *on_x, const double *r, const td_map *on_r, double *y, Py_ssize_t n,
                     Py_ssize_t L, int stream) noexcept
    void td_moments_f(const float *x, const float *about, float *s1, float *s2, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_moments_d(const double *x, const double *about, double *s1, double *s2, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_gradient_sums_f(const td_pending *dy, const float *x, const float *about, float *s1, float *s2,
                            float *masked, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_gradient_sums_d(const td_pending *dy, const double *x, const double *about, double *s1, double *s2,
                            double *masked, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_gradient_f(const td_pending *dy, float *dx, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_gradient_d(const td_pending *dy, double *dx, Py_ssize_t n, Py_ssize_t L) noexcept
    void td_fold_f(float *s, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_fold_d(double *s, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_repeat_f(const float *v, float *out, Py_ssize_t C, Py_ssize_t L) noexcept
    void td_repeat_d(const double *v, double *out, Py_ssize_t C, Py_ssize_t L) noexcept


cdef inline void affine(const real *x, const td_map *on_x, const real *r, const td_map *on_r, real *y, Py_ssize_t n,
                        Py_ssize_t L, bint stream) noexcept nogil:
    if real is float:
        td_affine_f(x, on_x, r, on_r, y, n, L, stream)
    else:
        td_affine_d(x, on_x, r, on_r, y, n, L, stream)


cdef inline void moments(const real *x, const real *about, real *s1, real *s2, Py_ssize_t n,
                         Py_ssize_t L) noexcept nogil:
    if real is float:
        td_moments_f(x, about, s1, s2, n, L)
    else:
        td_moments_d(x, about, s1, s2, n, L)


cdef inline void gradient_sums(const td_pending *dy, const real *x, const real *about, real *s1, real *s2,
                               real *masked, Py_ssize_t n, Py_ssize_t L) noexcept nogil:
    if real is float:
        td_gradient_sums_f(dy, x, about, s1, s2, masked, n, L)
    else:
        td_gradient_sums_d(dy, x, about, s1, s2, masked, n, L)


cdef inline void gradient(const td_pending *dy, real *dx, Py_ssize_t n, Py_ssize_t L) noexcept nogil:
    if real is float:
        td_gradient_f(dy, dx, n, L)
    else:
        td_gradient_d(dy, dx, n, L)


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
