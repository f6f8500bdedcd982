"""Group normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import ops
from tinydl._check import flag, number
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, integers
from tinydl.tensor import Parameter

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["GroupNorm"]


class GroupNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias over groups of channels of every sample (Wu and He, 2018).

    Mean and (biased) variance are those of num_channels / num_groups neighbouring channels with all their positions;
    weight and bias are per channel. Training and evaluation are the same, and samples do not see each other: it does
    not matter how large a batch is.

    Parameters
    ----------
    num_groups : int
        1 is layer norm over channels and positions, num_channels instance norm.
    num_channels : int
        Channels C, a multiple of num_groups.
    eps : float
    affine : bool
        Whether there are weight and bias.

    Attributes
    ----------
    weight, bias : Parameter of shape (C,), or None
        1 and 0 at the start.
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        (self.num_groups,) = integers(num_groups, 1, "num_groups", 1)
        (self.num_channels,) = integers(num_channels, 1, "num_channels", 1)
        if self.num_channels % self.num_groups:
            raise ValueError(f"num_channels must be a multiple of num_groups, got {self.num_channels} channels in "
                             f"{self.num_groups} groups")
        self.eps = number("GroupNorm", "eps", eps)
        self.affine = flag("GroupNorm", "affine", affine)
        self.weight = Parameter(np.ones(self.num_channels, np.float32)) if self.affine else None
        self.bias = Parameter(np.zeros(self.num_channels, np.float32)) if self.affine else None

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, C, *spatial), with any number of spatial axes, to the same shape."""
        x = as_input(x, None if self.weight is None else self.weight.dtype)
        shape = x.shape
        if len(shape) < 2 or shape[1] != self.num_channels:
            self._refuse(shape)
        return ops.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def _refuse(self, shape):
        cure = f"this input would need GroupNorm({self.num_groups}, {shape[1]})" if len(shape) > 1 else \
            f"a single sample needs a batch axis in front: x[None], shape {(1, *shape)}"
        raise ValueError(f"GroupNorm({self.num_groups}, {self.num_channels}) takes (N, {self.num_channels}, *spatial), "
                         f"got shape {shape}; {cure}")

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
