"""Losses that are compositions of other operations; their gradients follow from those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import flag, number
from tinydl.ops._elementwise_loss import pair
from tinydl.ops.activations import OPERATIONS
from tinydl.ops.arithmetic import mul, power, sub
from tinydl.ops.bce_with_logits import bce_with_logits
from tinydl.ops.checks import as_tensor, need_float, reduction_of
from tinydl.ops.elementwise import abs, exp, log, maximum, where
from tinydl.ops.huber import huber
from tinydl.ops.norms import cosine_similarity, norm
from tinydl.ops.reductions import mean, sum
from tinydl.ops.shape import astype
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import ArrayLike, Reduction

__all__ = [
    "cosine_embedding", "focal", "kl_div", "l1", "multilabel_soft_margin", "smooth_l1", "triplet_margin",
]


def _reduced(losses, reduction):
    return losses if reduction == "none" else (mean if reduction == "mean" else sum)(losses)


def l1(x: ArrayLike, target: ArrayLike, reduction: Reduction = "mean") -> Tensor:
    """Absolute error |x - t|; gradient 0 where they are equal.

    Parameters
    ----------
    x : Tensor
    target : Tensor or array_like
        Of the same shape.
    reduction : {'mean', 'sum', 'none'}
    """
    return _reduced(abs(sub(*pair(x, target, "l1", reduction))), reduction)


def smooth_l1(x: ArrayLike, target: ArrayLike, reduction: Reduction = "mean", beta: float = 1.0) -> Tensor:
    """d^2 / (2 beta) for |d| < beta, else |d| - beta / 2, d = x - t: `huber` divided by beta, and `l1` for beta = 0.

    Source: Girshick, Fast R-CNN, ICCV 2015.
    """
    beta = number("smooth_l1", "beta", beta)
    return mul(huber(x, target, reduction, beta), 1 / beta) if beta else l1(x, target, reduction)


def kl_div(log_probabilities: ArrayLike, target: ArrayLike,
           reduction: Literal["mean", "batchmean", "sum", "none"] = "mean", log_target: bool = False) -> Tensor:
    """Kullback-Leibler divergence t (log t - x) of log-probabilities x, 0 where t is 0.

    There its gradient is 0 too, also that of the target, which in PyTorch is NaN.

    Parameters
    ----------
    log_probabilities : Tensor
    target : Tensor or array_like
        Probabilities of the same shape, or with `log_target` their logarithms.
    reduction : {'mean', 'batchmean', 'sum', 'none'}
        'mean' divides by the number of entries, 'batchmean' by that of samples, which is the divergence.
    """
    batchmean = isinstance(reduction, str) and reduction == "batchmean"
    x, target = pair(log_probabilities, target, "kl_div", "sum" if batchmean else reduction)
    if flag("kl_div", "log_target", log_target):
        losses = exp(target) * (target - x)
    else:
        counts = target != 0  # of a negative probability the logarithm is NaN, and so the loss
        losses = where(counts, target * (log(where(counts, target, 1.0)) - where(counts, x, 0.0)), target * 0)
    return sum(losses) / len(x) if batchmean else _reduced(losses, reduction)


def cosine_embedding(x: ArrayLike, y: ArrayLike, target: ArrayLike, margin: float = 0.0,
                     reduction: Reduction = "mean") -> Tensor:
    """1 - cos(x, y) where the target is 1, max(0, cos(x, y) - margin) where it is -1.

    Parameters
    ----------
    x, y : Tensor, shape (N, D) or (D,)
    target : Tensor or array_like, shape (N,) or ()
        1 and -1.
    margin : float
    reduction : {'mean', 'sum', 'none'}
    """
    reduction_of(reduction)
    x, y = as_tensor(x), as_tensor(y)
    need_float(x, "cosine_embedding")
    signs = target.data if isinstance(target, Tensor) else array_of(target)
    if signs.dtype.kind not in "fiu":
        raise TypeError(f"cosine_embedding takes targets 1 and -1, got dtype {signs.dtype}")
    bad = np.argwhere((signs != 1) & (signs != -1))
    if len(bad) or signs.shape != x.shape[:-1]:
        raise ValueError(f"cosine_embedding takes targets 1 and -1 of shape {x.shape[:-1]}, got shape {signs.shape}"
                         + (f" with {signs[tuple(bad[0])]}" if len(bad) else ""))
    cosine = cosine_similarity(x, y, -1)
    apart = maximum(cosine - number("cosine_embedding", "margin", margin, -1.0), 0.0)
    return _reduced(where(signs == 1, 1 - cosine, apart), reduction)


def triplet_margin(anchor: ArrayLike, positive: ArrayLike, negative: ArrayLike, margin: float = 1.0, p: float = 2.0,
                   eps: float = 1e-6, reduction: Reduction = "mean") -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d(x, y) the p-norm of x - y + eps.

    Parameters
    ----------
    anchor, positive, negative : Tensor, shape (N, D)
    margin, p, eps : float
    reduction : {'mean', 'sum', 'none'}

    References
    ----------
    Balntas et al., Learning shallow convolutional feature descriptors with triplet losses, BMVC 2016.
    """
    reduction_of(reduction)
    if any(isinstance(v, Tensor) and v.dtype == np.float64 for v in (anchor, positive, negative)):
        # Or the distance of two arrays would have the digits of float32 and the other those of float64.
        anchor, positive, negative = (astype(as_tensor(v), np.float64) for v in (anchor, positive, negative))
    anchor = as_tensor(anchor)
    margin, eps = number("triplet_margin", "margin", margin), number("triplet_margin", "eps", eps)
    near, far = (norm(sub(anchor, other) + eps, p, -1) for other in (positive, negative))
    return _reduced(maximum(near - far + margin, 0.0), reduction)


def multilabel_soft_margin(x: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None,
                           reduction: Reduction = "mean") -> Tensor:
    """Binary cross-entropy of logits (N, C), each sample's the mean over its C classes.

    Parameters
    ----------
    x : Tensor, shape (N, C)
    target : Tensor or array_like
        0 and 1, of the same shape.
    weight : array_like, shape (C,), optional
    reduction : {'mean', 'sum', 'none'}
    """
    return _reduced(mean(bce_with_logits(x, target, weight, "none"), -1), reduction_of(reduction))


def focal(x: ArrayLike, target: ArrayLike, alpha: float = 0.25, gamma: float = 2.0,
          reduction: Reduction = "mean") -> Tensor:
    """Binary cross-entropy of logits, weighted by a (1 - q)^gamma; q is the probability of the target.

    a is alpha where the target is 1 and 1 - alpha where it is 0; a negative alpha leaves it out.

    Parameters
    ----------
    x : Tensor
        Logits, any shape.
    target : Tensor or array_like
        Of the same shape.
    alpha, gamma : float
    reduction : {'mean', 'sum', 'none'}

    References
    ----------
    Lin et al., Focal loss for dense object detection, ICCV 2017.
    """
    x, target = pair(x, target, "focal", reduction)
    alpha, gamma = number("focal", "alpha", alpha, -np.inf, 1.0, open_low=True, open_high=False), number(
        "focal", "gamma", gamma)
    p = OPERATIONS["sigmoid"](x)
    losses = bce_with_logits(x, target, None, "none") * power(1 - (p * target + (1 - p) * (1 - target)), gamma)
    if alpha >= 0:
        losses = losses * (alpha * target + (1 - alpha) * (1 - target))
    return _reduced(losses, reduction)
