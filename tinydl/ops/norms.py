"""Lengths of vectors and angles between them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import number
from tinydl.ops.arithmetic import div, mul, power
from tinydl.ops.checks import as_tensor, axis_of, need_float
from tinydl.ops.elementwise import abs, maximum, sqrt
from tinydl.ops.reductions import max, min, sum
from tinydl.ops.shape import astype, broadcast_to
from tinydl.ops.words import worded

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Ints
    from tinydl.tensor import Tensor

__all__ = ["cosine_similarity", "norm", "normalize"]


@worded
def norm(x: ArrayLike, p: float = 2.0, axis: Ints | None = None, keepdims: bool = False) -> Tensor:
    """The p-norm (sum |x|^p)^(1/p) over the given axes; for p = inf the largest |x|.

    Parameters
    ----------
    x : Tensor
    p : float
        Positive, or 'fro' for 2; 2 has the gradient x / norm, NaN at 0.
    axis : int or tuple of int, optional
        All axes by default; () is none of them, as in NumPy's sums: |x|.
    keepdims : bool
    """
    x = as_tensor(x)
    need_float(x, "norm")
    p = 2.0 if p is None or isinstance(p, str) and p == "fro" else number("norm", "p", p, finite=False)
    if not (p > 0 or p == -math.inf):
        raise ValueError(f"norm: p must be positive, inf or -inf, got {p}")
    if p == 2:
        return sqrt(sum(mul(x, x), axis, keepdims))
    if math.isinf(p):
        return (max if p > 0 else min)(abs(x), axis, keepdims)
    if p == 1:
        return sum(abs(x), axis, keepdims)
    return power(sum(power(abs(x), p), axis, keepdims), 1 / p)


@worded
def normalize(x: ArrayLike, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(norm, eps), the p-norm along an axis."""
    x = as_tensor(x)
    return div(x, maximum(norm(x, p, axis, True), number("normalize", "eps", eps)))


@worded
def cosine_similarity(x: ArrayLike, y: ArrayLike, axis: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between x and y along an axis: x y / (max(|x|, eps) max(|y|, eps)).

    Arrays of other shapes are broadcast first: a length is that of what is multiplied.
    """
    x, y = as_tensor(x), as_tensor(y)
    eps = number("cosine_similarity", "eps", eps)
    if x.dtype.kind == y.dtype.kind == "f" and x.dtype != y.dtype:  # or one length would have the digits of float32
        x, y = astype(x, np.float64), astype(y, np.float64)
    if x.shape != y.shape:
        try:
            shape = np.broadcast_shapes(x.shape, y.shape)
        except (ValueError, RuntimeError):  # NumPy broadcasts up to 32 axes
            raise ValueError(f"cosine_similarity: shapes {x.shape} and {y.shape} do not broadcast") from None
        x, y = broadcast_to(x, shape), broadcast_to(y, shape)
    axis = axis_of(axis, x.ndim)
    lengths = [maximum(norm(v, 2.0, axis, True), eps) for v in (x, y)]
    return sum(mul(div(x, lengths[0]), div(y, lengths[1])), axis)
