"""Turned and enlarged images: bilinear interpolation about the centre, each image by numbers of its own.

An image is a task: it has one owner, and nothing of it depends on another.
"""

from cython.parallel cimport prange
from libc.math cimport fabs, floor
from tinydl._core.array cimport NPY_FLOAT32, NPY_FLOAT64, channels_last, data, float_type
from tinydl._core.parallel cimport check_team
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

cdef enum:
    # Elements below which a second thread costs more than it gains.
    WORTH_THREADS = 4096
    # The largest element of a map: beyond it places of pixels would not fit their type.
    LARGEST = 1000000

# Images are normalised when they are turned, so that bytes do not come here.
ctypedef fused wide:
    float
    double

cdef struct WarpCall:
    Py_ssize_t N, C, H, W
    bint reflect            # outside is the image mirrored at its edge pixels, not black
    const double *maps      # (cos, sin) / zoom of every image


cdef inline Py_ssize_t reflected(Py_ssize_t i, Py_ssize_t n) noexcept nogil:
    """The place 0 <= place < n that i is the image of when the line is mirrored at 0 and at n - 1, again and again."""
    # There and back again, without either end twice; a single place has no way back.
    cdef Py_ssize_t period = 2 * (n - 1)
    if n == 1:
        return 0
    i = (i % period + period) % period
    return i if i < n else period - i


# Channels of a pixel follow one another: a weight is worked out once for all of them.

cdef inline void add_pixel(const wide *pixel, wide weight, wide *target, Py_ssize_t C) noexcept nogil:
    cdef Py_ssize_t c
    for c in range(C):
        target[c] += weight * pixel[c]


cdef inline void edge_pixel(const wide *image, const wide *black, wide *target, Py_ssize_t y, Py_ssize_t x, wide down,
                            wide right, const WarpCall *job) noexcept nogil:
    """A pixel some of whose four neighbours lie outside; (y, x) is the upper left of them."""
    cdef Py_ssize_t k, row, column, C = job.C, H = job.H, W = job.W
    cdef wide weight
    for k in range(C):
        target[k] = 0
    for k in range(4):
        row, column = y + k // 2, x + k % 2
        weight = (down if k // 2 else 1 - down) * (right if k % 2 else 1 - right)
        if job.reflect:
            row, column = reflected(row, H), reflected(column, W)
        if 0 <= row < H and 0 <= column < W:
            add_pixel(image + (row * W + column) * C, weight, target, C)
        else:
            add_pixel(black, weight, target, C)


cdef void warp_task(const wide *images, const wide *black, wide *out, Py_ssize_t n, const WarpCall *job) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef Py_ssize_t C = job.C, H = job.H, W = job.W, h, w, c, y, x
    # Places are float64: of float32 a large image would have no digits left for the share of a pixel.
    cdef double cos = job.maps[2 * n], sin = job.maps[2 * n + 1]
    cdef double middle_y = <double> (H - 1) / 2, middle_x = <double> (W - 1) / 2, from_y, from_x
    cdef const wide *image = images + n * H * W * C
    cdef const wide *above
    cdef const wide *below
    cdef wide *target = out + n * H * W * C
    cdef wide down, right
    for h in range(H):
        for w in range(W):
            # Where this pixel comes from; rows count downwards.
            from_y = sin * (w - middle_x) + cos * (h - middle_y) + middle_y
            from_x = cos * (w - middle_x) - sin * (h - middle_y) + middle_x
            y, x = <Py_ssize_t> floor(from_y), <Py_ssize_t> floor(from_x)
            down, right = <wide> (from_y - y), <wide> (from_x - x)
            # Most pixels have all four neighbours and ask for none of them alone.
            if 0 <= y < H - 1 and 0 <= x < W - 1:
                above = image + (y * W + x) * C
                below = above + W * C
                for c in range(C):
                    target[c] = ((1 - down) * ((1 - right) * above[c] + right * above[c + C])
                                 + down * ((1 - right) * below[c] + right * below[c + C]))
            else:
                edge_pixel(image, black, target, y, x, down, right, job)
            target = target + C
    td_restore_denormals(saved)


cdef void warp_all(const wide *images, const wide *black, wide *out, const WarpCall *job, int n_threads) noexcept nogil:
    cdef Py_ssize_t n
    # Images may take unlike times, as those in a corner ask more; a fixed share each keeps their owners known.
    cdef bint threads = job.N * job.C * job.H * job.W > WORTH_THREADS
    for n in prange(job.N, num_threads=n_threads, schedule="static", use_threads_if=threads):
        warp_task(images, black, out, n, job)


def warp(images, maps, black, out, bint reflect, int n_threads=1, /):
    """out[n,:,h,w] = images[n] at the place (sin x + cos y, cos x - sin y), (cos, sin) = maps[n], where (y, x) is
    (h, w) as counted from the middle of the image; between pixels bilinear. A neighbour outside the image is black or,
    with reflect, that of the image mirrored at the middle of its edge pixels, as often as it takes.

    images : IN (N, C, H, W).  maps : IN (N, 2) float64, of an absolute value up to a million.  black : IN (C,).
    out : OUT (N, C, H, W), no part of images.
    """
    check_team(n_threads)
    cdef int t = float_type(out, "out")
    cdef WarpCall job
    cdef Py_ssize_t k
    if out.ndim != 4:
        raise ValueError(f"out: expected 4 axes (N, C, H, W), got shape {out.shape}")
    job.N, job.C, job.H, job.W = out.shape
    job.reflect = reflect
    cdef Py_ssize_t size = job.N * job.C * job.H * job.W
    cdef void *pimages = channels_last(images, "images", t, size)
    if images.shape != out.shape:
        raise ValueError(f"images: expected the shape {out.shape} of out, got {images.shape}")
    cdef void *pout = channels_last(out, "out", t, size, True)
    cdef void *pblack = data(black, "black", t, job.C)
    job.maps = <double *> data(maps, "maps", NPY_FLOAT64, 2 * job.N)
    # A place must fit its type, and NaN has none.
    for k in range(2 * job.N):
        if not fabs(job.maps[k]) <= LARGEST:
            raise ValueError(f"maps: row {k // 2} holds {job.maps[k]}, expected a number from {-LARGEST} to {LARGEST}")
    if size == 0:
        return
    if pimages == pout:
        raise ValueError("out: is images, which it would overwrite as they are read; it must be another array")
    if t == NPY_FLOAT32:
        warp_all(<float *> pimages, <float *> pblack, <float *> pout, &job, n_threads)
    else:
        warp_all(<double *> pimages, <double *> pblack, <double *> pout, &job, n_threads)
