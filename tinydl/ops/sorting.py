"""Entries in order of size, and entries taken along an axis by their places."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tinydl._check import flag, integer
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, axis_of
from tinydl.ops.words import worded
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import Array, ArrayLike

__all__ = ["Placed", "argsort", "gather", "sort", "topk"]


class Placed(NamedTuple):
    """Values and the places they were found at, as int64."""

    values: Tensor
    indices: Tensor


class Gather(Operation):
    """y = the entries of x at the places `index` along an axis; dx sums dy at each place."""

    @staticmethod
    def forward(ctx, x, index, axis):
        ctx.save_for_backward(x.shape, index, axis)
        return np.take_along_axis(x, index, axis)

    @staticmethod
    def backward(ctx, dy):
        shape, index, axis = ctx.saved_tensors
        dx = np.zeros(shape, dy.dtype)
        places = list(np.ogrid[tuple(slice(n) for n in index.shape)])
        places[axis] = index
        np.add.at(dx, tuple(places), dy)
        return dx

    @staticmethod
    def describe(node):
        return Description(kind="selection", whole=(node["axis"],))


@worded
def gather(x: ArrayLike, axis: int, index: ArrayLike) -> Tensor:
    """y[i][j][k] = x[index[i][j][k]][j][k] for axis 0, and so on: one entry of x for each of `index`.

    Parameters
    ----------
    x : Tensor
    axis : int
    index : Tensor or array_like of int
        As many axes as x, and no longer than x along the other ones; places from 0 on.

    Raises
    ------
    ValueError
        For other shapes, and for a place beyond the axis.
    """
    x = as_tensor(x)
    index = index.data if isinstance(index, Tensor) else array_of(index)
    if index.dtype.kind not in "iu":
        raise TypeError(f"gather takes places as integers, got {index.dtype}")
    if not x.ndim or index.ndim != x.ndim:
        raise ValueError(f"gather takes places with as many axes as x, got shape {index.shape} for x of {x.shape}")
    axis = axis_of(axis, x.ndim)
    for k, (n, m) in enumerate(zip(index.shape, x.shape, strict=True)):
        if k != axis and n > m:
            raise ValueError(f"gather along axis {axis}: places of shape {index.shape} are longer than x, {x.shape}, "
                             f"along axis {k}")
    bad = np.argwhere((index < 0) | (index >= x.shape[axis]))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise ValueError(f"gather: place {index[place]} at {place} is not in 0..{x.shape[axis] - 1}")
    if any(n < m for k, (n, m) in enumerate(zip(index.shape, x.shape, strict=True)) if k != axis):
        x = x[tuple(slice(None) if k == axis else slice(n) for k, n in enumerate(index.shape))]
    return Gather.apply(x, index=np.array(index, np.int64), axis=axis)


def _order(values, axis, descending):
    """Places in order of size, those of equal entries in order; NaN is larger than all, as in PyTorch."""
    if not descending:
        return np.argsort(values, axis=axis, kind="stable")
    reverse = np.flip(np.argsort(np.flip(values, axis), axis=axis, kind="stable"), axis)
    return values.shape[axis] - 1 - reverse


def _placed(x: Any, axis: int, descending: bool, name: str, k: int | None = None) -> tuple[Tensor, int, Array]:
    x = as_tensor(x)
    if not x.ndim:
        raise ValueError(f"{name} takes a tensor with at least one axis, got a number")
    axis = axis_of(axis, x.ndim)
    order = _order(x.data, axis, descending)
    if k is not None:
        order = order[(slice(None),) * axis + (slice(k),)]
    return x, axis, np.ascontiguousarray(order)


@worded
def argsort(x: ArrayLike, axis: int = -1, descending: bool = False, *, stable: bool = True) -> Tensor:
    """Places of the entries in order of size, equal ones in their own order, as int64 without gradient. See `sort`."""
    return Tensor(_placed(x, axis, flag("argsort", "descending", descending), "argsort")[2])


@worded
def sort(x: ArrayLike, axis: int = -1, descending: bool = False, *, stable: bool = True) -> Placed:
    """The entries in order of size along an axis, and their places; equal ones stay in their own order.

    Parameters
    ----------
    x : Tensor
    axis : int
    descending : bool
    stable : bool
        Of no effect: the order is always stable.

    Returns
    -------
    (values, indices)
        A named tuple; the gradient of a value goes to its place.
    """
    x, axis, order = _placed(x, axis, flag("sort", "descending", descending), "sort")
    return Placed(Gather.apply(x, index=order, axis=axis), Tensor(order))


@worded
def topk(x: ArrayLike, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> Placed:
    """The k largest entries along an axis, or smallest, in order of size, and their places.

    Parameters
    ----------
    x : Tensor
    k : int
    axis : int
    largest : bool
    sorted : bool
        Of no effect: they always come in order.

    Returns
    -------
    (values, indices)
        A named tuple; the gradient of a value goes to its place.
    """
    k = integer("topk", "k", k, 0)
    x, axis, order = _placed(x, axis, flag("topk", "largest", largest), "topk", k)
    if k > x.shape[axis]:
        raise ValueError(f"topk: k must be at most the length {x.shape[axis]} of axis {axis}, got {k}")
    return Placed(Gather.apply(x, index=order, axis=axis), Tensor(order))
