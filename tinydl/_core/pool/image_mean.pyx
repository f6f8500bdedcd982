"""The mean over all positions of an image, and its gradient.

A table of spans would make one window of the image and sum it vector by vector, channels apart. Here an image is one
long row of memory instead, summed into accumulators for a whole period of channels (src/channels.h): fast for 3
channels as well as for 64.
"""

from cython.parallel cimport prange
from tinydl._core.array cimport NPY_FLOAT32, PyArray_NDIM, PyArrayObject, channels_last, float_type
from tinydl._core.memory cimport Block
from tinydl._core.operands cimport Map, read_repeated_map
from tinydl._core.parallel cimport check_team
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

cdef enum:
    CHUNK = 16384       # elements that are worth a second thread


cdef td_image_loop mean_of_image() noexcept:
    return td_image_mean[0]


cdef void image_task(td_image_loop loop, const td_images *images, Py_ssize_t n) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    loop(images, n)
    td_restore_denormals(saved)


cdef void run(td_image_loop loop, const td_images *images, Py_ssize_t N, int n_threads) noexcept nogil:
    # An image is a task: its sums are one thread's, in the order of memory.
    cdef Py_ssize_t n
    for n in prange(N, num_threads=n_threads, schedule="static", use_threads_if=N * images.C * images.size > CHUNK):
        image_task(loop, images, n)


def global_avg_pool_forward(x, y, Map on_x, int n_threads, /):
    """y = mean over all positions of on_x(x), per image and channel.

    x : IN (N, C, *spatial).  y : OUT (N, C), or (N, C, 1, ...).  on_x : a `Map` over C channels, or None.
    """
    check_team(n_threads)
    cdef int dtype_num = float_type(x, "x")
    if PyArray_NDIM(<PyArrayObject *> x) < 2:
        raise ValueError(f"x: expected (N, C, *spatial), got shape {x.shape}")
    cdef Py_ssize_t N = x.shape[0], total = x.size
    cdef td_images images
    images.C, images.L = x.shape[1], td_period(x.shape[1])
    images.src = channels_last(x, "x", dtype_num, total)
    images.dst = channels_last(y, "y", dtype_num, N * images.C, True)
    cdef Block _vectors = read_repeated_map(on_x, &images.on_x, dtype_num, images.C, images.L)
    if total == 0:
        if N * images.C != 0:
            raise ValueError(f"x: cannot take the mean of empty images, shape {x.shape}")
        return
    images.size = total // (N * images.C)
    # L accumulators an image, not a thread: a task then needs no number of its thread.
    cdef Block sums = Block(N * images.L * (4 if dtype_num == NPY_FLOAT32 else 8))
    images.sums = sums.address
    with nogil:
        run(td_image_mean[dtype_num != NPY_FLOAT32], &images, N, n_threads)


def global_avg_pool_backward(dy, dx, int n_threads, /):
    """dx = dy / number of positions, at every position.

    dy : IN (N, C), or (N, C, 1, ...).  dx : OUT (N, C, *spatial).
    """
    check_team(n_threads)
    cdef int dtype_num = float_type(dy, "dy")
    float_type(dx, "dx")
    if PyArray_NDIM(<PyArrayObject *> dx) < 2:
        raise ValueError(f"dx: expected (N, C, *spatial), got shape {dx.shape}")
    cdef Py_ssize_t N = dx.shape[0], total = dx.size
    cdef td_images images
    images.C = dx.shape[1]
    images.src = channels_last(dy, "dy", dtype_num, N * images.C)
    images.dst = channels_last(dx, "dx", dtype_num, total, True)
    if total == 0:
        return
    images.size = total // (N * images.C)
    with nogil:
        run(td_image_spread[dtype_num != NPY_FLOAT32], &images, N, n_threads)
