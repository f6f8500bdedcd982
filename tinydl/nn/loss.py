"""Losses as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinydl import ops
from tinydl._check import number
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, reduction_of
from tinydl.ops.cross_entropy import ignored_of
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from tinydl._types import Array, ArrayLike, Reduction

__all__ = ["BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "MSELoss", "NLLLoss", "factor"]


def factor(value: Any, owner: str, name: str) -> Array | None:
    """Factors of a loss as an array, of float32 where they came as that: finite and not negative."""
    if value is None:
        return None
    try:
        given = np.asarray(value.data if isinstance(value, Tensor) else value)
        dtype = np.float32 if given.dtype in (np.float16, np.float32) else np.float64
        if given.dtype.kind == "c":
            raise TypeError("complex numbers")
        array: Array = np.array(given, dtype)
    except (TypeError, ValueError):
        raise TypeError(f"{owner}: {name} must hold numbers, got {value!r}") from None
    bad = np.argwhere(~((array >= 0) & (array < np.inf)))
    if len(bad):
        raise ValueError(f"{owner}: {name} must be finite and not negative, got {array[tuple(bad[0])]}"
                         + (f" at {tuple(bad[0].tolist())}" if array.ndim else ""))
    return array


def _array(values: Any) -> Array:
    return values.data if isinstance(values, Tensor) else array_of(values)


class _ClassLoss(Module):
    """What the losses of class numbers share: class weights, labels that do not count."""

    weight: Any

    def __init__(self, weight: ArrayLike | None, ignore_index: int, reduction: Reduction) -> None:
        name = type(self).__name__
        weight = factor(weight, name, "weight")
        if weight is not None and (weight.ndim != 1 or weight.size == 0):
            raise ValueError(f"{name}: weight must hold one factor for each class, got shape {weight.shape}")
        self.register_buffer("weight", weight)
        self.ignore_index = ignored_of(ignore_index, name)
        self.reduction = reduction_of(reduction)

    def denominator(self, output: Tensor, labels: ArrayLike) -> float:
        """What 'mean' divides by: the number of labels that count, or the sum of their weights.

        Parameters
        ----------
        output : Tensor
            As `forward` takes it.
        labels : array_like of int
        """
        labels = _array(labels)
        counted = labels[labels != self.ignore_index]
        return counted.size if self.weight is None else float(self.weight.astype(np.float64)[counted].sum())


class CrossEntropyLoss(_ClassLoss):
    """Cross-entropy between softmax(logits) and integer labels, or probabilities; see `ops.cross_entropy`.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
        A factor for each class, not negative; 'mean' divides by the sum of those used.
    ignore_index : int
        Label of rows that do not count.
    reduction : {'mean', 'sum', 'none'}
    label_smoothing : float
        Share of the target that is spread evenly over the classes.
    """

    def __init__(self, weight: ArrayLike | None = None, ignore_index: int = -100, reduction: Reduction = "mean",
                 label_smoothing: float = 0.0) -> None:
        super().__init__(weight, ignore_index, reduction)
        self.label_smoothing = number("CrossEntropyLoss", "label_smoothing", label_smoothing, high=1.0,
                                      open_high=False)

    def forward(self, logits: ArrayLike, target: ArrayLike) -> Tensor:
        """Logits (N, C, ...) and labels (N, ...), or soft ones (N, C, ...), to a number; to (N, ...) without reduction.

        Raises
        ------
        ValueError
            Also for soft labels that are negative or do not sum to 1 over the classes.
        """
        return ops.cross_entropy(as_input(logits), target, self.weight, self.ignore_index, self.reduction,
                                 self.label_smoothing)

    def denominator(self, output: Tensor, labels: ArrayLike) -> float:
        """As above; of soft labels the number of rows."""
        labels = _array(labels)
        if labels.dtype.kind == "f":
            return labels.size // labels.shape[min(1, labels.ndim - 1)]
        return super().denominator(output, labels)


class NLLLoss(_ClassLoss):
    """Negative log-likelihood of log-probabilities; after LogSoftmax the same as CrossEntropyLoss.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
        A factor for each class, not negative; 'mean' divides by the sum of those used.
    ignore_index : int
        Label of rows that do not count.
    reduction : {'mean', 'sum', 'none'}
    """

    def __init__(self, weight: ArrayLike | None = None, ignore_index: int = -100,
                 reduction: Reduction = "mean") -> None:
        super().__init__(weight, ignore_index, reduction)

    def forward(self, log_probabilities: ArrayLike, target: ArrayLike) -> Tensor:
        """Log-probabilities (N, C, ...) and labels (N, ...) to a number, or to (N, ...) without reduction."""
        return ops.nll(as_input(log_probabilities), target, self.weight, self.ignore_index, self.reduction)


class MSELoss(Module):
    """Squared error (x - t)^2; with 1/2 in front: 0.5 * MSELoss(reduction='sum').

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
    """

    def __init__(self, reduction: Reduction = "mean") -> None:
        self.reduction = reduction_of(reduction)

    def forward(self, x: ArrayLike, target: ArrayLike) -> Tensor:
        """Two arrays of one shape to a number, or to their shape without reduction."""
        return ops.mse(as_input(x), target, self.reduction)


class HuberLoss(Module):
    """d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), d = x - t.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
    delta : float
    """

    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        self.reduction = reduction_of(reduction)
        self.delta = number("HuberLoss", "delta", delta, open_low=True)

    def forward(self, x: ArrayLike, target: ArrayLike) -> Tensor:
        """Two arrays of one shape to a number, or to their shape without reduction."""
        return ops.huber(as_input(x), target, self.reduction, self.delta)


class BCEWithLogitsLoss(Module):
    """Binary cross-entropy between sigmoid(x) and targets from 0 to 1.

    Parameters
    ----------
    weight : array_like, optional
        Factor of every loss, not negative; broadcasts.
    reduction : {'mean', 'sum', 'none'}
    pos_weight : array_like, optional
        Factor of the positive part, not negative; broadcasts.
    """

    weight: Any
    pos_weight: Any
    decision_threshold = 0.0  # a logit above it says class 1

    def __init__(self, weight: ArrayLike | None = None, reduction: Reduction = "mean",
                 pos_weight: ArrayLike | None = None) -> None:
        self.register_buffer("weight", factor(weight, "BCEWithLogitsLoss", "weight"))
        self.reduction = reduction_of(reduction)
        self.register_buffer("pos_weight", factor(pos_weight, "BCEWithLogitsLoss", "pos_weight"))

    def forward(self, x: ArrayLike, target: ArrayLike) -> Tensor:
        """Two arrays of one shape to a number, or to their shape without reduction.

        Class numbers 0 and 1 of shape (N, ...) also go with outputs (N, 1, ...).
        """
        x = as_input(x)
        return ops.bce_with_logits(x, _binary(x, target), self.weight, self.reduction, self.pos_weight)


def _binary(x, target):
    """The target of binary cross-entropy; class numbers are checked and take the shape of `x`."""
    labels = _array(target)
    if labels.dtype.kind not in "iub":
        return target
    bad = np.argwhere((labels != 0) & (labels != 1))
    if len(bad):
        place = tuple(bad[0].tolist())
        raise ValueError(f"BCEWithLogitsLoss: class numbers are 0 and 1, got {labels[place]} at {place}; more classes "
                         "need CrossEntropyLoss and as many outputs")
    fits = x.ndim > 1 and x.shape[1] == 1 and (*x.shape[:1], *x.shape[2:]) == labels.shape
    return (labels.reshape(x.shape) if fits else labels).astype(x.dtype)
