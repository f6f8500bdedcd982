"""ReLU as a step of a program: an image is a task."""

from tinydl._core.array cimport import_array
from tinydl._core.elementwise cimport RELU, td_activations
from tinydl._core.inference.program cimport make_step
from tinydl._core.memory cimport Block

import_array()


cdef void relu_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y, const float *addend,
                    float *scratch) noexcept nogil:
    cdef Py_ssize_t size = (<const Py_ssize_t *> state)[0]
    td_activations[RELU].value[0](x + task * size, NULL, y + task * size, size, 0)     # float's loop


def relu_step(Py_ssize_t size):
    """A `Step`: max(x, 0) of `size` elements an image, float32."""
    cdef Block state = Block(sizeof(Py_ssize_t))
    (<Py_ssize_t *> state.address)[0] = size
    return make_step(relu_task, state, None, 1, 1, size, size)
