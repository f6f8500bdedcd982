"""Losses as layers."""

from typing import Any

import numpy as np

from tinydl import ops
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, reduction_of
from tinydl.tensor import Tensor

__all__ = ["BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "MSELoss", "NLLLoss"]


def _factor(value):
    return None if value is None else np.array(value.data if isinstance(value, Tensor) else value, dtype=np.float32)


class CrossEntropyLoss(Module):
    """Cross-entropy between softmax(logits) and integer labels; see `ops.cross_entropy` for the formula.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
        A factor for each class; 'mean' divides by the sum of those used.
    ignore_index : int
        Label of rows that do not count.
    reduction : {'mean', 'sum', 'none'}
    label_smoothing : float
        Share of the target that is spread evenly over the classes.
    """

    weight: Any

    def __init__(self, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        self.register_buffer("weight", _factor(weight))
        self.ignore_index = ignore_index
        self.reduction = reduction_of(reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing must lie between 0 and 1, got {label_smoothing}")
        self.label_smoothing = label_smoothing

    def forward(self, logits, labels):
        """Logits (N, C, ...) and labels (N, ...) to a number, or to (N, ...) without reduction."""
        return ops.cross_entropy(as_input(logits), labels, self.weight, self.ignore_index, self.reduction,
                                 self.label_smoothing)


class NLLLoss(Module):
    """Negative log-likelihood of log-probabilities; after LogSoftmax the same as CrossEntropyLoss.

    Parameters
    ----------
    weight : array_like, shape (C,), optional
        A factor for each class; 'mean' divides by the sum of those used.
    ignore_index : int
        Label of rows that do not count.
    reduction : {'mean', 'sum', 'none'}
    """

    weight: Any

    def __init__(self, weight=None, ignore_index=-100, reduction="mean"):
        self.register_buffer("weight", _factor(weight))
        self.ignore_index = ignore_index
        self.reduction = reduction_of(reduction)

    def forward(self, log_probabilities, labels):
        """Log-probabilities (N, C, ...) and labels (N, ...) to a number, or to (N, ...) without reduction."""
        return ops.nll(as_input(log_probabilities), labels, self.weight, self.ignore_index, self.reduction)


class MSELoss(Module):
    """Squared error (x - t)^2; the course's E is 0.5 * MSELoss(reduction='sum').

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
    """

    def __init__(self, reduction="mean"):
        self.reduction = reduction_of(reduction)

    def forward(self, x, target):
        """Two arrays of one shape to a number, or to their shape without reduction."""
        return ops.mse(as_input(x), target, self.reduction)


class HuberLoss(Module):
    """d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), d = x - t.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
    delta : float
    """

    def __init__(self, reduction="mean", delta=1.0):
        self.reduction = reduction_of(reduction)
        if not delta > 0:
            raise ValueError(f"HuberLoss needs a positive delta, got {delta}")
        self.delta = delta

    def forward(self, x, target):
        """Two arrays of one shape to a number, or to their shape without reduction."""
        return ops.huber(as_input(x), target, self.reduction, self.delta)


class BCEWithLogitsLoss(Module):
    """Binary cross-entropy between sigmoid(x) and targets from 0 to 1.

    Parameters
    ----------
    weight : array_like, optional
        Factor of every loss; broadcasts.
    reduction : {'mean', 'sum', 'none'}
    pos_weight : array_like, optional
        Factor of the positive part; broadcasts.
    """

    weight: Any
    pos_weight: Any

    def __init__(self, weight=None, reduction="mean", pos_weight=None):
        self.register_buffer("weight", _factor(weight))
        self.reduction = reduction_of(reduction)
        self.register_buffer("pos_weight", _factor(pos_weight))

    def forward(self, x, target):
        """Two arrays of one shape to a number, or to their shape without reduction."""
        return ops.bce_with_logits(as_input(x), target, self.weight, self.reduction, self.pos_weight)
