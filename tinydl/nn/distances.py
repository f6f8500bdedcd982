"""Losses as layers that are compositions of operations: distances, divergences, margins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinydl import ops
from tinydl._check import flag, number, one_of
from tinydl.nn.loss import factor
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, reduction_of

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import ArrayLike, Reduction
    from tinydl.tensor import Tensor

__all__ = [
    "BCELoss", "CosineEmbeddingLoss", "FocalLoss", "KLDivLoss", "L1Loss", "MultiLabelSoftMarginLoss", "SmoothL1Loss",
    "TripletMarginLoss",
]


class L1Loss(Module):
    """Absolute error |x - t|; see `ops.l1`.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
    """

    def __init__(self, reduction: Reduction = "mean") -> None:
        self.reduction = reduction_of(reduction)

    def forward(self, x: ArrayLike, target: ArrayLike) -> Tensor:
        """Two arrays of one shape to a number, or to their shape without reduction."""
        return ops.l1(as_input(x), target, self.reduction)


class SmoothL1Loss(Module):
    """d^2 / (2 beta) for |d| < beta, else |d| - beta / 2, d = x - t; see `ops.smooth_l1`.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
    beta : float
    """

    def __init__(self, reduction: Reduction = "mean", beta: float = 1.0) -> None:
        self.reduction, self.beta = reduction_of(reduction), number("SmoothL1Loss", "beta", beta)

    def forward(self, x: ArrayLike, target: ArrayLike) -> Tensor:
        """Two arrays of one shape to a number, or to their shape without reduction."""
        return ops.smooth_l1(as_input(x), target, self.reduction, self.beta)


class BCELoss(Module):
    """Binary cross-entropy of probabilities; see `ops.bce`. BCEWithLogitsLoss of logits is exact where this is not.

    Parameters
    ----------
    weight : array_like, optional
        Factor of every loss, not negative; broadcasts.
    reduction : {'mean', 'sum', 'none'}
    """

    weight: Any
    decision_threshold = 0.5  # a probability above it says class 1

    def __init__(self, weight: ArrayLike | None = None, reduction: Reduction = "mean") -> None:
        self.register_buffer("weight", factor(weight, "BCELoss", "weight"))
        self.reduction = reduction_of(reduction)

    def forward(self, x: ArrayLike, target: ArrayLike) -> Tensor:
        """Two arrays of one shape to a number, or to their shape without reduction."""
        return ops.bce(as_input(x), target, self.weight, self.reduction)


class KLDivLoss(Module):
    """Kullback-Leibler divergence of log-probabilities; see `ops.kl_div`.

    Parameters
    ----------
    reduction : {'mean', 'batchmean', 'sum', 'none'}
    log_target : bool
        Whether targets are logarithms too.
    """

    def __init__(self, reduction: Literal["mean", "batchmean", "sum", "none"] = "mean",
                 log_target: bool = False) -> None:
        self.reduction = one_of("KLDivLoss", "reduction", reduction, ("mean", "batchmean", "sum", "none"))
        self.log_target = flag("KLDivLoss", "log_target", log_target)

    def forward(self, log_probabilities: ArrayLike, target: ArrayLike) -> Tensor:
        """Two arrays of one shape to a number, or to their shape without reduction."""
        return ops.kl_div(as_input(log_probabilities), target, self.reduction, self.log_target)


class CosineEmbeddingLoss(Module):
    """1 - cos(x, y) for pairs that belong together, max(0, cos(x, y) - margin) for others; see `ops.cosine_embedding`.

    Parameters
    ----------
    margin : float
    reduction : {'mean', 'sum', 'none'}
    """

    def __init__(self, margin: float = 0.0, reduction: Reduction = "mean") -> None:
        self.margin = number("CosineEmbeddingLoss", "margin", margin, -1.0)
        self.reduction = reduction_of(reduction)

    def forward(self, x: ArrayLike, y: ArrayLike, target: ArrayLike) -> Tensor:
        """(N, D), (N, D) and targets 1 and -1 (N,) to a number, or to (N,) without reduction."""
        return ops.cosine_embedding(as_input(x), as_input(y), target, self.margin, self.reduction)


class TripletMarginLoss(Module):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin); see `ops.triplet_margin`.

    Parameters
    ----------
    margin, p, eps : float
    reduction : {'mean', 'sum', 'none'}
    """

    def __init__(self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, reduction: Reduction = "mean") -> None:
        self.margin, self.p = number("TripletMarginLoss", "margin", margin), number("TripletMarginLoss", "p", p)
        self.eps, self.reduction = number("TripletMarginLoss", "eps", eps), reduction_of(reduction)

    def forward(self, anchor: ArrayLike, positive: ArrayLike, negative: ArrayLike) -> Tensor:
        """Three arrays (N, D) to a number, or to (N,) without reduction."""
        return ops.triplet_margin(as_input(anchor), as_input(positive), as_input(negative), self.margin, self.p,
                                  self.eps, self.reduction)


class MultiLabelSoftMarginLoss(Module):
    """Binary cross-entropy of logits (N, C), averaged over classes; see `ops.multilabel_soft_margin`.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
    reduction : {'mean', 'sum', 'none'}
    """

    weight: Any
    decision_threshold = 0.0

    def __init__(self, weight: ArrayLike | None = None, reduction: Reduction = "mean") -> None:
        self.register_buffer("weight", factor(weight, "MultiLabelSoftMarginLoss", "weight"))
        self.reduction = reduction_of(reduction)

    def forward(self, x: ArrayLike, target: ArrayLike) -> Tensor:
        """Two arrays (N, C) to a number, or to (N,) without reduction."""
        return ops.multilabel_soft_margin(as_input(x), target, self.weight, self.reduction)


class FocalLoss(Module):
    """Binary cross-entropy of logits, of which what is easy counts less; see `ops.focal`.

    Parameters
    ----------
    alpha, gamma : float
    reduction : {'mean', 'sum', 'none'}
    """

    decision_threshold = 0.0

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, reduction: Reduction = "mean") -> None:
        self.alpha = number("FocalLoss", "alpha", alpha, -math.inf, 1.0, open_low=True, open_high=False)
        self.gamma, self.reduction = number("FocalLoss", "gamma", gamma), reduction_of(reduction)

    def forward(self, x: ArrayLike, target: ArrayLike) -> Tensor:
        """Two arrays of one shape to a number, or to their shape without reduction."""
        return ops.focal(as_input(x), target, self.alpha, self.gamma, self.reduction)
