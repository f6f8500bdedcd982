"""Layers that put entries around signals and images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import ops
from tinydl._check import number
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, integers, need_rank

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import ArrayLike, Ints
    from tinydl.tensor import Tensor

__all__ = [
    "ConstantPad1d", "ConstantPad2d", "ReflectionPad1d", "ReflectionPad2d", "ReplicationPad1d", "ReplicationPad2d",
    "ZeroPad1d", "ZeroPad2d",
]


class _Pad(Module):
    """What all of them share."""

    _n = 0
    _mode: Literal["constant", "reflect", "replicate"] = "constant"
    value = 0.0

    def __init__(self, padding: Ints) -> None:
        self.padding = integers(padding, 2 * self._n, "padding", 0)

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, C, *spatial) to longer spatial axes."""
        x = as_input(x)
        need_rank(x.shape, (self._n + 2,), type(self).__name__, "(N, C, L)" if self._n == 1 else "(N, C, H, W)")
        return ops.pad(x, self.padding, self._mode, self.value)

    def extra_repr(self) -> str:
        """The widths."""
        return str(self.padding)


class _ConstantPad(_Pad):
    """What ConstantPad1d and ConstantPad2d share."""

    def __init__(self, padding: Ints, value: float) -> None:
        super().__init__(padding)
        boolean = isinstance(value, (bool, np.bool_))  # which pads boolean arrays alone
        self.value = bool(value) if boolean else number(type(self).__name__, "value", value, finite=False)

    def extra_repr(self) -> str:
        """The widths and the value."""
        value = self.value if isinstance(self.value, bool) else f"{self.value:g}"
        return f"padding={self.padding}, value={value}"


class ZeroPad1d(_Pad):
    """Zeros around (N, C, L).

    Parameters
    ----------
    padding : int or (int, int)
        Entries on the left and on the right.
    """

    _n = 1


class ZeroPad2d(_Pad):
    """Zeros around (N, C, H, W).

    Parameters
    ----------
    padding : int or four int
        Entries on the left, right, top and bottom.
    """

    _n = 2


class ConstantPad1d(_ConstantPad):
    """A value around (N, C, L).

    Parameters
    ----------
    padding : int or (int, int)
        Entries on the left and on the right.
    value : float
        Of boolean arrays True or False.
    """

    _n = 1


class ConstantPad2d(_ConstantPad):
    """A value around (N, C, H, W).

    Parameters
    ----------
    padding : int or four int
        Entries on the left, right, top and bottom.
    value : float
        Of boolean arrays True or False.
    """

    _n = 2


class ReflectionPad1d(_Pad):
    """A mirror image, without the edge, around (N, C, L).

    Parameters
    ----------
    padding : int or (int, int)
        Entries on the left and on the right, less than L.
    """

    _n, _mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """A mirror image, without the edges, around (N, C, H, W).

    Parameters
    ----------
    padding : int or four int
        Entries on the left, right, top and bottom, less than the axis is long.
    """

    _n, _mode = 2, "reflect"


class ReplicationPad1d(_Pad):
    """The first and the last entry repeated around (N, C, L).

    Parameters
    ----------
    padding : int or (int, int)
        Entries on the left and on the right.
    """

    _n, _mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The edges repeated around (N, C, H, W).

    Parameters
    ----------
    padding : int or four int
        Entries on the left, right, top and bottom.
    """

    _n, _mode = 2, "replicate"
