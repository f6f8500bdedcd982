# Cython's view of src/vector.h: the vectors of the ISA level that a module is compiled for, and the mode in which every
# task of a kernel runs: denormals cost up to 30 times the time of other numbers.

from tinydl._core.array cimport real

cdef extern from "src/vector.h" nogil:
    const Py_ssize_t TD_LANES_F
    const Py_ssize_t TD_LANES_D
    unsigned int td_flush_denormals() noexcept
    void td_restore_denormals(unsigned int) noexcept


cdef inline Py_ssize_t lanes_of(real unused) noexcept nogil:
    """Elements of a vector."""
    return TD_LANES_F if real is float else TD_LANES_D


cdef inline Py_ssize_t lanes_of_size(Py_ssize_t itemsize) noexcept nogil:
    """The same, where the type is only known by its size."""
    return TD_LANES_F if itemsize == 4 else TD_LANES_D
