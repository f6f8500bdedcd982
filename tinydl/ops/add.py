"""Addition, which also closes residual blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl.function import ValueOperation
from tinydl.gradient import Gradient
from tinydl.graph import Description
from tinydl.ops.broadcast import Like, operands, unbroadcast

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["Add", "add"]


class Add(ValueOperation):
    """z = x + y with broadcasting; dx = dz and dy = dz, summed over the axes that were broadcast.

    A sum with a batch norm's result, x + F(x) of a residual block, is left to its first reader together with the ReLU
    that usually follows: one pass instead of three.
    """

    n_values = 2

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(Like(x), Like(y))
        return x.add(y)

    @staticmethod
    def backward(ctx, dz):
        if False not in ctx.needs_input_grad:
            dz = dz.shared()
        return tuple([_to_operand(dz, like) for like in ctx.saved_tensors])

    @staticmethod
    def describe(node):
        return Description(kind="affine")

    @staticmethod
    def lower(node, builder):
        return builder.add(node["x"], node["y"])


def _to_operand(dz, like):
    if dz.shape == like.shape and dz.dtype == like.dtype:
        return dz
    dx = unbroadcast(dz.array(), like)
    return Gradient(dx, owned=dz.owned or dx.size < dz.array().size)


def add(x: ArrayLike, y: ArrayLike) -> Tensor:
    """x + y with broadcasting. See `Add`."""
    return Add.apply(*operands(x, y))
