"""Depthwise convolution as a step of a program: an image is a task."""

from libc.string cimport memcpy
from tinydl._core.array cimport NPY_FLOAT32, import_array
from tinydl._core.depthwise cimport depthwise_geometry, forward_image
from tinydl._core.conv.geometry cimport Geometry, weight
from tinydl._core.inference.program cimport Filters, make_filters, make_step
from tinydl._core.memory cimport Block

import_array()


cdef struct DepthwiseStep:
    Geometry g
    const float *w
    const float *bias
    bint clamp


cdef void depthwise_task(const void *state, Py_ssize_t task, Py_ssize_t n, const float *x, float *y,
                         const float *addend, float *scratch) noexcept nogil:
    cdef const DepthwiseStep *f = <const DepthwiseStep *> state
    cdef Py_ssize_t i, size = f.g.P * f.g.Q * f.g.C
    y += task * size
    forward_image(&f.g, x + task * f.g.H * f.g.W * f.g.C, f.w, f.bias, y)
    if addend != NULL:
        for i in range(size):
            y[i] = y[i] + addend[task * size + i]
    if f.clamp:
        for i in range(size):
            y[i] = 0 if y[i] < 0 else y[i]


def depthwise_filters(w, bias):
    """Filters of `depthwise_step`: w IN (C, 1, *window) over (*window, 1, C), bias IN (C,) or None; float32."""
    cdef Py_ssize_t size = w.size, C = w.shape[0]
    cdef Block weights = Block(max(1, size * sizeof(float)))
    memcpy(weights.address, weight(w, "w", NPY_FLOAT32, size), size * sizeof(float))
    return make_filters(weights, bias, C, 1, 1, ("depthwise", C, size))


def depthwise_step(Filters filters not None, geometry, bint relu):
    """A `Step`: y = [relu](depthwise convolution of x + bias + addend), for images of `geometry`."""
    cdef Geometry g = depthwise_geometry(geometry)
    if filters.shape != ("depthwise", g.C, g.C * g.KH * g.KW):
        raise ValueError(f"depthwise_step: filters of shape {filters.shape} for geometry {geometry}")
    cdef Block state = Block(sizeof(DepthwiseStep))
    cdef DepthwiseStep *f = <DepthwiseStep *> state.address
    f.g, f.w, f.clamp = g, <float *> filters.weights.address, relu
    f.bias = NULL if filters.bias is None else <float *> filters.bias.address
    return make_step(depthwise_task, state, filters, 1, 1, g.C * g.H * g.W, g.C * g.P * g.Q, 0, True)
