"""Operands: what a kernel does on the way while it loads an input or stores a result.

A batch norm whose statistics are known is a map per channel, and its gradient another one. Whoever reads the value next
applies the map as it loads, which spares a pass over memory. These classes hold the arrays of such a map and nothing
else: kernels check them against their geometry and read them by the structs of src/operands.h. `are_sizes` looks at the
numbers that a geometry is made from.
"""

from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.string cimport memcpy
from tinydl._core.array cimport NPY_FLOAT32, channels_last, data, float_type

cdef dict _numbers = {"": 0, **{td_activation_names[i].decode(): 1 + i for i in range(TD_N_ACTIVATIONS)}}


cdef tuple _bits(Map m):
    return tuple([None if v is None else (v.dtype.str, v.shape, v.tobytes()) for v in (m.scale, m.shift, m.centre)])


cdef class Map:
    """The map f(scale*(x - centre) + shift) per channel, f an activation.

    Parameters
    ----------
    scale, shift : numpy.ndarray (C,), or None
        Both None for an activation alone or the identity.
    centre : numpy.ndarray (C,), or None
        Given with scale and shift; for a batch norm the mean of what it read, rounded to the type of x.
    activation : str
        Name of a row of `src/activations.h`, or "" for none.
    parameter : float
        Of the activation.
    """

    def __init__(self, scale=None, shift=None, centre=None, str activation not None="", double parameter=0):
        if (scale is None) != (shift is None) or (scale is None) != (centre is None):
            raise ValueError("scale, shift and centre are given together or not at all")
        if activation not in _numbers:
            raise ValueError(f"no activation {activation!r}; known: {', '.join(filter(None, _numbers))}")
        self.scale, self.shift, self.centre = scale, shift, centre
        self.activation, self.parameter, self.number = activation, parameter, _numbers[activation]

    def followed_by(self, str activation, double parameter=0):
        """The same map, which has no activation, followed by one."""
        if self.number:
            raise ValueError(f"a map takes one activation: {activation} after {self.activation}")
        return Map(self.scale, self.shift, self.centre, activation, parameter)

    @property
    def loads(self):
        """Whether readers apply the map as they load; else it is computed in a pass of its own."""
        return self.number <= TD_LEAK

    def __eq__(self, other):
        """Whether vectors have the same bits and activations are the same; two recorded passes are so compared."""
        if not isinstance(other, Map):
            return NotImplemented
        cdef Map m = <Map> other
        return self.number == m.number and self.parameter == m.parameter and _bits(self) == _bits(m)

    def __reduce__(self):
        return Map, (self.scale, self.shift, self.centre, self.activation, self.parameter)


cdef class Pending:
    """The gradient a*dz' + b*(y - centre) + c per channel, which its reader computes as it loads.

    dz' is dz times the derivative of the mask's activation at the mask's value of y; centre is the mask's.

    Parameters
    ----------
    dz : numpy.ndarray (N, C, *spatial)
    y : numpy.ndarray (N, C, *spatial)
        What the mask reads.
    mask : Map
    a, b, c : numpy.ndarray (C,), or None
        All None for dz' alone.
    """

    def __init__(self, dz, y, Map mask not None, a=None, b=None, c=None):
        if (a is None) != (b is None) or (a is None) != (c is None):
            raise ValueError("a, b and c are given together or not at all")
        if a is not None and mask.scale is None:
            raise ValueError("a, b and c need a mask with a centre")
        self.dz, self.y, self.mask, self.a, self.b, self.c = dz, y, mask, a, b, c

    def __reduce__(self):
        return Pending, (self.dz, self.y, self.mask, self.a, self.b, self.c)


cdef class Moments:
    """Where a kernel leaves sums per channel that it makes while results are in registers.

    Forward they are the sums of y - about and (y - about)^2, backward of dx' and dx' * (x - about), dx' being dx
    masked by the map on x.

    Parameters
    ----------
    about : numpy.ndarray (C,)
    sums : numpy.ndarray (N, 2, C)
        OUT: one group an image.
    """

    def __init__(self, about, sums):
        self.about, self.sums = about, sums

    def __reduce__(self):
        return Moments, (self.about, self.sums)


# --- as kernels read them ---

cdef int read_map(Map m, td_map *out, int type_number, Py_ssize_t C, bint any_activation=False) except -1:
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


cdef Block read_repeated_map(Map m, td_map *out, int type_number, Py_ssize_t C, Py_ssize_t L):
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


cdef int gradient_type(object dy) except -1:
    """NPY_FLOAT32 or NPY_FLOAT64: the type of an upstream gradient, an array or a `Pending`."""
    return float_type((<Pending> dy).dz, "dz") if isinstance(dy, Pending) else float_type(dy, "dy")


cdef int read_gradient(object dy, td_pending *out, int type_number, Py_ssize_t size, Py_ssize_t C,
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


cdef int read_moments(Moments m, td_moments *out, int type_number, Py_ssize_t n_groups,
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


def are_sizes(value, Py_ssize_t n, Py_ssize_t least, /):
    """Whether `value` is a tuple of n ints from `least` to 2**31 - 1, as layers keep their strides and windows."""
    if type(value) is not tuple or len(<tuple> value) != n:
        return False
    cdef long long number
    cdef int overflow
    for item in <tuple> value:
        if type(item) is not int:
            return False
        number = PyLong_AsLongLongAndOverflow(item, &overflow)
        if overflow or not least <= number < <long long> 1 << 31:
            return False
    return True
