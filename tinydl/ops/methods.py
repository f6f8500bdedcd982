"""Operators and methods of Tensor, the words of NumPy and of PyTorch in one table.

Tensor knows no operation, so they are attached from here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinydl import devices
from tinydl.ops import aliases, arithmetic, inplace, shape, truth
from tinydl.ops.add import add
from tinydl.ops.indexing import index
from tinydl.ops.matmul import matmul
from tinydl.tensor import Tensor

__all__ = ["METHODS", "install"]


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


def _view_as(self, other):
    """The same entries under the shape of another tensor."""
    return shape.reshape(self, other.shape)


def _expand_as(self, other):
    """The tensor repeated to the shape of another."""
    return shape.broadcast_to(self, other.shape)


def _t(self):
    """A matrix with its axes exchanged; vectors stay as they are."""
    if self.ndim > 2:
        raise ValueError(f"t() takes up to two axes, got shape {self.shape}; use transpose(a, b) or .T")
    return shape.transpose(self)


def _itself(self, *args, **kwargs):
    """The tensor: there is one device, and memory order is the library's business."""
    return self


def _tolist(self):
    """The values as nested lists of Python numbers, a number for a tensor without axes."""
    return self._array().tolist()


def _dim(self):
    """The number of axes."""
    return self.ndim


def _numel(self):
    """The number of entries."""
    return int(self.size)


def _element_size(self):
    """Bytes of an entry."""
    return self.dtype.itemsize


def _requires_grad(self, requires_grad=True):
    """Set whether `backward` fills `grad`, of a leaf; returns the tensor."""
    if self.creator is not None:
        raise RuntimeError(f"requires_grad_() of a tensor that is the result of {self.creator.name}; x.detach() is a "
                           "leaf with its values")
    if requires_grad and self.dtype.kind != "f":
        raise TypeError(f"only float32 and float64 tensors take a gradient, got dtype {self.dtype}")
    self.requires_grad = bool(requires_grad)
    return self


def _index(self):
    if self.size != 1 or self.dtype.kind not in "iu":
        raise TypeError(f"only a tensor with one integer is an index, got {self.dtype} of shape {self.shape}")
    return int(self.item())


def _round(self, digits=None):
    """As Python's round: of a tensor with one entry, a Python number."""
    return round(self.item(), digits)


def _missing(self, name):
    """Say what to write instead of a word of PyTorch that there is not."""
    if name.startswith("_"):
        raise AttributeError(f"Tensor has no attribute {name!r}")
    from tinydl.instead import message

    raise AttributeError(message("Tensor", name))


def _iterate(self):
    """The tensors along the first axis."""
    for k in range(len(self)):
        yield index(self, k)


def _methods():
    """Every method of Tensor by its name."""
    from tinydl import ops

    same = {name: getattr(ops, name) for name in (
        "abs", "all", "any", "argmax", "argmin", "argsort", "astype", "ceil", "chunk", "clip", "cos", "cumsum", "eq",
        "exp", "expand", "flatten", "flip", "floor", "gather", "ge", "gt", "isfinite", "isinf", "isnan", "le", "log",
        "log_softmax", "logical_and", "logical_not", "logical_or", "lt", "matmul", "maximum", "mean", "minimum", "ne",
        "neg", "norm", "prod", "relu", "repeat", "round", "sigmoid", "sign", "sin", "softmax", "sort", "split", "sqrt",
        "squeeze", "std", "sum", "tanh", "topk", "transpose", "trunc", "unbind", "unsqueeze", "var")}
    called = {name: getattr(aliases, name) for name in (
        "add", "bmm", "clamp", "clone", "dot", "masked_fill", "max", "min", "mm", "outer", "square", "sub", "to",
        "type_as")}
    types = {name: aliases.converter(dtype, name) for name, dtype in (
        ("bool", "bool"), ("double", "float64"), ("float", "float32"), ("int", "int32"), ("long", "int64"))}
    return {
        **same, **called, **types, **inplace.METHODS,
        "__abs__": ops.abs, "__getitem__": index, "__index__": _index, "__iter__": _iterate, "__neg__": ops.neg,
        "__round__": _round, "amax": ops.max, "amin": ops.min, "contiguous": _itself, "cpu": _itself, "dim": _dim,
        "div": ops.div, "element_size": _element_size, "expand_as": _expand_as, "mul": ops.mul, "numel": _numel,
        "permute": _permute, "pow": ops.power, "requires_grad_": _requires_grad, "reshape": _reshape,
        "swapaxes": ops.transpose, "t": _t, "tolist": _tolist, "view": _reshape, "view_as": _view_as,
        "reshape_as": _view_as,
    }


METHODS: dict[str, Callable[..., Any]] = {}


def install():
    """Give Tensor its operators and methods."""
    operators = {"add": add, "sub": arithmetic.sub, "mul": arithmetic.mul, "truediv": arithmetic.div,
                 "pow": arithmetic.power, "matmul": matmul}
    for name, function in operators.items():
        METHODS[f"__{name}__"] = _binary(function)
        METHODS[f"__r{name}__"] = _binary(function, reflected=True)
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        METHODS[f"__{name}__"] = _binary(getattr(truth, name))
    METHODS.update(_methods())
    for name, function in METHODS.items():
        setattr(Tensor, name, function)
    properties = {
        "T": (shape.transpose, "The tensor with its axes reversed."),
        "device": (lambda x: devices.device(), "The CPU."),
        "grad_fn": (lambda x: x.creator, "PyTorch's name for `creator`."),
        "is_leaf": (lambda x: x.creator is None, "Whether no operation made the tensor."),
        "size": (aliases.size, "The number of entries; called, the shape, or the length of an axis."),
    }
    for name, (get, text) in properties.items():
        setattr(Tensor, name, property(get, doc=text))
    Tensor.__getattr__ = _missing  # type: ignore[attr-defined]
