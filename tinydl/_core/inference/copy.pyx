"""Copies of elements along up to six axes, as a step of a program: slices, pads and concatenations of values.

Each tensor of the step is one flat image; an axis is a length and two distances, in x and in y.
"""

from libc.string cimport memcpy, memset
from tinydl._core.inference.program cimport make_step
from tinydl._core.memory cimport Block

cdef enum:
    AXES = 6                                    # of a copy

# x_at and y_at: where the copy begins in an image. n, sx, sy: each axis, its length and its distances, slowest first.
cdef struct Copy:
    Py_ssize_t n_in, n_out, x_at, y_at
    Py_ssize_t n[AXES]
    Py_ssize_t sx[AXES]
    Py_ssize_t sy[AXES]
    bint fills
    float value


cdef void copy_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y, const float *residual,
                    float *scratch) noexcept nogil:
    cdef const Copy *c = <const Copy *> state
    cdef Py_ssize_t done[AXES]
    cdef Py_ssize_t i, k = 0, sx = c.sx[AXES - 1], sy = c.sy[AXES - 1], length = c.n[AXES - 1]
    memset(done, 0, sizeof(done))
    y += task * c.n_out
    # The whole image first: the copy overwrites what is its own.
    if c.fills:
        for i in range(c.n_out):
            y[i] = c.value
    x += task * c.n_in + c.x_at
    y += c.y_at
    # Rows along the last axis; `done` counts the steps of the others, and x and y stand at the row's first element.
    while k >= 0:
        if sx == 1 and sy == 1:
            memcpy(y, x, length * sizeof(float))
        else:
            for i in range(length):
                y[i * sy] = x[i * sx]
        # The next row: one step along the last axis before it that is not done.
        k = AXES - 2
        while k >= 0:
            done[k] = done[k] + 1
            x += c.sx[k]
            y += c.sy[k]
            if done[k] < c.n[k]:
                break
            # This axis is through: back to its begin, then a step of the one before it.
            x -= c.n[k] * c.sx[k]
            y -= c.n[k] * c.sy[k]
            done[k] = 0
            k = k - 1


def copy_step(axes, Py_ssize_t n_in, Py_ssize_t x_at, Py_ssize_t n_out, Py_ssize_t y_at, fill, /):
    """A `Step`: y[y_at + sum of i sy] = x[x_at + sum of i sx] for 0 <= i < n along each of at most 6 axes.

    axes : tuples (n, sx, sy).  n_in, n_out : elements of x and y an image.  fill : what the other elements of y become;
    None leaves them as they are, for other steps.
    """
    cdef int k
    # Rows along the axis on which y is densest, axes of equal distances in their order. A key of Python and a generator
    # would bring Cython's objects for them along, two fifths of what is compiled here.
    axes = [axis for _, _, axis in sorted([(-abs(axis[2]), k, axis) for k, axis in enumerate(axes)])]
    if len(axes) > AXES or [n for n, _, _ in axes if n < 1]:
        raise ValueError(f"copy_step: at most {AXES} axes of positive lengths, got {axes}")
    for name, at, size, strides in (("x", x_at, n_in, [(n, sx) for n, sx, _ in axes]),
                                    ("y", y_at, n_out, [(n, sy) for n, _, sy in axes])):
        # Distances may be negative: the outermost elements are the sums of all ends below and of all above 0.
        ends = [(n - 1) * s for n, s in strides]
        if at + sum([min(0, e) for e in ends]) < 0 or at + sum([max(0, e) for e in ends]) >= size:
            raise ValueError(f"copy_step: axes {axes} from element {at} on leave the {size} elements of {name}")
    cdef Block state = Block(sizeof(Copy))
    cdef Copy *c = <Copy *> state.address
    # Axes of length 1 in front: always AXES of them, so that a task needs no number of axes.
    axes = [(1, 0, 0)] * (AXES - len(axes)) + axes
    for k in range(AXES):
        c.n[k], c.sx[k], c.sy[k] = axes[k]
    c.n_in, c.n_out, c.x_at, c.y_at = n_in, n_out, x_at, y_at
    c.fills = fill is not None
    c.value = 0 if fill is None else fill
    return make_step(copy_task, state, None, 1, 1, n_in, n_out)
