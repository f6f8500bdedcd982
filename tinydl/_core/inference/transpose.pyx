"""Between row-major and channels-last memory: each image's matrix transposed, as a step of a program.

Only the first and the last step of a network may need it: in between all values are channels-last.
"""

from tinydl._core.inference.program cimport make_step
from tinydl._core.memory cimport Block

cdef enum:
    LINE = 16       # float32 elements of a cache line: what is written together


cdef void transpose_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y,
                         const float *residual, float *scratch) noexcept nogil:
    cdef Py_ssize_t rows = (<const Py_ssize_t *> state)[0], cols = (<const Py_ssize_t *> state)[1], i, j, j0 = 0
    x += task * rows * cols
    y += task * rows * cols
    # LINE columns at a time: a line of x is read whole while it is in the cache, and as many lines of y are open.
    while j0 < cols:
        for i in range(rows):
            for j in range(j0, min(cols, j0 + LINE)):
                y[j * rows + i] = x[i * cols + j]
        j0 = j0 + LINE


def transpose_step(Py_ssize_t rows, Py_ssize_t cols, /):
    """A `Step`: each image's matrix (rows, cols) transposed; between row-major and channels-last memory."""
    if min(rows, cols) < 1 or max(rows, cols) > <Py_ssize_t> 1 << 31:
        raise ValueError(f"transpose_step: a matrix of {rows} x {cols}")
    cdef Block state = Block(2 * sizeof(Py_ssize_t))
    (<Py_ssize_t *> state.address)[0], (<Py_ssize_t *> state.address)[1] = rows, cols
    return make_step(transpose_task, state, None, 1, 1, rows * cols, rows * cols)
