"""Operators that compute entry by entry."""

import math

import numpy as np

from tinydl import ops
from tinydl.export.onnx.read.table import operator, tensor
from tinydl.function import Function
from tinydl.tensor import Tensor

__all__ = ["Erf"]

_UNARY = {
    "Relu": ops.relu, "Sigmoid": ops.sigmoid, "Tanh": ops.tanh, "Mish": ops.mish, "HardSwish": ops.hardswish,
    "Exp": ops.exp, "Log": ops.log, "Sqrt": ops.sqrt, "Abs": ops.abs, "Sin": ops.sin, "Cos": ops.cos, "Neg": ops.neg,
    "Sign": ops.sign, "Softplus": ops.softplus, "Softsign": ops.softsign, "Floor": ops.floor, "Ceil": ops.ceil,
    "Round": ops.round,
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


@operator("Max", "Min", "Sum", "Mean")
def of_several(op, *arrays):
    """Of any number of tensors."""
    function = _TENSORS["Add" if op.kind in ("Sum", "Mean") else op.kind]
    result = tensor(arrays[0])
    for array in arrays[1:]:
        result = function(result, tensor(array))
    return result / len(arrays) if op.kind == "Mean" else result


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


@operator("Selu")
def selu(op, x):
    """gamma times ELU."""
    alpha, gamma = op.get("alpha", 1.6732632423543772), op.get("gamma", 1.0507009873554805)
    usual = math.isclose(alpha, 1.6732632423543772, rel_tol=1e-6) and math.isclose(gamma, 1.0507009873554805,
                                                                                   rel_tol=1e-6)
    return ops.selu(x) if usual else ops.elu(x, alpha) * gamma


@operator("Celu")
def celu(op, x):
    """An ELU whose slope at 0 is 1."""
    alpha = op.get("alpha", 1.0)
    return ops.elu(x, 1.0) if alpha == 1 else ops.elu(x / alpha, 1.0) * alpha


@operator("ThresholdedRelu")
def thresholded_relu(op, x):
    """x above a limit, 0 elsewhere."""
    return ops.where(tensor(x) > op.get("alpha", 1.0), x, 0.0)


@operator("Swish")
def swish(op, x):
    """x times the sigmoid of alpha x."""
    alpha = op.get("alpha", 1.0)
    return ops.silu(x) if alpha == 1 else x * ops.sigmoid(x * alpha)


@operator("HardSigmoid")
def hard_sigmoid(op, x):
    """Straight lines."""
    return ops.clip(x * op.get("alpha", 0.2) + op.get("beta", 0.5), 0.0, 1.0)


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
