"""Squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl.function import Operation
from tinydl.ops._elementwise_loss import pair, reduced, upstream

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Reduction
    from tinydl.tensor import Tensor

__all__ = ["mse"]


class MSE(Operation):
    """l = (x - t)^2; dx = 2 (x - t) dl, dt = -dx."""

    @staticmethod
    def forward(ctx, x, target, reduction):
        difference = np.subtract(x, target, out=layout.empty_like(x))
        ctx.save_for_backward(difference, reduction)
        return reduced(np.square(difference, out=layout.empty_like(difference)), reduction)

    @staticmethod
    def backward(ctx, dy):
        difference, reduction = ctx.saved_tensors
        dl = upstream(dy, reduction, difference.size)
        dx = np.multiply(difference, dl + dl, out=layout.empty_like(difference))
        return dx, -dx if ctx.needs_input_grad[1] else None


def mse(x: ArrayLike, target: ArrayLike, reduction: Reduction = "mean") -> Tensor:
    """Squared error (x - t)^2: its mean over all entries, its sum, or each entry.

    E = 1/2 sum (x - t)^2, with gradient x - t, is 0.5 * mse(x, t, reduction='sum').

    Parameters
    ----------
    x : Tensor
    target : Tensor or array_like
        Of the same shape.
    reduction : {'mean', 'sum', 'none'}
    """
    return MSE.apply(*pair(x, target, "mse", reduction), reduction=reduction)
