"""Operators and methods of Tensor. Tensor knows no operation, so they are attached from here."""

import numpy as np

from tinydl.ops import arithmetic, elementwise, indexing, reductions, shape
from tinydl.ops.matmul import matmul
from tinydl.ops.softmax import log_softmax, softmax
from tinydl.tensor import Tensor

__all__ = ["compared", "install"]


def _number_or_array(other):
    return isinstance(other, (Tensor, np.ndarray, np.generic, int, float))


def _binary(function, reflected=False):
    """An operator method: NotImplemented for operands that are no numbers, so that Python raises its own TypeError."""
    def method(self, other):
        if not _number_or_array(other):
            return NotImplemented
        return function(other, self) if reflected else function(self, other)

    method.__doc__ = function.__doc__
    return method


def compared(ufunc):
    """The operation that a ufunc with truth values is: a tensor of booleans, without gradient."""
    def operation(*operands):
        return Tensor(np.asarray(ufunc(*[x._array() if isinstance(x, Tensor) else x for x in operands])))
    return operation


def _comparison(ufunc):
    """A comparison as an operator."""
    operation = compared(ufunc)

    def method(self, other):
        return operation(self, other) if _number_or_array(other) else NotImplemented

    method.__doc__ = f"{ufunc.__name__.replace('_', ' ')}, element by element, as booleans."
    return method


def _reshape(self, *new_shape):
    """The same entries under another shape; see `ops.reshape`."""
    if len(new_shape) == 1 and isinstance(new_shape[0], (tuple, list)):
        (new_shape,) = new_shape
    return shape.reshape(self, tuple(new_shape))


def _permute(self, *order):
    """Axes in another order; see `ops.permute`."""
    if len(order) == 1 and isinstance(order[0], (tuple, list)):
        (order,) = order
    return shape.permute(self, order)


def _relu(self):
    """max(x, 0), element by element."""
    from tinydl import ops

    return ops.relu(self)


def _iterate(self):
    """The tensors along the first axis."""
    for k in range(len(self)):
        yield indexing.index(self, k)


def install():
    """Give Tensor its operators and methods."""
    from tinydl import ops

    operators = {"add": ops.add, "sub": arithmetic.sub, "mul": arithmetic.mul, "truediv": arithmetic.div,
                 "pow": arithmetic.power, "matmul": matmul}
    for name, function in operators.items():
        setattr(Tensor, f"__{name}__", _binary(function))
        setattr(Tensor, f"__r{name}__", _binary(function, reflected=True))
    comparisons = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal,
                   "ne": np.not_equal}
    for name, ufunc in comparisons.items():
        setattr(Tensor, f"__{name}__", _comparison(ufunc))
    methods = {
        "__neg__": arithmetic.neg, "__abs__": elementwise.abs, "__getitem__": indexing.index, "__iter__": _iterate,
        "abs": elementwise.abs, "argmax": reductions.argmax, "argmin": reductions.argmin, "astype": shape.astype,
        "clip": elementwise.clip, "exp": elementwise.exp, "flatten": shape.flatten, "log": elementwise.log,
        "log_softmax": log_softmax, "max": reductions.max, "mean": reductions.mean, "min": reductions.min,
        "permute": _permute, "relu": _relu, "reshape": _reshape, "sigmoid": ops.sigmoid, "softmax": softmax,
        "sqrt": elementwise.sqrt, "squeeze": shape.squeeze, "std": reductions.std, "sum": reductions.sum,
        "tanh": ops.tanh, "transpose": shape.transpose, "unsqueeze": shape.unsqueeze, "var": reductions.var,
    }
    for name, function in methods.items():
        setattr(Tensor, name, function)
    setattr(Tensor, "T", property(shape.transpose, doc="The tensor with its axes reversed."))  # noqa: B010
