# A network as a list of steps: what the kernel modules make steps from.

from tinydl._core.memory cimport Block

# One task of a step: part `task` of the work on `n` images. x, y and residual (NULL where there is none) point to the
# first of the images; scratch belongs to the thread.
ctypedef void (*step_task)(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y,
                           const float *residual, float *scratch) noexcept nogil


cdef class Filters:
    cdef Block weights          # as the kernel of one step reads them; shared by the steps of all shapes
    cdef Block bias             # whole vectors, or None
    cdef readonly tuple shape   # what the kernel checks: it differs from kernel to kernel


cdef class Step:
    cdef step_task run
    cdef Block state            # the struct that `run` reads
    cdef object held            # what the struct points to
    cdef Py_ssize_t images, parts       # a task is one of `parts` of so many images
    cdef readonly Py_ssize_t n_in, n_out, scratch   # elements an image, elements an image, elements a thread
    cdef readonly bint takes_residual


# bias: (O,) or None; kept with the channels of each group rounded up to whole vectors.
cdef Filters make_filters(Block weights, object bias, Py_ssize_t O, Py_ssize_t n_groups, Py_ssize_t lanes, tuple shape)
# A step without scratch that takes no residual: whoever makes another says so in its fields.
cdef Step make_step(step_task run, Block state, object held, Py_ssize_t images, Py_ssize_t parts, Py_ssize_t n_in,
                    Py_ssize_t n_out)
