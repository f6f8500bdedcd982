"""Instance normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import ops
from tinydl._check import flag, number
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, integers, need_rank
from tinydl.tensor import Parameter

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["InstanceNorm1d", "InstanceNorm2d"]


class _InstanceNorm(Module):
    """What InstanceNorm1d and InstanceNorm2d share."""

    _ranks: tuple = ()
    _layout = ""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
                 track_running_stats: bool = False) -> None:
        (self.num_features,) = integers(num_features, 1, "num_features", 1)
        name = type(self).__name__
        self.eps, self.momentum = number(name, "eps", eps, open_low=True), number(name, "momentum", momentum)
        self.affine = flag(name, "affine", affine)
        self.track_running_stats = flag(name, "track_running_stats", track_running_stats)
        if track_running_stats:
            raise ValueError(f"{name} goes by each sample's own statistics, in evaluation too; leave "
                             "track_running_stats out, or use BatchNorm")
        n = self.num_features
        self.weight = Parameter(np.ones(n, np.float32)) if self.affine else None
        self.bias = Parameter(np.zeros(n, np.float32)) if self.affine else None

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, C, *spatial) to the same shape."""
        x = as_input(x, None if self.weight is None else self.weight.dtype)
        name = type(self).__name__
        need_rank(x.shape, self._ranks, name, self._layout.format(self.num_features))
        if x.shape[1] != self.num_features:
            raise ValueError(f"{name}({self.num_features}) takes {self._layout.format(self.num_features)}, got shape "
                             f"{x.shape}; this input would need {name}({x.shape[1]})")
        return ops.instance_norm(x, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"track_running_stats={self.track_running_stats}")


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample of (N, C, L) by its own mean and variance; see `ops.instance_norm`.

    Parameters
    ----------
    num_features : int
        Channels C.
    eps : float
    momentum : float
        Of no effect: there are no running statistics.
    affine : bool
        Whether there are weight and bias.
    track_running_stats : bool
        False.
    """

    _ranks = (3,)
    _layout = "(N, {}, L)"


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each sample of (N, C, H, W) by its own mean and variance; see `ops.instance_norm`.

    Parameters
    ----------
    num_features : int
        Channels C.
    eps : float
    momentum : float
        Of no effect: there are no running statistics.
    affine : bool
        Whether there are weight and bias.
    track_running_stats : bool
        False.
    """

    _ranks = (4,)
    _layout = "(N, {}, H, W)"
