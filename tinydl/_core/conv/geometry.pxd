# The geometry of a convolution, and the arrays that must fit it.

from libc.stdint cimport uintptr_t

cdef enum:
    ALIGN = 64                  # bytes of a cache line
    STREAM_BYTES = 25165824     # a result of this size leaves no cache for anything else

# N batch, C input and O output channels, (H, W) input, (KH, KW) window, (SH, SW) stride, (PH, PW) padding, (DH, DW)
# dilation, G groups, (P, Q) output.
cdef struct Geometry:
    Py_ssize_t N, C, H, W, O, KH, KW, SH, SW, PH, PW, DH, DW, G, P, Q

cdef Geometry unpack(geometry) except *
cdef void *weight(object a, str name, int type_number, Py_ssize_t size, bint writable=*) except? NULL


cdef inline Py_ssize_t multiplications(const Geometry *g) noexcept nogil:
    return g.N * g.P * g.Q * g.O * g.KH * g.KW * (g.C // g.G)


cdef inline bint is_channelwise(const Geometry *g) noexcept nogil:
    """Whether each channel is a group of its own, with one filter: a depthwise convolution."""
    return g.G > 1 and g.G == g.C and g.G == g.O


cdef inline bint streams(const void *y, Py_ssize_t size, Py_ssize_t n_channels, Py_ssize_t itemsize) noexcept:
    """Whether a result that is larger than the caches can be written past them: in whole lines."""
    return size * itemsize >= STREAM_BYTES and n_channels * itemsize % ALIGN == 0 and <uintptr_t> y % ALIGN == 0
