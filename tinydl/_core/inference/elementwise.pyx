"""Activations as a step of a program: an image is a task."""

from tinydl._core.activations cimport td_element_loop
from tinydl._core.elementwise cimport value_loop
from tinydl._core.inference.program cimport make_step
from tinydl._core.memory cimport Block

cdef struct Elements:
    Py_ssize_t size         # of an image
    double parameter
    td_element_loop loop


cdef void activation_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y,
                          const float *residual, float *scratch) noexcept nogil:
    cdef const Elements *e = <const Elements *> state
    # Denormals are flushed already: a program does so once for all the steps that a thread takes.
    e.loop(x + task * e.size, NULL, y + task * e.size, e.size, e.parameter)


def activation_step(str name, Py_ssize_t size, double parameter, /):
    """A `Step`: the activation `name` of `size` elements an image, float32; see `activation_forward`."""
    if size < 0:
        raise ValueError(f"activation_step: {size} elements")
    cdef Block state = Block(sizeof(Elements))
    cdef Elements *e = <Elements *> state.address
    # Looked up once, here: a task calls the loop without asking for a name.
    e.size, e.parameter, e.loop = size, parameter, value_loop(name)
    return make_step(activation_task, state, None, 1, 1, size, size)
