"""Convolution over images (N, C, H, W) and signals (N, C, L)."""

import functools

import numpy as np

from tinydl import layout
from tinydl._core import depthwise
from tinydl._core.operands import Map, Moments, Pending
from tinydl._core.parallel import get_num_threads
from tinydl.function import Function
from tinydl.ops.checks import as_input, integers, laid_weight, need_rank
from tinydl.ops.conv_algorithm import choose
from tinydl.ops.deferred import Affine, ConvResult, DeferredGradient, array_of, operand
from tinydl.tensor import Parameter

__all__ = ["Conv", "conv1d", "conv2d", "conv_geometry"]


class Conv(Function):
    """y[n,o,p,q] = b[o] + sum over c,i,j of w[o,c,i,j] * x[n, c, p*SH - PH + i*DH, q*SW - PW + j*DW].

    Output size P = floor((H + 2 PH - DH (KH - 1) - 1) / SH) + 1, Q likewise; x is zero outside the image. With G
    groups, output channels of group g read input channels of group g only.

    dx = A' dy, the transposed convolution (filters reversed and transposed); dw sums dy * x over images and pixels;
    db sums dy. dx is not computed where nobody wants it.

    x (N, C, H, W), w (O, C/G, KH, KW), b (O,) or None, y (N, O, P, Q); float32 or float64, NaN and inf as in the sum.
    3x3 convolutions may take Winograd's algorithm; see `tinydl.conv_algorithm`.
    A batch norm's and ReLU's pending map on x is applied while x is loaded, batch norm's gradient while dy is.

    Source: the course's scanning networks; V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep
    learning, arXiv:1603.07285.
    """

    takes_deferred = True
    takes_deferred_gradient = True
    fresh_gradients = True
    adds_gradient = True
    trusted = True

    @staticmethod
    def forward(ctx, x, w, b, geometry, shape, origin):
        source = x if isinstance(x, Affine) and x.is_plain else None
        x, *on_x = operand(x)
        w = laid_weight(w)
        y = layout.empty(shape, x.dtype)
        moments = sums = None
        if origin is not None:
            origin = origin.copy()  # the batch norm moves its running mean before the sums are read again
            sums = np.empty((shape[0], 2, shape[1]), x.dtype)
            moments = Moments(origin, sums)
        ctx.kernels = choose(geometry, x.dtype)
        ctx.kernels.forward(x, w, b, y, geometry, _map(*on_x), moments, get_num_threads())
        ctx.geometry = geometry
        ctx.save_for_backward(x, w, b, source)
        return ConvResult(y, sums, origin)

    @staticmethod
    def backward(ctx, dy):
        x, w, b, source = ctx.saved_tensors
        needs_x, needs_w, needs_b = ctx.needs_input_grad[:3]
        pending = dy.pending if isinstance(dy, DeferredGradient) else None
        if pending is not None:
            y, scale, shift, relu, *abc = pending
            dy = Pending(layout.channels_last(dy.dz), y, _map(scale, shift, relu), *abc)
        else:
            dy = layout.channels_last(array_of(dy))
        dx = layout.empty(x.shape, x.dtype) if needs_x else None
        dw = layout.empty_like(w) if needs_w or needs_b else None
        db = np.empty(b.shape, b.dtype) if needs_b else None
        on_x = None if source is None else _map(source.scale, source.shift, source.relu)
        residual = None if ctx.partial is None else layout.channels_last(ctx.partial)
        moments = None
        if needs_x and source is not None and source.mean is not None:
            moments = Moments(source.mean, np.empty((x.shape[0], 2, x.shape[1]), x.dtype))
        ctx.kernels.backward(x, dy, w, dx, dw, db, ctx.geometry, on_x, residual, moments, get_num_threads())
        if moments is not None:
            dx = DeferredGradient(dx, source, sums=moments.sums)
        return dx, dw, db, None, None, None


def _map(scale, shift, relu):
    """The map [relu](scale*x + shift) as kernels take it; scale may be None."""
    if scale is None:
        return Map(relu=relu) if relu else None
    return Map(scale, shift, np.zeros_like(scale), relu)


class DepthwiseConv(Function):
    """`Conv` with one filter a channel: y[n,c,p,q] = b[c] + sum over i,j of w[c,0,i,j] * x[n,c,...]."""

    fresh_gradients = True
    trusted = True

    @staticmethod
    def forward(ctx, x, w, b, geometry, shape):
        x = layout.channels_last(x)
        y = layout.empty(shape, x.dtype)
        depthwise.depthwise_forward(x, w, b, y, geometry, get_num_threads())
        ctx.geometry = geometry
        ctx.save_for_backward(x, w, b)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, w, b = ctx.saved_tensors
        needs_x, needs_w, needs_b = ctx.needs_input_grad[:3]
        dy = layout.channels_last(dy)
        dx = layout.empty(x.shape, x.dtype) if needs_x else None
        dw = layout.empty_like(w) if needs_w else None
        db = np.empty(b.shape, b.dtype) if needs_b else None
        if needs_x:
            depthwise.depthwise_backward_input(dy, w, dx, ctx.geometry, get_num_threads())
        if needs_w or needs_b:
            depthwise.depthwise_backward_weight(x, dy, dw, db, ctx.geometry, get_num_threads())
        return dx, dw, db, None, None


@functools.lru_cache(maxsize=1024)
def conv_geometry(x, w, stride, padding, dilation, groups):
    """Kernel geometry (N, C, H, W, O, KH, KW, SH, SW, PH, PW, DH, DW, G, P, Q) and output shape."""
    spatial, kernel = x[2:], w[2:]
    if x[1] != w[1] * groups:
        raise ValueError(f"the input has {x[1]} channels, the weight of shape {w} with groups={groups} takes "
                         f"{w[1] * groups}")
    if w[0] % groups:
        raise ValueError(f"groups={groups} must divide the {w[0]} output channels")
    out = []
    for size, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        if size + 2 * p < reach:
            raise ValueError(f"the kernel of {kernel} with dilation {dilation} is larger than the input {spatial} with "
                             f"padding {padding}: add padding or use a smaller kernel")
        out.append((size + 2 * p - reach) // s + 1)
    one, none = (1,) * (4 - len(x)), (0,) * (4 - len(x))
    geometry = (*x[:2], *one, *spatial, w[0], *one, *kernel, *one, *stride, *none, *padding, *one, *dilation, groups,
                *one, *out)
    return geometry, (x[0], w[0], *out)


def _conv(n, x, weight, bias, stride, padding, dilation, groups):
    x = as_input(x, weight.dtype)
    shape = x.shape
    need_rank(shape, (n + 2,), f"conv{n}d", "(N, C, L)" if n == 1 else "(N, C, H, W)")
    if x.dtype != weight.dtype:
        raise TypeError(f"conv{n}d got {x.dtype} input and a {weight.dtype} weight; convert one with .astype()")
    if len(weight.shape) != n + 2:
        raise ValueError(f"conv{n}d takes a weight of {n + 2} axes, got shape {weight.shape}")
    geometry, out = conv_geometry(shape, weight.shape, integers(stride, n, "stride", 1),
                                  integers(padding, n, "padding", 0), integers(dilation, n, "dilation", 1), groups)
    if groups > 1 and groups == shape[1] == out[1]:
        return DepthwiseConv.apply(x, weight, bias, geometry, out)
    follower = weight.follower if isinstance(weight, Parameter) else None
    if follower is not None and follower.dtype != x.dtype:
        follower = None
    return Conv.apply(x, weight, bias, geometry, out, follower)


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """2-D convolution of x (N, C, H, W) with weight (O, C/groups, KH, KW). See `Conv`.

    Parameters
    ----------
    x, weight, bias : Tensor
    stride, padding, dilation : int or pair
    groups : int

    Raises
    ------
    ValueError
        If channels, groups or sizes do not fit each other.
    TypeError
        If x and weight differ in dtype.
    """
    return _conv(2, x, weight, bias, stride, padding, dilation, groups)


def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """1-D convolution of x (N, C, L) with weight (O, C/groups, K). See `Conv`; arguments as `conv2d`."""
    return _conv(1, x, weight, bias, stride, padding, dilation, groups)
