"""Softmax and its logarithm along one axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._core import loss
from tinydl._core.parallel import team
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, axis_of, need_float
from tinydl.ops.words import worded

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["as_rows", "from_rows", "log_softmax", "softmax"]


def as_rows(x, axis):
    """x as a contiguous matrix whose rows run along `axis`; channels of a channels-last array are rows already."""
    if x.ndim == 2 and axis == 1:
        return np.ascontiguousarray(x)
    if axis == 1 and x.ndim in (3, 4):
        x = layout.channels_last(x)
    rows = np.moveaxis(x, axis, -1)
    return np.ascontiguousarray(rows).reshape(math.prod(rows.shape[:-1]), x.shape[axis])


def from_rows(rows, shape, axis):
    """The inverse of `as_rows`: a view of `shape`."""
    if len(shape) == 2 and axis == 1:
        return rows
    moved = (*shape[:axis], *shape[axis + 1:], shape[axis])
    return np.moveaxis(rows.reshape(moved), -1, axis)


def _row_kernel(kernel, shape, axis, *arrays):
    """kernel(*rows of the arrays, out, n_threads); the result in `shape`."""
    rows = [as_rows(a, axis) for a in arrays]
    out = layout.empty(rows[0].shape, rows[0].dtype)
    kernel(*rows, out, team())
    return from_rows(out, shape, axis)


class Softmax(Operation):
    """y_i = exp(x_i) / sum_j exp(x_j); dx_i = y_i (dy_i - sum_j y_j dy_j)."""

    @staticmethod
    def forward(ctx, x, axis):
        y = _row_kernel(loss.softmax_forward, x.shape, axis, x)
        ctx.save_for_backward(y, axis)
        return y

    @staticmethod
    def backward(ctx, dy):
        y, axis = ctx.saved_tensors
        return _row_kernel(loss.softmax_backward, y.shape, axis, y, dy)

    @staticmethod
    def describe(node):
        return Description(whole=(node["axis"],))


class LogSoftmax(Operation):
    """y_i = x_i - log sum_j exp(x_j); dx_i = dy_i - exp(y_i) sum_j dy_j."""

    @staticmethod
    def forward(ctx, x, axis):
        y = _row_kernel(loss.log_softmax_forward, x.shape, axis, x)
        ctx.save_for_backward(y, axis)
        return y

    @staticmethod
    def backward(ctx, dy):
        y, axis = ctx.saved_tensors
        return _row_kernel(loss.log_softmax_backward, y.shape, axis, y, dy)

    @staticmethod
    def describe(node):
        return Description(whole=(node["axis"],))


def _arguments(x, axis, name):
    x = as_tensor(x)
    need_float(x, name)
    if not x.ndim:
        raise ValueError(f"{name} needs at least one axis, got a number")
    return x, axis_of(axis, x.ndim)


@worded
def softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """exp(x_i) / sum_j exp(x_j) along `axis`, stable for logits of any size.

    Parameters
    ----------
    x : Tensor
    axis : int
    """
    x, axis = _arguments(x, axis, "softmax")
    return Softmax.apply(x, axis=axis)


@worded
def log_softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """x_i - log sum_j exp(x_j) along `axis`, stable for logits of any size.

    Parameters
    ----------
    x : Tensor
    axis : int
    """
    x, axis = _arguments(x, axis, "log_softmax")
    return LogSoftmax.apply(x, axis=axis)
