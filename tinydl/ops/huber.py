"""Huber loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._check import number
from tinydl.function import Operation
from tinydl.ops._elementwise_loss import pair, reduced, upstream

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Reduction
    from tinydl.tensor import Tensor

__all__ = ["huber"]


class Huber(Operation):
    """l = d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), d = x - t; dx = clip(d, -delta, delta) dl."""

    @staticmethod
    def forward(ctx, x, target, delta, reduction):
        delta = x.dtype.type(delta)
        difference = np.subtract(x, target, out=layout.empty_like(x))
        ctx.save_for_backward(difference, delta, reduction)
        size = np.abs(difference)
        half = x.dtype.type(0.5)
        losses = np.asarray(np.where(size <= delta, half * difference * difference, delta * (size - half * delta)))
        return reduced(losses, reduction)

    @staticmethod
    def backward(ctx, dy):
        difference, delta, reduction = ctx.saved_tensors
        dx = np.clip(difference, -delta, delta, out=layout.empty_like(difference))
        np.multiply(dx, upstream(dy, reduction, difference.size), out=dx)
        return dx, -dx if ctx.needs_input_grad[1] else None


def huber(x: ArrayLike, target: ArrayLike, reduction: Reduction = "mean", delta: float = 1.0) -> Tensor:
    """Quadratic near 0, linear beyond delta: d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2) (Huber, 1964).

    Parameters
    ----------
    x : Tensor
    target : Tensor or array_like
        Of the same shape.
    reduction : {'mean', 'sum', 'none'}
    delta : float
        Positive.
    """
    delta = number("huber", "delta", delta, open_low=True)
    return Huber.apply(*pair(x, target, "huber", reduction), delta=delta, reduction=reduction)
