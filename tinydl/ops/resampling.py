"""Images and signals of another size: the nearest entry, or a straight line between two."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._check import flag, items, number, one_of
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, integers, need_float

if TYPE_CHECKING:
    from typing import Any, Literal

    from tinydl._types import ArrayLike, Floats, Ints
    from tinydl.tensor import Tensor

__all__ = ["interpolate"]


class Resample(Operation):
    """y_k = (1 - w_k) x_(low_k) + w_k x_(high_k) along one axis; dx sums (1 - w) dy and w dy at their places."""

    @staticmethod
    def forward(ctx, x, axis, low, high, weight):
        ctx.save_for_backward(x.shape, axis, low, high, weight)
        y = layout.empty((*x.shape[:axis], len(low), *x.shape[axis + 1:]), x.dtype)
        y[...] = x.take(low, axis)
        if weight is not None:
            along = weight.astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 1 - axis))
            y *= 1 - along
            y += along * x.take(high, axis)
        return y

    @staticmethod
    def backward(ctx, dy):
        shape, axis, low, high, weight = ctx.saved_tensors
        dx = layout.zeros(shape, dy.dtype)
        to, rows = np.moveaxis(dx, axis, 0), np.moveaxis(dy, axis, 0)
        for k, row in enumerate(rows):
            if weight is None:
                to[low[k]] += row
            else:
                w = dy.dtype.type(weight[k])
                to[low[k]] += (1 - w) * row
                to[high[k]] += w * row
        return dx

    @staticmethod
    def describe(node):
        return Description(kind="affine", whole=(node["axis"],))


def _places(n, to, scale, linear, align_corners):
    """(low, high, weight) of each of `to` entries in an axis of n; without weight the nearest entries."""
    at = np.arange(to, dtype=np.float64)
    if not linear:
        return np.minimum(np.floor(at * scale).astype(np.int64), n - 1), None, None
    if align_corners:
        source = at * ((n - 1) / (to - 1) if to > 1 else 0.0)
    else:
        source = np.maximum((at + 0.5) * scale - 0.5, 0)
    low = np.minimum(np.floor(source).astype(np.int64), n - 1)
    return low, np.minimum(low + 1, n - 1), source - low


def interpolate(x: ArrayLike, size: Ints | None = None, scale_factor: Floats | None = None,
                mode: Literal["nearest", "linear", "bilinear"] = "nearest", align_corners: bool = False) -> Tensor:
    """Images or signals of another size.

    Entry k of the new axis lies at s = k n / m of the old one for 'nearest', which takes x[floor(s)], and at
    s = (k + 1/2) n / m - 1/2, at least 0, for the line between x[floor(s)] and its neighbour; with `align_corners` at
    k (n - 1) / (m - 1), so that the corners stay.

    Parameters
    ----------
    x : Tensor, shape (N, C, L) or (N, C, H, W)
    size : int or tuple of int, optional
        The new L or (H, W).
    scale_factor : float or tuple of float, optional
        Or the factor; the new length is rounded down.
    mode : {'nearest', 'linear', 'bilinear'}
        'linear' for signals, 'bilinear' for images.
    align_corners : bool

    Raises
    ------
    ValueError
        Without one of size and scale_factor, and for lengths of 0.
    """
    x = as_tensor(x)
    need_float(x, "interpolate")
    n = x.ndim - 2
    if n not in (1, 2):
        raise ValueError(f"interpolate takes (N, C, L) or (N, C, H, W), got shape {x.shape}")
    mode = one_of("interpolate", "mode", mode, ("nearest", ("linear", "bilinear")[n - 1]))
    corners = flag("interpolate", "align_corners", bool(align_corners) if align_corners is None else align_corners)
    if (size is None) == (scale_factor is None):
        raise ValueError(f"interpolate takes one of size and scale_factor, got {size!r} and {scale_factor!r}")
    lengths = x.shape[2:]
    if size is not None:
        sizes = integers(size, n, "size", 1)
        scales = [length / to for length, to in zip(lengths, sizes, strict=True)]
    else:
        several = isinstance(scale_factor, (tuple, list))
        factors: list[Any] = items("interpolate", "scale_factor", scale_factor) if several else [scale_factor] * n
        if len(factors) != n:
            raise ValueError(f"interpolate: scale_factor must be a number or {n} of them, got {scale_factor!r}")
        factors = [number("interpolate", "scale_factor", factor, open_low=True) for factor in factors]
        sizes = tuple(math.floor(length * factor) for length, factor in zip(lengths, factors, strict=True))
        scales = [1 / factor for factor in factors]
    if not all((*lengths, *sizes)):
        raise ValueError(f"interpolate: lengths must be positive, got {tuple(lengths)} to {tuple(sizes)}")
    for k in range(n):
        low, high, weight = _places(lengths[k], sizes[k], scales[k], mode != "nearest", corners)
        x = Resample.apply(x, axis=2 + k, low=low, high=high, weight=weight)
    return x
