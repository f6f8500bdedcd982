"""Products, and sums of all entries so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import flag
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, axis_of
from tinydl.ops.words import worded

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["cumsum", "prod"]


class CumSum(Operation):
    """y_k = x_0 + ... + x_k along an axis; dx_k = dy_k + dy_(k+1) + ..."""

    @staticmethod
    def forward(ctx, x, axis):
        ctx.save_for_backward(axis)
        return np.cumsum(x, axis)

    @staticmethod
    def backward(ctx, dy):
        (axis,) = ctx.saved_tensors
        return np.flip(np.cumsum(np.flip(dy, axis), axis), axis).copy()

    @staticmethod
    def describe(node):
        return Description(kind="affine", whole=(node["axis"],))


class Prod(Operation):
    """y = product of x along an axis; dx_k = dy times the product of the others."""

    @staticmethod
    def forward(ctx, x, axis, keepdims):
        ctx.save_for_backward(x, axis, keepdims)
        return np.asarray(np.prod(x, axis=axis, keepdims=keepdims))

    @staticmethod
    def backward(ctx, dy):
        x, axis, keepdims = ctx.saved_tensors
        before, after = np.ones_like(x), np.ones_like(x)
        rows = np.moveaxis(x, axis, 0)
        np.cumprod(rows[:-1], axis=0, out=np.moveaxis(before, axis, 0)[1:])
        np.cumprod(rows[:0:-1], axis=0, out=np.moveaxis(after, axis, 0)[-2::-1])
        return np.asarray(before * after * (dy if keepdims else np.expand_dims(dy, axis)))

    @staticmethod
    def describe(node):
        return Description(whole=(node["axis"],))


@worded
def cumsum(x: ArrayLike, axis: int) -> Tensor:
    """Sums of the entries so far along an axis: y_k = x_0 + ... + x_k; of booleans, of their number.

    Parameters
    ----------
    x : Tensor
    axis : int
    """
    x = as_tensor(x)
    if not x.ndim:
        raise ValueError("cumsum takes a tensor with at least one axis, got a number")
    return CumSum.apply(x, axis=axis_of(axis, x.ndim))


@worded
def prod(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Product of the entries along an axis, or of all.

    Parameters
    ----------
    x : Tensor
    axis : int, optional
        All by default.
    keepdims : bool
        Whether the axis stays with length 1; of all of them only with an axis.
    """
    x = as_tensor(x)
    keepdims = flag("prod", "keepdims", keepdims)
    if axis is None:
        if keepdims:
            raise ValueError("prod with keepdims takes an axis")
        return Prod.apply(x.reshape(-1), axis=0, keepdims=False)
    if not x.ndim:
        raise ValueError(f"prod of a number has no axis {axis}")
    return Prod.apply(x, axis=axis_of(axis, x.ndim), keepdims=keepdims)
