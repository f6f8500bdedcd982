"""Windows of an image as the columns of a matrix, and back: what a convolution multiplies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl import layout
from tinydl._core import im2col
from tinydl._core.parallel import team
from tinydl.function import Operation
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, integers, need_float, need_rank
from tinydl.ops.geometry import ConvGeometry

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Ints
    from tinydl.tensor import Tensor

__all__ = ["fold", "unfold"]


class Unfold(Operation):
    """y[n, (c, i, j), (p, q)] = x[n, c, p*SH - PH + i*DH, q*SW - PW + j*DW]; dx sums dy over all windows of a pixel."""

    @staticmethod
    def forward(ctx, x, geometry):
        ctx.save_for_backward(geometry)
        return _unfolded(x, geometry)

    @staticmethod
    def backward(ctx, dy):
        (geometry,) = ctx.saved_tensors
        return _folded(dy, geometry)

    @staticmethod
    def describe(node):
        geometry = node["geometry"]
        return Description(kind="affine", reach=geometry.reach, stride=geometry.stride)


class Fold(Operation):
    """y[n, c, h, w] = sum of x[n, (c, i, j), (p, q)] over all windows (p, q) whose entry (i, j) lies on (h, w).

    The adjoint of `Unfold`, so dx is that operation of dy.
    """

    @staticmethod
    def forward(ctx, x, geometry):
        ctx.save_for_backward(geometry)
        return _folded(x, geometry)

    @staticmethod
    def backward(ctx, dy):
        (geometry,) = ctx.saved_tensors
        return _unfolded(dy, geometry)

    @staticmethod
    def describe(node):
        return Description(kind="affine", whole=(2,))


def columns(x, geometry, n_threads):
    """The windows of x (N, C, H, W) as rows (N P Q, KH KW C), in the order of x in memory."""
    N, C, _, _, _, KH, KW, *_, P, Q = geometry
    cols = layout.empty((N * P * Q, KH * KW * C), x.dtype)
    im2col.im2col(layout.channels_last(x), cols, geometry, n_threads)
    return cols


def _unfolded(x, geometry):
    N, C, _, _, _, KH, KW, *_, P, Q = geometry
    if N * P * Q >= 2**63:
        raise MemoryError(f"unfold: {N} x {P} x {Q} windows are more than any memory holds")
    cols = columns(x, geometry, team())
    y = layout.empty((N, C * KH * KW, P * Q), x.dtype)
    # The kernel's rows are (i, j, c), for channels are innermost in memory; PyTorch's are (c, i, j).
    y.transpose(0, 2, 1).reshape(N, P * Q, C, KH * KW)[...] = cols.reshape(N, P * Q, KH * KW, C).swapaxes(2, 3)
    return y


def _folded(y, geometry):
    N, C, H, W, _, KH, KW, *_, P, Q = geometry
    cols = layout.empty((N * P * Q, KH * KW * C), y.dtype)
    cols.reshape(N, P * Q, KH * KW, C)[...] = y.transpose(0, 2, 1).reshape(N, P * Q, C, KH * KW).swapaxes(2, 3)
    x = layout.empty((N, C, H, W), y.dtype)
    im2col.col2im(cols, x, geometry, team())
    return x


def _geometry(shape, kernel_size, dilation, padding, stride):
    """Of a convolution with one filter over images of `shape`."""
    kernel_size = integers(kernel_size, 2, "kernel_size", 1)
    return ConvGeometry.of(shape, (1, shape[1], *kernel_size), integers(stride, 2, "stride", 1),
                           integers(padding, 2, "padding", 0), integers(dilation, 2, "dilation", 1), 1)


def unfold(x: ArrayLike, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1) -> Tensor:
    """All windows of each image as the columns of a matrix (PyTorch's `unfold`; also known as im2col).

    y[n, (c KH + i) KW + j, p Q + q] = x[n, c, p SH - PH + i DH, q SW - PW + j DW], 0 outside the image, with
    P = floor((H + 2 PH - DH (KH - 1) - 1) / SH) + 1, Q likewise. A convolution is then a product,
    ``weight.reshape(O, -1) @ unfold(x, ...)``. The gradient of a pixel is the sum over all windows that see it: `fold`.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
        float32 or float64.
    kernel_size, dilation, padding, stride : int or pair

    Returns
    -------
    Tensor, shape (N, C KH KW, P Q)

    Raises
    ------
    ValueError
        If x has not four axes, or the window is larger than the padded image.
    TypeError
        If x is not floating.
    """
    x = as_tensor(x)
    need_float(x, "unfold")
    need_rank(x.shape, (4,), "unfold", "(N, C, H, W)")
    return Unfold.apply(x, geometry=_geometry(x.shape, kernel_size, dilation, padding, stride))


def fold(x: ArrayLike, output_size: Ints, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0,
         stride: Ints = 1) -> Tensor:
    """Windows put back where they come from, and added where they overlap (PyTorch's `fold`; also known as col2im).

    y[n, c, h, w] is the sum of x[n, (c KH + i) KW + j, p Q + q] over all i, j, p, q with p SH - PH + i DH = h and
    q SW - PW + j DW = w. It is the adjoint of `unfold`, not its inverse: fold(unfold(x)) multiplies each pixel by the
    number of windows that see it.

    Parameters
    ----------
    x : Tensor, shape (N, C KH KW, P Q)
        float32 or float64.
    output_size : int or pair
        (H, W) of the images.
    kernel_size, dilation, padding, stride : int or pair

    Returns
    -------
    Tensor, shape (N, C, H, W)

    Raises
    ------
    ValueError
        If the channels are no multiple of the window, or the images have another number of windows.
    TypeError
        If x is not floating.
    """
    x = as_tensor(x)
    need_float(x, "fold")
    need_rank(x.shape, (3,), "fold", "(N, C*KH*KW, L)")
    output_size, kernel_size = integers(output_size, 2, "output_size", 1), integers(kernel_size, 2, "kernel_size", 1)
    window = kernel_size[0] * kernel_size[1]
    if x.shape[1] % window:
        raise ValueError(f"fold: {x.shape[1]} channels (shape {x.shape}) are no multiple of the {window} entries of a "
                         f"window {kernel_size}")
    geometry = _geometry((x.shape[0], x.shape[1] // window, *output_size), kernel_size, dilation, padding, stride)
    if x.shape[2] != geometry.P * geometry.Q:
        raise ValueError(f"fold: images of {output_size} have {geometry.P} x {geometry.Q} windows, the input of shape "
                         f"{x.shape} has {x.shape[2]}; give the output_size, kernel_size, dilation, padding and stride "
                         "of unfold")
    return Fold.apply(x, geometry=geometry)
