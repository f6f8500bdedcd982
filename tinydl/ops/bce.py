"""Binary cross-entropy of probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl.function import Operation
from tinydl.ops._elementwise_loss import factor_like, pair, reduced, upstream

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Reduction
    from tinydl.tensor import Tensor

__all__ = ["bce"]

_LEAST = float(np.float32(1e-12))  # what x (1 - x) counts for at least in the gradient, to the bit as in PyTorch


class BCE(Operation):
    """l = -w (t log x + (1 - t) log(1 - x)), logarithms cut at -100; dx = w (x - t) / (x (1 - x)) dl.

    The denominator is 1e-12 at least: so the gradient of a sigmoid that has become exactly 0 or 1 is 0 and not NaN.
    That of the target is of the logarithms as they are.
    """

    @staticmethod
    def forward(ctx, x, target, weight, reduction):
        ctx.save_for_backward(x, target, weight, reduction)
        with np.errstate(divide="ignore"):
            losses = (target - 1) * np.maximum(np.log1p(-x), -100) - target * np.maximum(np.log(x), -100)
        if weight is not None:
            losses = losses * weight
        return reduced(np.asarray(losses, x.dtype), reduction)

    @staticmethod
    def backward(ctx, dy):
        x, target, weight, reduction = ctx.saved_tensors
        dl = upstream(dy, reduction, x.size)
        if weight is not None:
            dl = dl * weight
        dx = dt = None
        if ctx.needs_input_grad[0]:
            slope = (x - target) / np.maximum(x * (1 - x), x.dtype.type(_LEAST))
            dx = np.multiply(slope, dl, out=layout.empty_like(x))
        if ctx.needs_input_grad[1]:
            with np.errstate(divide="ignore", invalid="ignore"):
                dt = np.asarray((np.log1p(-x) - np.log(x)) * dl, x.dtype)
        return dx, dt


def bce(x: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, reduction: Reduction = "mean") -> Tensor:
    """Binary cross-entropy -w (t log x + (1 - t) log(1 - x)) of probabilities x, logarithms cut at -100.

    Its gradient is cut too: x (1 - x), by which it divides, counts for 1e-12 at least. `bce_with_logits` of what came
    before the sigmoid is exact where this one is not.

    Parameters
    ----------
    x : Tensor
        From 0 to 1.
    target : Tensor or array_like
        Of the same shape.
    weight : array_like, optional
        Factor w of every loss; broadcasts.
    reduction : {'mean', 'sum', 'none'}
    """
    x, target = pair(x, target, "bce", reduction)
    bad = np.argwhere(~((x.data >= 0) & (x.data <= 1)))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise ValueError(f"bce takes probabilities from 0 to 1, got {x.data[place]} at {place}; put a sigmoid before "
                         "it, or give the logits to bce_with_logits")
    return BCE.apply(x, target, weight=factor_like(weight, x, "bce: weight"), reduction=reduction)
