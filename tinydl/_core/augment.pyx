"""The batch gather: chosen images, converted, normalised per channel, shifted and mirrored, in one pass.

uint8 images stay uint8 in memory; a batch is read once and written once, channels-last. An image is a task: it has one
owner, and nothing of it depends on another.
"""

from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint8_t
from tinydl._core.array cimport (
    NPY_FLOAT32, NPY_INT32, NPY_INT64, NPY_UINT8, PyArray_TYPE, channels_last, data, float_type, ndarray,
)
from tinydl._core.memory cimport Block
from tinydl._core.parallel cimport check_team
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

cdef enum:
    # Elements below which a second thread costs more than it gains.
    WORTH_THREADS = 16384
    # Elements, about, of the repeated scale and shift: they stay in L1.
    PIECE = 4096

# What images are stored as, and what batches are made of. Images are uint8 or of the batch's type: four pairs of six.

ctypedef fused raw:
    uint8_t
    float
    double

ctypedef fused wide:
    float
    double

# What is done with an image besides the shift: bits of its mode.
cdef enum:
    MIRRORED = 1            # left and right change places, after the shift
    REFLECTED = 2           # what comes in from outside is the image mirrored at its edge pixels, not black

cdef struct GatherCall:
    Py_ssize_t N, C, H, W
    Py_ssize_t piece        # elements of the repeated scale and shift: whole rows
    const int64_t *index    # which image
    const int32_t *offsets  # how far it is moved, (dy, dx); NULL: not at all
    const uint8_t *modes    # bits as above; NULL: none


cdef inline Py_ssize_t reflected(Py_ssize_t i, Py_ssize_t n) noexcept nogil:
    """The place 0 <= place < n that i is the image of when the line is mirrored at 0 and at n - 1, again and again."""
    cdef Py_ssize_t period = 2 * (n - 1)
    if n == 1:
        return 0
    i = (i % period + period) % period
    return i if i < n else period - i


cdef inline void edge_pixels(const raw *pixels, wide *target, const wide *scale, Py_ssize_t begin, Py_ssize_t end,
                             Py_ssize_t dx, int mode, const GatherCall *job) noexcept nogil:
    """Columns begin <= w < end of a row of the result, which lie outside the image's own row `pixels`."""
    cdef Py_ssize_t C = job.C, W = job.W, w, x, c
    cdef const wide *shift = scale + job.piece
    if not mode & REFLECTED:
        # Black, 0, is normalised as everything else, which leaves shift.
        for c in range(begin * C, end * C):
            target[c] = shift[c]
        return
    for w in range(begin, end):
        x = reflected((W - 1 - w if mode & MIRRORED else w) + dx, W)
        for c in range(C):
            target[w * C + c] = scale[c] * <wide> pixels[x * C + c] + shift[c]


cdef inline void mirrored_pixels(const raw *pixels, wide *target, const wide *scale, Py_ssize_t begin, Py_ssize_t end,
                                 Py_ssize_t C, const GatherCall *job) noexcept nogil:
    """Columns begin <= w < end of a row of the result, read from the right; channels of a pixel keep their order."""
    cdef const wide *shift = scale + job.piece
    cdef const raw *source = pixels + (job.W - 1) * C
    cdef Py_ssize_t w, c
    for w in range(begin, end):
        for c in range(C):
            target[w * C + c] = scale[c] * <wide> source[c - w * C] + shift[c]


cdef void gather_task(const raw *images, wide *out, const wide *scale, Py_ssize_t n,
                      const GatherCall *job) noexcept nogil:
    # scale and shift are repeated along some rows (W*C values each), so that an unmirrored row, and several rows of an
    # image that is not shifted either, are one loop over memory.
    cdef unsigned int saved = td_flush_denormals()
    cdef const wide *shift = scale + job.piece
    cdef Py_ssize_t C = job.C, H = job.H, W = job.W, row = W * C, h, w, c, y, dy = 0, dx = 0, left, right
    cdef int mode = 0 if job.modes == NULL else job.modes[n]
    cdef bint mirrored = mode & MIRRORED
    # Seek to images[index[n]] (H, W, C): 64 bits, as a data set may be larger than 2^31 elements.
    cdef const raw *image = images + <Py_ssize_t> job.index[n] * H * row
    cdef const raw *source
    cdef wide *target = out + n * H * row
    if job.offsets != NULL:
        dy, dx = job.offsets[2 * n], job.offsets[2 * n + 1]
    # An image that stays where it is: its rows follow one another, so a piece may be many of them.
    if dy == 0 and dx == 0 and not mirrored:
        for h in range((H * row + job.piece - 1) // job.piece):
            w = h * job.piece
            for c in range(min(job.piece, H * row - w)):
                target[w + c] = scale[c] * <wide> image[w + c] + shift[c]
        td_restore_denormals(saved)
        return
    # Columns left <= w < right of a row of the result are the image's own. Each loop below knows its side of the border
    # and asks nothing per element.
    left = min(max(-dx, 0), W)
    right = max(min(W - dx, W), left)
    if mirrored:
        left, right = W - right, W - left
    for h in range(H):
        y = reflected(h + dy, H) if mode & REFLECTED else h + dy
        # A row from above or below the image.
        if y < 0 or y >= H:
            for c in range(row):
                target[c] = shift[c]
            target = target + row
            continue
        if not mirrored:
            source = image + y * row + dx * C
            for c in range(left * C, right * C):
                target[c] = scale[c] * <wide> source[c] + shift[c]
        # Mirrored pixels are short loops, whose length compilers know for grey and coloured images: one channel makes
        # loads and one permutation, three make no loop inside another.
        elif C == 1:
            mirrored_pixels(image + y * W + dx, target, scale, left, right, 1, job)
        elif C == 3:
            mirrored_pixels(image + (y * W + dx) * 3, target, scale, left, right, 3, job)
        else:
            mirrored_pixels(image + (y * W + dx) * C, target, scale, left, right, C, job)
        edge_pixels(image + y * row, target, scale, 0, left, dx, mode, job)
        edge_pixels(image + y * row, target, scale, right, W, dx, mode, job)
        target = target + row
    td_restore_denormals(saved)


cdef void gather_all(const raw *images, wide *out, const wide *rows, const GatherCall *job,
                     int n_threads) noexcept nogil:
    cdef Py_ssize_t n
    cdef bint threads = job.N * job.C * job.H * job.W > WORTH_THREADS
    for n in prange(job.N, num_threads=n_threads, schedule="static", use_threads_if=threads):
        gather_task(images, out, rows, n, job)


# The kernel's time is that of memory, but a loop over three channels at a time would take longer. Scale and shift are
# therefore written out once per call for a whole piece of an image.

cdef void repeat(const wide *values, wide *out, Py_ssize_t n, Py_ssize_t times) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n * times):
        out[i] = values[i % n]


cdef void prepare(const wide *scale, const wide *shift, wide *rows, const GatherCall *job) noexcept nogil:
    repeat(scale, rows, job.C, job.piece // job.C)
    repeat(shift, rows + job.piece, job.C, job.piece // job.C)


def gather(images, index, scale, shift, offsets, modes, out, int n_threads=1, /):
    """out[n,c,h,w] = scale[c] * raw[c, h + dy, w' + dx] + shift[c], where raw = images[index[n]], (dy, dx) = offsets[n]
    and w' = W-1-w where modes[n] & 1, else w: crop first, then mirror. Outside the image raw is 0 or, where
    modes[n] & 2, the image mirrored at the middle of its edge pixels, as often as it takes.

    images : IN (M, C, H, W), uint8 or the type of out.  index : IN (N,) int64.  scale, shift : IN (C,).
    offsets : IN (N, 2) int32 or None.  modes : IN (N,) uint8 or None.  out : OUT (N, C, H, W).

    IndexError names the first row of `index` that is no image. Images may also be (M, C, L).
    """
    check_team(n_threads)
    cdef int t = float_type(out, "out"), source_type
    cdef GatherCall job
    cdef Py_ssize_t M, n, row
    source_type = PyArray_TYPE(ndarray(images, "images"))
    if source_type != NPY_UINT8 and source_type != t:
        raise TypeError(f"images: expected uint8 or the type of out ({out.dtype}), got {images.dtype.str}")
    # Shapes are compared here, memory below: all pointers come from checks of the number of elements and their order.
    if images.ndim not in (3, 4) or out.ndim != images.ndim or out.shape[1:] != images.shape[1:]:
        raise ValueError(f"out: expected shape (N, {', '.join(map(str, images.shape[1:]))}) for images of shape "
                         f"{images.shape}, got {out.shape}")
    M = images.shape[0]
    job.N, job.C, job.H, job.W = (out.shape[0], out.shape[1], 1, out.shape[2]) if out.ndim == 3 else out.shape
    row = job.C * job.W
    cdef void *px = channels_last(images, "images", source_type, M * job.H * row)
    cdef void *py = channels_last(out, "out", t, job.N * job.H * row, True)
    cdef void *pscale = data(scale, "scale", t, job.C)
    cdef void *pshift = data(shift, "shift", t, job.C)
    job.index = <int64_t *> data(index, "index", NPY_INT64, job.N)
    job.offsets = NULL
    if offsets is not None:
        job.offsets = <int32_t *> channels_last(offsets, "offsets", NPY_INT32, job.N * 2)
        if offsets.shape != (job.N, 2):
            raise ValueError(f"offsets: expected shape ({job.N}, 2), got {offsets.shape}")
    job.modes = NULL if modes is None else <uint8_t *> data(modes, "modes", NPY_UINT8, job.N)
    # Errors come before any thread starts: a task raises nothing, and a wrong row would be read from anywhere.
    for n in range(job.N):
        if job.index[n] < 0 or job.index[n] >= M:
            raise IndexError(f"index: row {n} holds {job.index[n]}, expected 0 to {M - 1}")
    if job.N * job.H * row == 0:
        return
    # Whole rows, so that a row of the image and one of the piece begin with the same channel.
    job.piece = row * min(max(PIECE // row, <Py_ssize_t> 1), job.H)
    # One block holds scale along a piece, then shift.
    cdef Block block = Block(<size_t> job.piece * 2 * (4 if t == NPY_FLOAT32 else 8))
    cdef void *rows = block.address
    if t == NPY_FLOAT32:
        prepare(<float *> pscale, <float *> pshift, <float *> rows, &job)
        if source_type == NPY_UINT8:
            gather_all(<uint8_t *> px, <float *> py, <float *> rows, &job, n_threads)
        else:
            gather_all(<float *> px, <float *> py, <float *> rows, &job, n_threads)
    else:
        prepare(<double *> pscale, <double *> pshift, <double *> rows, &job)
        if source_type == NPY_UINT8:
            gather_all(<uint8_t *> px, <double *> py, <double *> rows, &job, n_threads)
        else:
            gather_all(<double *> px, <double *> py, <double *> rows, &job, n_threads)
