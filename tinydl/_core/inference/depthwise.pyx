"""Depthwise convolution as a step of a program: an image is a task."""

from libc.string cimport memcpy
from tinydl._core.array cimport NPY_FLOAT32, float_type, import_array
from tinydl._core.conv.geometry cimport Geometry, weight
from tinydl._core.depthwise cimport depthwise_geometry, forward_image
from tinydl._core.inference.program cimport Filters, Step, make_filters, make_step
from tinydl._core.memory cimport Block

import_array()

cdef struct DepthwiseStep:
    Geometry g          # its N does not count
    const float *w
    const float *bias   # or NULL
    bint relu


cdef void depthwise_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y,
                         const float *residual, float *scratch) noexcept nogil:
    cdef const DepthwiseStep *s = <const DepthwiseStep *> state
    cdef Py_ssize_t i, size = s.g.P * s.g.Q * s.g.C
    y += task * size
    forward_image(&s.g, x + task * s.g.H * s.g.W * s.g.C, s.w, s.bias, y)
    # The image was just written and is still in a cache.
    if residual != NULL:
        for i in range(size):
            y[i] = y[i] + residual[task * size + i]
    if s.relu:
        # Said so that NaN stays.
        for i in range(size):
            y[i] = 0 if y[i] < 0 else y[i]


def depthwise_filters(w, bias):
    """Filters of `depthwise_step`: w IN (C, 1, *window) over (*window, 1, C), bias IN (C,) or None; float32."""
    float_type(w, "w")  # an array, or it has no shape
    cdef Py_ssize_t size = w.size, C = w.shape[0] if w.ndim else 0
    # A copy, for a step is a snapshot; no packing, for the kernel reads filters as they lie.
    cdef Block weights = Block(max(1, size * sizeof(float)))
    memcpy(weights.address, weight(w, "w", NPY_FLOAT32, size), size * sizeof(float))
    return make_filters(weights, bias, C, 1, 1, ("depthwise", C, size))


def depthwise_step(Filters filters not None, geometry, bint relu):
    """A `Step`: y = [relu](depthwise convolution of x + bias + residual), for images of `geometry`."""
    cdef Geometry g = depthwise_geometry(geometry)
    if filters.shape != ("depthwise", g.C, g.C * g.KH * g.KW):
        raise ValueError(f"depthwise_step: filters of shape {filters.shape} for geometry {geometry}")
    cdef Block state = Block(sizeof(DepthwiseStep))
    cdef DepthwiseStep *s = <DepthwiseStep *> state.address
    s.g, s.w, s.relu = g, <float *> filters.weights.address, relu
    s.bias = NULL if filters.bias is None else <float *> filters.bias.address
    # A task is what it is for the kernel of training, a whole image.
    cdef Step step = make_step(depthwise_task, state, filters, 1, 1, g.C * g.H * g.W, g.C * g.P * g.Q)
    step.takes_residual = True
    return step
