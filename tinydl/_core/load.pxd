# Cython's view of src/load.h: padded copies of images, with what waits on them applied on the way.

from tinydl._core.array cimport real
from tinydl._core.operands cimport td_map, td_pending

cdef extern from "src/load.h" nogil:
    void td_zero_f(float *dst, Py_ssize_t n) noexcept
    void td_zero_d(double *dst, Py_ssize_t n) noexcept
    void td_load_map_f(const float *src, Py_ssize_t step, float *dst, Py_ssize_t n, Py_ssize_t C,
                       const td_map *) noexcept
    void td_load_map_d(const double *src, Py_ssize_t step, double *dst, Py_ssize_t n, Py_ssize_t C,
                       const td_map *) noexcept
    void td_load_gradient_f(const td_pending *, Py_ssize_t first, Py_ssize_t step, float *dst, Py_ssize_t n,
                            Py_ssize_t C) noexcept
    void td_load_gradient_d(const td_pending *, Py_ssize_t first, Py_ssize_t step, double *dst, Py_ssize_t n,
                            Py_ssize_t C) noexcept


# Where a copy lies in its image: rows from h0 and columns from w0 of (H, W), which may be outside. C channels of a
# pixel are copied, and pixels lie `step` elements apart in the image.
cdef struct Window:
    Py_ssize_t H, W, C, step
    Py_ssize_t h0, n_rows, w0, n_cols


cdef inline void zero(real *dst, Py_ssize_t n) noexcept nogil:
    if real is float:
        td_zero_f(dst, n)
    else:
        td_zero_d(dst, n)


cdef inline void load_map(const real *src, Py_ssize_t step, real *dst, Py_ssize_t n, Py_ssize_t C,
                          const td_map *m) noexcept nogil:
    if real is float:
        td_load_map_f(src, step, dst, n, C, m)
    else:
        td_load_map_d(src, step, dst, n, C, m)


cdef inline void load_pending(const td_pending *p, Py_ssize_t first, Py_ssize_t step, real *dst, Py_ssize_t n,
                              Py_ssize_t C) noexcept nogil:
    if real is float:
        td_load_gradient_f(p, first, step, dst, n, C)
    else:
        td_load_gradient_d(p, first, step, dst, n, C)


cdef inline void load_image(const real *image, real *out, const Window *w, const td_map *m) noexcept nogil:
    """out (n_rows, n_cols, C) = the window of an image, each pixel by its map, zeros outside the image."""
    cdef Py_ssize_t r, h, row = w.n_cols * w.C
    cdef Py_ssize_t left = min(max(0, -w.w0), w.n_cols), inside = max(0, min(w.W - max(w.w0, 0), w.n_cols - left))
    cdef real *dst
    for r in range(w.n_rows):
        h = w.h0 + r
        dst = out + r * row
        if h < 0 or h >= w.H:
            zero(dst, row)
            continue
        zero(dst, left * w.C)
        zero(dst + (left + inside) * w.C, (w.n_cols - left - inside) * w.C)
        load_map(image + (h * w.W + max(w.w0, 0)) * w.step, w.step, dst + left * w.C, inside, w.C, m)


cdef inline void load_gradient(const td_pending *p, Py_ssize_t image, real *out, const Window *w) noexcept nogil:
    """out (n_rows, n_cols, C) = the window of an image of a gradient, zeros outside; it holds all columns of the image.

    p : of the whole batch.
    """
    cdef td_map nothing
    cdef Py_ssize_t r, h, row = w.n_cols * w.C, left = -w.w0
    cdef real *dst
    if p.y == NULL:
        nothing.centre = nothing.scale = nothing.shift = NULL
        nothing.activation, nothing.parameter = 0, 0
        load_image(<const real *> p.dz + image * w.H * w.W * w.step, out, w, &nothing)
        return
    for r in range(w.n_rows):
        h = w.h0 + r
        dst = out + r * row
        if h < 0 or h >= w.H:
            zero(dst, row)
            continue
        zero(dst, left * w.C)
        load_pending(p, (image * w.H + h) * w.W, w.step, dst + left * w.C, w.W, w.C)
        zero(dst + (left + w.W) * w.C, (w.n_cols - left - w.W) * w.C)
