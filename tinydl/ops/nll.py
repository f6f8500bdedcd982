"""Negative log-likelihood of log-probabilities and integer labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl.function import Operation
from tinydl.ops.checks import as_tensor, need_float, reduction_of
from tinydl.ops.cross_entropy import ignored_of, labels_of, weight_of
from tinydl.ops.softmax import as_rows, from_rows

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Reduction
    from tinydl.tensor import Tensor

__all__ = ["nll"]


class NLL(Operation):
    """l_n = -v_y x_n[y]; dx_n[y] = -v_y dl_n, 0 elsewhere."""

    @staticmethod
    def forward(ctx, x, labels, weight, ignore_index, reduction):
        axis = 1 if x.ndim > 1 else 0
        rows = as_rows(x, axis)
        flat = labels.reshape(-1).astype(np.int64)
        counts = flat != ignore_index
        bad = np.flatnonzero(counts & ((flat < 0) | (flat >= rows.shape[1])))
        if bad.size:
            raise ValueError(f"labels: row {bad[0]} holds {flat[bad[0]]}, expected a class from 0 to "
                             f"{rows.shape[1] - 1} or ignore_index ({ignore_index})")
        taken = np.where(counts, flat, 0)
        factor = np.where(counts, 1 if weight is None else weight[taken], 0).astype(rows.dtype)
        losses = np.where(counts, -factor * rows[np.arange(len(flat)), taken], 0) if rows.size else factor
        total = factor.sum(dtype=np.float64)
        ctx.save_for_backward(x.shape, axis, taken, factor, reduction, total)
        if reduction == "none":
            return losses.reshape(labels.shape)
        value = losses.sum(dtype=np.float64)
        if reduction == "mean":
            value = value / total if total else np.nan
        return np.asarray(value, rows.dtype)

    @staticmethod
    def backward(ctx, dy):
        shape, axis, taken, factor, reduction, total = ctx.saved_tensors
        dx = layout.zeros((len(taken), shape[axis]), dy.dtype)
        upstream = dy.reshape(-1) if reduction == "none" else dy
        if reduction == "mean":
            upstream = dy / dy.dtype.type(total) if total else dy * 0
        if dx.size:
            dx[np.arange(len(taken)), taken] = -factor * upstream
        return from_rows(dx, shape, axis)


def nll(log_probabilities: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, ignore_index: int = -100,
        reduction: Reduction = "mean") -> Tensor:
    """Negative log-likelihood l_n = -v_y x_n[y]; with log_softmax before it the same as `cross_entropy`.

    Parameters
    ----------
    log_probabilities : Tensor, shape (N, C) or (N, C, *positions) or (C,)
    target : array_like of int, shape (N,) or (N, *positions) or ()
        The labels y.
    weight : array_like, shape (C,), optional
        The factors v; 'mean' divides by the sum of those used.
    ignore_index : int
        Label of rows that do not count.
    reduction : {'mean', 'sum', 'none'}
    """
    x = as_tensor(log_probabilities)
    need_float(x, "nll")
    if not x.shape:
        raise ValueError("nll takes log-probabilities of shape (N, C), got a number")
    reduction_of(reduction)
    labels = labels_of(target, x.shape, "nll")
    weight = weight_of(weight, x.shape[1] if x.ndim > 1 else x.shape[0], x.dtype, "nll")
    return NLL.apply(x, labels=labels, weight=weight, ignore_index=ignored_of(ignore_index, "nll"), reduction=reduction)
