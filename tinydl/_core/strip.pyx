"""The loops over register tiles: sums of panels of filters for a rectangle of pixels, and outer products of pixels.

Convolution forward and backward, Winograd's 36 products and Linear are all these two sums, and channel by channel, of
depthwise convolution, two others. The tiles are large: they
are compiled here, once for an ISA level, and every kernel calls them through this module's pointers.
"""

from tinydl._core.array cimport real
from tinydl._core.operands cimport td_epilogue
from tinydl._core.tile cimport (
    tiles_of_channelwise, tiles_of_channelwise_outer, tiles_of_outer, tiles_of_strip, tiles_of_strips,
)


cdef void strip(const td_rectangle *pixels, const real *src, const real *panel, Py_ssize_t ld, real *dst, Py_ssize_t n,
                const td_epilogue *e) noexcept nogil:
    """dst[pixel][0 .. n - 1] = the sum over taps and K of src times one panel, then the epilogue.

    src and dst : of the rectangle's first pixel.  panel : (n_taps * K, up to two vectors), rows `ld` elements apart;
    like the bias it is read in whole vectors.  n : channels that exist, at most two vectors.  e : its pointers are
    those of the first pixel and the panel's first channel.
    """
    tiles_of_strip(pixels, src, panel, ld, dst, n, e)


cdef void strips(const td_rectangle *pixels, const real *src, const real *panels, real *dst, Py_ssize_t n,
                 const td_epilogue *e) noexcept nogil:
    """`strip` for any number n of channels: their panels, of two vectors (one at the tail), follow each other."""
    tiles_of_strips(pixels, src, panels, dst, n, e)


cdef void outer_strip(const td_pixel_range *pixels, const td_entries *entries, const real *x, const real *dy,
                      Py_ssize_t n, real *dw, bint adds) noexcept nogil:
    """dw[entry][0 .. n - 1] (+)= the sum over pixels of x[pixel + entry] * dy[pixel][0 .. n - 1].

    adds : whether it comes to what is in dw.
    """
    tiles_of_outer(pixels, entries, x, dy, n, dw, adds)


cdef void channelwise_strip(const td_rectangle *pixels, const real *src, const real *filters, real *dst, Py_ssize_t C,
                            const td_epilogue *e) noexcept nogil:
    """dst[pixel][c] = the sum over taps of src times filters[tap][c], then the epilogue, for C channels of pixels.

    src, dst and the pointers of e : of the rectangle's first pixel.  filters : (n_taps, C), and a bias (C).
    """
    tiles_of_channelwise(pixels, src, filters, dst, C, e)


cdef void channelwise_outer(const td_pixel_range *pixels, const Py_ssize_t *taps, Py_ssize_t n_taps, const real *x,
                            const real *dy, Py_ssize_t C, real *dw, bint adds) noexcept nogil:
    """dw[tap][c] (+)= the sum over pixels of x[pixel + tap][c] * dy[pixel][c], for at most 9 taps; dw (n_taps, C)."""
    tiles_of_channelwise_outer(pixels, taps, n_taps, x, dy, C, dw, adds)
