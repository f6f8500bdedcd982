"""Matrix product."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._core import gemm
from tinydl._core.parallel import team
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.broadcast import operands, unbroadcast

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["matmul"]


def _product(a, b):
    """a b for arrays of at least 2 axes, leading axes broadcast."""
    m, k = a.shape[-2:]
    n = b.shape[-1]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    n_threads = team()
    if not batch:
        c = layout.empty((m, n), a.dtype)
        gemm.matmul(np.ascontiguousarray(a), np.ascontiguousarray(b), c, n_threads)
        return c
    c = np.empty((*batch, m, n), a.dtype)
    count = math.prod(batch)
    a = np.broadcast_to(a, (*batch, m, k)).reshape(count, m, k)
    b = np.broadcast_to(b, (*batch, k, n)).reshape(count, k, n)
    for one, other, out in zip(a, b, c.reshape(count, m, n), strict=True):
        gemm.matmul(np.ascontiguousarray(one), np.ascontiguousarray(other), out, n_threads)
    return c


class MatMul(Operation):
    """c = a b; da = dc b', db = a' dc, summed over broadcast leading axes."""

    factors = (0, 1)

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        c = _product(a[None] if a.ndim == 1 else a, b[:, None] if b.ndim == 1 else b)
        if a.ndim == 1:
            c = c[..., 0, :]
        if b.ndim == 1:
            c = c[..., 0]
        return np.asarray(c)

    @staticmethod
    def backward(ctx, dc):
        a, b = ctx.saved_tensors
        need_a, need_b = ctx.needs_input_grad
        wide_a = a[None] if a.ndim == 1 else a
        wide_b = b[:, None] if b.ndim == 1 else b
        if b.ndim == 1:
            dc = dc[..., None]
        if a.ndim == 1:
            dc = dc[..., None, :]
        da = db = None
        if need_a:
            da = unbroadcast(_product(dc, wide_b.swapaxes(-1, -2)), wide_a).reshape(a.shape)
        if need_b:
            db = unbroadcast(_product(wide_a.swapaxes(-1, -2), dc), wide_b).reshape(b.shape)
        return da, db

    @staticmethod
    def describe(node):
        a, b = node["a"], node["b"]
        whole = a.ndim - 1 if node.varies("a") else max(b.ndim - 2, 0)
        return Description(node.output.size * a.shape[-1], kind="multilinear", whole=(whole,))


def matmul(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The matrix product, as numpy.matmul: c[..., m, n] = sum over k of a[..., m, k] b[..., k, n].

    Parameters
    ----------
    a : Tensor or array_like, shape (..., M, K) or (K,)
    b : Tensor or array_like, shape (..., K, N) or (K,)
        Leading axes broadcast; one of the two is a tensor.

    Raises
    ------
    ValueError
        If the inner lengths differ or an operand is a number.
    TypeError
        If the types differ or are not floating.
    """
    a, b = operands(a, b)
    if max(a.ndim, b.ndim) > 32:
        raise ValueError(f"matmul takes up to 32 axes, got shapes {a.shape} and {b.shape}")
    if not a.ndim or not b.ndim:
        raise ValueError(f"matmul takes arrays with at least one axis, got shapes {a.shape} and {b.shape}; multiply by "
                         "a number with *")
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not fit: {a.shape[-1]} columns meet "
                         f"{b.shape[-2 if b.ndim > 1 else 0]} rows")
    if a.dtype != b.dtype or a.dtype.kind != "f":
        raise TypeError(f"matmul needs two operands of one floating type, got {a.dtype} and {b.dtype}; convert one "
                        "with .astype()")
    return MatMul.apply(a, b)
