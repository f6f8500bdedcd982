"""Pooling as steps of a program, float32.

A step is the call of a kernel for a single image, whose tables of windows are made once. Threads take tasks of it with
a copy of the call in which the arrays are those of their image.
"""

from libc.string cimport memset
from tinydl._core.array cimport NPY_FLOAT32
from tinydl._core.inference.program cimport Step, make_step
from tinydl._core.memory cimport Block
from tinydl._core.pool.image_mean cimport mean_of_image, td_image_loop, td_images, td_period
from tinydl._core.pool.loops cimport td_pool_loop
from tinydl._core.pool.max cimport max_loop
from tinydl._core.pool.mean cimport mean_loop
from tinydl._core.pool.windows cimport PoolCall, forward_task, forward_windows, read_geometry

# Of the ISA level, whatever this module is compiled for.
cdef td_image_loop _mean_of_image = mean_of_image()


cdef void window_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y,
                      const float *residual, float *scratch) noexcept nogil:
    # A copy: other threads take tasks of this step at the same time, on other images.
    cdef PoolCall k = (<const PoolCall *> state)[0]
    cdef Py_ssize_t image = task // k.n_tasks
    k.pool.src, k.pool.dst = x + image * k.n_src, y + image * k.n_dst
    forward_task(&k, task % k.n_tasks)


cdef Step window_step(td_pool_loop loop, object geometry, bint count_include_pad):
    cdef Block state = Block(sizeof(PoolCall))
    cdef PoolCall *k = <PoolCall *> state.address
    read_geometry((1, *tuple(geometry)[1:]), NPY_FLOAT32, k)
    cdef Block tables = forward_windows(k, count_include_pad)
    # k.pool.codes stays NULL: nobody asks who won.
    k.loop = loop
    return make_step(window_task, state, tables, 1, k.n_tasks, k.n_src, k.n_dst)


def max_pool_step(geometry, /):
    """A `Step`: the maximum of each window; the N of `geometry` does not count."""
    return window_step(max_loop(NPY_FLOAT32), geometry, False)


def avg_pool_step(geometry, bint count_include_pad, /):
    """A `Step`: the mean of each window, as `avg_pool_forward` takes it."""
    return window_step(mean_loop(NPY_FLOAT32), geometry, count_include_pad)


cdef void image_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y, const float *residual,
                     float *scratch) noexcept nogil:
    cdef td_images images = (<const td_images *> state)[0]
    images.src, images.dst, images.sums = x + task * images.C * images.size, y + task * images.C, scratch
    _mean_of_image(&images, 0)


def global_avg_pool_step(Py_ssize_t C, Py_ssize_t size, /):
    """A `Step`: the mean of `size` positions of C channels."""
    if C < 1 or size < 1 or C > 1 << 31 or size > 1 << 31:
        raise ValueError(f"global_avg_pool_step: {size} positions of {C} channels")
    cdef Block state = Block(sizeof(td_images))
    cdef td_images *images = <td_images *> state.address
    memset(images, 0, sizeof(td_images))
    images.C, images.size, images.L = C, size, td_period(C)
    cdef Step step = make_step(image_task, state, None, 1, 1, C * size, C)
    step.scratch = images.L
    return step
