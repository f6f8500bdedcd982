"""Element-by-element mathematics: exp, log, sqrt, abs, clip, maximum, minimum, where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._check import number
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.broadcast import Like, operands, result, unbroadcast
from tinydl.ops.checks import as_tensor, need_float
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from tinydl._types import ArrayLike

__all__ = ["abs", "clip", "cos", "exp", "log", "maximum", "minimum", "sign", "sin", "sqrt", "where"]


class _Unary(Operation):
    @staticmethod
    def describe(node):
        return Description(kind="diagonal")


def _out(x):
    return layout.empty_like(x)


class Exp(_Unary):
    """y = exp(x); dx = y dy."""

    @staticmethod
    def forward(ctx, x):
        y = np.exp(x, out=_out(x))
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return np.multiply(dy, y, out=_out(y))


class Log(_Unary):
    """y = log(x), -inf at 0 and NaN below; dx = dy / x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(x, out=_out(x))

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.divide(dy, x, out=_out(x))


class Sqrt(_Unary):
    """y = sqrt(x), NaN below 0; dx = dy / (2 y), infinite at 0."""

    @staticmethod
    def forward(ctx, x):
        with np.errstate(invalid="ignore"):
            y = np.sqrt(x, out=_out(x))
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.divide(dy, np.asarray(y + y), out=_out(y))


class Abs(_Unary):
    """y = |x|; dx = sign(x) dy, 0 at 0."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return np.abs(x, out=_out(x))

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return np.multiply(dy, np.sign(x), out=_out(x))


class Sin(_Unary):
    """y = sin(x); dx = cos(x) dy."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return np.sin(x, out=_out(x))

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return np.multiply(dy, np.cos(x), out=_out(x))


class Cos(_Unary):
    """y = cos(x); dx = -sin(x) dy."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return np.cos(x, out=_out(x))

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        dx = np.multiply(dy, np.sin(x), out=_out(x))
        return np.negative(dx, out=dx)


class Clip(_Unary):
    """y = min(max(x, low), high); dx = dy where low <= x <= high, else 0; NaN passes."""

    @staticmethod
    def forward(ctx, x, low, high):
        ctx.save_for_backward(x, low, high)
        return np.clip(x, low, high, out=_out(x))

    @staticmethod
    def backward(ctx, dy):
        x, low, high = ctx.saved_tensors
        inside = np.ones(x.shape, bool)
        if low is not None:
            inside &= ~(x < low)
        if high is not None:
            inside &= ~(x > high)
        return np.multiply(dy, inside, out=_out(x))


class Clamp(Operation):
    """`Clip` to limits that vary: y = min(max(x, low), high), high where low > high; NaN passes.

    dx = dy where low <= x <= high; dlow = dy where x < low < high, dhigh = dy where x > high or low > high.
    """

    @staticmethod
    def forward(ctx, x, low, high):
        ctx.save_for_backward(x, low, high)
        return np.asarray(np.minimum(np.maximum(x, low), high))

    @staticmethod
    def backward(ctx, dy):
        x, low, high = ctx.saved_tensors
        places = (~(x < low) & ~(x > high), (x < low) & (low < high), (x > high) | (high < low))
        return tuple([unbroadcast(np.where(place, dy, dy.dtype.type(0)), like) if needed else None
                      for place, like, needed in zip(places, (x, low, high), ctx.needs_input_grad, strict=True)])


class _Pick(Operation):
    """The larger or smaller of two; equal entries share the gradient half and half, as in PyTorch."""

    @staticmethod
    def backward(ctx, dz):
        x, y, z = ctx.saved_tensors
        need_x, need_y = ctx.needs_input_grad
        half = np.where(x == y, dz.dtype.type(0.5), dz.dtype.type(1)) * dz
        # NaN is nobody's equal: the operand that is NaN takes the gradient.
        dx = unbroadcast(np.where((x == z) | np.isnan(x), half, dz.dtype.type(0)), x) if need_x else None
        dy = unbroadcast(np.where((y == z) | np.isnan(y), half, dz.dtype.type(0)), y) if need_y else None
        return dx, dy


class Maximum(_Pick):
    """z = max(x, y); NaN passes; the larger one gets the gradient."""

    @staticmethod
    def forward(ctx, x, y):
        z = result(np.maximum, x, y)
        ctx.save_for_backward(x, y, z)
        return z


class Minimum(_Pick):
    """z = min(x, y); NaN passes; the smaller one gets the gradient."""

    @staticmethod
    def forward(ctx, x, y):
        z = result(np.minimum, x, y)
        ctx.save_for_backward(x, y, z)
        return z


class Where(Operation):
    """z = x where the condition holds, else y; each gets the gradient of its places."""

    @staticmethod
    def forward(ctx, condition, x, y):
        ctx.save_for_backward(condition, Like(x), Like(y))
        return np.asarray(np.where(condition, x, y))

    @staticmethod
    def backward(ctx, dz):
        condition, x, y = ctx.saved_tensors
        _, need_x, need_y = ctx.needs_input_grad
        zero = dz.dtype.type(0)
        return (None, unbroadcast(np.where(condition, dz, zero), x) if need_x else None,
                unbroadcast(np.where(condition, zero, dz), y) if need_y else None)


def _unary(function, x, name):
    x = as_tensor(x)
    need_float(x, name)
    return function.apply(x)


def exp(x: ArrayLike) -> Tensor:
    """e to the power x, element by element."""
    return _unary(Exp, x, "exp")


def log(x: ArrayLike) -> Tensor:
    """Natural logarithm, element by element: -inf at 0, NaN below."""
    return _unary(Log, x, "log")


def sqrt(x: ArrayLike) -> Tensor:
    """Square root, element by element: NaN below 0; its gradient is infinite at 0."""
    return _unary(Sqrt, x, "sqrt")


def abs(x: ArrayLike) -> Tensor:
    """Absolute value, element by element; gradient 0 at 0."""
    return _unary(Abs, x, "abs")


def sin(x: ArrayLike) -> Tensor:
    """Sine, element by element."""
    return _unary(Sin, x, "sin")


def cos(x: ArrayLike) -> Tensor:
    """Cosine, element by element."""
    return _unary(Cos, x, "cos")


def sign(x: ArrayLike) -> Tensor:
    """-1, 0 or 1, element by element, NaN of NaN as in NumPy; its gradient is 0 everywhere, so none is recorded."""
    x = as_tensor(x)
    if x.dtype == bool:
        raise TypeError("sign takes numbers, got booleans; convert with x.astype('float32')")
    return Tensor(np.asarray(np.sign(x.data)))


def clip(x: ArrayLike, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
    """Limit to [min, max], element by element.

    Parameters
    ----------
    x : Tensor
    min, max : number, Tensor or array_like, optional
        None leaves that side open. Tensors and arrays broadcast. Entries beyond get no gradient, entries at a limit do;
        a limit that is a tensor gets that of the entries beyond it.
    """
    x, low, high = as_tensor(x), min, max
    need_float(x, "clip")
    if low is None and high is None:
        raise ValueError("clip needs at least one of min and max")
    if any(isinstance(limit, (Tensor, np.ndarray, list, tuple)) for limit in (low, high)):
        low, high = (operands(x, default if limit is None else limit)[1]
                     for limit, default in ((low, -np.inf), (high, np.inf)))
        return Clamp.apply(x, low, high)
    low, high = (None if limit is None else number("clip", name, limit, finite=False)
                 for name, limit in (("min", low), ("max", high)))
    if low is not None and high is not None and not low <= high:
        raise ValueError(f"clip needs min <= max, got {low} and {high}")
    kind = x.dtype.type
    return Clip.apply(x, low=None if low is None else kind(low), high=None if high is None else kind(high))


def maximum(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The larger of x and y, element by element; NaN passes.

    Parameters
    ----------
    x, y : Tensor or array_like
        Shapes that broadcast; one of them a tensor. Where they are equal each gets half of the gradient.
    """
    return Maximum.apply(*operands(x, y))


def minimum(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The smaller of x and y, element by element; NaN passes.

    Parameters
    ----------
    x, y : Tensor or array_like
        Shapes that broadcast; one of them a tensor. Where they are equal each gets half of the gradient.
    """
    return Minimum.apply(*operands(x, y))


def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Tensor:
    """x where the condition is true, else y.

    Parameters
    ----------
    condition : Tensor or array_like of bool
    x, y : Tensor or array_like
        Shapes that broadcast with the condition; one of them a tensor.
    """
    condition = condition.data if isinstance(condition, Tensor) else array_of(condition)
    if condition.dtype != bool:
        raise TypeError(f"where needs a condition of booleans, got {condition.dtype}; compare first, as in x > 0")
    return Where.apply(condition, *operands(x, y))
