# The mode in which every task of a kernel runs (src/vector.h): denormals cost up to 30 times the time of other numbers.

cdef extern from "src/vector.h" nogil:
    unsigned int td_flush_denormals() noexcept
    void td_restore_denormals(unsigned int) noexcept
