"""Max pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._check import flag
from tinydl._core import pool
from tinydl._core.parallel import team
from tinydl.function import ValueOperation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, integers, need_float, need_rank
from tinydl.ops.geometry import PoolGeometry

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Ints
    from tinydl.tensor import Tensor

__all__ = ["max_pool1d", "max_pool2d"]


class MaxPool(ValueOperation):
    """y[n,c,p,q] = max over the window of x[n,c,p*SH-PH+i*DH,q*SW-PW+j*DW]; the winner gets the gradient."""

    @staticmethod
    def forward(ctx, x, geometry, shape):
        x, on_x = x.operand()
        y = layout.empty(shape, x.dtype)
        argmax = layout.empty(shape, np.uint8 if geometry.KH * geometry.KW <= 255 else np.int32)
        pool.max_pool_forward(x, y, argmax, geometry, on_x, team())
        ctx.save_for_backward(argmax, x.shape, geometry)
        return y

    @staticmethod
    def backward(ctx, dy):
        argmax, shape, geometry = ctx.saved_tensors
        dx = layout.empty(shape, dy.dtype)
        pool.max_pool_backward(layout.channels_last(dy.array()), argmax, dx, geometry, team())
        return dx

    @staticmethod
    def describe(node):
        geometry = node["geometry"]
        return Description(kind="selection", reach=geometry.reach, stride=geometry.stride)

    @staticmethod
    def lower(node, builder):
        return builder.max_pool(node["x"], node["geometry"], node["shape"])


def _max_pool(x, n, kernel_size, stride, padding, dilation, ceil_mode):
    x = as_tensor(x)
    name = f"max_pool{n}d"
    need_float(x, name)
    need_rank(x.shape, (n + 2,), name, "(N, C, L)" if n == 1 else "(N, C, H, W)")
    kernel_size = integers(kernel_size, n, "kernel_size", 1)
    geometry = PoolGeometry.of(
        x.shape, kernel_size, kernel_size if stride is None else integers(stride, n, "stride", 1),
        integers(padding, n, "padding", 0), integers(dilation, n, "dilation", 1), flag(name, "ceil_mode", ceil_mode))
    return MaxPool.apply(x, geometry=geometry, shape=geometry.out_shape)


def max_pool2d(x: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, dilation: Ints = 1,
               ceil_mode: bool = False) -> Tensor:
    """The maximum of each window.

    P = floor((H + 2 PH - DH (KH - 1) - 1) / SH) + 1, rounded up with `ceil_mode`. Padding counts as -inf. The first
    maximum in window order gets the gradient; windows that overlap add up; NaN propagates.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    kernel_size, stride, padding, dilation : int or pair
        stride None is kernel_size; padding is at most half the window.
    ceil_mode : bool

    Returns
    -------
    Tensor, shape (N, C, P, Q)
    """
    return _max_pool(x, 2, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool1d(x: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, dilation: Ints = 1,
               ceil_mode: bool = False) -> Tensor:
    """The maximum of each window of (N, C, L); see `max_pool2d`."""
    return _max_pool(x, 1, kernel_size, stride, padding, dilation, ceil_mode)
