"""ReLU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl.function import ValueOperation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, need_float

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["ReLU", "relu"]


class ReLU(ValueOperation):
    """y = max(x, 0), element by element; dx = dy where y > 0, else 0.

    NaN passes in both directions. After a convolution, a batch norm or a residual sum
    the clamp is left to the next operation.

    Source: Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010.
    """

    @staticmethod
    def forward(ctx, x):
        y = x.relu()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return y.masked(dy)

    @staticmethod
    def describe(node):
        return Description(kind="diagonal")

    @staticmethod
    def lower(node, builder):
        return builder.clamp(node["x"])


def relu(x: ArrayLike) -> Tensor:
    """max(x, 0), element by element; NaN passes. See `ReLU`."""
    x = as_tensor(x)
    need_float(x, "relu")
    return ReLU.apply(x)
