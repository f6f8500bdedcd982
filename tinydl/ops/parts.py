"""A tensor cut into parts, and repeated."""

import math

from tinydl._check import integer, items
from tinydl.ops.checks import as_tensor, axis_of
from tinydl.ops.shape import broadcast_to, permute, reshape
from tinydl.ops.words import worded

__all__ = ["chunk", "expand", "flip", "repeat", "split", "unbind"]


def _cut(x, axis, starts):
    before = (slice(None),) * axis
    return tuple([x[(*before, slice(a, b))] for a, b in zip(starts, starts[1:], strict=False)])


@worded
def split(x, sizes, axis=0):
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
def chunk(x, n, axis=0):
    """At most n parts of one length along an axis, the last one may be shorter; see `split`."""
    x, n = as_tensor(x), integer("chunk", "n", n)
    axis = axis_of(axis, x.ndim)
    return split(x, max(1, math.ceil(x.shape[axis] / n)), axis)


@worded
def unbind(x, axis=0):
    """The tensors along an axis, as a tuple."""
    x = as_tensor(x)
    axis = axis_of(axis, x.ndim)
    return tuple([x[(slice(None),) * axis + (k,)] for k in range(x.shape[axis])])


def expand(x, *sizes):
    """x repeated along new axes in front and axes of length 1; -1 leaves an axis as it is. See `broadcast_to`."""
    x = as_tensor(x)
    sizes = list(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else list(sizes)
    new = len(sizes) - x.ndim
    if new < 0:
        raise ValueError(f"expand: {len(sizes)} lengths {tuple(sizes)} for the {x.ndim} axes of shape {x.shape}")
    for k, size in enumerate(sizes):
        if isinstance(size, int) and size == -1 and k >= new:
            sizes[k] = x.shape[k - new]
    return broadcast_to(x, tuple(sizes))


def repeat(x, *times):
    """x so many times along each axis, new axes in front; as numpy.tile.

    Parameters
    ----------
    x : Tensor
    *times : int
        Or one tuple of them; at least as many as x has axes.
    """
    x = as_tensor(x)
    times = times[0] if len(times) == 1 and isinstance(times[0], (tuple, list)) else times
    times = [integer("repeat", "times", n, 0) for n in items("repeat", "times", times)]
    if len(times) < x.ndim:
        raise ValueError(f"repeat takes a number for each of the {x.ndim} axes of shape {x.shape}, got {tuple(times)}")
    shape = (1,) * (len(times) - x.ndim) + x.shape
    apart = reshape(x, tuple(m for n in shape for m in (1, n)))
    copies = broadcast_to(apart, tuple(m for pair in zip(times, shape, strict=True) for m in pair))
    return reshape(copies, tuple(t * n for t, n in zip(times, shape, strict=True)))


def flip(x, *axes):
    """x with the order along some axes reversed."""
    x = as_tensor(x)
    axes = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
    turned = {axis_of(axis, x.ndim) for axis in axes}
    return x[tuple(slice(None, None, -1) if k in turned else slice(None) for k in range(x.ndim))] if turned else \
        permute(x, range(x.ndim))
