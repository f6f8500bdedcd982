"""Operators and methods of Tensor, the words of NumPy and of PyTorch in one table.

Tensor knows no operation, so they are attached from here.
"""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinydl._check import given, one_or_many
from tinydl.instead import Substitute
from tinydl.ops import arithmetic, shape, truth
from tinydl.ops.add import add
from tinydl.ops.indexing import index
from tinydl.ops.matmul import matmul
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tinydl._types import AnyTensor, Ints, Operand
    from tinydl.devices import device
    from tinydl.function import Context

__all__ = ["METHODS", "install"]


def _number_or_array(other):
    return isinstance(other, (Tensor, np.ndarray, np.generic, int, float))


def _binary(function, reflected=False):
    """An operator method: NotImplemented for operands that are no numbers, so that Python raises its own TypeError."""
    def method(self: Tensor, other: Operand) -> Tensor:
        if not _number_or_array(other):
            return NotImplemented
        return function(other, self) if reflected else function(self, other)

    method.__doc__ = function.__doc__
    return method


def _reshape(self: Tensor, *new_shape: Ints) -> Tensor:
    """The same entries under another shape; see `ops.reshape`."""
    return shape.reshape(self, tuple(one_or_many(new_shape)))


def _permute(self: Tensor, *order: Ints, dims: Ints | None = None) -> Tensor:
    """Axes in another order; see `ops.permute`."""
    return shape.permute(self, one_or_many(given(order, dims)))


def _view_as(self: Tensor, other: Tensor) -> Tensor:
    """The same entries under the shape of another tensor."""
    return shape.reshape(self, other.shape)


def _expand_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor repeated to the shape of another."""
    return shape.broadcast_to(self, other.shape)


def _t(self: Tensor) -> Tensor:
    """A matrix with its axes exchanged; vectors stay as they are."""
    if self.ndim > 2:
        raise ValueError(f"t() takes up to two axes, got shape {self.shape}; use transpose(a, b) or .T")
    return shape.transpose(self)


def _itself(self: AnyTensor, *args: Any, **kwargs: Any) -> AnyTensor:
    """The tensor: there is one device, and memory order is the library's business."""
    return self


def _tolist(self: Tensor) -> Any:
    """The values as nested lists of Python numbers, a number for a tensor without axes."""
    return self._array().tolist()


def _dim(self: Tensor) -> int:
    """The number of axes."""
    return self.ndim


def _numel(self: Tensor) -> int:
    """The number of entries."""
    return int(self.size)


def _element_size(self: Tensor) -> int:
    """Bytes of an entry."""
    return self.dtype.itemsize


def _requires_grad(self: AnyTensor, requires_grad: bool = True) -> AnyTensor:
    """Set whether `backward` fills `grad`, of a leaf; returns the tensor."""
    if self.creator is not None:
        raise RuntimeError(f"requires_grad_() of a tensor that is the result of {self.creator.name}; x.detach() is a "
                           "leaf with its values")
    if requires_grad and self.dtype.kind != "f":
        raise TypeError(f"only float32 and float64 tensors take a gradient, got dtype {self.dtype}")
    self.requires_grad = bool(requires_grad)
    return self


def _index(self: Tensor) -> int:
    if self.size != 1 or self.dtype.kind not in "iu":
        raise TypeError(f"only a tensor with one integer is an index, got {self.dtype} of shape {self.shape}")
    return int(self.item())


def _round(self: Tensor, digits: int | None = None) -> Any:
    """As Python's round: of a tensor with one entry, a Python number."""
    return round(self.item(), digits)


def _iterate(self: Tensor) -> Iterator[Tensor]:
    """The tensors along the first axis."""
    for k in range(len(self)):
        yield index(self, k)


# Methods whose modules a first step does not need: imported at the first call.
_LATER = {
    "aliases": "add bmm clamp clone div dot masked_fill max min mm outer square sub to type_as",
    "cumulative": "cumsum prod", "norms": "norm",
    "parts": "chunk expand flip repeat split unbind", "sorting": "argsort gather sort topk",
}
_IN_PLACE = ("__iadd__", "__imul__", "__isub__", "__itruediv__", "__setitem__", "add_", "clamp_", "copy_", "div_",
             "fill_", "mul_", "neg_", "normal_", "sub_", "uniform_", "zero_")


def _deferred(place, name):
    """A method of a module that is imported at the first call, whose own method then takes its place."""
    def resolve():
        module = importlib.import_module(f"tinydl.ops.{place}")
        found = METHODS[name] = module.METHODS[name] if place == "inplace" else getattr(module, name)
        setattr(Tensor, name, found)
        return found

    def method(self, *args, **kwargs):
        return resolve()(self, *args, **kwargs)

    method.__name__, method.resolve = name, resolve
    method.__doc__ = f"See `tinydl.ops.{place}`."
    return method


def _converter(dtype, name):
    """The method that gives a tensor in a type."""
    def convert(x: Tensor) -> Tensor:
        return x if x.dtype == dtype else shape.astype(x, dtype)

    convert.__name__ = name
    convert.__doc__ = f"The values as {dtype}; see `astype`."
    return convert


class Count(int):
    """The number of entries; called, the shape or the length of an axis."""

    shape: tuple[int, ...]

    def __call__(self, dim=None):
        return self.shape if dim is None else self.shape[dim]


def _size(x: Tensor) -> Count:
    count = Count(math.prod(x.shape))
    count.shape = x.shape
    return count


def _device(x: Tensor) -> device:
    from tinydl.devices import device

    return device()


def _reversed(x: Tensor) -> Tensor:
    return shape.transpose(x)


def _creator(x: Tensor) -> Context | None:
    return x.creator


def _is_leaf(x: Tensor) -> bool:
    return x.creator is None


def _methods():
    """Every method of Tensor by its name."""
    from tinydl import ops

    same = {name: getattr(ops, name) for name in (
        "abs", "all", "any", "argmax", "argmin", "astype", "ceil", "clip", "cos", "eq", "exp", "flatten", "floor", "ge",
        "gt", "isfinite", "isinf", "isnan", "le", "log", "log_softmax", "logical_and", "logical_not", "logical_or",
        "lt", "matmul", "maximum", "mean", "minimum", "ne", "neg", "relu", "round", "sigmoid", "sign", "sin", "softmax",
        "sqrt", "squeeze", "std", "sum", "tanh", "transpose", "trunc", "unsqueeze", "var")}
    further = {name: _deferred(place, name) for place, names in _LATER.items() for name in names.split()}
    types = {name: _converter(dtype, name) for name, dtype in (
        ("bool", "bool"), ("double", "float64"), ("float", "float32"), ("int", "int32"), ("long", "int64"))}
    return {
        **same, **further, **types, **{name: _deferred("inplace", name) for name in _IN_PLACE},
        "__abs__": ops.abs, "__getitem__": index, "__index__": _index, "__invert__": truth.invert, "__iter__": _iterate,
        "__neg__": ops.neg, "__round__": _round, "amax": ops.max, "amin": ops.min, "contiguous": _itself,
        "cpu": _itself, "dim": _dim, "element_size": _element_size, "expand_as": _expand_as, "mul": ops.mul,
        "numel": _numel, "permute": _permute, "pow": ops.power, "requires_grad_": _requires_grad, "reshape": _reshape,
        "reshape_as": _view_as, "swapaxes": ops.transpose, "t": _t, "tolist": _tolist, "view": _reshape,
        "view_as": _view_as,
    }


METHODS: dict[str, Callable[..., Any]] = {}


def install():
    """Give Tensor its operators and methods."""
    operators = {"add": add, "sub": arithmetic.sub, "mul": arithmetic.mul, "truediv": arithmetic.div,
                 "pow": arithmetic.power, "matmul": matmul, **truth.OPERATORS}
    for name, function in operators.items():
        METHODS[f"__{name}__"] = _binary(function)
        METHODS[f"__r{name}__"] = _binary(function, reflected=True)
    for name in ("__matmul__", "__rmatmul__"):  # numbers have no axes
        METHODS[name].__annotations__["other"] = "Tensor | Array"
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        METHODS[f"__{name}__"] = _binary(getattr(truth, name))
    METHODS.update(_methods())
    for name, function in METHODS.items():
        setattr(Tensor, name, function)
    properties = {
        "T": (_reversed, "The tensor with its axes reversed."),
        "device": (_device, "The CPU."),
        "grad_fn": (_creator, "PyTorch's name for `creator`."),
        "is_leaf": (_is_leaf, "Whether no operation made the tensor."),
        "size": (_size, "The number of entries; called, the shape, or the length of an axis."),
    }
    for name, (get, text) in properties.items():
        setattr(Tensor, name, property(get, doc=text))
    Substitute.install("Tensor", Tensor)
