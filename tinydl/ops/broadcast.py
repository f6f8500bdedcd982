"""Broadcasting: which types meet in a binary operation, and the way back for gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Like", "broadcasts", "operands", "result", "unbroadcast"]


class Like:
    """Shape and dtype of an array, without keeping its memory."""

    __slots__ = ("shape", "dtype")

    def __init__(self, array):
        self.shape, self.dtype = array.shape, array.dtype


def operands(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """The two arguments of a binary operation, at least one a tensor.

    Two tensors of floats meet as they are, and integers take the type of floats that they meet. An array or number that
    meets a tensor takes the tensor's type: float32 stays float32, whatever constant it is multiplied by. (A float
    constant makes an integer tensor float32.)
    """
    if not isinstance(x, Tensor):
        x = _constant(x, y.dtype) if isinstance(y, Tensor) else Tensor(x)
    if not isinstance(y, Tensor):
        y = _constant(y, x.dtype)
    one, other = x.dtype, y.dtype
    if one is not other and (one.kind == "f") != (other.kind == "f"):
        return (x, _as_floats(y, one)) if one.kind == "f" else (_as_floats(x, other), y)
    return x, y


def _as_floats(x, dtype):
    """Integers, which have no gradient, as floats."""
    return Tensor(x._array().astype(dtype)) if isinstance(x, Tensor) else x.astype(dtype)


def _constant(value, dtype):
    array = array_of(value)
    kind = array.dtype.kind
    if kind not in "fiub":
        raise TypeError(f"a tensor cannot be combined with {value!r} of type {type(value).__name__}")
    if dtype.kind != "f":
        dtype = array.dtype.newbyteorder("=")
        if kind == "f" and (dtype.itemsize not in (4, 8) or not isinstance(value, np.ndarray)):
            dtype = np.dtype(np.float32)
    return array.astype(dtype, copy=not array.flags.aligned)


def result(ufunc, x, y):
    """ufunc(x, y) as an array, in memory of the pool where it has the shape and type of x."""
    if x.dtype == y.dtype and x.dtype.kind == "f" and (x.shape == y.shape or not y.ndim):
        return ufunc(x, y, out=layout.empty_like(x))
    return np.asarray(ufunc(x, y))


def broadcasts(shape, to):
    """Whether an array of `shape` can be repeated to the shape `to`; for any number of axes, NumPy counts to 32."""
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(shape[::-1], to[::-1], strict=False))


def unbroadcast(gradient, like):
    """The gradient of an operand from the gradient of the broadcast result: the sum over the repeated entries."""
    shape = like.shape
    if gradient.shape != shape:
        extra = gradient.ndim - len(shape)
        repeated = tuple(range(extra)) + tuple(
            extra + k for k, n in enumerate(shape) if n == 1 and gradient.shape[extra + k] != 1)
        gradient = np.asarray(gradient.sum(axis=repeated, dtype=np.float64)).reshape(shape)
    return np.asarray(gradient, like.dtype)  # NumPy's arithmetic makes scalars of 0-d arrays
