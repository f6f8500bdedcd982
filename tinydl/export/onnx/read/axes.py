"""Operators along axes: sums and extremes, softmax, products of matrices, norms."""

import numpy as np

from tinydl import ops
from tinydl.export.onnx.read.table import numbers_of, operator, tensor
from tinydl.tensor import Tensor

__all__ = []


def _log_sum_exp(x, axes, keepdims):
    largest = ops.max(x, axes, True)
    y = ops.log(ops.sum(ops.exp(x - largest), axes, True)) + largest
    return y if keepdims else ops.squeeze(y, tuple(range(x.ndim)) if axes is None else axes)


def _product(x, axes, keepdims):
    for axis in sorted((axis % x.ndim for axis in (range(x.ndim) if axes is None else axes)), reverse=True):
        x = ops.prod(x, axis, keepdims)
    return x


_REDUCTIONS = {
    "ReduceMean": ops.mean, "ReduceSum": ops.sum, "ReduceMax": ops.max, "ReduceMin": ops.min,
    "ReduceSumSquare": lambda x, axes, keepdims: ops.sum(x * x, axes, keepdims),
    "ReduceL2": lambda x, axes, keepdims: ops.sqrt(ops.sum(x * x, axes, keepdims)),
    "ReduceL1": lambda x, axes, keepdims: ops.sum(ops.abs(x), axes, keepdims),
    "ReduceLogSum": lambda x, axes, keepdims: ops.log(ops.sum(x, axes, keepdims)),
    "ReduceLogSumExp": _log_sum_exp, "ReduceProd": _product,
}


@operator(*_REDUCTIONS)
def reduction(op, x, axes=None):
    """Axes as an attribute or an input; all of them by default."""
    axes = numbers_of(op, op.get("axes") if axes is None else axes, "axes")
    keepdims = bool(op.get("keepdims", 1))
    if not axes and op.get("noop_with_empty_axes", 0):
        return x
    if not isinstance(x, Tensor):
        function = {"ReduceProd": np.prod, "ReduceSum": np.sum, "ReduceMax": np.max, "ReduceMin": np.min,
                    "ReduceMean": np.mean}[op.kind]
        return np.asarray(function(x, axis=tuple(axes) if axes else None, keepdims=keepdims))
    return _REDUCTIONS[op.kind](x, tuple(axes) if axes else None, keepdims)


@operator("CumSum")
def cumulative_sum(op, x, axis):
    """Sums up to each entry, or up to the one before it (exclusive); or from the end (reverse)."""
    (axis,) = numbers_of(op, axis, "an axis")
    key = (slice(None),) * (axis % x.ndim) + (slice(None, None, -1),)
    x = x[key] if op.get("reverse", 0) else x
    y = ops.cumsum(x, axis) - x if op.get("exclusive", 0) else ops.cumsum(x, axis)
    return y[key] if op.get("reverse", 0) else y


@operator("Softmax", "LogSoftmax")
def softmax(op, x):
    """Along one axis; before opset 13 over all axes from one on."""
    function = ops.softmax if op.kind == "Softmax" else ops.log_softmax
    if op.version >= 13:
        return function(x, op.get("axis", -1))
    axis = op.get("axis", 1) % x.ndim
    if axis == x.ndim - 1:
        return function(x, axis)
    return function(ops.flatten(x, axis), axis).reshape(x.shape)


# --- products and norms ----------------------------------------------------------------------------------------------

@operator("MatMul")
def matmul(op, a, b):
    """NumPy's rules for leading axes."""
    return ops.matmul(tensor(a), tensor(b))


@operator("Gemm")
def gemm(op, a, b, c=None):
    """alpha a b + beta c."""
    a, b = (tensor(x).transpose(1, 0) if op.get(name, 0) else tensor(x) for name, x in (("transA", a), ("transB", b)))
    y = ops.matmul(a, b)
    if op.get("alpha", 1.0) != 1.0:
        y = y * op["alpha"]
    if c is None:
        return y
    return y + (c if op.get("beta", 1.0) == 1.0 else tensor(c) * op["beta"])


@operator("LayerNormalization")
def layer_normalization(op, x, scale, bias=None):
    """Over the last axes."""
    own = x.shape[op.get("axis", -1) % x.ndim:]
    return ops.layer_norm(x, own, tensor(scale), None if bias is None else tensor(bias), op.get("epsilon", 1e-5))


@operator("LpNormalization")
def lp_normalization(op, x):
    """Vectors along an axis by their lengths."""
    axis = op.get("axis", -1)
    if op.get("p", 2) == 1:
        return x / ops.sum(ops.abs(x), axis, True)
    return x / ops.sqrt(ops.sum(x * x, axis, True))


@operator("LRN")
def local_response(op, x):
    """Each entry by the squares of the channels around it."""
    if op["size"] % 2 == 0:
        op.refuse(f"has size={op['size']}", "runtimes take odd ones, of which the middle is the entry itself")
    return ops.local_response_norm(x, op["size"], op.get("alpha", 1e-4), op.get("beta", 0.75), op.get("bias", 1.0))


@operator("InstanceNormalization")
def instance_normalization(op, x, scale, bias):
    """A group for each channel."""
    return ops.group_norm(x, x.shape[1], tensor(scale), tensor(bias), op.get("epsilon", 1e-5))


@operator("GroupNormalization")
def group_normalization(op, x, scale, bias):
    """Weights by channel from opset 21 on, by group before."""
    scale, bias = tensor(scale), tensor(bias)
    if op.version < 21:
        each = x.shape[1] // op["num_groups"]
        scale, bias = (ops.broadcast_to(v.reshape(-1, 1), (v.size, each)).reshape(-1) for v in (scale, bias))
    return ops.group_norm(x, op["num_groups"], scale, bias, op.get("epsilon", 1e-5))
