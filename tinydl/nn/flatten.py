"""Flatten and its inverse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl import ops
from tinydl._check import integer, items
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, axis_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Merge the axes from start_dim to end_dim, in logical (C, H, W) order.

    Parameters
    ----------
    start_dim, end_dim : int
        First and last axis to merge; the default keeps the batch axis.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = integer("Flatten", "start_dim", start_dim, -64)
        self.end_dim = integer("Flatten", "end_dim", end_dim, -64)

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, C, H, W) to (N, C*H*W)."""
        return ops.flatten(as_input(x), self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split one axis into several.

    Parameters
    ----------
    dim : int
        The axis to split.
    unflattened_size : tuple of int
        What it becomes.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim = integer("Unflatten", "dim", dim, -64)
        self.unflattened_size = tuple(integer("Unflatten", "unflattened_size", n, -1) for n in
                                      items("Unflatten", "unflattened_size", unflattened_size))

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, C*H*W) to (N, C, H, W), for dim=1."""
        x = as_input(x)
        axis = axis_of(self.dim, x.ndim)
        return x.reshape((*x.shape[:axis], *self.unflattened_size, *x.shape[axis + 1:]))

    def extra_repr(self) -> str:
        """Axis and sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
