"""Gradient clipping by total norm or by value, in place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import config, layout
from tinydl._check import flag, items, number
from tinydl._core import update
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def clip_grad_norm_(params: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0,
                    error_if_nonfinite: bool = False) -> float:
    r"""Scale all gradients together so that their norm is at most `max_norm`.

    ::

        norm = (sum over all parameters and entries |g|^p)^(1/p)      (p = inf: the largest |g|)
        g = g * min(1, max_norm / (norm + 1e-6))

    Parameters
    ----------
    params : Tensor or iterable of Tensor
        Parameters; those without a gradient are skipped.
    max_norm : float
        >= 0.
    norm_type : float
        p > 0, may be inf.
    error_if_nonfinite : bool
        Raise when the norm is NaN or infinite. Otherwise such gradients are scaled by the formula, as PyTorch does.

    Returns
    -------
    float
        The norm before clipping; 0.0 without gradients.
    """
    max_norm = number("clip_grad_norm_", "max_norm", max_norm)
    norm_type = number("clip_grad_norm_", "norm_type", norm_type, finite=False)
    if norm_type != math.inf:
        norm_type = number("clip_grad_norm_", "norm_type", norm_type, open_low=True)
    error_if_nonfinite = flag("clip_grad_norm_", "error_if_nonfinite", error_if_nonfinite)
    batches = _gradients(params)
    n_threads = config.team()
    norms = [update.norms(grads, norm_type, n_threads) for grads in batches]
    if len(norms) == 1:
        norm = norms[0]
    elif norm_type == math.inf:
        norm = float(np.max(norms, initial=0.0))
    else:
        norm = float(np.sum(np.power(norms, norm_type)) ** (1 / norm_type))
    if norm_type < math.inf and (norm == math.inf or norm < 1 and norm**norm_type < 1e-290):
        norm = _scaled_norm(batches, norm_type, n_threads)  # the powers left the range of float64
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(f"clip_grad_norm_: the gradients have norm {norm}; lower the learning rate or look for the "
                           "first layer whose gradient is not finite")
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1:  # also when it is NaN
        for grads in batches:
            update.scale(grads, factor, n_threads)
    return float(norm)


def clip_grad_value_(params: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every entry of every gradient to [-clip_value, clip_value]; NaN stays NaN.

    Parameters
    ----------
    params : Tensor or iterable of Tensor
        Parameters; those without a gradient are skipped.
    clip_value : float
        >= 0.
    """
    clip_value = number("clip_grad_value_", "clip_value", clip_value)
    n_threads = config.team()
    for grads in _gradients(params):
        update.clip(grads, clip_value, n_threads)


def _scaled_norm(batches, p, n_threads):
    """m (sum of (|g| / m)^p)^(1/p) with m the largest |g|: none of the powers overflows, nor do all of them vanish."""
    m = float(np.max([update.norms(grads, math.inf, n_threads) for grads in batches], initial=0.0))
    if m == 0 or not math.isfinite(m):
        return m
    total = sum(float(((np.abs(g).astype(np.float64) / m) ** p).sum()) for grads in batches for g in grads)
    return m * total ** (1 / p)


def _gradients(params):
    """Gradients of `params` that can be written in place, as one list per dtype; each parameter counts once."""
    params = [params] if isinstance(params, Tensor) else items("clipping", "params", params)
    batches = {}
    for k, p in enumerate(params):
        if not isinstance(p, Tensor):
            raise TypeError(f"clipping needs tensors, got {type(p).__name__} at place {k}")
    for p in dict.fromkeys(params):
        if p.grad is None:
            continue
        if p.grad.strides != p.data.strides or p.grad.dtype != p.dtype or not p.grad.flags.behaved:
            grad = layout.empty_like(p.data)
            grad[...] = p.grad
            p.grad = grad
        batches.setdefault(p.grad.dtype, []).append(p.grad)
    return list(batches.values())
