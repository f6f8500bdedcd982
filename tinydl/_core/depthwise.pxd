# What the step of frozen networks takes from the kernels of depthwise convolution.

from tinydl._core.array cimport real
from tinydl._core.conv.geometry cimport Geometry

cdef Geometry depthwise_geometry(object geometry) except *
cdef void forward_image(const Geometry *g, const real *x, const real *w, const real *bias, real *y) noexcept nogil
