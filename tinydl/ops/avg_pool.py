"""Average pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl import layout
from tinydl._check import flag
from tinydl._core import pool
from tinydl._core.parallel import team
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, integers, need_float, need_rank
from tinydl.ops.geometry import PoolGeometry

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Ints
    from tinydl.tensor import Tensor

__all__ = ["avg_pool1d", "avg_pool2d"]


class AvgPool(Operation):
    """y[n,c,p,q] = mean over the window of x; dx gets dy / (entries of the window) from every window it is in."""

    @staticmethod
    def forward(ctx, x, geometry, shape, count_include_pad):
        ctx.save_for_backward(x.shape, geometry, count_include_pad)
        y = layout.empty(shape, x.dtype)
        pool.avg_pool_forward(layout.channels_last(x), y, count_include_pad, geometry, team())
        return y

    @staticmethod
    def backward(ctx, dy):
        shape, geometry, count_include_pad = ctx.saved_tensors
        dx = layout.empty(shape, dy.dtype)
        pool.avg_pool_backward(layout.channels_last(dy), dx, count_include_pad, geometry, team())
        return dx

    @staticmethod
    def describe(node):
        geometry = node["geometry"]
        return Description(kind="affine", reach=geometry.reach, stride=geometry.stride)

    @staticmethod
    def lower(node, builder):
        return builder.avg_pool(node["x"], node["geometry"], node["shape"], node["count_include_pad"])


def _avg_pool(x, n, kernel_size, stride, padding, ceil_mode, count_include_pad):
    x = as_tensor(x)
    name = f"avg_pool{n}d"
    need_float(x, name)
    need_rank(x.shape, (n + 2,), name, "(N, C, L)" if n == 1 else "(N, C, H, W)")
    kernel_size = integers(kernel_size, n, "kernel_size", 1)
    geometry = PoolGeometry.of(
        x.shape, kernel_size, kernel_size if stride is None else integers(stride, n, "stride", 1),
        integers(padding, n, "padding", 0), (1,) * n, flag(name, "ceil_mode", ceil_mode))
    return AvgPool.apply(x, geometry=geometry, shape=geometry.out_shape,
                         count_include_pad=flag(name, "count_include_pad", count_include_pad))


def avg_pool2d(x: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:
    """The mean of each window.

    P = floor((H + 2 PH - KH) / SH) + 1, rounded up with `ceil_mode`. Padding counts as zeros, or (with
    count_include_pad False) not at all; what a rounded-up window has beyond the padding never counts.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    kernel_size, stride, padding : int or pair
        stride None is kernel_size; padding is at most half the window.
    ceil_mode, count_include_pad : bool

    Returns
    -------
    Tensor, shape (N, C, P, Q)
    """
    return _avg_pool(x, 2, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool1d(x: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:
    """The mean of each window of (N, C, L); see `avg_pool2d`."""
    return _avg_pool(x, 1, kernel_size, stride, padding, ceil_mode, count_include_pad)
