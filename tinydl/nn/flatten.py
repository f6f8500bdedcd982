"""Flatten and its inverse."""

from tinydl import ops
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Merge the axes from start_dim to end_dim, in logical (C, H, W) order.

    Parameters
    ----------
    start_dim, end_dim : int
        First and last axis to merge; the default keeps the batch axis.
    """

    def __init__(self, start_dim=1, end_dim=-1):
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x):
        """(N, C, H, W) to (N, C*H*W)."""
        return ops.flatten(as_input(x), self.start_dim, self.end_dim)

    def extra_repr(self):
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

    def __init__(self, dim, unflattened_size):
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x):
        """(N, C*H*W) to (N, C, H, W), for dim=1."""
        x = as_input(x)
        axis = self.dim % x.ndim
        return x.reshape((*x.shape[:axis], *self.unflattened_size, *x.shape[axis + 1:]))

    def extra_repr(self):
        """Axis and sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
