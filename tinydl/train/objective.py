"""What is minimised: the loss of a batch, each sample and class by its weight."""

import copy

import numpy as np

from tinydl._check import number
from tinydl.tensor import Tensor
from tinydl.train.trees import size_of

__all__ = ["Objective", "denominator", "loss_value"]


def loss_value(loss):
    """A loss as a float; what is no single number is refused."""
    size = getattr(loss, "size", None)
    if isinstance(loss, (int, float)):
        return float(loss)
    if size != 1 or not hasattr(loss, "item"):
        what = f"an array of shape {loss.shape}" if size is not None else f"{type(loss).__name__}"
        raise TypeError(f"the loss must be one number for a batch, got {what}; take the mean over the samples, or "
                        "reduction='mean'")
    return float(loss.item())


def denominator(loss, output, y):
    """What the loss of a batch was divided by: its own word, or the number of samples."""
    if getattr(loss, "reduction", "mean") != "sum":
        own = getattr(loss, "denominator", None)
        if own is not None:
            return own(output, y)
    return size_of(y)


def _class_weights(class_weight, labels):
    """Factors of classes as a float32 array; 'balanced' gives every class the same sum over the labels."""
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f"class_weight must be 'balanced', a dict or one number for each class, got "
                             f"{class_weight!r}")
        if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or not labels.size:
            raise ValueError("class_weight='balanced' counts class numbers in arrays; for other data give the weights")
        counts = np.bincount(labels[labels >= 0].reshape(-1))
        return np.where(counts, counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1)), 1).astype(np.float32)
    if isinstance(class_weight, dict):
        if not class_weight or not all(isinstance(k, (int, np.integer)) and k >= 0 for k in class_weight):
            raise ValueError(f"class_weight must have class numbers as its keys, got {class_weight!r}")
        pairs = [class_weight.get(k, 1.0) for k in range(max(class_weight) + 1)]
    else:
        pairs = list(np.asarray(class_weight.data if isinstance(class_weight, Tensor) else class_weight).reshape(-1))
    return np.array([number("Trainer.fit", f"class_weight of class {k}", float(v)) for k, v in enumerate(pairs)],
                    np.float32)


class Objective:
    """The loss of a batch as ``sum of v_i l_i / sum of v_i`` over samples (or pixels) i of loss l_i and weight v_i.

    Without weights it is the loss itself. A sample's weight, that of its class and the loss's own for the class are
    multiplied; labels that are the loss's `ignore_index` have 0.

    Parameters
    ----------
    loss : callable
        With weights one that has ``reduction``, as the losses of `tinydl.nn`, or gives one number for each sample.
    class_weight : dict, sequence or 'balanced', optional
        Factor of each class; a class that a dict leaves out has 1.
    labels : array, optional
        Of all samples, which 'balanced' counts.
    """

    def __init__(self, loss, class_weight=None, labels=None):
        self.loss = loss
        self.class_weight = None if class_weight is None else _class_weights(class_weight, labels)
        self._open = isinstance(class_weight, (dict, str))
        if self.class_weight is not None and getattr(loss, "weight", None) is not None:
            raise ValueError(f"class_weight and the weight of {type(loss).__name__} both weight the classes; leave out "
                             "one of them")

    @property
    def plan(self):
        """As that of `ArrayFeed`."""
        return {} if self.class_weight is None else {"class_weight": [round(float(v), 6) for v in self.class_weight]}

    def __call__(self, output, y, sample_weight=None):
        """(loss, what it was divided by; None where `denominator` knows)."""
        if sample_weight is None and self.class_weight is None:
            return self.loss(output, y), None
        numbers = isinstance(y, np.ndarray) and y.dtype.kind in "iu"
        rows = self._rows(output, y, numbers)
        weight = np.ones(rows.shape, np.float32)
        if sample_weight is not None:
            weight *= sample_weight.reshape(-1, *(1,) * (rows.ndim - 1))
        if numbers and y.size == rows.size:
            weight *= self._of_classes(y.reshape(rows.shape))
        elif self.class_weight is not None:
            raise TypeError("class_weight needs class numbers, one integer for each value of the loss; weight the "
                            "samples with sample_weight instead")
        if getattr(self.loss, "reduction", "mean") == "sum":
            return (rows * weight).sum(), len(rows)
        total = float(weight.sum(dtype=np.float64))
        return (rows * weight).sum() / (total or 1.0), total

    def _rows(self, output, y, numbers):
        """The loss of each sample, before any mean."""
        loss = self.loss
        if hasattr(loss, "reduction"):
            loss = copy.copy(loss)
            loss.reduction = "none"
            if numbers and hasattr(loss, "ignore_index"):
                loss.weight = None  # it is among the factors of classes
        rows = loss(output, y)
        if not isinstance(rows, Tensor) or rows.ndim == 0 or (isinstance(y, np.ndarray) and len(rows) != len(y)):
            raise TypeError("sample_weight and class_weight need the loss of each sample: give a loss of tinydl.nn, or "
                            "one of your own that returns a Tensor of shape (N,), not its mean; this one gives "
                            + (f"shape {rows.shape}" if isinstance(rows, Tensor) else type(rows).__name__))
        return rows

    def _of_classes(self, y):
        """The factor of each label: that of its class, 0 where it does not count."""
        loss = self.loss
        counted = y != getattr(loss, "ignore_index", None)
        factors = self.class_weight
        if factors is None and hasattr(loss, "ignore_index"):
            factors = loss.weight
        if factors is None:
            return counted.astype(np.float32) if isinstance(counted, np.ndarray) else np.float32(1)
        known = counted & (y < len(factors))
        if not self._open and not np.array_equal(known, counted):
            raise ValueError(f"there is a label {y[counted].max()}, but {len(factors)} class weights")
        return np.where(known, factors[np.where(known, y, 0)], counted).astype(np.float32)
