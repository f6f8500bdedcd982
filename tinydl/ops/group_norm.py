"""Group normalisation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._check import number
from tinydl._core import groupnorm
from tinydl._core.parallel import team
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, beside, integers, need_float

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["GroupNorm", "group_norm"]


class GroupNorm(Operation):
    """y = w (x - mean) r + b, r = 1 / sqrt(var + eps), with mean and biased variance of each group of each sample.

    Group g of G holds the C / G channels from g C / G on, with all their positions; w and b are per channel.
    With g = w dy and h = (x - mean) r: dx = r (g - mean(g) - h mean(g h)), the means over the group; dw = sum of dy h,
    db = sum of dy over samples and positions.

    As batch norm it carries out y = a (x - k) + c and dx = a dy + b (x - k) + c per channel of each sample, where k is
    the mean as the type of x holds it: output and gradients lie within 1e-5 (float32) of those of exact arithmetic, as
    multiples of their own spread, for any mean.

    Source: Wu and He, Group normalization, ECCV 2018.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, num_groups, eps):
        x = layout.channels_last(x)
        weight, bias = (None if v is None else layout.channels_last(v) for v in (weight, bias))
        y, (mean, rstd) = layout.empty_like(x), np.empty((2, len(x), num_groups))
        groupnorm.group_norm_forward(x, weight, bias, y, mean, rstd, eps, team())
        ctx.save_for_backward(x, weight, mean, rstd)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, weight, mean, rstd = ctx.saved_tensors
        need_x, *needs = ctx.needs_input_grad
        dx = layout.empty_like(x) if need_x else None
        dweight, dbias = (ctx.room(k, np.empty(x.shape[1], x.dtype)) if needed else None
                          for k, needed in enumerate(needs, 1))
        groupnorm.group_norm_backward(layout.channels_last(dy), x, mean, rstd, weight, dx, dweight, dbias,
                                      team())
        return dx, dweight, dbias

    @staticmethod
    def describe(node):
        whole = tuple(range(2, node["x"].ndim))
        return Description(whole=(1, *whole) if node["num_groups"] == 1 else whole)


def group_norm(x: ArrayLike, num_groups: int, weight: ArrayLike | None = None, bias: ArrayLike | None = None,
               eps: float = 1e-5) -> Tensor:
    """Normalise groups of channels of every sample of x (N, C, *spatial) by their own statistics. See `GroupNorm`.

    Parameters
    ----------
    x : Tensor
    num_groups : int
        How many groups of neighbouring channels there are; it divides C.
    weight, bias : Tensor (C,), optional
        1 and 0 where absent.
    eps : float
        Added to the variance. A group of one value becomes bias.

    Raises
    ------
    ValueError
        If x has no axis of channels, C is not a multiple of num_groups, or weight or bias have another shape than (C,).
    TypeError
        If x holds integers, or weight or bias are of another type than x.
    """
    x = as_tensor(x)
    need_float(x, "group_norm")
    shape = x.shape
    if len(shape) < 2:
        raise ValueError(f"group_norm takes (N, C, *spatial), got shape {shape}; a single sample needs a batch axis in "
                         "front: x[None]")
    (num_groups,) = integers(num_groups, 1, "num_groups", 1)
    if shape[1] % num_groups:
        raise ValueError(f"group_norm: the input of shape {shape} has {shape[1]} channels, which {num_groups} groups "
                         "do not divide")
    weight, bias = (None if array is None else beside(array, x.dtype) for array in (weight, bias))
    for name, array in (("weight", weight), ("bias", bias)):
        if array is not None and array.shape != shape[1:2]:
            raise ValueError(f"group_norm: the input of shape {shape} has {shape[1]} channels, {name} has shape "
                             f"{array.shape}")
        if array is not None and array.dtype != x.dtype:
            raise TypeError(f"group_norm: the input is {x.dtype}, the {name} {array.dtype}; convert the input with "
                            f"x.astype('{array.dtype}') or the layer with .to('{x.dtype}')")
    # Memory is channels-last for up to two spatial axes; more are one to a norm.
    images = x if len(shape) <= 4 else x.reshape(*shape[:2], math.prod(shape[2:]))
    y = GroupNorm.apply(images, weight, bias, num_groups=num_groups, eps=number("group_norm", "eps", eps))
    return y if images is x else y.reshape(*shape)
