"""Plain stand-ins for the fused operations until their own files exist."""

import functools

import numpy as np

from tinydl import layout
from tinydl.function import Function
from tinydl.ops._activation import Activation, run, run_backward
from tinydl.ops._kernels import conv, elementwise, gemm, get_num_threads
from tinydl.ops.broadcast import operands, result, unbroadcast
from tinydl.ops.checks import as_tensor, integers


class ReLU(Activation):
    @staticmethod
    def forward(ctx, x):
        y = run(elementwise.relu_forward, x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        return run_backward(elementwise.relu_backward, ctx.saved_tensors[0], dy)


def relu(x):
    """max(x, 0)."""
    return ReLU.apply(as_tensor(x))


class Add(Function):
    trusted = True

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return result(np.add, x, y)

    @staticmethod
    def backward(ctx, dz):
        x, y = ctx.saved_tensors
        return unbroadcast(dz, x), unbroadcast(dz, y)


def add(x, y):
    """x + y."""
    return Add.apply(*operands(x, y))


class LinearOp(Function):
    trusted = True
    fresh_gradients = True

    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        x = layout.channels_last(x)
        y = layout.empty((x.shape[0], w.shape[0]), x.dtype)
        gemm.linear_forward(x, w, b, y, get_num_threads())
        return y

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        dy = layout.channels_last(dy)
        dx = layout.empty(x.shape, x.dtype) if ctx.needs_input_grad[0] else None
        if dx is not None:
            gemm.linear_backward_input(dy, w, dx, get_num_threads())
        dw, db = layout.empty_like(w), np.empty(w.shape[0], w.dtype)
        gemm.linear_backward_weight(x, dy, dw, db, False, get_num_threads())
        return dx, dw, db


def linear(x, weight, bias=None):
    """x w' + b."""
    return LinearOp.apply(x, weight, bias)


class ConvOp(Function):
    trusted = True
    fresh_gradients = True

    @staticmethod
    def forward(ctx, x, w, b, geometry, shape):
        x = layout.channels_last(x)
        ctx.save_for_backward(x, w, geometry)
        y = layout.empty(shape, x.dtype)
        conv.conv_forward(x, w, b, y, geometry, get_num_threads())
        return y

    @staticmethod
    def backward(ctx, dy):
        x, w, geometry = ctx.saved_tensors
        dy = layout.channels_last(dy)
        dx = layout.empty(x.shape, x.dtype) if ctx.needs_input_grad[0] else None
        if dx is not None:
            conv.conv_backward_input(dy, w, dx, geometry, get_num_threads())
        dw, db = layout.empty_like(w), np.empty(w.shape[0], w.dtype)
        conv.conv_backward_weight(x, dy, dw, db, False, geometry, get_num_threads())
        return dx, dw, db, None, None


@functools.lru_cache
def _geometry(x, w, stride, padding, dilation, groups):
    from tinydl._core.reference.conv import geometry

    g = geometry(x, w, stride, padding, dilation, groups)
    return g, (x[0], w[0], *g[-(len(x) - 2):])


def _conv(n, x, weight, bias, stride, padding, dilation, groups):
    geometry, shape = _geometry(x.shape, weight.shape, integers(stride, n, "stride", 1), integers(padding, n, "padding", 0),
                                integers(dilation, n, "dilation", 1), groups)
    return ConvOp.apply(x, weight, bias, geometry, shape)


def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """1-D convolution."""
    return _conv(1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """2-D convolution."""
    return _conv(2, x, weight, bias, stride, padding, dilation, groups)


def batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """Composite batch normalisation."""
    from tinydl.ops.elementwise import sqrt
    from tinydl.ops.reductions import mean
    from tinydl.ops.shape import reshape

    axes = (0, *range(2, x.ndim))
    column = (1, -1) + (1,) * (x.ndim - 2)
    if training:
        m = x.size // x.shape[1]
        if m <= 1:
            raise ValueError("Expected more than 1 value per channel when training")
        mu = mean(x, axes, True)
        centred = x - mu
        var = mean(centred * centred, axes, True)
        if running_mean is not None:
            running_mean += momentum * (mu.data.reshape(-1) - running_mean)
            running_var += momentum * (var.data.reshape(-1) * (m / (m - 1)) - running_var)
        y = centred / sqrt(var + eps)
    else:
        y = (x - running_mean.reshape(column)) / np.sqrt(running_var.reshape(column) + eps)
    if weight is not None:
        y = y * reshape(weight, column) + reshape(bias, column)
    return y
