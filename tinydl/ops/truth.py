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
    "all", "any", "asked", "ceil", "compared", "eq", "floor", "ge", "gt", "isfinite", "isinf", "isnan", "le",
    "logical_and", "logical_not", "logical_or", "lt", "ne", "round", "trunc",
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
