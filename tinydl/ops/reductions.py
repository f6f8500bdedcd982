"""Reductions: sum, mean, maximum, minimum, variance over some or all axes, which `axis` (or `dim`) names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._check import flag, number
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, axes, axis_of, element_count, need_float
from tinydl.ops.words import worded

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import ArrayLike, Ints, Shape
    from tinydl.tensor import Tensor

__all__ = ["argmax", "argmin", "max", "mean", "min", "std", "sum", "var"]


def _spread(gradient, reduced, shape, dtype):
    """An array of `shape` whose entries are the entries of `gradient` they were reduced into."""
    out = layout.empty(shape, dtype)
    if gradient.ndim not in (0, len(shape)):
        gradient = gradient.reshape([1 if k in reduced else n for k, n in enumerate(shape)])
    out[...] = gradient
    return out


class Sum(Operation):
    """y = sum of x over the reduced axes; dx = dy for every summand."""

    @staticmethod
    def forward(ctx, x, reduced, keepdims):
        ctx.save_for_backward(reduced, x.shape, x.dtype)
        return np.asarray(x.sum(axis=reduced, keepdims=keepdims))

    @staticmethod
    def backward(ctx, dy):
        return _spread(dy, *ctx.saved_tensors)

    @staticmethod
    def describe(node):
        return Description(kind="affine", whole=node["reduced"])


class Mean(Operation):
    """y = mean of x over the n reduced entries; dx = dy / n."""

    @staticmethod
    def forward(ctx, x, reduced, keepdims):
        ctx.save_for_backward(reduced, x.shape, x.dtype)
        return np.asarray(x.mean(axis=reduced, keepdims=keepdims))

    @staticmethod
    def backward(ctx, dy):
        reduced, shape, dtype = ctx.saved_tensors
        n = element_count(shape[k] for k in reduced)
        return _spread(np.asarray(dy / n if n else dy), reduced, shape, dtype)

    @staticmethod
    def describe(node):
        return Description(kind="affine", whole=node["reduced"])

    @staticmethod
    def lower(node, builder):
        x = node["x"]
        if node["reduced"] != tuple(range(2, x.ndim)):
            return None
        return builder.global_mean(x, node.output.shape)


def _variance(x, reduced, keepdims, correction):
    """(variance, x - mean, divisor); squares are float64: in float32 those of 1e-25 are 0, of 1e20 infinite."""
    n = element_count(x.shape[k] for k in reduced)
    centred = x - x.mean(axis=reduced, keepdims=True)
    count = np.float64(n - correction if n > correction else 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.square(centred, dtype=np.float64).sum(axis=reduced, keepdims=keepdims) / count, centred, count


class Var(Operation):
    """y = sum (x - mean)^2 / max(n - correction, 0); dx = 2 (x - mean) dy / max(n - correction, 0)."""

    @staticmethod
    def forward(ctx, x, reduced, keepdims, correction):
        y, centred, count = _variance(x, reduced, keepdims, correction)
        with np.errstate(divide="ignore"):
            ctx.save_for_backward(reduced, centred, 2 / count)
        return np.asarray(y).astype(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        reduced, centred, factor = ctx.saved_tensors
        dx = _spread(dy, reduced, centred.shape, dy.dtype)
        dx *= centred
        dx *= dx.dtype.type(factor)
        return dx

    @staticmethod
    def describe(node):
        return Description(kind="", whole=node["reduced"])


class Std(Operation):
    """y = sqrt(v), v the result of `Var`; dx = (x - mean) dy / (max(n - correction, 0) y), 0 where y is 0."""

    @staticmethod
    def forward(ctx, x, reduced, keepdims, correction):
        variance, centred, count = _variance(x, reduced, keepdims, correction)
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.asarray(np.sqrt(variance), x.dtype)
            ctx.save_for_backward(reduced, centred, 2 / count, y)
        return y

    @staticmethod
    def backward(ctx, dy):
        reduced, centred, factor, y = ctx.saved_tensors
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.asarray(np.where(y == 0, y, dy * y.dtype.type(factor / 2) / y))
            dx = _spread(slope, reduced, centred.shape, dy.dtype)
            dx *= centred
        return dx

    @staticmethod
    def describe(node):
        return Description(kind="", whole=node["reduced"])


class _Extreme(Operation):
    """The first extreme entry of the reduced axes; it alone receives the gradient."""

    @staticmethod
    def _forward(ctx, x, reduced, keepdims, find):
        kept = tuple(k for k in range(x.ndim) if k not in reduced)
        n = element_count(x.shape[k] for k in reduced)
        rows = x.transpose(kept + reduced).reshape((*(x.shape[k] for k in kept), n))
        winner = np.asarray(find(rows, axis=-1))
        y = np.take_along_axis(rows, winner[..., None], -1)[..., 0]
        ctx.save_for_backward(kept, reduced, x.shape, winner)
        return np.array(np.expand_dims(y, reduced) if keepdims else y)

    @staticmethod
    def backward(ctx, dy):
        kept, reduced, shape, winner = ctx.saved_tensors
        rows = np.zeros((*winner.shape, element_count(shape[k] for k in reduced)), dy.dtype)
        np.put_along_axis(rows, winner[..., None], dy.reshape(winner.shape)[..., None], -1)
        order = kept + reduced
        inverse = sorted(range(len(order)), key=order.__getitem__)
        return rows.reshape([shape[k] for k in order]).transpose(inverse)

    @staticmethod
    def describe(node):
        return Description(kind="selection", whole=node["reduced"])


class Max(_Extreme):
    """y = the largest entry; NaN wins; its first place gets the gradient."""

    @staticmethod
    def forward(ctx, x, reduced, keepdims):
        return _Extreme._forward(ctx, x, reduced, keepdims, np.argmax)


class Min(_Extreme):
    """y = the smallest entry; NaN wins; its first place gets the gradient."""

    @staticmethod
    def forward(ctx, x, reduced, keepdims):
        return _Extreme._forward(ctx, x, reduced, keepdims, np.argmin)


def _arguments(x: Any, axis: Any, keepdims: Any, name: str, floating: bool = True) -> tuple[Tensor, Shape, bool]:
    x = as_tensor(x)
    if floating:
        need_float(x, name)
    return x, axes(axis, x.ndim), flag(name, "keepdims", keepdims)


@worded
def sum(x: ArrayLike, axis: Ints | None = None, keepdims: bool = False) -> Tensor:
    """Sum over the given axes.

    Parameters
    ----------
    x : Tensor
    axis : int or tuple of int, optional
        All axes by default.
    keepdims : bool
        Whether reduced axes stay with length 1.
    """
    x, reduced, keepdims = _arguments(x, axis, keepdims, "sum", floating=False)
    return Sum.apply(x, reduced=reduced, keepdims=keepdims)


@worded
def mean(x: ArrayLike, axis: Ints | None = None, keepdims: bool = False) -> Tensor:
    """Mean over the given axes; of integers and booleans in float32.

    Parameters
    ----------
    x : Tensor
    axis : int or tuple of int, optional
        All axes by default.
    keepdims : bool
        Whether reduced axes stay with length 1.
    """
    x, reduced, keepdims = _arguments(x, axis, keepdims, "mean", floating=False)
    if x.dtype.kind != "f":  # summed in float64, where every integer up to 2**53 is exact
        return as_tensor(np.asarray(x._array().mean(axis=reduced, keepdims=keepdims), np.float32))
    return Mean.apply(x, reduced=reduced, keepdims=keepdims)


def _nonempty(x, reduced, name):
    if not element_count(x.shape[k] for k in reduced):
        raise ValueError(f"{name} of no entries: shape {x.shape}, axes {reduced}")


@worded
def max(x: ArrayLike, axis: Ints | None = None, keepdims: bool = False) -> Tensor:
    """Largest entry over the given axes; NaN if there is one. The first largest entry gets the gradient.

    Parameters
    ----------
    x : Tensor
    axis : int or tuple of int, optional
        All axes by default.
    keepdims : bool
        Whether reduced axes stay with length 1.
    """
    x, reduced, keepdims = _arguments(x, axis, keepdims, "max", floating=False)
    _nonempty(x, reduced, "max")
    return Max.apply(x, reduced=reduced, keepdims=keepdims)


@worded
def min(x: ArrayLike, axis: Ints | None = None, keepdims: bool = False) -> Tensor:
    """Smallest entry over the given axes; NaN if there is one. The first smallest entry gets the gradient.

    Parameters
    ----------
    x : Tensor
    axis : int or tuple of int, optional
        All axes by default.
    keepdims : bool
        Whether reduced axes stay with length 1.
    """
    x, reduced, keepdims = _arguments(x, axis, keepdims, "min", floating=False)
    _nonempty(x, reduced, "min")
    return Min.apply(x, reduced=reduced, keepdims=keepdims)


def _correction(correction, unbiased, name):
    return number(name, "correction", correction, low=-math.inf) if flag(name, "unbiased", unbiased) else 0.0


@worded
def var(x: ArrayLike, axis: Ints | None = None, *, keepdims: bool = False, correction: float = 1,
        unbiased: bool = True) -> Tensor:
    """Variance over the given axes.

    Parameters
    ----------
    x : Tensor
    axis : int or tuple of int, optional
        All axes by default.
    keepdims : bool
        Whether reduced axes stay with length 1.
    correction : float
        The divisor is n - correction: 1 the unbiased estimate, 0 the mean square. Where nothing is left to divide by
        the variance is infinite, or NaN of equal entries, as in PyTorch.
    unbiased : bool
        False is correction=0.
    """
    x, reduced, keepdims = _arguments(x, axis, keepdims, "var")
    correction = _correction(correction, unbiased, "var")
    return Var.apply(x, reduced=reduced, keepdims=keepdims, correction=correction)


@worded
def std(x: ArrayLike, axis: Ints | None = None, *, keepdims: bool = False, correction: float = 1,
        unbiased: bool = True) -> Tensor:
    """Standard deviation: the square root of `var`, with gradient 0 where it is 0, as in PyTorch."""
    x, reduced, keepdims = _arguments(x, axis, keepdims, "std")
    correction = _correction(correction, unbiased, "std")
    return Std.apply(x, reduced=reduced, keepdims=keepdims, correction=correction)


@worded
def argmax(x: ArrayLike, axis: Ints | None = None, keepdims: bool = False) -> Tensor:
    """Place of the first largest entry, as int64 without gradient; without an axis over all, in logical order."""
    return _place(np.argmax, x, axis, keepdims)


@worded
def argmin(x: ArrayLike, axis: Ints | None = None, keepdims: bool = False) -> Tensor:
    """Place of the first smallest entry, as int64 without gradient."""
    return _place(np.argmin, x, axis, keepdims)


def _place(find, x, axis, keepdims):
    x = as_tensor(x)
    reduced = None if axis is None else axis_of(axis, x.ndim)
    keepdims = flag(find.__name__, "keepdims", keepdims)
    _nonempty(x, range(x.ndim) if reduced is None else (reduced,), find.__name__)
    return as_tensor(np.asarray(find(x.data, axis=reduced, keepdims=keepdims)))
