# Cython's view of src/tile.h, the register tiles. Only strip.pyx compiles them; kernels call its functions.

from tinydl._core.array cimport real
from tinydl._core.operands cimport td_epilogue
from tinydl._core.strip cimport td_entries, td_pixel_range, td_rectangle

cdef extern from "src/tile.h" nogil:
    void td_strip_f(const td_rectangle *, const float *src, const float *panel, Py_ssize_t ld, float *dst, Py_ssize_t n,
                    const td_epilogue *) noexcept
    void td_strip_d(const td_rectangle *, const double *src, const double *panel, Py_ssize_t ld, double *dst,
                    Py_ssize_t n, const td_epilogue *) noexcept
    void td_strips_f(const td_rectangle *, const float *src, const float *panels, float *dst, Py_ssize_t n,
                     const td_epilogue *) noexcept
    void td_strips_d(const td_rectangle *, const double *src, const double *panels, double *dst, Py_ssize_t n,
                     const td_epilogue *) noexcept
    void td_outer_strip_f(const td_pixel_range *, const td_entries *, const float *x, const float *dy, Py_ssize_t n,
                          float *dw, Py_ssize_t adds) noexcept
    void td_outer_strip_d(const td_pixel_range *, const td_entries *, const double *x, const double *dy, Py_ssize_t n,
                          double *dw, Py_ssize_t adds) noexcept
    void td_channelwise_f(const td_rectangle *, const float *src, const float *filters, float *dst, Py_ssize_t C,
                          const td_epilogue *) noexcept
    void td_channelwise_d(const td_rectangle *, const double *src, const double *filters, double *dst, Py_ssize_t C,
                          const td_epilogue *) noexcept
    void td_channelwise_outer_f(const td_pixel_range *, const Py_ssize_t *taps, Py_ssize_t n_taps, const float *x,
                                const float *dy, Py_ssize_t C, float *dw, int adds) noexcept
    void td_channelwise_outer_d(const td_pixel_range *, const Py_ssize_t *taps, Py_ssize_t n_taps, const double *x,
                                const double *dy, Py_ssize_t C, double *dw, int adds) noexcept


cdef inline void tiles_of_strip(const td_rectangle *pixels, const real *src, const real *panel, Py_ssize_t ld,
                                real *dst, Py_ssize_t n, const td_epilogue *e) noexcept nogil:
    if real is float:
        td_strip_f(pixels, src, panel, ld, dst, n, e)
    else:
        td_strip_d(pixels, src, panel, ld, dst, n, e)


cdef inline void tiles_of_strips(const td_rectangle *pixels, const real *src, const real *panels, real *dst,
                                 Py_ssize_t n, const td_epilogue *e) noexcept nogil:
    if real is float:
        td_strips_f(pixels, src, panels, dst, n, e)
    else:
        td_strips_d(pixels, src, panels, dst, n, e)


cdef inline void tiles_of_outer(const td_pixel_range *pixels, const td_entries *entries, const real *x, const real *dy,
                                Py_ssize_t n, real *dw, bint adds) noexcept nogil:
    if real is float:
        td_outer_strip_f(pixels, entries, x, dy, n, dw, adds)
    else:
        td_outer_strip_d(pixels, entries, x, dy, n, dw, adds)


cdef inline void tiles_of_channelwise(const td_rectangle *pixels, const real *src, const real *filters, real *dst,
                                      Py_ssize_t C, const td_epilogue *e) noexcept nogil:
    if real is float:
        td_channelwise_f(pixels, src, filters, dst, C, e)
    else:
        td_channelwise_d(pixels, src, filters, dst, C, e)


cdef inline void tiles_of_channelwise_outer(const td_pixel_range *pixels, const Py_ssize_t *taps, Py_ssize_t n_taps,
                                            const real *x, const real *dy, Py_ssize_t C, real *dw,
                                            bint adds) noexcept nogil:
    if real is float:
        td_channelwise_outer_f(pixels, taps, n_taps, x, dy, C, dw, adds)
    else:
        td_channelwise_outer_d(pixels, taps, n_taps, x, dy, C, dw, adds)
