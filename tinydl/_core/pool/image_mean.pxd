# The loops of src/image_mean.h: a call, and each loop as a pair of pointers, of float and of double.

from tinydl._core.operands cimport td_map

cdef extern from "src/image_mean.h" nogil:
    ctypedef struct td_images:
        const void *src
        void *dst
        void *sums
        td_map on_x
        Py_ssize_t C, size, L
    ctypedef void (*td_image_loop)(const td_images *images, Py_ssize_t n) noexcept nogil
    const td_image_loop *td_image_mean
    const td_image_loop *td_image_spread
    Py_ssize_t td_period(Py_ssize_t C) noexcept

# The loop of a frozen network's step, float32.
cdef td_image_loop mean_of_image() noexcept
