"""A net that looks at each image several times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl import ops
from tinydl._check import integer
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, need_rank

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["AveragedViews"]


class AveragedViews(Module):
    """The mean of what a net says of an image and of its mirrored and shifted copies, for better predictions.

    With views v_k(x) and weights a_k that sum to 1, ``y = sum over k of a_k net(v_k(x))``. The image in place weighs
    1/2, moved by `shift` pixels up and left, and down and right, 1/4 each; each shares its weight with its
    mirror image. What a shift brings in is the image reflected at its edge pixels.

    Parameters
    ----------
    net : Module
        Gives one tensor for a batch (N, C, H, W).
    shift : int
        0 leaves the shifted views out.
    mirror : bool
        False leaves the mirrored views out.

    Examples
    --------
    >>> td.train.evaluate(td.nn.AveragedViews(net), test, loss_fn)["accuracy"]

    References
    ----------
    The six views are those of K. Jordan, arXiv:2404.00498.
    """

    def __init__(self, net: Module, shift: int = 1, mirror: bool = True) -> None:
        if not isinstance(net, Module):
            raise TypeError(f"AveragedViews takes a module, got {net!r}")
        self.net, self.mirror = net, bool(mirror)
        self.shift = integer("AveragedViews", "shift", shift, 0)

    def forward(self, x: ArrayLike) -> Tensor:
        """Images (N, C, H, W) to what the net gives for them."""
        x = as_input(x, next((p.dtype for p in self.net.parameters()), None))
        need_rank(x.shape, (4,), "AveragedViews", "(N, C, H, W)")
        s, (height, width) = self.shift, x.shape[2:]
        if s >= min(height, width):
            raise ValueError(f"AveragedViews: an image of {height}x{width} pixels cannot be moved by {s} and reflected")
        views = [(1.0, x)]
        if s:
            views = [(0.5, x), *((0.25, _moved(_moved(x, 2, by), 3, by)) for by in (s, -s))]
        if self.mirror:
            views = [(weight / 2, side) for weight, view in views for side in (view, view[:, :, :, ::-1])]
        (first, view), *rest = views
        y = self.net(view) * first
        for weight, view in rest:
            y = y + self.net(view) * weight
        return y

    def extra_repr(self) -> str:
        """The views."""
        return f"shift={self.shift}, mirror={self.mirror}"


def _moved(x, axis, by):
    """x moved along an axis to higher places, or to lower ones, reflected at the first or last place."""
    n, before = x.shape[axis], (slice(None),) * axis
    if by > 0:
        parts = slice(by, 0, -1), slice(n - by)
    else:
        parts = slice(-by, None), slice(n - 2, n - 2 + by if n - 2 + by >= 0 else None, -1)
    return ops.concatenate([x[(*before, part)] for part in parts], axis)
