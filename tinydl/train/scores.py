"""Metrics over all outputs at once: those with a name, and functions of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinydl.tensor import Tensor
from tinydl.train.metrics import accuracy, right_answers

if TYPE_CHECKING:
    from tinydl._types import Array, ArrayLike

__all__ = ["NAMED", "Metric", "f1", "improves_by", "mean_absolute_error", "metrics_of", "top_k"]

_TAKEN = ("accuracy", "batch", "epoch", "images_per_s", "loss", "lr", "seconds")


def _array(values: Any) -> Array:
    return np.asarray(values.data if isinstance(values, Tensor) else values)


def _flat(labels: Any, scores: Any, owner: str) -> tuple[Array, Array]:
    """Labels (M,) and scores (M, C) of labels (N, ...) and scores (N, C, ...)."""
    labels, scores = _array(labels), _array(scores)
    if labels.dtype.kind not in "iub" or scores.ndim != labels.ndim + 1 \
            or (*scores.shape[:1], *scores.shape[2:]) != labels.shape:
        raise ValueError(f"{owner} needs class numbers (N, ...) and scores (N, classes, ...), got labels "
                         f"{labels.dtype} of shape {labels.shape} and scores of shape {scores.shape}")
    return labels.reshape(-1), np.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1])


def top_k(labels: ArrayLike, scores: ArrayLike, k: int = 5) -> float:
    """Share of labels that are among the `k` largest scores; of equal ones the class of the lower number is larger.

    Parameters
    ----------
    labels : array of int, shape (N, ...)
    scores : array, shape (N, classes, ...)
    k : int
        Less than the number of classes.

    Returns
    -------
    float
        nan for no samples.

    Raises
    ------
    ValueError
        Shapes that do not fit, a label that is no class, `k` classes or fewer.
    """
    labels, scores = _flat(labels, scores, "top_k")
    classes = scores.shape[1]
    if not 1 <= k < classes:
        raise ValueError(f"top_k: k must be from 1 to {classes - 1}, less than the {classes} classes, got {k!r}")
    if not len(labels):
        return float("nan")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"top_k: labels must be in 0..{classes - 1}, got {labels.min()} to {labels.max()}")
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    before = (scores > own) | ((scores == own) & (np.arange(classes) < labels[:, None]))
    return float(np.mean((before.sum(axis=1) < k) & ~np.isnan(own[:, 0])))


def f1(labels: ArrayLike, predictions: ArrayLike, threshold: float = 0.0) -> float:
    """F1 = 2 TP / (2 TP + FP + FN): of class 1 for nets with one output, else the mean over the classes that occur.

    Parameters
    ----------
    labels : array of int, shape (N, ...)
    predictions : array, shape (N, classes, ...), or (N, 1, ...) or (N, ...)
        Scores of the classes, or one number for each label: integers are class numbers, a float above `threshold` says
        class 1.
    threshold : float

    Returns
    -------
    float
        As ``sklearn.metrics.f1_score`` with average 'binary' or 'macro'; 0 where a class is never right.
    """
    labels, predictions = _array(labels), _array(predictions)
    if predictions.ndim == labels.ndim + 1 and predictions.shape[1] > 1:
        labels, scores = _flat(labels, predictions, "f1")
        predicted, classes = scores.argmax(axis=1), None
    elif predictions.size == labels.size and labels.dtype.kind in "iub":
        labels, predicted = labels.reshape(-1), predictions.reshape(-1)
        classes = None if predicted.dtype.kind in "iu" else [1]
        if classes:
            if labels.size and (labels.min() < 0 or labels.max() > 1):
                raise ValueError(f"f1: one number for each label tells class 0 from class 1, but there are labels "
                                 f"{labels.min()} to {labels.max()}")
            predicted = predicted > threshold
    else:
        raise ValueError(f"f1 needs class numbers and scores (N, classes, ...) or one number for each, got labels "
                         f"{labels.dtype} of shape {labels.shape} and predictions of shape {predictions.shape}")
    found = []
    for k in np.union1d(labels, predicted) if classes is None else classes:
        hits, misses = np.sum((labels == k) & (predicted == k)), np.sum((labels == k) != (predicted == k))
        found.append(2 * hits / (2 * hits + misses) if hits else 0.0)
    return float(np.mean(found)) if len(labels) else float("nan")


def mean_absolute_error(targets: ArrayLike, predictions: ArrayLike) -> float:
    """Mean of abs(prediction - target) over all entries; (N,) and (N, 1) are the same.

    Raises
    ------
    ValueError
        Shapes that differ.
    """
    targets, predictions = _array(targets), _array(predictions)
    if targets.size != predictions.size or targets.shape[:1] != predictions.shape[:1]:
        raise ValueError(f"mean_absolute_error: targets of shape {targets.shape} and predictions of shape "
                         f"{predictions.shape} differ")
    return float(np.mean(np.abs(predictions.reshape(targets.shape) - targets.astype(np.float64))))


# --- as columns of the history -------------------------------------------------------------------------------------

def _accuracy(y, output, loss):
    counts = right_answers(output, y, getattr(loss, "decision_threshold", None))
    if counts is None:
        raise ValueError(f"accuracy: outputs of shape {output.shape} do not answer labels of shape {y.shape}"
                         + ("; the loss must say by its attribute decision_threshold above which output class 1 begins"
                            if output.size == y.size else ""))
    return counts[0] / counts[1] if counts[1] else float("nan")


def _whole(y):
    """Labels that are floats 0 and 1, as losses of logits take them, as integers."""
    return y.astype(np.int64) if y.dtype.kind == "f" and ((y == 0) | (y == 1)).all() else y


NAMED = {
    "accuracy": _accuracy,
    "top5": lambda y, output, loss: top_k(y, output, 5),
    "f1": lambda y, output, loss: f1(_whole(y), output, getattr(loss, "decision_threshold", 0.0)),
    "mae": lambda y, output, loss: mean_absolute_error(y, output),
}
_KNOWN: dict[Any, str] = {accuracy: "accuracy", f1: "f1", mean_absolute_error: "mae"}
_MAX, _MIN = ("accuracy", "top5", "f1"), ("loss", "mae", "seconds", "lr", "error", "mse")


def improves_by(column):
    """Whether a column of the history is better when it is larger, 'max', or smaller, 'min'; None: not known."""
    name = column.removeprefix("val_")
    if any(name == known or name.endswith(f"_{known}") for known in _MAX):
        return "max"
    return "min" if any(name == known or name.endswith(f"_{known}") for known in _MIN) else None


class Metric:
    """A function of (y, output) with a name.

    Parameters
    ----------
    name : str
        Column of the history, after "val_".
    function : callable
        ``f(y, output)`` of arrays, or of tuples or dicts of them as the net has them, gives a number; None for that of
        `NAMED`.
    """

    def __init__(self, name, function=None):
        self.name, self.function = name, function

    def __call__(self, y, output, loss):
        """The value over all samples; labels that the loss ignores are left out of the metrics with a name."""
        if self.function is not None:
            return self._number(self.function(y, output))
        if not isinstance(y, np.ndarray) or not isinstance(output, np.ndarray):
            raise TypeError(f"metric {self.name!r} is of one output and one target; for several write a function of "
                            f"(y, output): metrics={{{self.name!r}: function}}")
        ignored = getattr(loss, "ignore_index", None)
        if ignored is not None and y.dtype.kind in "iu" and (y == ignored).any():
            counted = y != ignored
            output = np.moveaxis(output, 1, -1)[counted] if output.ndim == y.ndim + 1 else output[counted]
            y = y[counted]
        return self._number(NAMED[self.name](y, output, loss))

    def _number(self, value):
        value = value.item() if getattr(value, "size", 0) == 1 else value
        if isinstance(value, (bool, str)) or not isinstance(value, (int, float)):
            raise TypeError(f"metric {self.name!r} must give one number for all samples, got {value!r}")
        return float(value)


def metrics_of(metrics):
    """The metrics that a name, a function, a sequence of them, or a dict of names and functions says.

    Raises
    ------
    ValueError, TypeError
        An unknown name, two of one name, a function without a name, a name that the history has already.
    """
    if isinstance(metrics, str) or callable(metrics):
        metrics = [metrics]
    pairs = metrics.items() if isinstance(metrics, dict) else [(None, metric) for metric in metrics]
    found = {}
    for name, metric in pairs:
        metric = _KNOWN.get(metric, metric) if callable(metric) and getattr(metric, "__hash__", None) else metric
        if isinstance(metric, Metric):
            made = metric
        elif isinstance(metric, str):
            if metric not in NAMED:
                raise ValueError(f"unknown metric {metric!r}; there are {', '.join(NAMED)}, or a function of "
                                 "(y, output)")
            if name not in (None, metric):
                raise ValueError(f"the metric {metric!r} has a name already, not {name!r}; write metrics=[{metric!r}]")
            made = Metric(metric)
        elif not callable(metric) or isinstance(metric, type):
            raise TypeError(f"a metric is a name or a function of (y, output), got {metric!r}")
        else:
            if name is None:
                name = getattr(metric, "__name__", "<lambda>")
            if not isinstance(name, str) or name == "<lambda>" or name in _TAKEN:
                raise ValueError(f"a metric needs a name of its own, got {name!r}; write metrics={{'name': function}}")
            made = Metric(name, metric)
        if made.name in found:
            raise ValueError(f"two metrics have the name {made.name!r}; write metrics={{'name': function, ...}}")
        found[made.name] = made
    return tuple(found.values())
