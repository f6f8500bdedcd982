"""Changes in place: `x += y`, `x.add_(y)`, `x[key] = y`.

The values of a leaf that requires a gradient change under `no_grad` only, as the steps of an optimiser do: written into
its array and noted in `tinydl.changes`, so that a backward pass which relies on the old ones is an error. Where
operations are recorded, a tensor that is no such leaf becomes the result of the operation; what read it before has read
the old values. In all other cases the tensor alone gets the new values, in an array of its own where others hold the
old one: a view, a NumPy array that it was made of, or the graph.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from tinydl import changes, random
from tinydl._check import holds, number
from tinydl.ops import aliases, arithmetic
from tinydl.ops.add import add
from tinydl.ops.broadcast import broadcasts
from tinydl.ops.indexing import plain
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import AnyTensor, ArrayLike, Number, Operand

__all__ = ["METHODS"]


def _check(x, name):
    """Raise where the values of `x` must stay what they are."""
    if x.creator is None and x.recorded:
        raise RuntimeError(f"{name}: a leaf that requires a gradient cannot change while operations are recorded; "
                           "write `with td.no_grad():` around it")


def _writable(x):
    """The array of `x`, for writing outside of the graph."""
    if x.is_parameter or x.requires_grad and x.creator is None:
        changes.written([x])
        return x.data
    # Of the attribute, not of a name: Python 3.14 counts no reference for a name that it hands to a function.
    alone = sys.getrefcount(x.raw) <= 2
    raw = x.raw
    if not (alone and isinstance(raw, np.ndarray) and raw.base is None and raw.flags.writeable):
        raw = x.raw = np.array(x._array())
    return raw


def _become(x, result, name):
    """Give `x` the values, and the place in the graph, of the result of an operation on it."""
    if result.shape != x.shape or result.dtype != x.dtype:
        raise ValueError(f"{name}: a tensor of shape {x.shape} and {x.dtype} cannot become one of shape {result.shape} "
                         f"and {result.dtype} in place; write x = ... for a new one")
    if not result.requires_grad:
        values = result._array()  # before the array of x changes, of which the result may be a map
        _writable(x)[...] = values
    elif x.is_parameter:
        raise RuntimeError(f"{name}: a Parameter cannot become the result of recorded operations")
    else:
        x.raw, x.creator, x.requires_grad = result.raw, result.creator, True
    return x


def _changed_by(function, name):
    """The method that replaces a tensor by function(tensor, *arguments)."""
    def method(self, *args, **kwargs):
        _check(self, name)
        return _become(self, function(self, *args, **kwargs), name)

    method.__name__, method.__wrapped__ = name, function
    method.__doc__ = f"`{name.strip('_')}` in place; see `tinydl.ops.inplace`."
    return method


def _operator(function, name):
    method = _changed_by(function, name)

    def operator(self: AnyTensor, other: Operand) -> AnyTensor:
        if not isinstance(other, (Tensor, np.ndarray, np.generic, int, float)):
            return NotImplemented
        return method(self, other)

    operator.__doc__ = method.__doc__
    return operator


def _scaled(function):
    """`function` of a tensor and another times `alpha`."""
    def scaled(x: Tensor, other: Operand, alpha: float = 1) -> Tensor:
        return function(x, other if alpha == 1 else other * alpha)

    return scaled


def _set_item(self: Tensor, key: Any, values: ArrayLike) -> None:
    """Write into the entries that an index names; see `tinydl.ops.inplace`."""
    _check(self, "x[...] = y")
    if self.recorded or isinstance(values, Tensor) and values.recorded:
        raise RuntimeError("x[...] = y is not recorded, and nothing before it would learn; use td.where, or td.cat and "
                           "td.stack of the parts")
    values = values._array() if isinstance(values, Tensor) else array_of(values)
    _writable(self)[plain(key)] = values


def _filled(self: AnyTensor, value: Number | Tensor) -> AnyTensor:
    """Every entry becomes `value`."""
    _check(self, "fill_")
    value = value.item() if isinstance(value, Tensor) else value
    number("fill_", "value", value, finite=False)
    if not holds(self.dtype, value):
        raise ValueError(f"fill_: a tensor of {self.dtype} holds no {value}")
    if self.recorded:  # the result of an operation: what it was does not matter any more
        self.raw, self.creator, self.requires_grad = np.full(self.shape, value, self.dtype), None, False
    else:
        _writable(self)[...] = value
    return self


def _zeroed(self: AnyTensor) -> AnyTensor:
    """Every entry becomes 0."""
    return _filled(self, 0)


def _copied(self: AnyTensor, src: ArrayLike, non_blocking: bool = False) -> AnyTensor:
    """The values become those of `src`, which broadcasts; no gradient passes. `non_blocking` is of no effect."""
    _check(self, "copy_")
    if self.recorded or isinstance(src, Tensor) and src.recorded:
        raise RuntimeError("copy_ is not recorded, and nothing before it would learn; write x = y, or `with "
                           "td.no_grad():` around it")
    values = src._array() if isinstance(src, Tensor) else array_of(src)
    if not broadcasts(values.shape, self.shape):
        raise ValueError(f"copy_: shape {values.shape} does not broadcast to {self.shape}")
    _writable(self)[...] = values
    return self


def _drawn(self, name, draw):
    _check(self, name)
    if self.dtype.kind != "f":
        raise TypeError(f"{name} needs float32 or float64 values, got {self.dtype}")
    _writable(self)[...] = draw(random.generator(random.next_key()))
    return self


def _normal(self: AnyTensor, mean: float = 0.0, std: float = 1.0) -> AnyTensor:
    """Random numbers of a normal distribution in the place of all entries."""
    mean, std = number("normal_", "mean", mean, -np.inf, open_low=True), number("normal_", "std", std)
    return _drawn(self, "normal_", lambda rng: rng.normal(mean, std, self.shape))


def _uniform(self: AnyTensor, low: float = 0.0, high: float = 1.0) -> AnyTensor:
    """Random numbers from `low` to `high` in the place of all entries."""
    low = number("uniform_", "low", low, -np.inf, open_low=True)
    high = number("uniform_", "high", high, low)
    return _drawn(self, "uniform_", lambda rng: rng.uniform(low, high, self.shape))


METHODS = {
    "__iadd__": _operator(add, "+="), "__isub__": _operator(arithmetic.sub, "-="),
    "__imul__": _operator(arithmetic.mul, "*="), "__itruediv__": _operator(arithmetic.div, "/="),
    "__setitem__": _set_item, "add_": _changed_by(_scaled(add), "add_"), "clamp_": _changed_by(aliases.clamp, "clamp_"),
    "copy_": _copied, "div_": _changed_by(arithmetic.div, "div_"), "fill_": _filled,
    "mul_": _changed_by(arithmetic.mul, "mul_"), "neg_": _changed_by(arithmetic.neg, "neg_"), "normal_": _normal,
    "sub_": _changed_by(_scaled(arithmetic.sub), "sub_"), "uniform_": _uniform, "zero_": _zeroed,
}
