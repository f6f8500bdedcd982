"""Loss and accuracy over many batches, whatever their sizes."""

import numpy as np

from tinydl.tensor import Tensor
from tinydl.train.metrics import right_answers
from tinydl.train.trees import size_of

__all__ = ["Tally"]


class Tally:
    """Adds up batch after batch what the loss and the accuracy of all of them are made of.

    A mean over a batch counts by what it was divided by: the loss says it by its method ``denominator(output, y)``,
    otherwise it is the number of samples. A loss with ``reduction = 'sum'`` is divided by all samples. So neither
    result depends on how the samples were cut into batches.

    Parameters
    ----------
    classify : bool
        Whether floats are 0 and 1 of several classes a sample, so that there is an accuracy. There is one for integers,
        and for one float a sample where the loss has a `decision_threshold`.

    Attributes
    ----------
    loss, weight : float
        Sum of the losses, and what it is to be divided by.
    right, judged : int
        Labels that were hit, and those that could be.
    samples : int
    """

    _names = ("loss", "weight", "right", "judged", "samples")

    def __init__(self, classify):
        self.classify = classify
        self.clear()

    def clear(self):
        """Forget what was added."""
        self.loss, self.weight, self.right, self.judged, self.samples = 0.0, 0, 0, 0, 0

    def add(self, loss, value, output, y, weight=None):
        """Add a batch.

        Parameters
        ----------
        loss : callable
            Its attributes `decision_threshold` and `ignore_index` say which answers are right and which labels count.
        value : float
            ``loss(output, y)``.
        output : Tensor, or anything else that a net returns
        y : array, or tuple or dict of arrays
        weight : float, optional
            What the mean was divided by; default: what the loss says.
        """
        one = isinstance(y, np.ndarray)
        size = len(y) if one else size_of(y)
        summed = getattr(loss, "reduction", "mean") == "sum"
        if weight is None:
            own = None if summed else getattr(loss, "denominator", None)
            weight = size if own is None else own(output, y)
        if weight:  # the mean over no labels is nan
            self.loss += value if summed else value * weight
            self.weight += weight
        self.samples += size
        threshold = getattr(loss, "decision_threshold", None)
        if one and isinstance(output, Tensor) and (
                self.classify or y.dtype.kind in "iu" or threshold is not None and y.size == len(y)):
            counts = right_answers(output.data, y, threshold, getattr(loss, "ignore_index", None))
            if counts is not None:
                self.right += counts[0]
                self.judged += counts[1]

    def merge(self, sums):
        """Add what another tally has: its `state_dict`."""
        for name in self._names:
            setattr(self, name, getattr(self, name) + sums[name])

    def result(self):
        """``{"loss": ..., "accuracy": ...}``, the accuracy only where outputs answered labels."""
        logs = {"loss": self.loss / self.weight if self.weight else float("nan")}
        if self.judged:
            logs["accuracy"] = self.right / self.judged
        return logs

    def state_dict(self):
        """What was added so far, as plain numbers."""
        return {name: getattr(self, name) for name in self._names}

    def load_state_dict(self, state):
        """Take back what `state_dict` gave."""
        for name in self._names:
            setattr(self, name, state[name])
