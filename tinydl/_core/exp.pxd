# exp and log of src/exp.h, which a loop vectorises, and the bits of a number.

from libc.stdint cimport int64_t
from tinydl._core.array cimport real

cdef extern from "src/exp.h" nogil:
    float td_exp_f(float) noexcept
    double td_exp_d(double) noexcept
    double logarithm "td_log_d"(double) noexcept
    int64_t bits_of "td_bits_d"(double) noexcept
    double number_of "td_from_bits_d"(int64_t) noexcept


cdef inline real exponential(real x) noexcept nogil:
    if real is float:
        return td_exp_f(x)
    else:
        return td_exp_d(x)
