"""What the losses of two equally shaped arrays share: argument checks, factors and reductions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl.ops.broadcast import broadcasts
from tinydl.ops.checks import factor_of, need_float, reduction_of
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from typing import Any

__all__ = ["factor_like", "pair", "reduced", "upstream"]


def pair(x: Any, target: Any, name: str, reduction: str) -> tuple[Tensor, Tensor]:
    """Prediction and target of one shape and one floating type."""
    reduction_of(reduction)
    x = x if isinstance(x, Tensor) else Tensor(x)
    need_float(x, name)
    if not isinstance(target, Tensor):
        array = array_of(target)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} needs a target of numbers, got {array.dtype}")
        target = Tensor(array.astype(x.dtype, copy=False))
    if target.shape != x.shape:
        cure = ""
        if target.size == x.size:
            cure = f"; reshape the target with target.reshape({x.shape})"
        raise ValueError(f"{name}: predictions of shape {x.shape} need a target of the same shape, got {target.shape}"
                         f"{cure}")
    if target.dtype != x.dtype:
        raise TypeError(f"{name}: predictions are {x.dtype}, the target is {target.dtype}; convert with "
                        f"target.astype('{x.dtype}')")
    return x, target


def factor_like(value: Any, x: Tensor, name: str) -> np.ndarray | None:
    """The factors of the separate losses of predictions `x`; None stays."""
    if value is None:
        return None
    array = factor_of(value, x.dtype, name)
    if not broadcasts(array.shape, x.shape):
        raise ValueError(f"{name} of shape {array.shape} does not broadcast to predictions of shape {x.shape}")
    return array


def reduced(losses, reduction):
    """The losses, their sum or their mean; sums are made in float64."""
    if reduction == "none":
        return losses
    total = losses.sum(dtype=np.float64)
    if reduction == "mean":
        total = total / losses.size if losses.size else np.nan
    return np.asarray(total, losses.dtype)


def upstream(dy, reduction, size):
    """The gradient of the separate losses."""
    if reduction == "mean":
        return dy / dy.dtype.type(size) if size else dy
    return dy
