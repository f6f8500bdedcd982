"""How a value lies in memory: reshapes, transposes and slices without moving anything.

The entries of one image are counted in logical, row-major order. `dims`, pairs (length, stride) from the slowest to the
fastest, say where in memory each lies: entry (i, j, ...) at i * stride_i + j * stride_j + ... The lengths need not be
those of the axes: a reshape changes the axes and leaves the dims, so that a channels-last image (C, H, W) is after
`flatten` a vector with dims ((C, 1), (H W, C)). What reads a value in any order reads such a vector as it is.
"""

import functools
import math

import numpy as np

from tinydl import layout

__all__ = ["Value", "by_axis", "canonical", "joint", "tidy"]

_APART = 1 << 50  # a stride for the batch axis that no other can be a multiple of


def tidy(dims):
    """The same order in the fewest dims: none of length 1, none that continues the one before it."""
    out = []
    for n, stride in dims:
        if n == 1:
            continue
        if out and out[-1][1] == n * stride:
            out[-1] = (out[-1][0] * n, stride)
        else:
            out.append((n, stride))
    return tuple(out)


@functools.lru_cache(maxsize=1024)
def canonical(shape):
    """The dims of an image of `shape` as `layout.empty` lays it: channels-last with 2 or 3 axes, else row-major."""
    channels = shape[0] if 2 <= len(shape) <= 3 else 1
    strides, step = [], channels
    for n in reversed(shape[1:] if channels > 1 else shape):
        strides.insert(0, step)
        step *= n
    return tidy(zip(shape, [1, *strides] if channels > 1 else strides, strict=True))


def by_axis(dims, shape):
    """The dims that make up each axis, or None where one of them belongs to two axes in part."""
    rest, out = list(dims), []
    for length in reversed(shape):
        axis: list = []
        while length > 1:
            n, stride = rest.pop()
            taken = min(n, length)
            if max(n, length) % taken:
                return None
            if n > taken:
                rest.append((n // taken, stride * taken))
            axis.insert(0, (taken, stride))
            length //= taken
        out.insert(0, tidy(axis))
    return out


def joint(one, other):
    """Triples (length, stride, stride) that run through the same entries in two orders, or None; see `by_axis`."""
    one, other, out = list(one), list(other), []
    while one:
        (n, s), (m, t) = one.pop(), other.pop()
        taken = min(n, m)
        if max(n, m) % taken:
            return None
        if n > taken:
            one.append((n // taken, s * taken))
        if m > taken:
            other.append((m // taken, t * taken))
        if out and (s, t) == (out[0][0] * out[0][1], out[0][0] * out[0][2]):
            out[0] = (out[0][0] * taken, out[0][1], out[0][2])
        else:
            out.insert(0, (taken, s, t))
    return out


class Value:
    """A value of a program.

    Parameters
    ----------
    store : int
        Number of the memory it lies in.
    shape : tuple of int
        Logical shape of an image.
    dims : tuple of (int, int), optional
        See above; `canonical` by default.
    at : int
        Element of the store at which entry 0 lies.
    private : bool
        Whether nothing but what was made of this value reads the store.
    """

    __slots__ = ("store", "shape", "dims", "at", "private")

    def __init__(self, store, shape, dims=None, at=0, private=True):
        self.store, self.shape, self.at, self.private = store, tuple(shape), at, private
        self.dims = canonical(self.shape) if dims is None else dims

    @property
    def size(self):
        """Entries of an image."""
        return math.prod(self.shape)

    @property
    def is_canonical(self):
        """Whether an image lies as `layout.empty` would lay it."""
        return self.at == 0 and self.dims == canonical(self.shape)

    def offsets(self):
        """Where each entry of an image lies, in logical order."""
        found = np.array([self.at])
        for n, stride in self.dims:
            found = (found[:, None] + np.arange(n) * stride).reshape(-1)
        return found

    def reshaped(self, shape, private):
        """The same entries under another shape."""
        return Value(self.store, shape, self.dims, self.at, private)

    def strides(self):
        """One stride for each axis, or None where an axis has none."""
        axes = by_axis(self.dims, self.shape)
        if axes is None or any(len(axis) > 1 for axis in axes):
            return None
        return [axis[0][1] if axis else 0 for axis in axes]

    def seen_through(self, view, N, private):
        """What `view` makes of N images; None where it does not keep them apart, or takes nothing."""
        strides = self.strides()
        assert strides is not None
        at, shape, strides = layout.seen_through(view, (N, *self.shape), (_APART, *strides))
        if not shape or shape[0] != N or strides[0] != _APART or at >= _APART or 0 in shape:
            return None
        return Value(self.store, shape[1:], tidy(zip(shape[1:], strides[1:], strict=True)), self.at + at, private)
