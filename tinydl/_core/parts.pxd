# Long sums are cut into a fixed number of parts, which any thread may make; the parts are added in the order of their
# index, so that the result has the same bits for any number of threads.

from cython.parallel cimport prange
from libc.string cimport memcpy
from tinydl._core.array cimport real
from tinydl._core.rounding cimport ceil_div

cdef enum:
    CHUNK = 4096    # elements that a thread adds at a time: each part's share of them stays in L1


cdef inline void add_parts(const real *parts, real *out, Py_ssize_t n_parts, Py_ssize_t stride, Py_ssize_t begin,
                           Py_ssize_t end) noexcept nogil:
    """out[begin .. end - 1] = the sum of n_parts >= 1 parts, which begin `stride` elements after each other."""
    cdef Py_ssize_t part, i
    memcpy(out + begin, parts + begin, (end - begin) * sizeof(real))
    for part in range(1, n_parts):
        for i in range(begin, end):
            out[i] = out[i] + parts[part * stride + i]


cdef inline void combine(const real *parts, real *out, Py_ssize_t n_parts, Py_ssize_t stride, Py_ssize_t size,
                         int n_threads) noexcept nogil:
    """out[0 .. size - 1] = the sum of the parts; threads share the elements, never a sum."""
    cdef Py_ssize_t chunk, n_chunks = ceil_div(size, CHUNK)
    for chunk in prange(n_chunks, num_threads=n_threads, schedule="static", use_threads_if=n_chunks > 4):
        add_parts(parts, out, n_parts, stride, chunk * CHUNK, min(size, (chunk + 1) * CHUNK))


cdef inline void combine_images(const real *parts, real *sums, Py_ssize_t n_images, Py_ssize_t n_parts,
                                Py_ssize_t size) noexcept nogil:
    """sums (n_images, size) from parts (n_images, n_parts, size)."""
    cdef Py_ssize_t n
    for n in range(n_images):
        add_parts(parts + n * n_parts * size, sums + n * size, n_parts, size, 0, size)
