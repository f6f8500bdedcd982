"""Arrays for tests of kernels in every memory order: exact values, flawed copies, guard cells around outputs."""

import functools
import math

import numpy as np

from tinydl._core import memory
from tinydl.testing.compare import assert_same

__all__ = ["Guards", "exact_integers", "flawed", "guarded", "laid_out", "order_of"]

_GUARD = 64         # elements on either side of an output
_MARK = -7.75e30    # value of a guard cell
_WHOLE_MARK = 99    # the same of integers


def order_of(kind, ndim):
    """Axes from the slowest to the fastest: "activation" (N, *spatial, C), "weight" (*window, C, O) or "row"."""
    if kind == "activation":
        return (0, *range(2, ndim), 1) if ndim > 1 else tuple(range(ndim))
    if kind == "weight":
        return (*range(2, ndim), 1, 0) if ndim > 1 else tuple(range(ndim))
    return tuple(range(ndim))


@functools.cache
def _orders(kind, ndim):
    """`order_of` and the order that undoes it."""
    order = order_of(kind, ndim)
    return order, tuple(sorted(range(ndim), key=order.__getitem__))


def laid_out(values, kind, dtype=None):
    """A copy of `values` with the memory order of `kind`."""
    values = np.asarray(values)
    order, back = _orders(kind, values.ndim)
    return np.array(values.transpose(order), dtype=dtype, order="C").transpose(back)


def exact_integers(rng, shape, dtype=np.float32, kind="row", most=3):
    """Random integers of absolute value up to `most`: sums and products of them are exact, whatever their order."""
    return laid_out(rng.integers(-most, most + 1, shape), kind, dtype)


@np.errstate(invalid="ignore", over="ignore")
def flawed(good):
    """Copies of an array that a kernel must refuse: name -> (array, the exception)."""
    wide = np.empty((*good.shape[:-1], 2 * good.shape[-1]), good.dtype)
    wide[..., ::2] = good
    order = sorted(range(good.ndim), key=lambda axis: -abs(good.strides[axis]))
    block = np.empty(good.nbytes + 1, np.uint8)
    misaligned = block[1:].view(good.dtype).reshape([good.shape[axis] for axis in order]).transpose(np.argsort(order))
    misaligned[...] = good
    bad = {
        "gaps": (wide[..., ::2], ValueError),
        "misaligned": (misaligned, TypeError),
        "half": (good.astype(np.float16), TypeError),
        "other byte order": (good.astype(good.dtype.newbyteorder()), TypeError),
        "list": (good.tolist(), TypeError),
        "none of the elements": (good[:0], ValueError),
        "one more": (np.concatenate([good, good[:1]]), ValueError),
    }
    if good.dtype.kind == "f":
        other = np.float64 if good.dtype == np.float32 else np.float32
        bad["other float"] = (good.astype(other), TypeError)
        bad["integers"] = (good.astype(np.int32), TypeError)
    else:
        bad["floats"] = (good.astype(np.float32), TypeError)
    return bad


class Guards:
    """Makes output arrays with guard cells around them and tells whether any was touched.

    Working memory of kernels that run after it is made begins with large numbers: indices that were never written then
    lie outside of everything, and sums that hold such a number are wrong.
    """

    def __init__(self):
        memory.spoil_cached(0x7f)
        self._blocks = []

    def empty(self, shape, dtype=np.float32, kind="row"):
        """An array between two runs of guard cells, full of NaN (integers: 100), so that an element left out shows."""
        order, back = _orders(kind, len(shape))
        size = math.prod(shape)
        whole = np.dtype(dtype).kind in "iu"
        block = np.full(size + 2 * _GUARD, _WHOLE_MARK if whole else _MARK, dtype)
        self._blocks.append((block, size))
        inner = block[_GUARD:_GUARD + size]
        inner.fill(_WHOLE_MARK + 1 if whole else np.nan)
        return inner.reshape([shape[axis] for axis in order]).transpose(back)

    def copy(self, values, kind="row"):
        """An array with guard cells that holds `values`: for outputs that are added to."""
        out = self.empty(values.shape, values.dtype, kind)
        out[...] = values
        return out

    def check(self):
        """AssertionError if a kernel wrote outside its outputs."""
        for block, size in self._blocks:
            for side in (block[:_GUARD], block[_GUARD + size:]):
                mark = _WHOLE_MARK if side.dtype.kind in "iu" else _MARK
                assert (side == side.dtype.type(mark)).all(), f"a guard cell beside an output of {size} was overwritten"


def guarded(call, inputs, *outputs):
    """Arrays that ``call(*arrays)`` has filled, one for each (shape, dtype, kind) of `outputs`.

    AssertionError if it wrote outside of them, or to one of the arrays `inputs`.
    """
    guards = Guards()
    arrays = [guards.empty(shape, dtype, kind) for shape, dtype, kind in outputs]
    before = [a.copy(order="K") for a in inputs]
    call(*arrays)
    guards.check()
    for old, new in zip(before, inputs, strict=True):
        assert_same(new, old, "an input")
    return arrays
