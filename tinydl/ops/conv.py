"""Convolution over images (N, C, H, W) and signals (N, C, L)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import config, layout
from tinydl._core.operands import Moments
from tinydl._core.parallel import team
from tinydl.deferred import ConvResult
from tinydl.function import ValueOperation
from tinydl.gradient import Gradient
from tinydl.graph import Description
from tinydl.ops.checks import as_input, beside, bias_of, integers, laid_weight, need_rank
from tinydl.ops.conv_algorithm import choose, name_of
from tinydl.ops.geometry import ConvGeometry
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import ArrayLike, Ints

__all__ = ["Conv", "conv1d", "conv2d"]


class Conv(ValueOperation):
    """y[n,o,p,q] = b[o] + sum over c,i,j of w[o,c,i,j] * x[n, c, p*SH - PH + i*DH, q*SW - PW + j*DW].

    Output size P = floor((H + 2 PH - DH (KH - 1) - 1) / SH) + 1, Q likewise; x is zero outside the image. With G
    groups, output channels of group g read input channels of group g only.

    dx = A' dy, the transposed convolution (filters reversed and transposed); dw sums dy * x over images and pixels;
    db sums dy. dx is not computed where nobody wants it.

    x (N, C, H, W), w (O, C/G, KH, KW), b (O,) or None, y (N, O, P, Q); float32 or float64, NaN and inf as in the sum.
    Where each channel is a group of its own, the convolution is called depthwise and its sums run over taps alone.
    3x3 convolutions may take Winograd's algorithm; see `tinydl.conv_algorithm`.
    A batch norm's and ReLU's pending map on x is applied while x is loaded, batch norm's gradient while dy is.

    Source: V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """

    factors = (0, 1)

    @staticmethod
    def forward(ctx, x, w, b, geometry, shape, about):
        source = x
        x, on_x = x.operand()
        w = laid_weight(w)
        y = layout.empty(shape, x.dtype)
        moments = None
        if about is not None and config.mode.deferral:
            # A copy: the batch norm moves its running mean before the sums are read again.
            moments = Moments(about.copy(), np.empty((shape[0], 2, shape[1]), x.dtype))
        ctx.kernels = choose(geometry, x.dtype)
        b = None if b is None else layout.channels_last(b)
        ctx.kernels.forward(x, w, b, y, geometry, on_x, moments, team())
        ctx.geometry = geometry
        ctx.save_for_backward(x, w, on_x, source)
        return ConvResult(y, moments)

    @staticmethod
    def backward(ctx, dy, residual):
        x, w, on_x, source = ctx.saved_tensors
        needs_x, needs_w, needs_b = ctx.needs_input_grad
        dx = layout.empty(x.shape, x.dtype) if needs_x else None
        dw = ctx.room(1, layout.empty_like(w)) if needs_w or needs_b else None
        db = ctx.room(2, np.empty(w.shape[0], w.dtype)) if needs_b else None
        moments = None
        if needs_x and on_x is not None and on_x.scale is not None:
            # What the batch norm below will ask for, as long as no other operation read its result.
            moments = Moments(on_x.centre, np.empty((x.shape[0], 2, x.shape[1]), x.dtype))
        residual = None if residual is None else layout.channels_last(residual.array())
        ctx.kernels.backward(x, dy.operand(), w, dx, dw, db, ctx.geometry, on_x, residual, moments, team())
        if moments is not None:
            dx = Gradient(dx, sums=moments.sums, summed=source.x)
        return dx, dw, db

    @staticmethod
    def describe(node):
        geometry = node["geometry"]
        return convolved(geometry, name_of(geometry, node.output.dtype))

    @staticmethod
    def lower(node, builder):
        return builder.convolution(node["x"], node["w"], node["b"], node["geometry"], node["shape"])


def convolved(geometry, algorithm):
    """What a convolution says of itself."""
    return Description(geometry.macs, algorithm, "multilinear", geometry.reach, geometry.stride)


def convolve(n, x, weight, bias, stride, padding, dilation, groups, about=None):
    """`conv1d` or `conv2d`; for a batch norm that reads the result next, `about` is what it sums about."""
    if not isinstance(weight, Tensor):
        weight = beside(weight, x.dtype if isinstance(x, Tensor) else None)
    x = as_input(x, weight.dtype)
    shape = x.shape
    (groups,) = integers(groups, 1, "groups", 1)
    if len(shape) != n + 2:
        channels = weight.shape[1] * groups if weight.ndim > 1 else None
        need_rank(shape, (n + 2,), f"conv{n}d", "(N, C, L)" if n == 1 else "(N, C, H, W)", channels)
    if x.dtype != weight.dtype:
        raise TypeError(f"conv{n}d got {x.dtype} input and a {weight.dtype} weight; convert one with .astype()")
    if len(weight.shape) != n + 2:
        raise ValueError(f"conv{n}d takes a weight of {n + 2} axes, got shape {weight.shape}")
    geometry = ConvGeometry.of(shape, weight.shape, integers(stride, n, "stride", 1),
                               integers(padding, n, "padding", 0), integers(dilation, n, "dilation", 1), groups)
    out = geometry.out_shape
    if bias is not None:
        bias = bias_of(bias, out[1], weight.dtype, f"conv{n}d")
    return Conv.apply(x, weight, bias, geometry=geometry, shape=out, about=about)


def conv2d(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
           padding: Ints | Literal["valid", "same"] = 0, dilation: Ints = 1, groups: int = 1) -> Tensor:
    """2-D convolution of x (N, C, H, W) with weight (O, C/groups, KH, KW). See `Conv`.

    Parameters
    ----------
    x, weight, bias : Tensor or array_like
    stride, padding, dilation : int or pair
    groups : int

    Raises
    ------
    ValueError
        If channels, groups or sizes do not fit each other.
    TypeError
        If x and weight differ in dtype.
    """
    return convolve(2, x, weight, bias, stride, padding, dilation, groups)


def conv1d(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
           padding: Ints | Literal["valid", "same"] = 0, dilation: Ints = 1, groups: int = 1) -> Tensor:
    """1-D convolution of x (N, C, L) with weight (O, C/groups, K). See `Conv`; arguments as `conv2d`."""
    return convolve(1, x, weight, bias, stride, padding, dilation, groups)
