"""Memory layout: logical shapes are (N, C, *spatial), memory is channels-last.

An activation of logical shape (N, C, H, W) is a NumPy view over a contiguous (N, H, W, C) block; (N, C, L) a view over
(N, L, C). A weight of logical shape (O, C, KH, KW) is a view over (KH, KW, C, O); a Linear weight (out, in) a view
over (in, out). Vector lanes are then channels, and no kernel packs or transposes an activation.
"""

import math

import numpy as np

from tinydl._core import array, memory

__all__ = [
    "alike", "channels_last", "empty", "empty_like", "is_channels_last", "parameter_like", "seen_through",
    "size", "zeros", "zeros_like",
]


# An uninitialised array of a logical shape, channels-last in memory when it has 3 or 4 axes; float32 unless said.
empty = memory.empty


def zeros(shape, dtype=np.float32):
    """As `empty`, filled with zeros."""
    out = memory.empty(shape, dtype)
    out.fill(0)
    return out


empty_like = memory.empty_like


def zeros_like(x):
    """As `empty_like`, filled with zeros."""
    out = empty_like(x)
    out.fill(0)
    return out


is_channels_last = array.is_channels_last
alike = array.alike
may_share = array.may_share


def channels_last(x):
    """`x` itself when it is already laid out as the kernels read it, else a re-laid copy."""
    if is_channels_last(x):
        return x
    out = memory.empty(x.shape, x.dtype.newbyteorder("="))
    out[...] = x
    return out


def parameter_like(values, dtype=None):
    """A dense copy of a logical parameter array with its output axis innermost.

    Memory order of a weight (O, C, KH, KW) is (KH, KW, C, O), of (out, in) it is (in, out); 1-D arrays stay as they
    are. The copy is always fresh, so a parameter never aliases an array of the caller.
    """
    values = np.asarray(values)
    dtype = (values.dtype if dtype is None else np.dtype(dtype)).newbyteorder("=")
    if values.ndim < 2:
        order = None
    else:
        order = (*range(2, values.ndim), 1, 0)
    out = memory.empty_ordered(values.shape, dtype, order)
    out[...] = values
    return out


def size(shape):
    """Number of elements of `shape`."""
    return math.prod(shape)


def seen_through(view, shape, strides):
    """What a view makes of an array that need not exist.

    Parameters
    ----------
    view : callable
        Takes an array and returns a view of it: a transpose, a basic index.
    shape, strides : tuple of int
        Of the array; strides count elements.

    Returns
    -------
    (int, tuple, tuple)
        The element at which the view begins, its shape and its strides.
    """
    array = np.lib.stride_tricks.as_strided(np.empty(1, np.int8), shape, strides)
    seen = view(array)
    begin = seen.__array_interface__["data"][0] - array.__array_interface__["data"][0]
    return begin, seen.shape, seen.strides
