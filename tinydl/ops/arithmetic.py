"""Subtraction, product, quotient, sign and power, with NumPy's broadcasting.

An operand that was repeated gets the sum of the gradients of its copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl.function import Operation
from tinydl.gradient import Gradient
from tinydl.graph import Description
from tinydl.ops.broadcast import Like, operands, result, unbroadcast
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from tinydl._types import ArrayLike

__all__ = ["div", "mul", "neg", "power", "sub"]


class Sub(Operation):
    """z = x - y; dx = dz, dy = -dz."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(Like(x), Like(y))
        return result(np.subtract, x, y)

    @staticmethod
    def backward(ctx, dz):
        x, y = ctx.saved_tensors
        need_x, need_y = ctx.needs_input_grad
        return (Gradient(unbroadcast(dz, x), owned=False) if need_x else None,
                unbroadcast(np.negative(dz, out=layout.empty_like(dz)), y) if need_y else None)

    @staticmethod
    def describe(node):
        return Description(kind="affine")

    @staticmethod
    def lower(node, builder):
        x, y = node["x"], node["y"]
        constant = builder.constant(y)
        if constant is not None:
            return builder.affine(x, centre=constant)
        constant = builder.constant(x)
        return None if constant is None else builder.affine(y, -1, constant)


class Mul(Operation):
    """z = x y; dx = y dz, dy = x dz."""

    factors = (0, 1)

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return result(np.multiply, x, y)

    @staticmethod
    def backward(ctx, dz):
        x, y = ctx.saved_tensors
        need_x, need_y = ctx.needs_input_grad
        return (unbroadcast(result(np.multiply, dz, y), x) if need_x else None,
                unbroadcast(result(np.multiply, dz, x), y) if need_y else None)

    @staticmethod
    def describe(node):
        return Description(kind="multilinear")

    @staticmethod
    def lower(node, builder):
        for x, y in ((node["x"], node["y"]), (node["y"], node["x"])):
            constant = builder.constant(y)
            if constant is not None:
                return builder.affine(x, constant)
        return None


class Div(Operation):
    """z = x / y; dx = dz / y, dy = -z dz / y."""

    @staticmethod
    def forward(ctx, x, y):
        z = result(np.true_divide, x, y)
        ctx.save_for_backward(Like(x), y, z if ctx.needs_input_grad[1] else None)
        return z

    @staticmethod
    def backward(ctx, dz):
        x, y, z = ctx.saved_tensors
        need_x, need_y = ctx.needs_input_grad
        dx = result(np.true_divide, dz, y)
        dy = unbroadcast(np.negative(result(np.multiply, dx, z)), y) if need_y else None
        return unbroadcast(dx, x) if need_x else None, dy

    @staticmethod
    def describe(node):
        return Description(kind="" if node.varies("y") else "affine")

    @staticmethod
    def lower(node, builder):
        constant = builder.constant(node["y"])
        if constant is None:
            return None
        with np.errstate(divide="ignore"):
            return builder.affine(node["x"], 1 / constant.astype(np.float64))


class Neg(Operation):
    """y = -x; dx = -dy."""

    @staticmethod
    def forward(ctx, x):
        return np.negative(x, out=layout.empty_like(x))

    @staticmethod
    def backward(ctx, dy):
        return np.negative(dy, out=layout.empty_like(dy))

    @staticmethod
    def describe(node):
        return Description(kind="affine")

    @staticmethod
    def lower(node, builder):
        return builder.affine(node["x"], -1)


class Power(Operation):
    """z = x^y; dx = y x^(y-1) dz (0 where y = 0), dy = x^y log(x) dz (0 where x = 0 and y >= 0)."""

    @staticmethod
    def forward(ctx, x, y):
        if not y.ndim and y == 2:
            z = result(np.multiply, x, x)
        else:
            z = result(np.power, x, y)
        ctx.save_for_backward(x, y, z if ctx.needs_input_grad[1] else None)
        return z

    @staticmethod
    def backward(ctx, dz):
        x, y, z = ctx.saved_tensors
        dx = dy = None
        with np.errstate(divide="ignore", invalid="ignore"):
            if ctx.needs_input_grad[0]:
                if not y.ndim and y == 2:
                    slope = np.asarray(x + x)
                elif not y.ndim and y == 0:
                    slope = np.zeros_like(x)
                else:
                    slope = np.where(y == 0, x.dtype.type(0), y * np.power(x, y - y.dtype.type(1)))
                dx = unbroadcast(np.asarray(dz * slope), x)
            if ctx.needs_input_grad[1]:
                slope = np.where((x == 0) & (y >= 0), z.dtype.type(0), z * np.log(x))
                dy = unbroadcast(np.asarray(dz * slope), y)
        return dx, dy


def _floating(x):
    """Integer operands of a quotient or power become float32."""
    if x.dtype.kind == "f":
        return x
    return Tensor(x.data.astype(np.float32)) if isinstance(x, Tensor) else x.astype(np.float32)


def sub(x: ArrayLike, y: ArrayLike) -> Tensor:
    """x - y, element by element.

    Parameters
    ----------
    x, y : Tensor or array_like
        Shapes that broadcast; one of them a tensor.
    """
    return Sub.apply(*operands(x, y))


def mul(x: ArrayLike, y: ArrayLike) -> Tensor:
    """x * y, element by element.

    Parameters
    ----------
    x, y : Tensor or array_like
        Shapes that broadcast; one of them a tensor.
    """
    return Mul.apply(*operands(x, y))


def div(x: ArrayLike, y: ArrayLike) -> Tensor:
    """x / y, element by element; integers become float32.

    Parameters
    ----------
    x, y : Tensor or array_like
        Shapes that broadcast; one of them a tensor.
    """
    x, y = operands(x, y)
    return Div.apply(_floating(x), _floating(y))


def neg(x: ArrayLike) -> Tensor:
    """-x, element by element."""
    return Neg.apply(x if isinstance(x, Tensor) else Tensor(x))


def power(x: ArrayLike, y: ArrayLike) -> Tensor:
    """x to the power y, element by element; integers stay integers.

    Parameters
    ----------
    x, y : Tensor or array_like
        Shapes that broadcast; one of them a tensor. A negative base needs an integral exponent, as in NumPy.

    Raises
    ------
    ValueError
        For integers to negative powers, as in NumPy and PyTorch.
    """
    return Power.apply(*operands(x, y))
