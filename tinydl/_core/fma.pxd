# Cython's view of src/fma.h: sums of products that have the same bits from every compiler.

from tinydl._core.array cimport real

cdef extern from "src/fma.h" nogil:
    float td_fma_one_f(float, float, float) noexcept
    double td_fma_one_d(double, double, double) noexcept


cdef inline real fma(real a, real b, real c) noexcept nogil:
    """a*b + c; c may be a product, which is then rounded."""
    if real is float:
        return td_fma_one_f(a, b, c)
    else:
        return td_fma_one_d(a, b, c)
