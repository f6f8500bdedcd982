# What the convolution kernels share: their geometry, padded copies of images and the sum of partial gradients.

from libc.string cimport memcpy
from tinydl._core.array cimport (
    PyArray_DIMS, PyArray_ITEMSIZE, PyArray_NDIM, PyArray_STRIDES, PyArrayObject, data, real,
)
from tinydl._core.load cimport Window, load_image
from tinydl._core.load cimport load_gradient as load_gradient_image
from tinydl._core.operands cimport td_map, td_pending

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

cdef inline void load_rect(const real *image, Py_ssize_t step, real *out, Py_ssize_t H, Py_ssize_t W, Py_ssize_t C,
                           Py_ssize_t h0, Py_ssize_t n_rows, Py_ssize_t w0, Py_ssize_t n_cols, const real *scale,
                           const real *shift, bint relu) noexcept nogil:
    cdef td_map m
    cdef Window w
    m.centre, m.scale, m.shift, m.relu = NULL, scale, shift, relu
    w.H, w.W, w.C, w.step, w.h0, w.n_rows, w.w0, w.n_cols = H, W, C, step, h0, n_rows, w0, n_cols
    load_image(image, out, &w, &m)


cdef inline void load_gradient(const real *dz, const real *y, Py_ssize_t step, real *out, Py_ssize_t H, Py_ssize_t W,
                               Py_ssize_t C, Py_ssize_t top, Py_ssize_t n_rows, Py_ssize_t left, Py_ssize_t n_cols,
                               const real *scale, const real *shift, bint relu, const real *a, const real *b,
                               const real *c) noexcept nogil:
    cdef td_pending p
    cdef Window w
    p.dz, p.y, p.mask.centre, p.mask.scale, p.mask.shift, p.mask.relu = dz, y, NULL, scale, shift, relu
    p.a, p.b, p.c = a, b, c
    w.H, w.W, w.C, w.step, w.h0, w.n_rows, w.w0, w.n_cols = H, W, C, step, -top, n_rows, -left, n_cols
    load_gradient_image(&p, 0, out, &w)


cdef inline void combine_chunk(const real *parts, real *out, Py_ssize_t n_parts, Py_ssize_t stride, Py_ssize_t begin,
                               Py_ssize_t end) noexcept nogil:
    # Groups in index order, whoever summed them.
    cdef Py_ssize_t part, i
    memcpy(out + begin, parts + begin, (end - begin) * sizeof(real))
    for part in range(1, n_parts):
        for i in range(begin, end):
            out[i] = out[i] + parts[part * stride + i]
