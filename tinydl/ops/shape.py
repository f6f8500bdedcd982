"""Shape: reshape, flatten, transpose, squeeze, unsqueeze, broadcast, pad. Values only move."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._check import dtype_of, given, index_of, items, need_held, number
from tinydl.function import Operation
from tinydl.gradient import Gradient
from tinydl.graph import Description
from tinydl.ops.broadcast import Like, broadcasts, unbroadcast
from tinydl.ops.checks import as_tensor, axis_of
from tinydl.ops.words import worded
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    from tinydl._types import ArrayLike, DType, Ints

__all__ = ["astype", "broadcast_to", "flatten", "pad", "permute", "reshape", "squeeze", "transpose", "unsqueeze"]


class Reshape(Operation):
    """y = the entries of x in logical C order under another shape; dx = dy under x's shape."""

    @staticmethod
    def forward(ctx, x, shape):
        ctx.save_for_backward(x.shape)
        if x.ndim > 2 and not x.flags.c_contiguous:
            # One copy into memory of the pool instead of a fresh one inside reshape.
            dense = layout.memory.empty_ordered(x.shape, x.dtype, None)
            dense[...] = x
            x = dense
        return x.reshape(shape)

    @staticmethod
    def backward(ctx, dy):
        (shape,) = ctx.saved_tensors
        dx = dy.reshape(shape)
        return Gradient(layout.channels_last(dx) if len(shape) in (3, 4) else dx, owned=False)

    @staticmethod
    def describe(node):
        return Description(kind="permutation")

    @staticmethod
    def lower(node, builder):
        return builder.reshape(node["x"], node["shape"])


class Permute(Operation):
    """y = x with its axes in another order (a view); dx = dy with the axes back."""

    @staticmethod
    def forward(ctx, x, order):
        ctx.save_for_backward(order)
        return x.transpose(order)

    @staticmethod
    def backward(ctx, dy):
        (order,) = ctx.saved_tensors
        return Gradient(dy.transpose(_inverse(order)), owned=False)

    @staticmethod
    def describe(node):
        return Description(kind="permutation")

    @staticmethod
    def lower(node, builder):
        return builder.viewed(node["x"], lambda x: x.transpose(node["order"]))


def _inverse(order):
    inverse = [0] * len(order)
    for k, axis in enumerate(order):
        inverse[axis] = k
    return inverse


class BroadcastTo(Operation):
    """y = x repeated to a larger shape; dx = the sum over the copies."""

    @staticmethod
    def forward(ctx, x, shape):
        ctx.save_for_backward(Like(x))
        y = layout.empty(shape, x.dtype)
        y[...] = x
        return y

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        dx = unbroadcast(dy, x)
        return dx.copy() if dx is dy else dx

    @staticmethod
    def describe(node):
        return Description(kind="selection")


class Pad(Operation):
    """y = x with entries around it; the gradient of a copied entry goes to where it was copied from."""

    @staticmethod
    def forward(ctx, x, widths, mode, value):
        ctx.save_for_backward(x.shape, widths, mode)
        shape = tuple(n + before + after for n, (before, after) in zip(x.shape, widths, strict=True))
        y = layout.empty(shape, x.dtype)
        if mode == "constant":
            y.fill(value)
            y[_inner(x.shape, widths)] = x
        else:
            y[...] = x[np.ix_(*_sources(x.shape, widths, mode))]
        return y

    @staticmethod
    def backward(ctx, dy):
        shape, widths, mode = ctx.saved_tensors
        dx = layout.empty(shape, dy.dtype)
        if mode == "constant":
            dx[...] = dy[_inner(shape, widths)]
        else:
            dx.fill(0)
            np.add.at(dx, np.ix_(*_sources(shape, widths, mode)), dy)
        return dx

    @staticmethod
    def describe(node):
        return Description(kind="affine")

    @staticmethod
    def lower(node, builder):
        if node["mode"] != "constant":
            return None
        return builder.pad(node["x"], node["widths"], node["value"], node.output.shape)


def _inner(shape, widths):
    return tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))


def _sources(shape, widths, mode):
    return [np.pad(np.arange(n), width, mode=mode) if any(width) else np.arange(n)
            for n, width in zip(shape, widths, strict=True)]


class AsType(Operation):
    """y = x in another floating type; dx = dy in x's type."""

    @staticmethod
    def forward(ctx, x, dtype):
        ctx.save_for_backward(x.dtype)
        return x.astype(dtype, copy=False)

    @staticmethod
    def backward(ctx, dy):
        return Gradient(dy.astype(ctx.saved_tensors[0], copy=False), owned=False)

    @staticmethod
    def describe(node):
        return Description(kind="permutation")


def _resolved(shape, size, old):
    """`shape` with its -1 replaced, checked against the number of entries."""
    if shape.count(-1) > 1:
        raise ValueError(f"reshape: only one length can be -1, got {shape}")
    known = math.prod(n for n in shape if n != -1)
    if any(n < -1 for n in shape):
        raise ValueError(f"reshape: negative length in {shape}")
    if -1 in shape:
        if not known or size % known:
            raise ValueError(f"reshape: {size} entries of shape {old} do not fill {shape}")
        return tuple(size // known if n == -1 else n for n in shape)
    if known != size:
        raise ValueError(f"reshape: shape {old} has {size} entries, {shape} has {known}")
    return shape


def _ints(values, name):
    values = items(name, "the argument", values)
    found = tuple(map(index_of, values))
    if None in found:
        raise TypeError(f"{name} takes integers, got {tuple(values)!r}")
    if any(abs(v) >= 2**63 for v in found):
        raise ValueError(f"{name}: lengths are below 2**63, got {tuple(values)!r}")
    return found


def _lengths(shape, name):
    """A length or several as a tuple of ints."""
    return _ints((shape,) if index_of(shape) is not None else shape, name)


def reshape(x: ArrayLike, shape: Ints) -> Tensor:
    """The same entries, in logical C order, under another shape.

    Parameters
    ----------
    x : Tensor
    shape : int or tuple of int
        One length may be -1: it follows from the others.
    """
    x = as_tensor(x)
    return Reshape.apply(x, shape=_resolved(_lengths(shape, "reshape"), x.size, x.shape))


def flatten(x: ArrayLike, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Merge the axes from start_dim to end_dim; (C, H, W) keep their logical order whatever the memory order is.

    Parameters
    ----------
    x : Tensor
    start_dim, end_dim : int
        First and last axis to merge.
    """
    x = as_tensor(x)
    shape = x.shape
    if not shape:
        return Reshape.apply(x, shape=(1,))
    first, last = axis_of(start_dim, len(shape)), axis_of(end_dim, len(shape))
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim} for shape {shape}")
    if first == last:
        return x
    return Reshape.apply(x, shape=(*shape[:first], math.prod(shape[first:last + 1]), *shape[last + 1:]))


def permute(x: ArrayLike, dims: Sequence[int]) -> Tensor:
    """Axes in another order.

    Parameters
    ----------
    x : Tensor
    dims : tuple of int
        Axis k of the result is axis dims[k] of x.
    """
    x = as_tensor(x)
    order = items("permute", "order", dims)
    found = tuple(axis_of(k, x.ndim) for k in order)
    if sorted(found) != list(range(x.ndim)):
        raise ValueError(f"permute: {tuple(order)} is no order of the {x.ndim} axes of shape {x.shape}")
    return Permute.apply(x, order=found)


def transpose(x: ArrayLike, *axes: int, dim0: int | None = None, dim1: int | None = None) -> Tensor:
    """Swap two axes, put all in another order, or (without arguments) reverse them.

    Parameters
    ----------
    x : Tensor
    *axes : int
        None: reverse all. Two numbers: swap these two, as PyTorch. As many as x has axes (or one tuple): their order.
    dim0, dim1 : int, optional
        The two by name.
    """
    x, axes = as_tensor(x), given(axes, dim0, dim1)
    if len(axes) == 1 and isinstance(axes[0], (tuple, list)):
        return permute(x, axes[0])
    if not axes:
        return permute(x, range(x.ndim)[::-1])
    if len(axes) == 2:
        a, b = (axis_of(k, x.ndim) for k in axes)
        order = list(range(x.ndim))
        order[a], order[b] = order[b], order[a]
        return permute(x, order)
    return permute(x, axes)


@worded
def squeeze(x: ArrayLike, axis: Ints | None = None) -> Tensor:
    """Drop axes of length 1.

    Parameters
    ----------
    x : Tensor
    axis : int or tuple of int, optional
        Which; all of length 1 by default.
    """
    x = as_tensor(x)
    shape = x.shape
    if axis is None:
        return Reshape.apply(x, shape=tuple(n for n in shape if n != 1))
    drop = {axis_of(k, len(shape)) for k in (axis if isinstance(axis, (tuple, list)) else (axis,))}
    for k in drop:
        if shape[k] != 1:
            raise ValueError(f"squeeze: axis {k} of shape {shape} has length {shape[k]}, not 1")
    return Reshape.apply(x, shape=tuple(n for k, n in enumerate(shape) if k not in drop))


@worded
def unsqueeze(x: ArrayLike, axis: int) -> Tensor:
    """Insert an axis of length 1 at position `axis` of the result."""
    x = as_tensor(x)
    k = axis_of(axis, x.ndim + 1)
    return Reshape.apply(x, shape=(*x.shape[:k], 1, *x.shape[k:]))


def broadcast_to(x: ArrayLike, shape: Ints) -> Tensor:
    """x repeated along new axes and axes of length 1, as numpy.broadcast_to."""
    x = as_tensor(x)
    to = _lengths(shape, "broadcast_to")
    if any(n < 0 for n in to) or not broadcasts(x.shape, to):
        raise ValueError(f"broadcast_to: shape {x.shape} does not broadcast to {to}")
    return BroadcastTo.apply(x, shape=to)


def pad(x: ArrayLike, pad: Sequence[int], mode: Literal["constant", "reflect", "replicate", "circular"] = "constant",
        value: float = 0.0) -> Tensor:
    """Put entries around x.

    Parameters
    ----------
    x : Tensor
    pad : tuple of int
        PyTorch's order: (left, right) of the last axis, then (top, bottom) of the one before, and so on.
    mode : {'constant', 'reflect', 'replicate', 'circular'}
        What the entries are: `value`, a mirror image without the edge, the edge, or the other side.
    value : float
        For 'constant'; of boolean arrays True or False.
    """
    x = as_tensor(x)
    if isinstance(value, (bool, np.bool_)) and x.dtype == bool:
        value = float(value)
    widths = _ints(pad, "pad")
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise ValueError(f"pad: widths are pairs (before, after) from the last axis on, got {widths} for shape "
                         f"{x.shape}")
    if any(w < 0 for w in widths):
        raise ValueError(f"pad: negative width in {widths}; cut with an index such as x[..., 1:-1]")
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    if not isinstance(mode, str) or mode not in names:
        raise ValueError(f"pad: mode must be one of {', '.join(map(repr, names))}, got {mode!r}")
    value = number("pad", "value", value, low=-math.inf, finite=False) if mode == "constant" else 0.0
    need_held("pad", x.dtype, value)
    pairs: list[Any] = [(0, 0)] * (x.ndim - len(widths) // 2)
    pairs += [widths[k:k + 2] for k in range(len(widths) - 2, -1, -2)]
    for n, (before, after) in zip(x.shape, pairs, strict=True):
        limit = n - 1 if mode == "reflect" else n
        if before + after and mode in ("reflect", "circular") and max(before, after) > limit:
            raise ValueError(f"pad: mode {mode!r} can add at most {limit} entries to an axis of length {n}, got "
                             f"{widths}")
        if mode == "replicate" and not n and before + after:
            raise ValueError(f"pad: an axis of length 0 has no edge to replicate, shape {x.shape}")
    return Pad.apply(x, widths=tuple(pairs), mode=names[mode], value=value)


def astype(x: ArrayLike, dtype: DType) -> Tensor:
    """x in another type; the gradient passes between float32 and float64.

    Parameters
    ----------
    x : Tensor
    dtype : dtype
    """
    x = as_tensor(x)
    dtype = dtype_of("astype", dtype)
    if dtype.kind == "f" and x.dtype.kind == "f":
        if dtype.itemsize not in (4, 8):
            raise TypeError(f"a tensor holds float32 or float64, got {dtype}")
        return AsType.apply(x, dtype=dtype)
    return Tensor(x.data.astype(dtype))
