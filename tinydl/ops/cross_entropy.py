"""Cross-entropy of logits and integer labels."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._check import integer, number
from tinydl._core import loss
from tinydl._core.parallel import team
from tinydl.function import Operation
from tinydl.ops.checks import as_tensor, factor_of, need_float, reduction_of
from tinydl.ops.shape import astype
from tinydl.ops.softmax import Softmax, as_rows, from_rows, log_softmax
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Reduction

__all__ = ["cross_entropy"]


class CrossEntropy(Operation):
    """l_n = -v_y log softmax(x_n)_y; dx = v_y (softmax(x) - onehot(y)) dl, weighted by the reduction."""

    @staticmethod
    def forward(ctx, logits, labels, weight, ignore_index, label_smoothing, reduction):
        rows = as_rows(logits, 1 if logits.ndim > 1 else 0)
        losses = layout.empty((rows.shape[0],), rows.dtype)
        probabilities = layout.empty(rows.shape, rows.dtype)
        flat = np.array(labels, np.int64, order="C").reshape(-1)  # a copy: the labels may be anything, and change
        value, count = loss.softmax_cross_entropy_forward(
            rows, flat, weight, ignore_index, label_smoothing, losses, probabilities, team())
        ctx.save_for_backward(logits.shape, probabilities, flat, weight, ignore_index, label_smoothing, reduction,
                              count)
        if reduction == "none":
            return losses.reshape(labels.shape)
        if reduction == "mean":
            value = value / count if count else np.nan
        return np.asarray(value, rows.dtype)

    @staticmethod
    def backward(ctx, dy):
        shape, probabilities, labels, weight, ignore_index, label_smoothing, reduction, count = ctx.saved_tensors
        if reduction == "none":
            upstream = np.ascontiguousarray(dy).reshape(-1)
        else:
            upstream = float(dy)
            if reduction == "mean":
                upstream = upstream / count if count else 0.0
        dx = layout.empty(probabilities.shape, probabilities.dtype)
        loss.softmax_cross_entropy_backward(
            probabilities, labels, weight, ignore_index, label_smoothing, upstream, dx, team())
        return from_rows(dx, shape, 1 if len(shape) > 1 else 0)


def labels_of(labels, shape, name):
    """The labels of predictions of `shape` (N, C, ...) as an integer array of shape (N, ...), checked."""
    array = labels.data if isinstance(labels, Tensor) else array_of(labels)
    expected = (*shape[:1], *shape[2:]) if len(shape) > 1 else ()
    if array.shape != expected:
        cure = ""
        if array.shape == tuple(shape):
            cure = "; one-hot labels become classes with labels.argmax(1)"
            if array.dtype.kind == "f":
                cure += ", probabilities of the classes are for cross_entropy"
        elif array.size == np.prod(expected, dtype=np.int64):
            cure = f"; reshape them with labels.reshape({expected})"
        raise ValueError(f"{name}: predictions of shape {tuple(shape)} need labels of shape {expected}, got "
                         f"{array.shape}{cure}")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} needs integer labels, got {array.dtype}; convert with labels.astype('int64')")
    # As int64 such a label would be a negative number, perhaps the one that is ignored.
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        flat = array.reshape(-1)
        row = int(flat.argmax())
        raise ValueError(f"{name}: labels: row {row} holds {flat[row]}, expected a class from 0 to "
                         f"{(shape[1] if len(shape) > 1 else shape[0]) - 1}")
    return array


def ignored_of(ignore_index, name):
    """The label that does not count as an int64; one that no label can be is an error."""
    found = integer(name, "ignore_index", ignore_index, -2**63)
    if found >= 2**63:
        raise ValueError(f"{name}: ignore_index must be below 2**63, got {found}")
    return found


def weight_of(weight, n_classes, dtype, name):
    """Class weights as an array of `dtype`, checked; None stays."""
    if weight is None:
        return None
    array = factor_of(weight, dtype, f"{name}: weight")
    if array.shape != (n_classes,):
        raise ValueError(f"{name}: weight must have one entry for each of the {n_classes} classes, got shape "
                         f"{array.shape}")
    return array


def _check_probabilities(soft, axis):
    sums = soft.sum(axis=axis)
    bad = np.argwhere(~((soft >= 0).all(axis=axis) & (np.abs(sums - 1) <= 1e-3)))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise ValueError("cross_entropy: soft labels are probabilities, not negative and with sum 1; those of row "
                         f"{place[0] if len(place) == 1 else place} sum to {sums[place]:g}. Several classes of one "
                         "sample are targets for BCEWithLogitsLoss")


def _soft(logits, target, weight, reduction, label_smoothing):
    """Cross-entropy of probabilities of the classes."""
    axis = min(1, logits.ndim - 1)
    n_classes = logits.shape[axis]
    target = target if isinstance(target, Tensor) else Tensor(array_of(target))
    _check_probabilities(target.data, axis)
    if target.dtype != logits.dtype:
        target = astype(target, logits.dtype)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / n_classes
    if weight is not None:
        target = target * weight.reshape(-1, *(1,) * (logits.ndim - 1 - axis))
    losses = -(target * log_softmax(logits, axis)).sum(axis)
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def cross_entropy(logits: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, ignore_index: int = -100,
                  reduction: Reduction = "mean", label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy between softmax(logits) and integer labels, or probabilities of the classes.

    With p = softmax(x_n), y = labels[n], v = weight, s = label_smoothing and C classes::

        l_n = -(1 - s) v_y log p_y - s / C * sum over c of v_c log p_c

    'sum' adds the l_n, 'mean' divides the sum by the sum of the v_y; rows with y = ignore_index count in neither (a
    mean over no rows is NaN). The gradient of a plain mean is (p - onehot(y)) / N. Stable for logits of any size.

    Labels may also be soft: floats t of the logits' shape, the probabilities of all classes. Then
    ``l_n = -sum over c of v_c ((1 - s) t_nc + s / C) log p_c``, and 'mean' divides by the number of rows.

    Parameters
    ----------
    logits : Tensor, shape (N, C) or (N, C, *positions) or (C,)
        Not probabilities: softmax is part of the loss.
    target : array_like of int, shape (N,) or (N, *positions) or ()
        The labels: classes from 0 to C - 1, or `ignore_index`; or probabilities as floats of the logits' shape.
    weight : array_like, shape (C,), optional
    ignore_index : int
    reduction : {'mean', 'sum', 'none'}
    label_smoothing : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        For a label out of range, naming the row and the value, for shapes that do not fit (one-hot labels), for
        weights that are not finite beside label_smoothing, and for probabilities that are negative or do not sum to 1
        over the classes.
    TypeError
        For labels that are not integers.
    """
    logits = as_tensor(logits)
    need_float(logits, "cross_entropy")
    shape = logits.shape
    if not shape:
        raise ValueError("cross_entropy takes logits of shape (N, C), got a number")
    if logits.creator is not None and logits.creator.function is Softmax:
        warnings.warn("cross_entropy takes logits and applies softmax itself, but its input comes out of a softmax; "
                      "remove the softmax layer before the loss", stacklevel=3)
    reduction_of(reduction)
    label_smoothing = number("cross_entropy", "label_smoothing", label_smoothing, high=1.0, open_high=False)
    n_classes = shape[1] if len(shape) > 1 else shape[0]
    labels = target if isinstance(target, Tensor) else array_of(target)
    soft = labels.dtype.kind == "f" and labels.shape == shape
    labels = labels if soft else labels_of(labels, shape, "cross_entropy")
    weight = weight_of(weight, n_classes, logits.dtype, "cross_entropy")
    # Smoothing sums over the classes, where an infinite weight meets its own negative.
    if label_smoothing and weight is not None and not np.isfinite(weight).all():
        raise ValueError("cross_entropy: with label_smoothing every weight must be finite, got "
                         f"{np.asarray(weight).tolist()}")
    ignore_index = ignored_of(ignore_index, "cross_entropy")
    if soft:
        return _soft(logits, labels, weight, reduction, label_smoothing)
    return CrossEntropy.apply(logits, labels=labels, weight=weight, ignore_index=ignore_index,
                              label_smoothing=label_smoothing, reduction=reduction)
