"""Dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl import ops
from tinydl._check import number
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, need_rank

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["Dropout", "Dropout1d", "Dropout2d"]


class Dropout(Module):
    """In training, entries become 0 with probability p and the others are scaled by 1 / (1 - p).

    Evaluation returns the input. The mask follows from the seed and the number of the call, not from threads.

    Source: N. Srivastava et al., Dropout, JMLR 15, 2014.

    Parameters
    ----------
    p : float
        Between 0 and 1.
    inplace : bool
        Of no effect: an input is never written.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        self.p = number(type(self).__name__, "p", p, high=1.0, open_high=False)

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape to the same shape."""
        return ops.dropout(as_input(x), self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class Dropout1d(Dropout):
    """In training, whole channels of (N, C, L) become 0 with probability p; the others are scaled by 1 / (1 - p).

    Source: Tompson et al., Efficient object localization using convolutional networks, CVPR 2015.

    Parameters
    ----------
    p : float
        Between 0 and 1.
    inplace : bool
        Of no effect: an input is never written.
    """

    _ranks, _layout = (3,), "(N, C, L)"

    def forward(self, x: ArrayLike) -> Tensor:
        """A shape with channels to the same shape."""
        x = as_input(x)
        need_rank(x.shape, self._ranks, type(self).__name__, self._layout)
        return ops.channel_dropout(x, self.p, self.training)


class Dropout2d(Dropout1d):
    """In training, whole channels of (N, C, H, W) become 0 with probability p; the others are scaled by 1 / (1 - p).

    Source: Tompson et al., Efficient object localization using convolutional networks, CVPR 2015.

    Parameters
    ----------
    p : float
        Between 0 and 1.
    inplace : bool
        Of no effect: an input is never written.
    """

    _ranks, _layout = (4,), "(N, C, H, W)"
