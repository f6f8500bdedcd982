"""Operands: what a kernel does on the way while it loads an input or stores a result.

A batch norm whose statistics are known is a map per channel, and its gradient another one. Whoever reads the value next
applies the map as it loads, which spares a pass over memory. These classes hold the arrays of such a map and nothing
else: kernels check them against their geometry and read them by the structs of src/operands.h. `are_sizes` looks at the
numbers that a geometry is made from.
"""

from cpython.long cimport PyLong_AsLongLongAndOverflow
from tinydl._core.array cimport import_array

import_array()

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


def are_sizes(value, Py_ssize_t n, Py_ssize_t least):
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
