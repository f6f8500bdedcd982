"""Dropout."""

from tinydl import ops
from tinydl._check import number
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, entries become 0 with probability p and the others are scaled by 1 / (1 - p).

    Evaluation returns the input. The mask follows from the seed and the number of the call, not from threads.

    Source: N. Srivastava et al., Dropout, JMLR 15, 2014.

    Parameters
    ----------
    p : float
        Between 0 and 1.
    """

    def __init__(self, p=0.5):
        self.p = number("Dropout", "p", p, high=1.0, open_high=False)

    def forward(self, x):
        """Any shape to the same shape."""
        return ops.dropout(as_input(x), self.p, self.training)

    def extra_repr(self):
        """The probability."""
        return f"p={self.p}"
