# The functions of <math.h> that kernels need in both types; a loop over them is vectorised.

from libc.math cimport sqrt
from tinydl._core.array cimport real

cdef extern from "<math.h>" nogil:
    float sqrtf(float) noexcept


cdef inline real root(real x) noexcept nogil:
    if real is float:
        return sqrtf(x)
    else:
        return sqrt(x)
