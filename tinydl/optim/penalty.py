"""The p-norm penalty of the weights, a term of the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import items, number
from tinydl.function import Function
from tinydl.ops.checks import need_float
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tinydl._types import ArrayLike

__all__ = ["penalty"]


def penalty(params: ArrayLike, p: float = 2.0, alpha: float = 1e-4,
            exempt: Callable[[Tensor], bool] | bool | None = None) -> Tensor:
    r"""alpha * sum |w|^p over the weights, to be added to a loss: ``loss = loss_fn(net(x), y) + penalty(...)``.

    The gradient is alpha * p * |w|^(p-1) * sign(w), and 0 at w = 0. It is a term of the loss, so it passes through an
    optimiser's moments; decoupled weight decay (`AdamW`) does not. There is no factor 1/2: p = 2 with alpha equals an
    optimiser's ``weight_decay = 2 * alpha``.

    Parameters
    ----------
    params : Tensor, or iterable of Tensor, or iterable of dict
        Parameters, or groups ``{"params": [...], "p": 1, "alpha": 1e-5}`` whose p, alpha and exempt override the
        arguments. A parameter that occurs several times counts once.
    p : float
        Exponent, >= 1.
    alpha : float
        Factor, >= 0.
    exempt : callable or bool, optional
        Which parameters stay free: a function of the parameter, or False for none. By default biases and the weights
        and biases of normalisation layers, that is parameters with fewer than two axes; a group that holds nothing
        else is taken as it was given.

    Returns
    -------
    Tensor
        A 0-d tensor; sums are made in float64.

    Raises
    ------
    ValueError
        p < 1, alpha < 0, NaN or infinite numbers, no parameters.

    Examples
    --------
    >>> import tinydl as td
    >>> w = td.tensor([1.0, -2.0, 3.0], requires_grad=True)
    >>> td.penalty([w], p=3, alpha=0.1).backward()
    >>> w.grad.round(6).tolist()
    [0.30000001192092896, -1.2000000476837158, 2.700000047683716]
    """
    params = [params] if isinstance(params, (Tensor, dict)) else items("penalty", "params", params)
    if not params:
        raise ValueError("penalty: got no parameters; pass net.parameters(), once per iterator")
    groups = params if isinstance(params[0], dict) else [{"params": params}]
    total: Any = None
    for group in groups:
        if not isinstance(group, dict):
            raise TypeError(f"penalty: a group must be a dict with the key 'params', got {group!r}")
        unknown = sorted(set(group) - {"params", "p", "alpha", "exempt"})
        if unknown or "params" not in group:
            raise ValueError(f"penalty: a group has the keys params, p, alpha and exempt, got {sorted(group)}")
        exponent = number("penalty", "p", group.get("p", p), low=1.0)
        factor = number("penalty", "alpha", group.get("alpha", alpha))
        chosen = _chosen(group["params"], group.get("exempt", exempt))
        term = PNorm.apply(*chosen, p=exponent, alpha=factor)
        total = term if total is None else total + term
    return total


def _chosen(params, exempt):
    params = [params] if isinstance(params, Tensor) else items("penalty", "params", params)
    for k, w in enumerate(params):
        if not isinstance(w, Tensor):
            raise TypeError(f"penalty: parameter {k} must be a tensor, got {type(w).__name__}")
        need_float(w, "penalty")
    params = list(dict.fromkeys(params))
    if exempt is False:
        return params
    if exempt is None:
        return [w for w in params if w.ndim >= 2] or params
    if not callable(exempt):
        raise TypeError(f"penalty: exempt must be a function of a parameter, False or None, got {exempt!r}")
    return [w for w in params if not exempt(w)]


class PNorm(Function):
    """alpha * sum |w|^p over any number of arrays."""

    @staticmethod
    def forward(ctx, *weights, p, alpha):
        ctx.save_for_backward(*weights)
        ctx.p, ctx.alpha = p, alpha
        total = sum(float(np.sum(_power(w, p), dtype=np.float64)) for w in weights)
        return np.asarray(alpha * total, np.result_type(*weights) if weights else np.float32)

    @staticmethod
    def backward(ctx, dy):
        factor = ctx.alpha * ctx.p * float(dy)
        return tuple(_slope(w, ctx.p, w.dtype.type(factor)) if needed else None
                     for w, needed in zip(ctx.saved_tensors, ctx.needs_input_grad, strict=True))


def _power(w, p):
    return w * w if p == 2 else np.abs(w) if p == 1 else np.abs(w) ** w.dtype.type(p)


def _slope(w, p, factor):
    if p == 2:
        return factor * w
    if p == 1:
        return factor * np.sign(w)
    return factor * np.copysign(np.abs(w) ** w.dtype.type(p - 1), w)
