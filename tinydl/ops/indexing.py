"""Indexing, joining and stacking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, axis_of
from tinydl.ops.shape import unsqueeze
from tinydl.ops.words import worded
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tinydl._types import ArrayLike

__all__ = ["concatenate", "index", "stack"]


class Index(Operation):
    """y = x[key]; dx is zero except at the entries taken, which add up when taken more than once."""

    @staticmethod
    def forward(ctx, x, key, basic):
        ctx.save_for_backward(x.shape, key, basic)
        y = np.asarray(x[key])
        return y if y.flags.writeable and not basic else y.copy(order="K")

    @staticmethod
    def backward(ctx, dy):
        shape, key, basic = ctx.saved_tensors
        dx = layout.zeros(shape, dy.dtype)
        if basic:
            dx[key] = dy
        else:
            np.add.at(dx, key, dy)
        return dx

    @staticmethod
    def describe(node):
        steps = _steps(node["x"].shape, node["key"]) if node["basic"] else ()
        return Description(kind="selection", reach=(1,) * len(steps), stride=steps)

    @staticmethod
    def lower(node, builder):
        return builder.viewed(node["x"], lambda x: x[node["key"]]) if node["basic"] else None


class Concatenate(Operation):
    """y = the arrays one after the other along an axis; each gets its part of dy."""

    @staticmethod
    def forward(ctx, *arrays, axis):
        shape = list(arrays[0].shape)
        shape[axis] = 0
        for array in arrays:
            shape[axis] += array.shape[axis]
        y = layout.empty(shape, arrays[0].dtype)
        np.concatenate(arrays, axis=axis, out=y)
        ctx.save_for_backward(axis, [array.shape[axis] for array in arrays])
        return y

    @staticmethod
    def backward(ctx, dy):
        axis, lengths = ctx.saved_tensors
        gradients = []
        start = 0
        for length, needed in zip(lengths, ctx.needs_input_grad, strict=True):
            dx = None
            if needed:
                part = dy[(slice(None),) * axis + (slice(start, start + length),)]
                dx = layout.empty(part.shape, part.dtype)
                dx[...] = part
            gradients.append(dx)
            start += length
        return tuple(gradients)

    @staticmethod
    def describe(node):
        return Description(kind="affine")

    @staticmethod
    def lower(node, builder):
        return builder.concatenate(node["arrays"], node["axis"], node.output.shape)


def plain(key):
    """An index with arrays in the place of tensors."""
    if isinstance(key, Tensor):
        return key.data
    if isinstance(key, tuple):
        return tuple(plain(k) for k in key)
    if isinstance(key, (int, np.uint64)) and not -2**63 <= int(key) < 2**63:
        raise IndexError(f"index {key} is out of bounds for any axis")
    if isinstance(key, list):
        return array_of([k.data if isinstance(k, Tensor) else k for k in key]) if key else np.empty(0, np.int64)
    return key


def _is_basic(key):
    """Whether `key` takes every entry at most once: numbers, slices, ..., None and masks."""
    for k in key if isinstance(key, tuple) else (key,):
        if k is None or k is Ellipsis or isinstance(k, slice) or hasattr(k, "__index__") and np.ndim(k) == 0:
            continue
        return False
    return True


def _steps(shape, key):
    """Entries from one that a basic index takes to the next, by spatial axis; () where axes come or go."""
    if not 2 < len(shape) <= 4:
        return ()
    apart = [1 << 20 * k for k in range(len(shape))]  # no multiple below 2**20 of one of these is that of another
    _, seen, strides = layout.seen_through(lambda x: x[key], shape, apart)
    if len(seen) != len(shape) or any(t % s or not 0 < abs(t) < s << 20 for s, t in zip(apart, strides, strict=True)):
        return ()
    return tuple(abs(t) // s for s, t in zip(apart, strides, strict=True))[2:]


def index(x: ArrayLike, key: Any) -> Tensor:
    """x[key] for any index NumPy takes: numbers, slices, None, masks, integer arrays and tensors."""
    x = as_tensor(x)
    key = plain(key)
    return Index.apply(x, key=key, basic=_is_basic(key))


@worded
def concatenate(tensors: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Join along an existing axis.

    Parameters
    ----------
    tensors : sequence of Tensor
        Equal shapes but for `axis`, one type.
    axis : int
    """
    parts = [as_tensor(t) for t in tensors]
    if not parts:
        raise ValueError("concatenate needs at least one tensor")
    first = parts[0]
    if not first.ndim:
        raise ValueError("concatenate needs tensors with at least one axis; use stack for numbers")
    k = axis_of(axis, first.ndim)
    for t in parts[1:]:
        if t.ndim != first.ndim or t.shape[:k] != first.shape[:k] or t.shape[k + 1:] != first.shape[k + 1:]:
            raise ValueError(f"concatenate along axis {axis}: shapes {first.shape} and {t.shape} differ elsewhere")
        if t.dtype != first.dtype:
            raise TypeError(f"concatenate needs one type, got {first.dtype} and {t.dtype}; convert with .astype()")
    return Concatenate.apply(*parts, axis=k)


@worded
def stack(tensors: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Join along a new axis.

    Parameters
    ----------
    tensors : sequence of Tensor
        Equal shapes, one type.
    axis : int
        Position of the new axis in the result.
    """
    return concatenate([unsqueeze(t, axis) for t in tensors], axis_of(axis, as_tensor(tensors[0]).ndim + 1))
