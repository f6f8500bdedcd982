"""How good predictions are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import integer, number
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import Array, ArrayLike

__all__ = ["accuracy", "confusion_matrix", "right_answers"]


def _array(values: Any) -> Array:
    return np.asarray(values.data if isinstance(values, Tensor) else values)


def _kind(output, labels):
    """How outputs answer labels: 'scores' (N, C, ...) for (N, ...), 'one' number for each label, or None."""
    if output.ndim == labels.ndim + 1 and (*output.shape[:1], *output.shape[2:]) == labels.shape:
        return "one" if output.shape[1] == 1 else "scores"
    return "one" if output.shape == labels.shape else None


def right_answers(output, labels, threshold=None, ignore_index=None):
    """How many labels a net's outputs hit.

    Parameters
    ----------
    output : array, shape (N, C, ...), (N, 1, ...) or (N, ...)
        Scores of C classes, of which the largest counts (the first one at a tie), or one number of a net that tells
        two classes apart.
    labels : array, shape (N, ...)
        Class numbers; of floats those that are 0 or 1 count.
    threshold : float, optional
        One number above it says class 1. None: what one number says is not known.
    ignore_index : int, optional
        Label of those that do not count.

    Returns
    -------
    (right, judged) : counts; or None when the outputs are no answers to the labels
    """
    kind = _kind(output, labels)
    if kind == "scores":
        right = output.argmax(axis=1) == labels
    elif kind == "one" and threshold is not None:
        output = output.reshape(labels.shape)
        right = np.where(labels == 1, output > threshold, (labels == 0) & (output <= threshold))  # nan is never right
    else:
        return None
    if labels.dtype.kind == "f":
        counted = (labels == 0) | (labels == 1)
    elif ignore_index is None:
        return int(np.count_nonzero(right)), labels.size
    else:
        counted = labels != ignore_index
    return int(np.count_nonzero(right & counted)), int(np.count_nonzero(counted))


def _threshold(output, labels, threshold):
    """The threshold of one number a label, checked; None was given where only the numbers can tell."""
    if labels.size and (labels.min() < 0 or labels.max() > 1):
        raise ValueError(f"one number for each label tells class 0 from class 1, but there is a label "
                         f"{labels.min() if labels.min() < 0 else labels.max()}; class numbers must be integers")
    if threshold is not None:
        return number("accuracy", "threshold", threshold, -np.inf, open_low=True)
    inside = (output >= 0) & (output <= 1)
    if output.size and inside.all() and not np.isin(output, (0, 1)).all():
        raise ValueError(f"one number from 0 to 1 for each label (the first is {output.flat[0]:.6g}) may be a "
                         "probability or a logit; pass threshold=0.5 for probabilities, threshold=0 for logits")
    return 0.0


def _classes(predictions, labels, threshold):
    """Predicted class numbers in the shape of the labels."""
    predictions = _array(predictions)
    if labels.dtype.kind not in "iub":
        raise TypeError(f"labels must be integers, got {labels.dtype}; the labels come first, then the predictions")
    kind = _kind(predictions, labels)
    if kind is None or predictions.dtype.kind not in "fiub":
        raise ValueError(f"{len(predictions) if predictions.ndim else 1} predictions for labels of shape "
                         f"{labels.shape}: needs {predictions.dtype} of shape (N, classes, ...), or one number for "
                         f"each label, got shape {predictions.shape}")
    if kind == "scores":
        return predictions.argmax(axis=1)
    if labels.ndim == 2 and labels.shape[1] > 1 and ((labels == 0) | (labels == 1)).all() \
            and (labels.sum(axis=1) == 1).all():
        raise ValueError(f"labels of shape {labels.shape} are one-hot rows; turn them into numbers with "
                         "labels.argmax(1)")
    if predictions.dtype.kind == "f":
        # Class numbers 0. and 1. come out as they are.
        threshold = _threshold(predictions, labels, threshold)
        if np.isnan(predictions).any():
            raise ValueError(f"prediction {int(np.argmax(np.isnan(predictions)))} is nan, which is no class")
        predictions = predictions > threshold
    return predictions.reshape(labels.shape)


def accuracy(labels: ArrayLike, predictions: ArrayLike, threshold: float | None = None) -> float:
    """Share of right predictions.

    Parameters
    ----------
    labels : array of int, shape (N, ...)
        The truth.
    predictions : array or Tensor, shape (N, classes, ...), (N, 1, ...) or (N, ...)
        Logits or probabilities of the classes, of which the largest counts (the first one at a tie); integer class
        numbers; or one float for each label, of a net that tells class 0 from class 1.
    threshold : float, optional
        One float above it says class 1: 0 for logits (the default), 0.5 for probabilities.

    Returns
    -------
    float
        Between 0 and 1; nan for no samples.

    Raises
    ------
    ValueError
        Shapes that do not fit; one float for each label but labels other than 0 and 1; floats that may be
        probabilities, without a `threshold`.
    """
    labels = _array(labels)
    predicted = _classes(predictions, labels, threshold)
    return float(np.mean(predicted == labels)) if labels.size else float("nan")


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, n_classes: int | None = None,
                     threshold: float | None = None) -> Array:
    """How often each class was taken for each.

    Parameters
    ----------
    labels : array of int, shape (N,)
        The truth.
    predictions : array, shape (N, classes), (N, 1) or (N,)
        As in `accuracy`.
    n_classes : int, optional
        Default: one more than the largest number that occurs.
    threshold : float, optional
        As in `accuracy`.

    Returns
    -------
    array of int64, shape (n_classes, n_classes)
        Entry (i, j) counts samples of class i that were predicted as j.

    Raises
    ------
    ValueError
        Lengths differ, or a class number is not in 0..n_classes-1.
    """
    labels = _array(labels)
    if labels.ndim != 1 or len(np.atleast_1d(_array(predictions))) != len(labels):
        raise ValueError(f"labels and predictions must be of one length, got shapes {labels.shape} and "
                         f"{_array(predictions).shape}")
    predicted = _classes(predictions, labels, threshold).astype(np.int64)
    if n_classes is None:
        n_classes = 1 + max(int(labels.max()), int(predicted.max())) if labels.size else 0
    n_classes = integer("confusion_matrix", "n_classes", n_classes, 0)
    for what, values in (("label", labels), ("prediction", predicted)):
        bad = np.flatnonzero((values < 0) | (values >= n_classes))
        if bad.size:
            raise ValueError(f"{what} {values[bad[0]]} of sample {bad[0]} is not in 0..{n_classes - 1}")
    pairs = labels.astype(np.int64) * n_classes + predicted
    return np.bincount(pairs, minlength=n_classes * n_classes).reshape(n_classes, n_classes)
