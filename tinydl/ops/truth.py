"""Truth and whole numbers: comparisons, whether all or any hold, rounding. None has a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import flag
from tinydl.ops.checks import as_tensor, axes
from tinydl.ops.words import worded
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinydl._types import ArrayLike, Ints

__all__ = [
    "OPERATORS", "all", "any", "asked", "ceil", "compared", "eq", "floor", "floor_divide", "ge", "gt", "invert",
    "isfinite", "isinf", "isnan", "le", "logical_and", "logical_not", "logical_or", "lt", "ne", "remainder", "round",
    "trunc",
]


def _values(x, name):
    """What a comparison reads: Python's numbers stay, so that they take the type of what they meet."""
    if isinstance(x, Tensor):
        return x._array()
    if isinstance(x, (int, float)):
        # Beyond 64 bits NumPy compares it with some types and not with others.
        return x if isinstance(x, float) or -(2**63) <= x < 2**63 else 2.0**64 if x > 0 else -(2.0**64)
    array = array_of(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} takes real numbers, got dtype {array.dtype}")
    return array


def asked(ufunc: np.ufunc) -> Callable[[ArrayLike], Tensor]:
    """The operation that a ufunc of one operand is whose result is true or false: booleans, without gradient."""
    def operation(x: ArrayLike, /) -> Tensor:
        return Tensor(np.asarray(ufunc(_values(x, ufunc.__name__))))

    return _named(operation, ufunc)


def compared(ufunc: np.ufunc) -> Callable[[ArrayLike, ArrayLike], Tensor]:
    """The operation that a ufunc of two operands is whose result is true or false: booleans, without gradient."""
    def operation(x: ArrayLike, y: ArrayLike, /) -> Tensor:
        return Tensor(np.asarray(ufunc(_values(x, ufunc.__name__), _values(y, ufunc.__name__))))

    return _named(operation, ufunc)


def _named(operation, ufunc):
    operation.__name__ = operation.__qualname__ = ufunc.__name__
    operation.__doc__ = f"{ufunc.__name__.replace('_', ' ').capitalize()}, element by element, as booleans."
    return operation


eq, ne, gt = compared(np.equal), compared(np.not_equal), compared(np.greater)
ge, lt, le = compared(np.greater_equal), compared(np.less), compared(np.less_equal)
isfinite, isinf, isnan = asked(np.isfinite), asked(np.isinf), asked(np.isnan)
logical_and, logical_or, logical_not = compared(np.logical_and), compared(np.logical_or), asked(np.logical_not)


def _bitwise(ufunc):
    """The operation of an operator of booleans and integers."""
    def operation(x: ArrayLike, y: ArrayLike, /) -> Tensor:
        operands = [_values(x, ufunc.__name__), _values(y, ufunc.__name__)]
        types = [np.asarray(value).dtype for value in operands]
        if "f" in {dtype.kind for dtype in types}:
            raise TypeError(f"{ufunc.__name__} takes booleans and integers, got {types[0]} and {types[1]}; compare "
                            "floats first, as in (x > 0) & (y > 0)")
        return Tensor(np.asarray(ufunc(*operands)))

    return _named(operation, ufunc)


def _divided(ufunc, x, y):
    x, y = _values(x, ufunc.__name__), _values(y, ufunc.__name__)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.asarray(ufunc(x, y))
    if z.dtype.kind in "iu" and not np.all(y):
        raise ZeroDivisionError(f"{ufunc.__name__} of integers by 0")
    return Tensor(z)


def floor_divide(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The largest whole number up to x / y; its gradient is 0, so none is recorded."""
    return _divided(np.floor_divide, x, y)


def remainder(x: ArrayLike, y: ArrayLike) -> Tensor:
    """x - y floor(x / y), which has the sign of y; without gradient, and so of detached tensors only."""
    for value in (x, y):
        if isinstance(value, Tensor) and value.recorded:
            raise TypeError(f"the remainder of a tensor of shape {value.shape} that requires a gradient: write "
                            "x - y * (x // y)")
    return _divided(np.remainder, x, y)


OPERATORS = {"and": _bitwise(np.bitwise_and), "floordiv": floor_divide, "mod": remainder,
             "or": _bitwise(np.bitwise_or), "xor": _bitwise(np.bitwise_xor)}


def invert(x: ArrayLike) -> Tensor:
    """Not x of booleans, the bits turned of integers."""
    x = as_tensor(x)
    if x.dtype.kind == "f":
        raise TypeError(f"~x takes booleans and integers, got {x.dtype}")
    return Tensor(np.asarray(~x._array()))


def _over(reduce, x, axis, keepdims):
    x = as_tensor(x)
    reduced = axes(axis, x.ndim)
    return Tensor(np.asarray(reduce(x._array(), axis=reduced, keepdims=flag(reduce.__name__, "keepdims", keepdims))))


@worded
def all(x: ArrayLike, axis: Ints | None = None, keepdims: bool = False) -> Tensor:
    """Whether all entries are true, over the given axes."""
    return _over(np.all, x, axis, keepdims)


@worded
def any(x: ArrayLike, axis: Ints | None = None, keepdims: bool = False) -> Tensor:
    """Whether any entry is true, over the given axes."""
    return _over(np.any, x, axis, keepdims)


def _whole(rounded, x):
    x = as_tensor(x)
    if x.dtype == bool:
        raise TypeError(f"{rounded.__name__} takes numbers, got booleans")
    return Tensor(np.asarray(rounded(x._array()), x.dtype))


def floor(x: ArrayLike) -> Tensor:
    """The largest whole number up to x; its gradient is 0, so none is recorded."""
    return _whole(np.floor, x)


def ceil(x: ArrayLike) -> Tensor:
    """The least whole number from x on; its gradient is 0, so none is recorded."""
    return _whole(np.ceil, x)


def round(x: ArrayLike) -> Tensor:
    """The whole number next to x, the even one half-way; its gradient is 0, so none is recorded."""
    return _whole(np.rint, x)


def trunc(x: ArrayLike) -> Tensor:
    """The whole number towards 0; its gradient is 0, so none is recorded."""
    return _whole(np.trunc, x)
