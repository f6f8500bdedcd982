"""What every operation asks of its arguments: tensors of one floating type, ranks, window arguments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._check import index_of
from tinydl._core.operands import are_sizes
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import ArrayLike

__all__ = [
    "as_input", "as_tensor", "axes", "axis_of", "beside", "bias_of", "element_count", "factor_of", "integers",
    "laid_weight", "need_float", "need_rank", "reduction_of",
]


def as_input(x: ArrayLike, dtype: Any = None) -> Tensor:
    """The tensor of a layer's input: tensors pass, arrays are converted.

    Parameters
    ----------
    x : Tensor or array_like
    dtype : dtype, optional
        Type for what is no tensor; default float64 for float64 arrays and float32 for everything else.

    Raises
    ------
    TypeError
        For what holds no real numbers, and for images of uint8: data sets and `train.predict` scale them, and a net
        that was trained so would answer something else here.
    """
    if isinstance(x, Tensor):
        return x
    array = array_of(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"an input holds real numbers, got dtype {array.dtype}")
    if array.dtype == np.uint8:
        raise TypeError(f"a layer takes no uint8 (got shape {array.shape}): data sets and td.train.predict scale such "
                        "images, by 1/255 if nothing else was said; pass x.astype('float32') / 255, or without the "
                        "quotient where the numbers are meant as they are")
    if dtype is None:
        wide = isinstance(x, (np.ndarray, np.generic)) and array.dtype.newbyteorder("=") == np.float64
        dtype = np.float64 if wide else np.float32
    return Tensor(array.astype(dtype, copy=False))


def beside(values: ArrayLike, dtype: Any) -> Tensor:
    """The tensor of a weight or bias: arrays keep their type, lists and numbers take `dtype`."""
    if isinstance(values, Tensor):
        return values
    return as_input(values, None if isinstance(values, np.ndarray) else dtype)


def as_tensor(x: ArrayLike) -> Tensor:
    """`x` as a tensor: arrays, numbers and lists are wrapped."""
    return x if isinstance(x, Tensor) else Tensor(x)


def bias_of(bias: Any, n, dtype, name, outputs="output channels"):
    """The tensor of a bias with one entry for each of n `outputs` of type `dtype`, checked."""
    bias = bias if isinstance(bias, Tensor) else beside(bias, dtype)
    if bias.shape != (n,):
        raise ValueError(f"{name}: the bias must have one entry for each of the {n} {outputs}, got shape "
                         f"{bias.shape}")
    if bias.dtype != dtype:
        raise TypeError(f"{name} got a {dtype} weight and a {bias.dtype} bias; convert one with .astype()")
    return bias


def factor_of(values, dtype, name):
    """A loss's factors as an array of its own: they have no gradient, and a tensor that requires one is refused."""
    if isinstance(values, Tensor):
        if values.recorded:
            raise TypeError(f"{name} has no gradient; pass its values, weight.numpy()")
        values = values.data
    array = array_of(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold numbers, got {values!r}")
    return np.array(array, dtype, order="C")


def need_float(x, name):
    """Raise unless the tensor `x` holds float32 or float64."""
    if x.dtype.kind != "f":
        raise TypeError(f"{name} needs float32 or float64 values, got {x.dtype}; convert with x.astype('float32')")


def need_rank(shape, ranks, name, named, channels=None):
    """Raise unless `shape` has one of the numbers of axes in `ranks`.

    Parameters
    ----------
    shape : tuple of int
    ranks : tuple of int
    name, named : str
        What takes the array, and what it takes.
    channels : int, optional
        How many it takes, where that is known.
    """
    if len(shape) not in ranks:
        cure = ""
        if len(shape) + 1 in ranks and channels == 1 != shape[0]:
            cure = f"; a batch of images of one channel needs its axis: x[:, None], shape {(shape[0], 1, *shape[1:])}"
        elif len(shape) + 1 in ranks:
            cure = f"; a single sample needs a batch axis in front: x[None], shape {(1, *shape)}"
        raise ValueError(f"{name} takes {named}, got shape {tuple(shape)}{cure}")


def axis_of(axis: Any, ndim: int) -> int:
    """A single axis as a non-negative number."""
    k = index_of(axis)
    if k is None:
        raise TypeError(f"an axis is an integer, got {axis!r}")
    if not -ndim <= k < ndim:
        raise ValueError(f"axis {k} is out of range for {ndim} axes")
    return k % ndim


def axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as a sorted tuple of non-negative numbers; None means all."""
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, (tuple, list)):
        return (axis_of(axis, ndim),)
    found = sorted(axis_of(a, ndim) for a in axis)
    if len(set(found)) != len(found):
        raise ValueError(f"axis {axis!r} names an axis twice")
    return tuple(found)


def integers(value: Any, n: int, name: str, least: int) -> tuple[int, ...]:
    """An int (alone or in a tuple), or n of them, as a tuple of n ints, each at least `least`."""
    # What layers pass, at every call.
    if are_sizes(value, n, least):
        return value
    if type(value) is int and least <= value < 2**31:
        return (value,) * n
    several = isinstance(value, (tuple, list)) or isinstance(value, np.ndarray) and value.ndim
    values = tuple(value) if several else (value,)
    values = values * n if len(values) == 1 else values
    wanted = "an integer" if n == 1 else f"an integer or {n} of them"
    if len(values) != n:
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
    values = tuple(map(index_of, values))
    if None in values:
        raise TypeError(f"{name} must be {wanted}, got {value!r}")
    if any(v < least for v in values):
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
    if any(v > 2**31 - 1 for v in values):
        raise ValueError(f"{name} must be below 2**31, got {value!r}")
    return values


def laid_weight(w):
    """The weight (O, C, *window) itself when its memory is (*window, C, O) as kernels read it, else a re-laid copy."""
    if w.transpose((*range(2, w.ndim), 1, 0)).flags.c_contiguous and w.flags.aligned:
        return w
    return layout.parameter_like(w)


def reduction_of(reduction):
    """Raise unless `reduction` is one of 'mean', 'sum', 'none'."""
    if not isinstance(reduction, str) or reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    return reduction


def element_count(shape):
    """Number of elements of a shape."""
    return math.prod(shape)
