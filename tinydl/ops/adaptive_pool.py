"""Pooling to a given output size; window i runs from floor(i H / P) to ceil((i + 1) H / P)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._core import pool
from tinydl._core.parallel import team
from tinydl.function import Operation, ValueOperation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, integers, need_float, need_rank
from tinydl.ops.geometry import PoolGeometry

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Ints
    from tinydl.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d", "global_avg_pool",
]


class AdaptiveAvgPool(Operation):
    """y = mean over each window; dx gets dy / (entries of the window) from every window it is in."""

    @staticmethod
    def forward(ctx, x, shape):
        ctx.save_for_backward(x.shape)
        y = layout.empty(shape, x.dtype)
        pool.adaptive_avg_pool_forward(layout.channels_last(x), y, team())
        return y

    @staticmethod
    def backward(ctx, dy):
        dx = layout.empty(ctx.saved_tensors[0], dy.dtype)
        pool.adaptive_avg_pool_backward(layout.channels_last(dy), dx, team())
        return dx

    @staticmethod
    def describe(node):
        return _described(node, "affine")

    @staticmethod
    def lower(node, builder):
        geometry = _even(node)
        return None if geometry is None else builder.avg_pool(node["x"], geometry, node["shape"], True)


class AdaptiveMaxPool(Operation):
    """y = max over each window; the first maximum gets the gradient."""

    @staticmethod
    def forward(ctx, x, shape):
        y = layout.empty(shape, x.dtype)
        argmax = layout.empty(shape, np.int32)
        pool.adaptive_max_pool_forward(layout.channels_last(x), y, argmax, team())
        ctx.save_for_backward(argmax, x.shape)
        return y

    @staticmethod
    def backward(ctx, dy):
        argmax, shape = ctx.saved_tensors
        dx = layout.empty(shape, dy.dtype)
        pool.adaptive_max_pool_backward(layout.channels_last(dy), argmax, dx, team())
        return dx

    @staticmethod
    def describe(node):
        return _described(node, "selection")

    @staticmethod
    def lower(node, builder):
        geometry = _even(node)
        return None if geometry is None else builder.max_pool(node["x"], geometry, node["shape"])


class GlobalAvgPool(ValueOperation):
    """y[n,c] = mean over all positions; dx = dy / (number of positions)."""

    @staticmethod
    def forward(ctx, x, shape):
        ctx.save_for_backward(x.shape)
        y = layout.empty(shape, x.dtype)
        x, on_x = x.operand()
        pool.global_avg_pool_forward(x, y, on_x, team())
        return y

    @staticmethod
    def backward(ctx, dy):
        dx = layout.empty(ctx.saved_tensors[0], dy.dtype)
        pool.global_avg_pool_backward(layout.channels_last(dy.array()), dx, team())
        return dx

    @staticmethod
    def describe(node):
        return _described(node, "affine")

    @staticmethod
    def lower(node, builder):
        return builder.global_mean(node["x"], node["shape"])


def _described(node, kind):
    """Windows at equal distances on average, as long as the longest of them."""
    reach, stride = [], []
    spatial = node["x"].shape[2:]
    for h, p in zip(spatial, node["shape"][2:] or (1,) * len(spatial), strict=True):
        reach.append(max(-(-(i + 1) * h // p) - i * h // p for i in range(p)))
        stride.append(h / p if p > 1 else 0)
    return Description(kind=kind, reach=tuple(reach), stride=tuple(stride))


def _even(node):
    """The geometry of an ordinary pool that does the same; None where windows differ in length."""
    shape, spatial = node["x"].shape, node["x"].shape[2:]
    if any(h % p for h, p in zip(spatial, node["shape"][2:], strict=True)):
        return None
    window = tuple([h // p for h, p in zip(spatial, node["shape"][2:], strict=True)])
    n = len(spatial)
    return PoolGeometry.of(shape, window, window, (0,) * n, (1,) * n, False)


def _arguments(x, n, output_size, name):
    x = as_tensor(x)
    need_float(x, name)
    need_rank(x.shape, (n + 2,), name, "(N, C, L)" if n == 1 else "(N, C, H, W)")
    spatial = x.shape[2:]
    if not all(spatial):
        raise ValueError(f"{name} needs at least one position to pool, got shape {x.shape}")
    if isinstance(output_size, (tuple, list)) and len(output_size) == n:
        output_size = tuple(have if want is None else want for want, have in zip(output_size, spatial, strict=True))
    size = integers(output_size, n, "output_size", 1)
    return x, (*x.shape[:2], *size)


def adaptive_avg_pool2d(x: ArrayLike, output_size: Ints) -> Tensor:
    """The mean of each of P x Q windows.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    output_size : int or pair
        (P, Q); None in the pair keeps that length.

    Returns
    -------
    Tensor, shape (N, C, P, Q)
    """
    x, shape = _arguments(x, 2, output_size, "adaptive_avg_pool2d")
    return (GlobalAvgPool if shape[2:] == (1, 1) else AdaptiveAvgPool).apply(x, shape=shape)


def adaptive_avg_pool1d(x: ArrayLike, output_size: Ints) -> Tensor:
    """The mean of each of Q windows of (N, C, L); see `adaptive_avg_pool2d`."""
    x, shape = _arguments(x, 1, output_size, "adaptive_avg_pool1d")
    return (GlobalAvgPool if shape[2:] == (1,) else AdaptiveAvgPool).apply(x, shape=shape)


def adaptive_max_pool2d(x: ArrayLike, output_size: Ints) -> Tensor:
    """The maximum of each of P x Q windows; the first one gets the gradient.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    output_size : int or pair
        (P, Q); None in the pair keeps that length.

    Returns
    -------
    Tensor, shape (N, C, P, Q)
    """
    x, shape = _arguments(x, 2, output_size, "adaptive_max_pool2d")
    return AdaptiveMaxPool.apply(x, shape=shape)


def adaptive_max_pool1d(x: ArrayLike, output_size: Ints) -> Tensor:
    """The maximum of each of Q windows of (N, C, L); see `adaptive_max_pool2d`."""
    x, shape = _arguments(x, 1, output_size, "adaptive_max_pool1d")
    return AdaptiveMaxPool.apply(x, shape=shape)


def global_avg_pool(x: ArrayLike) -> Tensor:
    """The mean over all positions.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W) or (N, C, L)

    Returns
    -------
    Tensor, shape (N, C)
    """
    x = as_tensor(x)
    need_float(x, "global_avg_pool")
    need_rank(x.shape, (3, 4), "global_avg_pool", "(N, C, L) or (N, C, H, W)")
    if not all(x.shape[2:]):
        raise ValueError(f"global_avg_pool needs at least one position to pool, got shape {x.shape}")
    return GlobalAvgPool.apply(x, shape=x.shape[:2])
