# What kernels do on the way while they load an operand or store a result, as Python hands it over (the classes) and as
# kernels read it (the structs of src/operands.h). `read_map` and its kin are the one way from a class to its struct.

from libc.string cimport memcpy
from tinydl._core.array cimport NPY_FLOAT32, channels_last, data, float_type
from tinydl._core.memory cimport Block

cdef extern from "src/operands.h" nogil:
    ctypedef struct td_map:
        const void *centre
        const void *scale
        const void *shift
        Py_ssize_t activation
        double parameter
    ctypedef struct td_pending:
        const void *dz
        const void *y
        td_map mask
        const void *a
        const void *b
        const void *c
    ctypedef struct td_moments:
        const void *about
        const void *saved_x
        td_map mask
        void *out
        Py_ssize_t stride
    ctypedef struct td_epilogue:
        const void *bias
        const void *residual
        Py_ssize_t relu
        td_moments moments
        Py_ssize_t stream
    const void *td_at(const void *p, Py_ssize_t bytes) noexcept
    td_map td_map_from_channel(td_map, Py_ssize_t bytes) noexcept
    td_pending td_pending_from_channel(td_pending, Py_ssize_t bytes) noexcept
    td_epilogue td_epilogue_from_channel(td_epilogue, Py_ssize_t bytes) noexcept
    td_epilogue td_epilogue_from_pixel(td_epilogue, Py_ssize_t bytes) noexcept

cdef extern from "src/bend.h" nogil:
    enum:
        TD_N_ACTIVATIONS
        TD_LEAK
    const char *const *td_activation_names


cdef class Map:
    cdef readonly object scale, shift, centre
    cdef readonly str activation
    cdef readonly double parameter
    cdef Py_ssize_t number      # 0: no activation; else 1 + its row


cdef class Pending:
    cdef readonly object dz, y, a, b, c
    cdef readonly Map mask


cdef class Moments:
    cdef readonly object about, sums


cdef inline int read_map(Map m, td_map *out, int type_number, Py_ssize_t C, bint any_activation=False) except -1:
    """Fill `out` from a map over C channels, or from None.

    any_activation : whether the kernel takes all of them, and not only those that readers apply as they load.
    """
    out.centre = out.scale = out.shift = NULL
    out.activation, out.parameter = 0, 0
    if m is None:
        return 0
    if m.number > TD_LEAK and not any_activation:
        raise ValueError(f"this kernel applies no {m.activation} as it loads; compute the map with affine_forward")
    out.activation, out.parameter = m.number, m.parameter
    if m.scale is not None:
        out.centre = data(m.centre, "centre", type_number, C)
        out.scale = data(m.scale, "scale", type_number, C)
        out.shift = data(m.shift, "shift", type_number, C)
    return 0


cdef inline Block read_repeated_map(Map m, td_map *out, int type_number, Py_ssize_t C, Py_ssize_t L):
    """The same with vectors repeated along L elements, which lie in the block: for loops that read past C channels."""
    read_map(m, out, type_number, C)
    if out.scale == NULL or C == 0:
        return None
    cdef Py_ssize_t itemsize = 4 if type_number == NPY_FLOAT32 else 8, size = L * itemsize, run = C * itemsize, at = 0
    cdef Block block = Block(3 * size)
    cdef char *centre = <char *> block.address
    cdef char *scale = centre + size
    cdef char *shift = scale + size
    while at < size:
        run = min(run, size - at)
        memcpy(centre + at, out.centre, run)
        memcpy(scale + at, out.scale, run)
        memcpy(shift + at, out.shift, run)
        at += run
    out.centre, out.scale, out.shift = centre, scale, shift
    return block


cdef inline int gradient_type(object dy) except -1:
    """NPY_FLOAT32 or NPY_FLOAT64: the type of an upstream gradient, an array or a `Pending`."""
    return float_type((<Pending> dy).dz, "dz") if isinstance(dy, Pending) else float_type(dy, "dy")


cdef inline int read_gradient(object dy, td_pending *out, int type_number, Py_ssize_t size, Py_ssize_t C,
                              bint any_activation=False) except -1:
    """Fill `out` from an upstream gradient of `size` elements and C channels: an array or a `Pending`.

    y stays NULL where nothing waits: for an array, and for a Pending without activation and coefficients.
    """
    cdef Pending p
    out.y = out.a = out.b = out.c = NULL
    if not isinstance(dy, Pending):
        read_map(None, &out.mask, type_number, C)
        out.dz = channels_last(dy, "dy", type_number, size)
        return 0
    p = <Pending> dy
    out.dz = channels_last(p.dz, "dz", type_number, size)
    if p.a is None and p.mask.number == 0:
        read_map(None, &out.mask, type_number, C)
        return 0
    read_map(p.mask, &out.mask, type_number, C, any_activation)
    out.y = channels_last(p.y, "y", type_number, size)
    if p.a is not None:
        out.a = data(p.a, "a", type_number, C)
        out.b = data(p.b, "b", type_number, C)
        out.c = data(p.c, "c", type_number, C)
    return 0


cdef inline int read_moments(Moments m, td_moments *out, int type_number, Py_ssize_t n_groups,
                             Py_ssize_t C) except -1:
    """Fill `out` from moments of n_groups groups of C channels, or from None; saved_x and mask are the kernel's."""
    out.about = out.saved_x = NULL
    out.out = NULL
    out.stride = C
    read_map(None, &out.mask, type_number, C)
    if m is not None:
        out.about = data(m.about, "about", type_number, C)
        out.out = data(m.sums, "sums", type_number, n_groups * 2 * C, True)
    return 0
