"""Layer normalisation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._check import number
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import as_input, beside, integers, need_float
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Ints

__all__ = ["layer_norm"]


class LayerNorm(Operation):
    """y = w (x - mean) r + b over the last axes, r = 1 / sqrt(var + eps), var biased.

    With g = w dy and h = (x - mean) r: dx = r (g - mean(g) - h mean(g h)), dw = sum of dy h, db = sum of dy.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, n_axes, eps):
        rows = np.ascontiguousarray(x).reshape(math.prod(x.shape[:-n_axes]), math.prod(x.shape[-n_axes:]))
        mean = rows.mean(axis=1, keepdims=True, dtype=np.float64)
        normal = np.subtract(rows, mean, out=layout.empty(rows.shape, x.dtype), casting="same_kind")
        var = np.square(normal).mean(axis=1, keepdims=True, dtype=np.float64)
        rstd = (1 / np.sqrt(var + eps)).astype(x.dtype)
        normal *= rstd
        ctx.save_for_backward(x.shape, normal, rstd, weight if ctx.needs_input_grad[0] else None, x.shape[-n_axes:])
        y = normal if weight is None else normal * weight.reshape(-1)
        if bias is not None:
            y = y + bias.reshape(-1)
        return (y.copy() if y is normal else y).reshape(x.shape)

    @staticmethod
    def backward(ctx, dy):
        shape, normal, rstd, weight, own = ctx.saved_tensors
        need_x, need_weight, need_bias = ctx.needs_input_grad
        dy = np.ascontiguousarray(dy).reshape(normal.shape)
        dx = dw = db = None
        if need_x:
            g = dy if weight is None else dy * weight.reshape(-1)
            along = (g * normal).mean(axis=1, keepdims=True, dtype=np.float64)
            dx = g - (g.mean(axis=1, keepdims=True, dtype=np.float64) + normal * along)
            dx = (dx * rstd).astype(normal.dtype).reshape(shape)
        if need_weight:
            dw = (dy * normal).sum(axis=0, dtype=np.float64).astype(dy.dtype).reshape(own)
        if need_bias:
            db = dy.sum(axis=0, dtype=np.float64).astype(dy.dtype).reshape(own)
        return dx, dw, db

    @staticmethod
    def describe(node):
        ndim = node["x"].ndim
        return Description(whole=tuple(range(ndim - node["n_axes"], ndim)))


def layer_norm(x: ArrayLike, normalized_shape: Ints, weight: ArrayLike | None = None, bias: ArrayLike | None = None,
               eps: float = 1e-5) -> Tensor:
    """Normalise every sample over its last axes: y = (x - mean) / sqrt(var + eps) * weight + bias (Ba et al., 2016).

    Parameters
    ----------
    x : Tensor
    normalized_shape : int or tuple of int
        The last axes of x; var is the biased variance over them.
    weight, bias : Tensor of that shape, optional
    eps : float
    """
    x = x if isinstance(x, Tensor) else as_input(x)
    need_float(x, "layer_norm")
    shape = tuple(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    shape = integers(shape, len(shape), "normalized_shape", 1)
    if not shape or x.shape[-len(shape):] != shape:
        raise ValueError(f"layer_norm over {shape} needs an input of shape (..., {', '.join(map(str, shape))}), got "
                         f"{x.shape}")
    weight, bias = (None if array is None else beside(array, x.dtype) for array in (weight, bias))
    for name, array in (("weight", weight), ("bias", bias)):
        if array is not None and array.shape != shape:
            raise ValueError(f"layer_norm: the {name} must have shape {shape}, got {array.shape}")
        if array is not None and array.dtype != x.dtype:
            raise TypeError(f"layer_norm: the input is {x.dtype}, the {name} {array.dtype}; convert the input with "
                            f"x.astype('{array.dtype}') or the layer with .to('{x.dtype}')")
    return LayerNorm.apply(x, weight, bias, n_axes=len(shape), eps=number("layer_norm", "eps", eps))
