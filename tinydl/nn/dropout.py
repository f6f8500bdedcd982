"""Dropout."""

from tinydl import ops
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
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout takes a probability from 0 to 1, got p={p}")
        self.p = p

    def forward(self, x):
        """Any shape to the same shape."""
        return ops.dropout(as_input(x), self.p, self.training)

    def extra_repr(self):
        """The probability."""
        return f"p={self.p}"
