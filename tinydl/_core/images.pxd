# What the convolution kernels share: their geometry, padded copies of images and the sum of partial gradients.

from libc.string cimport memcpy, memset
from tinydl._core.array cimport (
    PyArray_DIMS, PyArray_ITEMSIZE, PyArray_NDIM, PyArray_STRIDES, PyArrayObject, data, real,
)

cdef extern from "src/load.h" nogil:
    void td_zero_f(float *dst, Py_ssize_t n) noexcept
    void td_zero_d(double *dst, Py_ssize_t n) noexcept
    void td_load_map_f(const float *src, Py_ssize_t step, float *dst, Py_ssize_t n, Py_ssize_t C, const float *scale,
                       const float *shift, int relu) noexcept
    void td_load_map_d(const double *src, Py_ssize_t step, double *dst, Py_ssize_t n, Py_ssize_t C, const double *scale,
                       const double *shift, int relu) noexcept
    void td_load_gradient_f(const float *dz, const float *y, Py_ssize_t step, float *dst, Py_ssize_t n, Py_ssize_t C,
                            const float *scale, const float *shift, int relu, const float *a, const float *b,
                            const float *c) noexcept
    void td_load_gradient_d(const double *dz, const double *y, Py_ssize_t step, double *dst, Py_ssize_t n, Py_ssize_t C,
                            const double *scale, const double *shift, int relu, const double *a, const double *b,
                            const double *c) noexcept


cdef struct Geometry:
    Py_ssize_t N, C, H, W, O, KH, KW, SH, SW, PH, PW, DH, DW, G, P, Q


cdef inline Geometry unpack(geometry) except *:
    cdef Geometry g
    (g.N, g.C, g.H, g.W, g.O, g.KH, g.KW, g.SH, g.SW, g.PH, g.PW, g.DH, g.DW, g.G, g.P, g.Q) = geometry
    if (min(g.C, g.O, g.KH, g.KW, g.SH, g.SW, g.DH, g.DW, g.G) < 1 or min(g.N, g.H, g.W, g.PH, g.PW, g.P, g.Q) < 0
            or max(g.N, g.C, g.H, g.W, g.O, g.KH, g.KW, g.SH, g.SW, g.PH, g.PW, g.DH, g.DW) > 1 << 31):
        raise ValueError(f"conv geometry {geometry}: out of range")
    # Products in floating point cannot wrap around.
    if max(<double> g.N * g.C * g.H * g.W, <double> g.N * g.O * g.P * g.Q,
           <double> g.O * g.C * g.KH * g.KW) > <double> (<Py_ssize_t> 1 << 58):
        raise ValueError(f"conv geometry {geometry}: the arrays do not fit the address space")
    if g.C % g.G or g.O % g.G:
        raise ValueError(f"conv geometry {geometry}: groups must divide both channel counts")
    if g.N and g.P and g.Q and ((g.P - 1) * g.SH + (g.KH - 1) * g.DH + 1 > g.H + 2 * g.PH
                                or (g.Q - 1) * g.SW + (g.KW - 1) * g.DW + 1 > g.W + 2 * g.PW):
        raise ValueError(f"conv geometry {geometry}: the output reaches beyond the padded input")
    return g


cdef inline Py_ssize_t multiplications(const Geometry *g) noexcept nogil:
    return g.N * g.P * g.Q * g.O * g.KH * g.KW * (g.C // g.G)


cdef inline void *weight(object a, str name, int type_number, Py_ssize_t size, bint writable=False) except? NULL:
    """Pointer to a weight (O, C/G, *window) that lies in memory as (*window, C/G, O)."""
    cdef void *pointer = data(a, name, type_number, size, writable)
    cdef PyArrayObject *array = <PyArrayObject *> a
    cdef int ndim = PyArray_NDIM(array), k, axis
    cdef Py_ssize_t expected = PyArray_ITEMSIZE(array)
    for k in range(ndim):
        axis = k if k < 2 else ndim + 1 - k
        if size and PyArray_DIMS(array)[axis] != 1 and PyArray_STRIDES(array)[axis] != expected:
            raise ValueError(f"{name}: expected memory in the order of (*window, in, out), got shape {a.shape} with "
                             f"strides {a.strides}; layout.parameter_like makes it")
        expected *= PyArray_DIMS(array)[axis]
    return pointer


cdef inline Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t step) noexcept nogil:
    return (n + step - 1) // step * step


cdef inline Py_ssize_t ceil_div(Py_ssize_t n, Py_ssize_t d) noexcept nogil:
    return (n + d - 1) // d


# --- padded copies -------------------------------------------------------------------------------------------------

cdef inline void zero(real *dst, Py_ssize_t n) noexcept nogil:
    if real is float:
        td_zero_f(dst, n)
    else:
        td_zero_d(dst, n)


cdef inline void load_rect(const real *image, Py_ssize_t step, real *out, Py_ssize_t H, Py_ssize_t W, Py_ssize_t C,
                           Py_ssize_t h0, Py_ssize_t n_rows, Py_ssize_t w0, Py_ssize_t n_cols, const real *scale,
                           const real *shift, bint relu) noexcept nogil:
    """Rows from h0 and columns from w0 of an image (H, W, C), zero outside it, into out (n_rows, n_cols, C).

    The image's pixels lie `step` elements apart; a pending [relu](scale*x + shift) is applied.
    """
    cdef Py_ssize_t r, h, row = n_cols * C
    cdef Py_ssize_t left = min(max(0, -w0), n_cols), inside = max(0, min(W - max(w0, 0), n_cols - left))
    cdef const real *src
    cdef real *dst
    for r in range(n_rows):
        h = h0 + r
        dst = out + r * row
        if h < 0 or h >= H:
            zero(dst, row)
            continue
        src = image + (h * W + max(w0, 0)) * step
        zero(dst, left * C)
        zero(dst + (left + inside) * C, (n_cols - left - inside) * C)
        dst = dst + left * C
        if real is float:
            td_load_map_f(src, step, dst, inside, C, scale, shift, relu)
        else:
            td_load_map_d(src, step, dst, inside, C, scale, shift, relu)


cdef inline void load_gradient(const real *dz, const real *y, Py_ssize_t step, real *out, Py_ssize_t H, Py_ssize_t W,
                               Py_ssize_t C, Py_ssize_t top, Py_ssize_t n_rows, Py_ssize_t left, Py_ssize_t n_cols,
                               const real *scale, const real *shift, bint relu, const real *a, const real *b,
                               const real *c) noexcept nogil:
    """The gradient image (H, W, C) that was deferred, a*dz' + b*y + c or (a NULL) dz', with a border of zeros.

    dz' is 0 where scale*y + shift <= 0 (if relu), else dz: the very expression of the forward pass, so the masks agree.
    Without scale it is dz masked by the sign of y, and nothing else. Pixels of dz and y lie `step` elements apart.
    """
    cdef Py_ssize_t r, h, row = n_cols * C
    cdef real *dst
    for r in range(n_rows):
        h = r - top
        dst = out + r * row
        if h < 0 or h >= H:
            zero(dst, row)
            continue
        zero(dst, left * C)
        dst = dst + left * C
        if real is float:
            td_load_gradient_f(dz + h * W * step, y + h * W * step, step, dst, W, C, scale, shift, relu, a, b, c)
        else:
            td_load_gradient_d(dz + h * W * step, y + h * W * step, step, dst, W, C, scale, shift, relu, a, b, c)
        zero(dst + W * C, (n_cols - left - W) * C)


cdef inline void combine_chunk(const real *parts, real *out, Py_ssize_t n_parts, Py_ssize_t stride, Py_ssize_t begin,
                               Py_ssize_t end) noexcept nogil:
    # Groups in index order, whoever summed them.
    cdef Py_ssize_t part, i
    memcpy(out + begin, parts + begin, (end - begin) * sizeof(real))
    for part in range(1, n_parts):
        for i in range(begin, end):
            out[i] = out[i] + parts[part * stride + i]
