"""Checks of a convolution's geometry and of its weight: what passes here, kernels index without another look."""

from tinydl._core.array cimport (
    PyArray_DIMS, PyArray_ITEMSIZE, PyArray_NDIM, PyArray_STRIDES, PyArrayObject, data, import_array,
)

import_array()


cdef Geometry unpack(geometry) except *:
    """The geometry of a tuple of 16 integers."""
    cdef Geometry g
    # A plain tuple: a named one would be unpacked through a method call an entry.
    (g.N, g.C, g.H, g.W, g.O, g.KH, g.KW, g.SH, g.SW, g.PH, g.PW, g.DH, g.DW, g.G, g.P, g.Q) = tuple(geometry)
    # The upper bound keeps sums and products of two of these far from the end of Py_ssize_t.
    if (min(g.C, g.O, g.KH, g.KW, g.SH, g.SW, g.DH, g.DW, g.G) < 1 or min(g.N, g.H, g.W, g.PH, g.PW, g.P, g.Q) < 0
            or max(g.N, g.C, g.H, g.W, g.O, g.KH, g.KW, g.SH, g.SW, g.PH, g.PW, g.DH, g.DW) > 1 << 31):
        raise ValueError(f"conv geometry {geometry}: out of range")
    # Products in floating point cannot wrap around.
    if max(<double> g.N * g.C * g.H * g.W, <double> g.N * g.O * g.P * g.Q,
           <double> g.O * g.C * g.KH * g.KW) > <double> (<Py_ssize_t> 1 << 58):
        raise ValueError(f"conv geometry {geometry}: the arrays do not fit the address space")
    if g.C % g.G or g.O % g.G:
        raise ValueError(f"conv geometry {geometry}: groups must divide both channel counts")
    # A smaller output is allowed: a stride may leave rows and columns at the end unread.
    if g.N and g.P and g.Q and ((g.P - 1) * g.SH + (g.KH - 1) * g.DH + 1 > g.H + 2 * g.PH
                                or (g.Q - 1) * g.SW + (g.KW - 1) * g.DW + 1 > g.W + 2 * g.PW):
        raise ValueError(f"conv geometry {geometry}: the output reaches beyond the padded input")
    return g


cdef void *weight(object a, str name, int type_number, Py_ssize_t size, bint writable=False) except? NULL:
    """Pointer to a weight (O, C/G, *window) that lies in memory as (*window, C/G, O)."""
    cdef void *pointer = data(a, name, type_number, size, writable)
    cdef PyArrayObject *array = <PyArrayObject *> a
    cdef int ndim = PyArray_NDIM(array), k, axis
    cdef Py_ssize_t expected = PyArray_ITEMSIZE(array)
    # From the fastest axis on: O, C/G, then the window backwards.
    for k in range(ndim):
        axis = k if k < 2 else ndim + 1 - k
        if size and PyArray_DIMS(array)[axis] != 1 and PyArray_STRIDES(array)[axis] != expected:
            raise ValueError(f"{name}: expected memory in the order of (*window, in, out), got shape {a.shape} with "
                             f"strides {a.strides}; layout.parameter_like makes it")
        expected *= PyArray_DIMS(array)[axis]
    return pointer
