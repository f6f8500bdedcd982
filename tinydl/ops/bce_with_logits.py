"""Binary cross-entropy of logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl.function import Operation
from tinydl.ops._elementwise_loss import factor_like, pair, reduced, upstream

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Reduction
    from tinydl.tensor import Tensor

__all__ = ["bce_with_logits"]


class BCEWithLogits(Operation):
    """l = w (p t log(1 + e^-x) + (1 - t) log(1 + e^x)); dx = w ((1 - t) s - p t (1 - s)) dl, s = sigmoid(x)."""

    @staticmethod
    def forward(ctx, x, target, weight, pos_weight, reduction):
        ctx.save_for_backward(x, target, weight, pos_weight, reduction)
        tail = np.log1p(np.exp(-np.abs(x)))
        positive = np.maximum(-x, 0) + tail  # log(1 + e^-x)
        negative = np.maximum(x, 0) + tail  # log(1 + e^x)
        if pos_weight is not None:
            positive = positive * pos_weight
        losses = target * positive + (1 - target) * negative
        if weight is not None:
            losses = losses * weight
        return reduced(np.asarray(losses, x.dtype), reduction)

    @staticmethod
    def backward(ctx, dy):
        x, target, weight, pos_weight, reduction = ctx.saved_tensors
        small = np.exp(-np.abs(x))
        sigmoid = np.where(x >= 0, 1, small) / (1 + small)
        opposite = np.where(x >= 0, small, 1) / (1 + small)  # sigmoid(-x), without cancellation
        slope = (1 - target) * sigmoid - (target if pos_weight is None else target * pos_weight) * opposite
        dl = upstream(dy, reduction, x.size)
        if weight is not None:
            dl = dl * weight
        dx = np.multiply(slope, dl, out=layout.empty_like(x)) if ctx.needs_input_grad[0] else None
        dt = None
        if ctx.needs_input_grad[1]:
            tail = np.log1p(small)
            positive = (np.maximum(-x, 0) + tail) * (1 if pos_weight is None else pos_weight)
            dt = np.asarray((positive - np.maximum(x, 0) - tail) * dl, x.dtype)
        return dx, dt


def bce_with_logits(x: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, reduction: Reduction = "mean",
                    pos_weight: ArrayLike | None = None) -> Tensor:
    """Binary cross-entropy between sigmoid(x) and targets from 0 to 1, stable for logits of any size.

    l = w (p t log(1 + e^-x) + (1 - t) log(1 + e^x)).

    Parameters
    ----------
    x : Tensor
        Logits, any shape.
    target : Tensor or array_like
        Of the same shape.
    weight : array_like, optional
        Factor w of every loss; broadcasts.
    reduction : {'mean', 'sum', 'none'}
    pos_weight : array_like, optional
        Factor p of the positive part; broadcasts.
    """
    x, target = pair(x, target, "bce_with_logits", reduction)
    return BCEWithLogits.apply(x, target, weight=factor_like(weight, x, "bce_with_logits: weight"),
                               pos_weight=factor_like(pos_weight, x, "bce_with_logits: pos_weight"),
                               reduction=reduction)
