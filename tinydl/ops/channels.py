"""Operations on channels that are compositions of others: gates, norms over neighbours, channels that become pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import integer, number
from tinydl.ops.activations import OPERATIONS
from tinydl.ops.arithmetic import div, mul, power
from tinydl.ops.avg_pool import avg_pool2d
from tinydl.ops.checks import as_input, as_tensor, axis_of, beside, integers, need_float, need_rank
from tinydl.ops.elementwise import where
from tinydl.ops.group_norm import group_norm
from tinydl.ops.indexing import index
from tinydl.ops.parts import split
from tinydl.ops.relu import relu
from tinydl.ops.shape import pad, permute, reshape
from tinydl.ops.words import worded
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import Array, ArrayLike, Ints

__all__ = [
    "embedding", "glu", "instance_norm", "local_response_norm", "lp_pool2d", "one_hot", "pixel_shuffle", "prelu",
]


@worded
def glu(x: ArrayLike, axis: int = -1) -> Tensor:
    """a sigmoid(b) for the two halves a and b of x along an axis (Dauphin et al., 2017)."""
    x = as_tensor(x)
    need_float(x, "glu")
    half, rest = divmod(x.shape[axis_of(axis, x.ndim)], 2) if x.ndim else (0, 1)
    if rest:
        raise ValueError(f"glu halves axis {axis}, got shape {x.shape}")
    a, b = split(x, [half, half], axis)
    return mul(a, OPERATIONS["sigmoid"](b))


def prelu(x: ArrayLike, weight: ArrayLike) -> Tensor:
    """x where x > 0, else weight x, with one weight or one for each channel (He et al., 2015).

    Parameters
    ----------
    x : Tensor, shape (N, C, ...)
    weight : Tensor, shape (1,) or (C,)
    """
    x = as_input(x)
    need_float(x, "prelu")
    weight = beside(weight, x.dtype)
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.shape not in ((1,), (channels,)):
        raise ValueError(f"prelu takes one weight or one for each of {channels} channels, got shape {weight.shape}")
    weight = reshape(weight, (-1, *(1,) * (x.ndim - 2)) if channels == len(weight) > 1 else ())
    return where(x > 0, x, mul(weight, x))


def instance_norm(x: ArrayLike, weight: ArrayLike | None = None, bias: ArrayLike | None = None,
                  eps: float = 1e-5) -> Tensor:
    """Each channel of each sample (N, C, *spatial) by its own mean and variance: group norm with groups of one channel.

    Source: Ulyanov et al., Instance normalization: the missing ingredient for fast stylization, 2016.
    """
    x = as_tensor(x)
    if x.ndim < 3:
        raise ValueError(f"instance_norm takes (N, C, *spatial), got shape {x.shape}")
    if math.prod(x.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input of shape {x.shape}: a channel "
                         "of one value has no variance")
    return group_norm(x, x.shape[1], weight, bias, eps)


def local_response_norm(x: ArrayLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha m)^beta, m the mean of x^2 over `size` neighbouring channels, absent ones counted as 0.

    Source: Krizhevsky et al., ImageNet classification with deep convolutional neural networks, NIPS 2012.
    """
    x, size = as_tensor(x), integer("local_response_norm", "size", size)
    need_float(x, "local_response_norm")
    need_rank(x.shape, (3, 4), "local_response_norm", "(N, C, L) or (N, C, H, W)")
    alpha, beta, k = (number("local_response_norm", name, value, -math.inf) for name, value in
                      (("alpha", alpha), ("beta", beta), ("k", k)))
    reach = min(size, max(2 * x.shape[1], 1))  # which every channel sees all of the others from
    squares = reshape(mul(x, x), (x.shape[0], 1, x.shape[1], math.prod(x.shape[2:])))
    around = avg_pool2d(pad(squares, (0, 0, reach // 2, (reach - 1) // 2)), (reach, 1), 1)
    return div(x, power(reshape(around, x.shape) * (alpha * (reach / size)) + k, beta))


def lp_pool2d(x: ArrayLike, norm_type: float, kernel_size: Ints, stride: Ints | None = None,
              ceil_mode: bool = False) -> Tensor:
    """(sum over each window of x^p)^(1/p), 0 where the sum is not positive; stride None is kernel_size."""
    x, p = as_tensor(x), number("lp_pool2d", "norm_type", norm_type, open_low=True)
    kernel_size = integers(kernel_size, 2, "kernel_size", 1)
    means = avg_pool2d(power(x, p), kernel_size, stride, 0, ceil_mode)
    return power(mul(relu(means), float(math.prod(kernel_size))), 1 / p)


def pixel_shuffle(x: ArrayLike, upscale_factor: int) -> Tensor:
    """(N, C r^2, H, W) to (N, C, H r, W r): r^2 neighbouring channels become a square of pixels (Shi et al., 2016)."""
    x, r = as_tensor(x), integer("pixel_shuffle", "upscale_factor", upscale_factor)
    need_rank(x.shape, (4,), "pixel_shuffle", "(N, C, H, W)")
    n, c, h, w = x.shape
    if c % (r * r):
        raise ValueError(f"pixel_shuffle: {c} channels are no multiple of {r}^2, shape {x.shape}")
    apart = permute(reshape(x, (n, c // (r * r), r, r, h, w)), (0, 1, 4, 2, 5, 3))
    return reshape(apart, (n, c // (r * r), h * r, w * r))


def _whole(values: Any, name: str) -> Array:
    array = values.data if isinstance(values, Tensor) else array_of(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} takes integers, got {array.dtype}; convert with x.astype('int64')")
    return array


def _refuse(array, n, name):
    bad = np.argwhere((array < 0) | (array >= n))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise ValueError(f"{name}: {array[place]} at {place} is not in 0..{n - 1}")


def one_hot(labels: ArrayLike, num_classes: int = -1) -> Tensor:
    """A new last axis with 1 at the place of each label and 0 elsewhere, as int64.

    Parameters
    ----------
    labels : Tensor or array_like of int
    num_classes : int
        -1 is one more than the largest label.
    """
    labels, n = _whole(labels, "one_hot"), integer("one_hot", "num_classes", num_classes, -1)
    if n == -1:
        if not labels.size:
            raise ValueError("one_hot of no labels needs num_classes")
        n = int(labels.max()) + 1
    _refuse(labels, n, "one_hot")
    return Tensor((labels[..., None] == np.arange(n)).astype(np.int64))


def embedding(x: ArrayLike, weight: ArrayLike, padding_idx: int | None = None) -> Tensor:
    """The rows of `weight` that x names.

    Parameters
    ----------
    x : Tensor or array_like of int, any shape
    weight : Tensor, shape (number of rows, D)
    padding_idx : int, optional
        A row that gets no gradient.
    """
    rows, weight = _whole(x, "embedding"), as_tensor(weight)
    need_rank(weight.shape, (2,), "embedding", "a weight (number of rows, D)")
    _refuse(rows, weight.shape[0], "embedding")
    y = index(weight, rows)
    if padding_idx is None:
        return y
    kept = rows != axis_of(padding_idx, weight.shape[0])
    return where(kept[..., None], y, y.detach())
