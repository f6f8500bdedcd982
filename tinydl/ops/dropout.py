"""Dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout, random
from tinydl._check import flag, number
from tinydl._core import dropout as kernels
from tinydl._core.parallel import team
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.arithmetic import mul
from tinydl.ops.checks import as_tensor, need_float
from tinydl.ops.shape import reshape
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from tinydl._types import ArrayLike

__all__ = ["channel_dropout", "dropout"]


def _run(kernel, array, key, p):
    array = layout.channels_last(array)
    out = layout.empty(array.shape, array.dtype)
    kernel(array, *key, p, out, team())
    return out


class Dropout(Operation):
    """y = m x / (1 - p), m = 0 with probability p, else 1; dx = m dy / (1 - p).

    The mask is a function of (seed, number of the call, place in memory): nothing is stored, backward makes it again.
    """

    @staticmethod
    def forward(ctx, x, key, p):
        ctx.save_for_backward(key, p)
        return _run(kernels.dropout_forward, x, key, p)

    @staticmethod
    def backward(ctx, dy):
        key, p = ctx.saved_tensors
        return _run(kernels.dropout_backward, dy, key, p)

    @staticmethod
    def describe(node):
        return Description(kind="diagonal")


class Drop(Operation):
    """y = 0: dropout with p = 1."""

    @staticmethod
    def forward(ctx, x):
        return layout.zeros(x.shape, x.dtype)

    @staticmethod
    def backward(ctx, dy):
        return np.zeros_like(dy)

    @staticmethod
    def describe(node):
        return Description(kind="diagonal")


def dropout(x: ArrayLike, p: float = 0.5, training: bool = True) -> Tensor:
    """Set entries to zero with probability p and scale the others by 1 / (1 - p) (Srivastava et al., 2014).

    Parameters
    ----------
    x : Tensor
    p : float
        Between 0 and 1.
    training : bool
        False returns x.
    """
    x = as_tensor(x)
    need_float(x, "dropout")
    p = number("dropout", "p", p, high=1.0, open_high=False)
    if not flag("dropout", "training", training) or p == 0:
        return x
    if p == 1:
        return Drop.apply(x)
    seed, _ = random.state()
    return Dropout.apply(x, key=(seed & 0xFFFFFFFFFFFFFFFF, random.next_key()), p=p)


def channel_dropout(x: ArrayLike, p: float = 0.5, training: bool = True) -> Tensor:
    """Set whole channels of x (N, C, *spatial) to zero with probability p and scale the others by 1 / (1 - p).

    Source: Tompson et al., Efficient object localization using convolutional networks, CVPR 2015.

    Parameters
    ----------
    x : Tensor
    p : float
        Between 0 and 1.
    training : bool
        False returns x.
    """
    x = as_tensor(x)
    need_float(x, "channel_dropout")
    if x.ndim < 3:
        raise ValueError(f"channel_dropout takes (N, C, *spatial), got shape {x.shape}")
    ones = Tensor(np.ones(x.shape[:2], x.dtype))
    kept = dropout(ones, p, training)
    return x if kept is ones else mul(x, reshape(kept, (*x.shape[:2], *(1,) * (x.ndim - 2))))
