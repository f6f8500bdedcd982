"""Transposed convolution: the backward-input pass of a convolution as a forward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import layout
from tinydl._core import conv
from tinydl._core.parallel import team
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import beside, bias_of, integers, laid_weight, need_float, need_rank
from tinydl.ops.geometry import ConvGeometry
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Ints

__all__ = ["conv_transpose1d", "conv_transpose2d"]


class ConvTranspose(Operation):
    """y[n,c,h,w] = b[c] + sum of w[o,c,i,j] x[n,o,p,q] over all p*S-P+i*D = h, q*S-P+j*D = w.

    It is the gradient of a convolution that maps y's shape to x's, so dx is that convolution of dy and dw its weight
    gradient with the two arrays in exchanged roles; db = sum of dy over images and positions.
    """

    factors = (0, 1)

    @staticmethod
    def forward(ctx, x, weight, bias, geometry, shape):
        x = layout.channels_last(x)
        weight = laid_weight(weight)
        ctx.save_for_backward(x, weight, geometry)
        y = layout.empty(shape, x.dtype)
        conv.conv_backward_input(x, weight, y, geometry, team())
        if bias is not None:
            y += bias.reshape((-1,) + (1,) * (y.ndim - 2))
        return y

    @staticmethod
    def backward(ctx, dy):
        x, weight, geometry = ctx.saved_tensors
        need_x, need_weight, need_bias = ctx.needs_input_grad
        n_threads = team()
        dy = layout.channels_last(dy)
        dx = dw = db = None
        if need_x:
            dx = layout.empty(x.shape, x.dtype)
            conv.conv_forward(dy, weight, None, dx, geometry, None, None, n_threads)
        if need_weight:
            dw = ctx.room(1, layout.empty_like(weight))
            conv.conv_backward_weight(dy, x, dw, None, geometry, None, n_threads)
        if need_bias:
            db = dy.sum(axis=(0, *range(2, dy.ndim)), dtype=np.float64).astype(dy.dtype)
        return dx, dw, db

    @staticmethod
    def describe(node):
        # The geometry is that of the convolution that is transposed: its strides set entries of x apart.
        N, C, _, _, O, KH, KW, SH, SW, _, _, DH, DW, G, P, Q = node["geometry"]
        reach = (-(-(DH * (KH - 1) + 1) // SH), -(-(DW * (KW - 1) + 1) // SW))
        return Description(N * O * (C // G) * KH * KW * P * Q, "direct", "multilinear", reach, (1 / SH, 1 / SW))


def _conv_transpose(n, x, weight, bias, stride, padding, output_padding, groups, dilation):
    name = f"conv_transpose{n}d"
    weight = beside(weight, x.dtype if isinstance(x, Tensor) else None)
    x = beside(x, weight.dtype)
    need_float(x, name)
    need_rank(x.shape, (n + 2,), name, "(N, C, L)" if n == 1 else "(N, C, H, W)")
    need_rank(weight.shape, (n + 2,), name, f"a weight with {n + 2} axes (in, out / groups, window)")
    if weight.dtype != x.dtype:
        raise TypeError(f"{name}: the input is {x.dtype}, the weight {weight.dtype}; convert the input with "
                        f"x.astype('{weight.dtype}') or the layer with .to('{x.dtype}')")
    (groups,) = integers(groups, 1, "groups", 1)
    geometry = ConvGeometry.of_transposed(
        x.shape, weight.shape, integers(stride, n, "stride", 1), integers(padding, n, "padding", 0),
        integers(output_padding, n, "output_padding", 0), integers(dilation, n, "dilation", 1), groups)
    shape = geometry.in_shape
    if bias is not None:
        bias = bias_of(bias, shape[1], weight.dtype, name)
    return ConvTranspose.apply(x, weight, bias, geometry=geometry, shape=shape)


def conv_transpose2d(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
                     padding: Ints = 0, output_padding: Ints = 0, groups: int = 1, dilation: Ints = 1) -> Tensor:
    """Transposed convolution: H_out = (H - 1) SH - 2 PH + DH (KH - 1) + output_padding + 1.

    Parameters
    ----------
    x : Tensor, shape (N, C_in, H, W)
    weight : Tensor, shape (C_in, C_out / groups, KH, KW)
    bias : Tensor, shape (C_out,), optional
    stride, padding, output_padding, dilation : int or pair
        As of the convolution that is transposed; output_padding adds rows below and columns to the right, which a
        stride leaves undetermined.
    groups : int

    Returns
    -------
    Tensor, shape (N, C_out, H_out, W_out)
    """
    return _conv_transpose(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose1d(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
                     padding: Ints = 0, output_padding: Ints = 0, groups: int = 1, dilation: Ints = 1) -> Tensor:
    """Transposed convolution of (N, C_in, L) with (C_in, C_out / groups, K); see `conv_transpose2d`."""
    return _conv_transpose(1, x, weight, bias, stride, padding, output_padding, groups, dilation)
