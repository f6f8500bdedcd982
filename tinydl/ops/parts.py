"""A tensor cut into parts, and repeated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinydl._check import given, integer, items, one_or_many
from tinydl.ops.checks import as_tensor, axis_of
from tinydl.ops.indexing import Index
from tinydl.ops.shape import broadcast_to, permute, reshape
from tinydl.ops.words import worded

if TYPE_CHECKING:

    from tinydl._types import ArrayLike, Ints
    from tinydl.tensor import Tensor

__all__ = ["chunk", "expand", "flip", "repeat", "split", "unbind"]


def _cut(x, axis, starts):
    before = (slice(None),) * axis
    return tuple([_part(x, (*before, slice(a, b))) for a, b in zip(starts, starts[1:], strict=False)])


def _part(x, key):
    """x[key], for a key that is known to be basic: parts may be a million, and to find that out takes half the time."""
    return Index.apply(x, key=key, basic=True)


@worded
def split(x: ArrayLike, sizes: Ints, axis: int = 0) -> tuple[Tensor, ...]:
    """Parts along an axis.

    Parameters
    ----------
    x : Tensor
    sizes : int or sequence of int
        The length of every part, the last one may be shorter; or the length of each, which together are x's.
    axis : int

    Returns
    -------
    tuple of Tensor
    """
    x = as_tensor(x)
    axis = axis_of(axis, x.ndim)
    n = x.shape[axis]
    if isinstance(sizes, (tuple, list)):
        starts = [0]
        for size in sizes:
            starts.append(starts[-1] + integer("split", "sizes", size, 0))
        if starts[-1] != n:
            raise ValueError(f"split: sizes {tuple(sizes)} add up to {starts[-1]}, axis {axis} has length {n}")
        return _cut(x, axis, starts)
    size = integer("split", "sizes", sizes, 1)
    return _cut(x, axis, [*range(0, n, size), n] if n else [0, 0])


@worded
def chunk(x: ArrayLike, n: int, axis: int = 0) -> tuple[Tensor, ...]:
    """At most n parts of one length along an axis, the last one may be shorter; see `split`."""
    x, n = as_tensor(x), integer("chunk", "n", n)
    axis = axis_of(axis, x.ndim)
    return split(x, max(1, math.ceil(x.shape[axis] / n)), axis)


@worded
def unbind(x: ArrayLike, axis: int = 0) -> tuple[Tensor, ...]:
    """The tensors along an axis, as a tuple."""
    x = as_tensor(x)
    axis = axis_of(axis, x.ndim)
    return tuple([_part(x, (slice(None),) * axis + (k,)) for k in range(x.shape[axis])])


def expand(x: ArrayLike, *sizes: Ints) -> Tensor:
    """x repeated along new axes in front and axes of length 1; -1 leaves an axis as it is. See `broadcast_to`."""
    x = as_tensor(x)
    lengths = list(one_or_many(sizes))
    new = len(lengths) - x.ndim
    if new < 0:
        raise ValueError(f"expand: {len(lengths)} lengths {tuple(lengths)} for the {x.ndim} axes of shape {x.shape}")
    for k, size in enumerate(lengths):
        if isinstance(size, int) and size == -1 and k >= new:
            lengths[k] = x.shape[k - new]
    return broadcast_to(x, tuple(lengths))


def repeat(x: ArrayLike, *times: Ints) -> Tensor:
    """x so many times along each axis, new axes in front; as numpy.tile.

    Parameters
    ----------
    x : Tensor
    *times : int
        Or one tuple of them; at least as many as x has axes.
    """
    x = as_tensor(x)
    counts = [integer("repeat", "times", n, 0) for n in items("repeat", "times", one_or_many(times))]
    if len(counts) < x.ndim:
        raise ValueError(f"repeat takes a number for each of the {x.ndim} axes of shape {x.shape}, got {tuple(counts)}")
    shape = (1,) * (len(counts) - x.ndim) + x.shape
    apart = reshape(x, tuple(m for n in shape for m in (1, n)))
    copies = broadcast_to(apart, tuple(m for pair in zip(counts, shape, strict=True) for m in pair))
    return reshape(copies, tuple(t * n for t, n in zip(counts, shape, strict=True)))


def flip(x: ArrayLike, *axes: Ints, dims: Ints | None = None) -> Tensor:
    """x with the order along some axes reversed: numbers, or one tuple of them, which `dims` may be as well."""
    x = as_tensor(x)
    turned = {axis_of(axis, x.ndim) for axis in one_or_many(given(axes, dims))}
    return x[tuple(slice(None, None, -1) if k in turned else slice(None) for k in range(x.ndim))] if turned else \
        permute(x, range(x.ndim))
