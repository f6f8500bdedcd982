"""Operators that compute entry by entry, along axes, or products."""

import math

import numpy as np

from tinydl import ops
from tinydl.export.onnx.read.table import numbers_of, operator, tensor
from tinydl.function import Function
from tinydl.tensor import Tensor

__all__ = ["Erf"]

_UNARY = {
    "Relu": ops.relu, "Sigmoid": ops.sigmoid, "Tanh": ops.tanh, "Mish": ops.mish, "HardSwish": ops.hardswish,
    "Exp": ops.exp, "Log": ops.log, "Sqrt": ops.sqrt, "Abs": ops.abs, "Sin": ops.sin, "Cos": ops.cos, "Neg": ops.neg,
    "Sign": ops.sign,
}
_BINARY = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Pow": np.power}
_TENSORS = {"Add": ops.add, "Sub": ops.sub, "Mul": ops.mul, "Pow": ops.power, "Div": ops.div, "Max": ops.maximum,
            "Min": ops.minimum}


@operator(*_UNARY)
def unary(op, x):
    """Functions of one number."""
    return _UNARY[op.kind](tensor(x))


@operator("Add", "Sub", "Mul", "Pow", "Div")
def binary(op, x, y):
    """Arithmetic, of shapes too."""
    if isinstance(x, Tensor) or isinstance(y, Tensor):
        return _TENSORS[op.kind](x, y)
    if op.kind == "Div":
        return x // y if np.asarray(x).dtype.kind in "iu" else x / y
    return np.asarray(_BINARY[op.kind](x, y))


@operator("Mod")
def remainder(op, x, y):
    """Of shapes."""
    if isinstance(x, Tensor) or isinstance(y, Tensor):
        op.refuse("takes a remainder of what the network computes", "there is no such operation here")
    return np.asarray((np.fmod if op.get("fmod", 0) else np.mod)(x, y))


@operator("Max", "Min", "Sum")
def of_several(op, *arrays):
    """Of two and more tensors."""
    function = _TENSORS["Add" if op.kind == "Sum" else op.kind]
    result = tensor(arrays[0])
    for array in arrays[1:]:
        result = function(result, tensor(array))
    return result


@operator("Reciprocal")
def reciprocal(op, x):
    """1 / x."""
    return ops.div(1.0, tensor(x))


@operator("LeakyRelu")
def leaky_relu(op, x):
    """With its slope."""
    return ops.leaky_relu(x, op.get("alpha", 0.01))


@operator("Elu")
def elu(op, x):
    """With its alpha."""
    return ops.elu(x, op.get("alpha", 1.0))


@operator("HardSigmoid")
def hard_sigmoid(op, x):
    """Straight lines."""
    return ops.clip(x * op.get("alpha", 0.2) + op.get("beta", 0.5), 0.0, 1.0)


@operator("Softplus")
def softplus(op, x):
    """log(1 + e^x), of which neither end overflows."""
    return ops.maximum(x, 0.0) + ops.log(1 + ops.exp(-ops.abs(x)))


@operator("Gelu")
def gelu(op, x):
    """Either form."""
    return ops.gelu_tanh(x) if op.get("approximate", "none") == "tanh" else ops.gelu(x)


class Erf(Function):
    """y = erf(x), from the kernel of gelu: erf(x) = 2 Phi(x sqrt 2) - 1; dx = 2 / sqrt(pi) exp(-x^2) dy."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        z = np.where(x == 0, 1, x) * x.dtype.type(math.sqrt(2))
        y = ops.gelu(Tensor(z)).data * 2 / z - 1
        return np.where(x == 0, 0, y).astype(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return (2 / math.sqrt(math.pi) * np.exp(-x * x) * dy).astype(x.dtype)


@operator("Erf")
def erf(op, x):
    """As exporters spell out GELU with it."""
    return Erf.apply(tensor(x))


@operator("Clip")
def clip(op, x, low=None, high=None):
    """Limits as attributes or inputs."""
    low, high = (op.get(name) if limit is None else limit for name, limit in (("min", low), ("max", high)))
    return ops.clip(x, *(None if limit is None else float(limit) for limit in (low, high)))


@operator("Where")
def where(op, condition, x, y):
    """One or the other."""
    if not any(isinstance(value, Tensor) for value in (condition, x, y)):
        return np.where(condition, x, y)
    return ops.where(condition, tensor(x), tensor(y))


_COMPARISONS = {"Equal": np.equal, "Less": np.less, "Greater": np.greater, "LessOrEqual": np.less_equal,
                "GreaterOrEqual": np.greater_equal, "Not": np.logical_not, "And": np.logical_and, "Or": np.logical_or}


@operator(*_COMPARISONS)
def comparison(op, *arrays):
    """Truth values, which have no gradient."""
    found = np.asarray(_COMPARISONS[op.kind](*[x.data if isinstance(x, Tensor) else x for x in arrays]))
    return Tensor(found) if any(isinstance(x, Tensor) for x in arrays) else found


# --- along axes ------------------------------------------------------------------------------------------------------

_REDUCTIONS = {
    "ReduceMean": ops.mean, "ReduceSum": ops.sum, "ReduceMax": ops.max, "ReduceMin": ops.min,
    "ReduceSumSquare": lambda x, axes, keepdims: ops.sum(x * x, axes, keepdims),
    "ReduceL2": lambda x, axes, keepdims: ops.sqrt(ops.sum(x * x, axes, keepdims)),
}


@operator(*_REDUCTIONS, "ReduceProd")
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
    if op.kind == "ReduceProd":
        op.refuse("multiplies what the network computes", "there is no such operation here")
    return _REDUCTIONS[op.kind](x, tuple(axes) if axes else None, keepdims)


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
