"""Tensors made of nothing: filled, counted, drawn at random. Float32 unless said, integers where only whole numbers go.

Random ones come from the stream that `manual_seed` sets, a fresh key each, or from a `Generator` of one's own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import random
from tinydl._check import dtype_of, flag, given, index_of, integer, need_held, number, one_or_many
from tinydl.devices import device as _device
from tinydl.tensor import Tensor, array_of, tensor as _copied

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tinydl._types import Array, ArrayLike, Device, DType, Ints, Like, Number
    from tinydl.random import Generator

__all__ = [
    "arange", "as_tensor", "empty", "empty_like", "eye", "from_numpy", "full", "full_like", "is_tensor", "linspace",
    "ones", "ones_like", "rand", "rand_like", "randint", "randn", "randn_like", "randperm", "zeros", "zeros_like",
]


def _shape(sizes, name):
    """The shape of sizes by position, or of one tuple of them."""
    return tuple([integer(name, "a length", n, 0) for n in one_or_many(sizes)])


def _made(values, name, dtype, device, requires_grad):
    if device is not None:
        _device(device)
    values = np.asarray(values)
    if dtype is not None:
        values = values.astype(dtype_of(name, dtype), copy=False)
    return Tensor(values, flag(name, "requires_grad", requires_grad))


# --- filled ----------------------------------------------------------------------------------------------------------

def zeros(*size: Ints, dtype: DType = None, device: Device | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros of a shape, float32.

    Parameters
    ----------
    *size : int
        Or one tuple of them.
    dtype : dtype, optional
    device : 'cpu', optional
    requires_grad : bool
    """
    return _made(np.zeros(_shape(size, "zeros"), np.float32), "zeros", dtype, device, requires_grad)


def ones(*size: Ints, dtype: DType = None, device: Device | None = None, requires_grad: bool = False) -> Tensor:
    """Ones of a shape, float32; see `zeros`."""
    return _made(np.ones(_shape(size, "ones"), np.float32), "ones", dtype, device, requires_grad)


def empty(*size: Ints, dtype: DType = None, device: Device | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose values are to be written: zeros. See `zeros`."""
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def full(size: Ints, fill_value: Number | Tensor, dtype: DType = None, device: Device | None = None,
         requires_grad: bool = False) -> Tensor:
    """One value in a shape; int64 for an integer, bool for a bool, else float32. See `zeros`."""
    value = _copied(fill_value.item() if isinstance(fill_value, Tensor) else fill_value)
    if value.ndim:
        raise TypeError(f"full takes a number, got {fill_value!r}")
    if dtype is not None:
        need_held("full", dtype_of("full", dtype), value.item())
    sizes = (size,) if isinstance(size, int) or index_of(size) is not None else tuple(size)
    return _made(np.full(_shape(sizes, "full"), value.data), "full", dtype, device, requires_grad)


def _like(make: Callable[..., Tensor]) -> Like:
    name = f"{make.__name__}_like"

    def like(x, *args, dtype=None, device=None, requires_grad=False, **kwargs):
        array = x._array() if isinstance(x, Tensor) else array_of(x)
        return make(array.shape, *args, **kwargs, dtype=array.dtype if dtype is None else dtype, device=device,
                    requires_grad=requires_grad)

    like.__name__ = like.__qualname__ = name
    like.__doc__ = f"As `{make.__name__}`, of the shape and type of x."
    return like  # type: ignore[return-value]


zeros_like, ones_like, empty_like, full_like = _like(zeros), _like(ones), _like(empty), _like(full)


def eye(n: int, m: int | None = None, dtype: DType = None, device: Device | None = None,
        requires_grad: bool = False) -> Tensor:
    """The unit matrix of n rows and m columns, by default n; float32."""
    n = integer("eye", "n", n, 0)
    m = n if m is None else integer("eye", "m", m, 0)
    return _made(np.eye(n, m, dtype=np.float32), "eye", dtype, device, requires_grad)


# --- counted ---------------------------------------------------------------------------------------------------------

def arange(*bounds: float, start: float | None = None, end: float | None = None, step: float | None = None,
           dtype: DType = None, device: Device | None = None, requires_grad: bool = False) -> Tensor:
    """Numbers from a start (0) up to, but without, an end, in steps (of 1): int64 of integers, else float32.

    Parameters
    ----------
    *bounds : number
        End; start and end; or start, end and step.
    start, end, step : number, optional
        Those of them that come by name.
    dtype, device, requires_grad
        As in `zeros`.
    """
    if step is not None and start is None and len(given(bounds, end)) == 1:  # an end and a step
        start = 0
        bounds, end = (), given(bounds, end)[0]
    bounds = given(bounds, start, end, step)
    if not 1 <= len(bounds) <= 3 or step is not None and len(bounds) < 3:
        raise TypeError(f"arange takes an end, a start and an end, or these and a step, got {bounds!r}")
    whole = all(index_of(value) is not None for value in bounds)
    values: Any = [index_of(value) if whole else number("arange", "a bound", value, -math.inf, open_low=True)
              for value in bounds]
    start, end = (0, values[0]) if len(values) == 1 else values[:2]
    by: Any = values[2] if len(values) == 3 else 1
    if by == 0 or (end - start) * by < 0:
        raise ValueError(f"arange: steps of {by} do not lead from {start} to {end}")
    values = np.arange(start, end, by, dtype=np.int64 if whole else np.float32)
    return _made(values, "arange", dtype, device, requires_grad)


def linspace(start: float, end: float, steps: int, dtype: DType = None, device: Device | None = None,
             requires_grad: bool = False) -> Tensor:
    """`steps` numbers from start to end at equal distances, float32."""
    start, end = (number("linspace", name, value, -math.inf, open_low=True)
                  for name, value in (("start", start), ("end", end)))
    return _made(np.linspace(start, end, integer("linspace", "steps", steps, 0)).astype(np.float32), "linspace", dtype,
                 device, requires_grad)


# --- random ----------------------------------------------------------------------------------------------------------

def _rng(generator):
    if generator is None:
        return random.generator(random.next_key())
    if not isinstance(generator, random.Generator):
        raise TypeError(f"generator must be a td.Generator, got {generator!r}")
    return generator.draw()


def rand(*size: Ints, generator: Generator | None = None, dtype: DType = None, device: Device | None = None,
         requires_grad: bool = False) -> Tensor:
    """Random numbers from 0 to 1, float32; see `zeros`, and `Generator`."""
    return _made(_rng(generator).random(_shape(size, "rand"), np.float32), "rand", dtype, device, requires_grad)


def randn(*size: Ints, generator: Generator | None = None, dtype: DType = None, device: Device | None = None,
          requires_grad: bool = False) -> Tensor:
    """Random numbers of the standard normal distribution, float32; see `zeros`, and `Generator`."""
    return _made(_rng(generator).standard_normal(_shape(size, "randn"), np.float32), "randn", dtype, device,
                 requires_grad)


def randint(*bounds: Ints, low: int | None = None, high: int | None = None, size: Ints | None = None,
            generator: Generator | None = None, dtype: DType = None, device: Device | None = None,
            requires_grad: bool = False) -> Tensor:
    """Random integers from low (0) up to, but without, high, as int64.

    Parameters
    ----------
    *bounds
        (high, size) or (low, high, size); size is a tuple.
    low, high, size
        Those of them that come by name.
    generator : Generator, optional
    dtype, device, requires_grad
        As in `zeros`.
    """
    bounds = given(bounds, low, high, size)
    if len(bounds) not in (2, 3) or not isinstance(bounds[-1], (tuple, list)):
        raise TypeError(f"randint takes (high, size) or (low, high, size) with a size as a tuple, got {bounds!r}")
    *limits, lengths = bounds
    least, end = [integer("randint", "a limit", value, -2**63) for value in ([0, *limits] if len(limits) == 1 else
                                                                            limits)]
    if least >= end:
        raise ValueError(f"randint: there is no integer from {least} up to, but without, {end}")
    if dtype is not None:
        for limit in (least, end - 1):
            need_held("randint", dtype_of("randint", dtype), limit)
    return _made(_rng(generator).integers(least, end, _shape((lengths,), "randint")), "randint", dtype, device,
                 requires_grad)


def randperm(n: int, generator: Generator | None = None, dtype: DType = None, device: Device | None = None) -> Tensor:
    """The numbers from 0 to n - 1 in random order, as int64."""
    return _made(_rng(generator).permutation(integer("randperm", "n", n, 0)), "randperm", dtype, device, False)


rand_like, randn_like = _like(rand), _like(randn)


# --- of arrays -------------------------------------------------------------------------------------------------------

def from_numpy(array: Array) -> Tensor:
    """The tensor of an array, which is not copied where its type fits; writes into it are seen, see `ops.inplace`."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy takes a NumPy array, got {type(array).__name__}; td.tensor takes lists "
                        "and numbers")
    return Tensor(array)


def as_tensor(data: ArrayLike, dtype: DType = None, device: Device | None = None) -> Tensor:
    """`data` as a tensor: itself if it is one of this type, else as `tensor`, without a copy of arrays."""
    if device is not None:
        _device(device)
    if not isinstance(data, (Tensor, np.ndarray)):
        return _copied(data, dtype)
    x = data if isinstance(data, Tensor) else Tensor(data)
    return x if dtype is None or x.dtype == dtype_of("as_tensor", dtype) else x.astype(dtype)


def is_tensor(x: object) -> bool:
    """Whether x is a Tensor."""
    return isinstance(x, Tensor)
