"""Linear: the fully connected layer's matrix product."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._core import gemm
from tinydl._core.parallel import team
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import as_input, beside, bias_of, need_rank
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from tinydl._types import ArrayLike

__all__ = ["Linear", "linear"]


class Linear(Operation):
    """y = x w' + b for x (..., K), w (O, K), b (O,) or None, y (..., O).

    dx = dy w, dw = dy' x, db = the sum of dy over all leading axes; dx is not computed where nobody wants it.
    float32 or float64.
    """

    factors = (0, 1)

    @staticmethod
    def forward(ctx, x, w, b):
        rows = _rows(x)
        ctx.save_for_backward(rows, w, x.shape)
        y = layout.empty((rows.shape[0], w.shape[0]), x.dtype)
        gemm.linear_forward(rows, _laid(w), None if b is None else layout.channels_last(b), y, team())
        return y if x.ndim == 2 else y.reshape(*x.shape[:-1], w.shape[0])

    @staticmethod
    def backward(ctx, dy):
        x, w, shape = ctx.saved_tensors
        needs_x, needs_w, needs_b = ctx.needs_input_grad
        dy = _rows(dy)
        dx = dw = db = None
        if needs_x:
            dx = layout.empty(x.shape, x.dtype)
            gemm.linear_backward_input(dy, _laid(w), dx, team())
            dx = dx.reshape(shape)
        if needs_w or needs_b:
            dw = ctx.room(1, layout.empty(w.shape[::-1], w.dtype).T) if needs_w else None
            db = ctx.room(2, np.empty(w.shape[0], w.dtype)) if needs_b else None
            gemm.linear_backward_weight(x, dy, dw, db, team())
        return dx, dw, db

    @staticmethod
    def describe(node):
        x, w = node["x"], node["w"]
        return Description(node.output.size * w.shape[1], kind="multilinear", whole=(x.ndim - 1,))

    @staticmethod
    def lower(node, builder):
        return builder.product(node["x"], node["w"], node["b"])


def _rows(x):
    """(..., K) as dense rows."""
    x = x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    return layout.channels_last(x)


def _laid(w):
    """The weight (O, K) with O innermost in memory, where every parameter has it."""
    return w if w.T.flags.c_contiguous else np.ascontiguousarray(w.T).T


def _refused(shape, n_outputs, n_features):
    """What to say of an input of `shape`, and what it would need."""
    message, flat = f"Linear takes (..., {n_features}), got shape {tuple(shape)}", layout.size(shape[1:])
    if len(shape) > 2 and flat == n_features:
        return message + "; put nn.Flatten() before it"
    if len(shape) > 2:
        return message + f"; after nn.Flatten() this input would need Linear({flat}, {n_outputs})"
    return message + f"; this input would need Linear({shape[-1]}, {n_outputs})" if shape else message


def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Tensor:
    """x w' + b. See `Linear`.

    Parameters
    ----------
    x : Tensor or array_like (..., K)
    weight : Tensor or array_like (O, K)
    bias : Tensor or array_like (O,), optional

    Raises
    ------
    ValueError
        If the last axis of x is not K, or shapes do not fit.
    TypeError
        If x, weight and bias differ in dtype.
    """
    if not isinstance(weight, Tensor):
        weight = beside(weight, x.dtype if isinstance(x, Tensor) else None)
    sizes, dtype = weight.shape, weight.dtype
    if len(sizes) != 2:
        need_rank(sizes, (2,), "linear", "a weight (out, in)")
    x = as_input(x, dtype)
    shape = x.shape
    if not shape or shape[-1] != sizes[1]:
        raise ValueError(_refused(shape, *sizes))
    if x.dtype != dtype:
        raise TypeError(f"linear got {x.dtype} input and a {dtype} weight; convert one with .astype()")
    if bias is not None:
        bias = bias_of(bias, sizes[0], dtype, "linear", "outputs")
    return Linear.apply(x, weight, bias)
