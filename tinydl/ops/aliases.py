"""PyTorch's calls of operations that are called otherwise here: each hands its arguments on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import index_of, one_of
from tinydl.devices import device_or_dtype
from tinydl.ops import arithmetic, elementwise, reductions, shape, truth
from tinydl.ops.checks import as_tensor
from tinydl.ops.matmul import matmul
from tinydl.ops.sorting import Placed
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from tinydl._types import ArrayLike, Device, DType, Extreme

__all__ = [
    "add", "allclose", "bmm", "clamp", "clone", "div", "dot", "einsum", "equal", "masked_fill", "max", "min",
    "mm", "outer", "square", "sub", "to", "type_as",
]


# --- values ----------------------------------------------------------------------------------------------------------

def add(x: ArrayLike, y: ArrayLike, alpha: float = 1) -> Tensor:
    """x + alpha y."""
    from tinydl import ops

    return ops.add(x, y if alpha == 1 else arithmetic.mul(y, alpha))


def sub(x: ArrayLike, y: ArrayLike, alpha: float = 1) -> Tensor:
    """x - alpha y."""
    return arithmetic.sub(x, y if alpha == 1 else arithmetic.mul(y, alpha))


def div(x: ArrayLike, y: ArrayLike, rounding_mode: Literal["floor", "trunc"] | None = None) -> Tensor:
    """x / y; with 'floor' the largest whole number up to it and with 'trunc' the whole part, without gradient."""
    if rounding_mode is None:
        return arithmetic.div(x, y)
    if one_of("div", "rounding_mode", rounding_mode, ("floor", "trunc")) == "floor":
        return truth.floor_divide(x, y)
    return truth.trunc(arithmetic.div(x, y))


def clamp(x: ArrayLike, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
    """`clip` to [min, max]; also of integers."""
    x = as_tensor(x)
    if x.dtype.kind == "f":
        return elementwise.clip(x, min, max)
    low, high = (v._array() if isinstance(v, Tensor) else v for v in (min, max))
    return Tensor(np.clip(x._array(), low, high))


def equal(x: ArrayLike, y: ArrayLike) -> bool:
    """Whether two tensors have one shape and equal entries, as a bool."""
    x, y = as_tensor(x), as_tensor(y)
    return x.shape == y.shape and bool(np.array_equal(x._array(), y._array()))


def allclose(x: ArrayLike, y: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether |x - y| <= atol + rtol |y| everywhere, as a bool."""
    return bool(np.allclose(as_tensor(x)._array(), as_tensor(y)._array(), rtol, atol, equal_nan))


def square(x: ArrayLike) -> Tensor:
    """x x."""
    return arithmetic.mul(x, x) if isinstance(x, Tensor) else square(as_tensor(x))


def masked_fill(x: ArrayLike, mask: ArrayLike, value: ArrayLike) -> Tensor:
    """`value` where the mask is true, else x."""
    return elementwise.where(mask, value, as_tensor(x))


def _extreme(reduce: Callable[..., Tensor], place: Callable[..., Tensor], pick: Callable[..., Tensor]) -> Extreme:
    def extreme(x, dim=None, keepdim=False, *, axis=None, keepdims=False):
        if isinstance(dim, (Tensor, np.ndarray)):
            return pick(x, dim)
        if index_of(dim) is None:
            return reduce(x, dim if axis is None else axis, keepdim or keepdims)
        if axis is not None:
            raise TypeError(f"{reduce.__name__} got dim={dim!r} and axis={axis!r}; pass one of them")
        kept = keepdim or keepdims
        return Placed(reduce(x, dim, kept), place(x, dim, kept))

    extreme.__name__ = reduce.__name__
    extreme.__doc__ = f"""The {reduce.__name__}imum over all axes; along one, (values, indices), as in PyTorch.

    Parameters
    ----------
    x : Tensor
    dim : int, optional
        The result is then a named tuple of the values and their first places. Another tensor in its place gives the
        larger, or smaller, of the two, entry by entry.
    keepdim : bool
        Whether the axis stays with length 1.
    axis : int or tuple of int, optional
        As in NumPy: the values alone.
    """
    return extreme  # type: ignore[return-value]


max = _extreme(reductions.max, reductions.argmax, elementwise.maximum)
min = _extreme(reductions.min, reductions.argmin, elementwise.minimum)


# --- products --------------------------------------------------------------------------------------------------------

def mm(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The product of two matrices."""
    return _product(x, y, 2, "mm")


def bmm(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The products of two batches (B, N, K) and (B, K, M)."""
    return _product(x, y, 3, "bmm")


def dot(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The product of two vectors."""
    return _product(x, y, 1, "dot")


def _product(x, y, ndim, name):
    x, y = as_tensor(x), as_tensor(y)
    if x.ndim != ndim or y.ndim != ndim or ndim == 3 and len(x) != len(y):
        raise ValueError(f"{name} takes two tensors with {ndim} {'axis' if ndim == 1 else 'axes'}"
                         f"{' and one length of batch' if ndim == 3 else ''}, got shapes {x.shape} and {y.shape}; "
                         "matmul broadcasts")
    return matmul(x, y)


def outer(x: ArrayLike, y: ArrayLike) -> Tensor:
    """All products x_i y_j of the entries of two vectors."""
    x, y = as_tensor(x), as_tensor(y)
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"outer takes two vectors, got shapes {x.shape} and {y.shape}")
    return arithmetic.mul(shape.unsqueeze(x, 1), y)


def einsum(equation: str, *tensors: ArrayLike) -> Tensor:
    """Products summed over the letters that the result lacks, of one tensor or two: "bij,bjk->bik".

    Parameters
    ----------
    equation : str
        A letter for each axis, once an operand; "->" and the letters of the result, by default those that occur once,
        in the order of the alphabet.
    *tensors : Tensor
    """
    operands = [as_tensor(x) for x in (tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list) else tensors)]
    names, out = _letters(equation, operands)
    lengths: dict[str, int] = {}
    for name, x in zip(names, operands, strict=True):
        for letter, n in zip(name, x.shape, strict=True):
            if lengths.setdefault(letter, n) != n:
                raise ValueError(f"einsum {equation!r}: {letter} has the lengths {lengths[letter]} and {n}")
    if len(operands) == 1:
        return _summed(operands[0], names[0], out)
    (a, b), (x, y) = names, operands
    # What only one operand has and the result lacks is summed first.
    x, a = _summed(x, a, kept := "".join(c for c in a if c in b or c in out)), kept
    y, b = _summed(y, b, kept := "".join(c for c in b if c in a or c in out)), kept
    batch = "".join(c for c in a if c in b and c in out)
    rows, columns = "".join(c for c in a if c not in b), "".join(c for c in b if c not in a)
    inner = "".join(c for c in a if c in b and c not in out)
    x, y = _summed(x, a, batch + rows + inner), _summed(y, b, batch + inner + columns)
    size = [int(np.prod([lengths[c] for c in part], dtype=np.int64)) for part in (batch, rows, inner, columns)]
    product = matmul(shape.reshape(x, (size[0], size[1], size[2])), shape.reshape(y, (size[0], size[2], size[3])))
    found = batch + rows + columns
    return _summed(shape.reshape(product, tuple(lengths[c] for c in found)), found, out)


def _letters(equation, tensors):
    if not isinstance(equation, str) or len(tensors) not in (1, 2):
        raise TypeError(f"einsum takes an equation and one or two tensors, got {equation!r} and {len(tensors)} tensors")
    left, arrow, out = equation.replace(" ", "").partition("->")
    names = left.split(",")
    if not arrow:
        out = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    for name in (*names, out):
        if not name.isalpha() and name or len(set(name)) != len(name) or not set(name) <= set(left):
            raise ValueError(f"einsum takes letters, each once an operand, got {equation!r}")
    if [len(name) for name in names] != [x.ndim for x in tensors]:
        raise ValueError(f"einsum {equation!r} does not fit the shapes {[x.shape for x in tensors]}")
    return names, out


def _summed(x, name, out):
    """x with the axes that `out` lacks summed, in the order of `out`."""
    gone = tuple(k for k, letter in enumerate(name) if letter not in out)
    name = [letter for letter in name if letter in out]
    x = reductions.sum(x, gone) if gone else x
    return shape.permute(x, tuple(name.index(letter) for letter in out)) if "".join(name) != out else x


# --- shapes and types ------------------------------------------------------------------------------------------------

def clone(x: Tensor) -> Tensor:
    """A copy, through which gradients pass."""
    return arithmetic.mul(x, 1) if x.dtype.kind == "f" else Tensor(np.array(x._array()))


def to(x: Tensor, *args: Any, dtype: DType = None, device: Device | None = None, non_blocking: bool = False,
       copy: bool = False) -> Tensor:
    """x in another type, as `astype`; a device can only be the CPU.

    Parameters
    ----------
    x : Tensor
    *args : dtype, device or Tensor
    dtype : dtype, optional
    device : 'cpu' or Device, optional
    non_blocking, copy : bool
        Of no effect: nothing is shared that could be written.
    """
    dtype = device_or_dtype(args, dtype, device)
    return x if dtype is None or dtype == x.dtype else shape.astype(x, dtype)


def type_as(x: ArrayLike, other: ArrayLike) -> Tensor:
    """x in the type of another tensor."""
    return shape.astype(x, array_of(other).dtype if not isinstance(other, Tensor) else other.dtype)
