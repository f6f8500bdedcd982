"""Rows of what is computed entry by entry, and of sums, means and softmax along axes."""

import math

import numpy as np

from tinydl.export.onnx.table import Refused, row
from tinydl.ops import activations
from tinydl.ops.add import Add
from tinydl.ops.arithmetic import Div, Mul, Neg, Power, Sub
from tinydl.ops.elementwise import Abs, Clamp, Clip, Cos, Exp, Log, Maximum, Minimum, Sin, Sqrt, Where
from tinydl.ops.reductions import Max, Mean, Min, Std, Sum, Var
from tinydl.ops.relu import ReLU
from tinydl.ops.softmax import LogSoftmax, Softmax

__all__ = []

_PLAIN = {ReLU: "Relu", Add: "Add", Sub: "Sub", Mul: "Mul", Div: "Div", Neg: "Neg", Power: "Pow", Exp: "Exp",
          Log: "Log", Sqrt: "Sqrt", Abs: "Abs", Sin: "Sin", Cos: "Cos", Maximum: "Max", Minimum: "Min"}


@row(*_PLAIN)
def plain(w, node):
    """Operations that ONNX has under another name, with NumPy's broadcasting."""
    return w.add(_PLAIN[node.function], *(w.input(x) for x in node.arguments.values()))


@row(Where)
def where(w, node):
    """One or the other."""
    return w.add("Where", w.input(node["condition"], bool), w.input(node["x"]), w.input(node["y"]))


@row(Clip)
def clip(w, node):
    """Limits that may be absent."""
    low, high = ("" if node[name] is None else w.constant(node[name], node["x"].dtype) for name in ("low", "high"))
    return w.add("Clip", w.input(node["x"]), *([low, high] if high else [low]))


@row(Clamp)
def clamp(w, node):
    """Limits that vary."""
    return w.add("Min", w.add("Max", w.input(node["x"]), w.input(node["low"])), w.input(node["high"]))


# --- activations -----------------------------------------------------------------------------------------------------

def _number(w, value):
    return w.constant(np.float32(value))


def _gelu(w, x, _):
    cdf = w.add("Add", w.add("Erf", w.add("Mul", x, _number(w, 1 / math.sqrt(2)))), _number(w, 1))
    return w.add("Mul", w.add("Mul", x, cdf), _number(w, 0.5))


def _gelu_tanh(w, x, _):
    cube = w.add("Mul", w.add("Mul", x, x), x)
    u = w.add("Add", x, w.add("Mul", cube, _number(w, 0.044715)))
    return w.add("Mul", x, w.add("Sigmoid", w.add("Mul", u, _number(w, 2 * math.sqrt(2 / math.pi)))))


FORMS = {
    "leaky_relu": lambda w, x, slope: w.add("LeakyRelu", x, alpha=slope),
    "elu": lambda w, x, alpha: w.add("Elu", x, alpha=alpha),
    "tanh": lambda w, x, _: w.add("Tanh", x),
    "sigmoid": lambda w, x, _: w.add("Sigmoid", x),
    "hardswish": lambda w, x, _: w.add("HardSwish", x),
    "silu": lambda w, x, _: w.add("Mul", x, w.add("Sigmoid", x)),
    "mish": lambda w, x, _: w.add("Mul", x, w.add("Tanh", w.add("Softplus", x))),
    "softplus": lambda w, x, _: w.add("Softplus", x),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
}


@row(*(getattr(activations, known.layer) for name, known in activations.ROWS.items() if name in FORMS))
def activation(w, node):
    """The activation of a name; those that opset 17 lacks are spelled out."""
    return FORMS[node.function.row.name](w, w.input(node["x"]), node["parameter"])


# --- along axes ------------------------------------------------------------------------------------------------------

@row(Softmax)
def softmax(w, node):
    """Along one axis."""
    return w.add("Softmax", w.input(node["x"]), axis=node["axis"])


@row(LogSoftmax)
def log_softmax(w, node):
    """Along one axis."""
    return w.add("LogSoftmax", w.input(node["x"]), axis=node["axis"])


_REDUCTIONS = {Mean: "ReduceMean", Max: "ReduceMax", Min: "ReduceMin"}


@row(*_REDUCTIONS)
def reduction(w, node):
    """Mean and extremes over axes."""
    if not node["reduced"]:
        return w.add("Identity", w.input(node["x"]))
    return w.add(_REDUCTIONS[node.function], w.input(node["x"]), axes=list(node["reduced"]),
                 keepdims=int(node["keepdims"]))


@row(Sum)
def total(w, node):
    """Sum over axes."""
    if not node["reduced"]:
        return w.add("Identity", w.input(node["x"]))
    return w.add("ReduceSum", w.input(node["x"]), w.integers(node["reduced"]), keepdims=int(node["keepdims"]))


def _variance(w, node):
    x, reduced = node["x"], node["reduced"]
    if any(k in w.graph.free(x) for k in reduced):
        raise Refused("is taken over the samples of a batch, whose number the file leaves open")
    n = math.prod(x.shape[k] for k in reduced) - node["correction"]
    if n <= 0 or not reduced:
        raise Refused(f"divides by n - correction = {n}")
    name = w.input(x)
    centred = w.add("Sub", name, w.add("ReduceMean", name, axes=list(reduced), keepdims=1))
    squares = w.add("ReduceSum", w.add("Mul", centred, centred), w.integers(reduced), keepdims=int(node["keepdims"]))
    return w.add("Div", squares, w.constant(n, x.dtype))


@row(Var)
def variance(w, node):
    """The mean square of the distances from the mean."""
    return _variance(w, node)


@row(Std)
def deviation(w, node):
    """The root of the variance."""
    return w.add("Sqrt", _variance(w, node))
