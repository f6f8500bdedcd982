"""Residual blocks: y = ReLU(x + F(x))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl import ops
from tinydl._check import flag
from tinydl.nn.batchnorm import BatchNorm2d, normalised
from tinydl.nn.container import Sequential
from tinydl.nn.conv import Conv2d
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, integers

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["BottleneckBlock", "ResidualBlock"]


def _shortcut(in_channels, out_channels, stride, norm, bias):
    """The projection of x where F changes its shape: a 1x1 convolution; None where it does not."""
    if integers(in_channels, 1, "in_channels", 1) == integers(out_channels, 1, "out_channels", 1) \
            and integers(stride, 2, "stride", 1) == (1, 1):
        return None
    projection = Conv2d(in_channels, out_channels, 1, stride, bias=bias)
    return Sequential(projection, BatchNorm2d(out_channels)) if norm else Sequential(projection)


class ResidualBlock(Module):
    """y = ReLU(s(x) + F(x)), F = conv 3x3, norm, ReLU, conv 3x3, norm (He et al., 2015).

    s is the identity, or a 1x1 convolution (and norm) where stride or channels change. dy/dx = identity + dF/dx, so the
    gradient passes however deep the net is; with the last norm's weight 0 (or a small last convolution) the block
    starts as the identity on what the ReLU before it let through.

    Parameters
    ----------
    in_channels : int
    out_channels : int, optional
        in_channels by default.
    stride : int
        Of the first convolution and of s.
    norm : bool
        Whether batch norm follows each convolution.
    bias : bool, optional
        Whether convolutions have a bias; by default only without norm.
    """

    def __init__(self, in_channels: int, out_channels: int | None = None, stride: int = 1, norm: bool = True,
                 bias: bool | None = None) -> None:
        out_channels = in_channels if out_channels is None else out_channels
        norm = flag(type(self).__name__, "norm", norm)
        bias = not norm if bias is None else bias
        self.conv1 = Conv2d(in_channels, out_channels, 3, stride, 1, bias=bias)
        self.bn1 = BatchNorm2d(out_channels) if norm else None
        self.conv2 = Conv2d(out_channels, out_channels, 3, 1, 1, bias=bias)
        self.bn2 = BatchNorm2d(out_channels) if norm else None
        self.downsample = _shortcut(in_channels, out_channels, stride, norm, bias)

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride), rounded up."""
        x = as_input(x, self.conv1.weight.dtype)
        y = normalised(self.conv1, self.bn1, x)
        y = normalised(self.conv2, self.bn2, ops.relu(y))
        return ops.relu(ops.add(y, x if self.downsample is None else self.downsample(x)))


class BottleneckBlock(Module):
    """y = ReLU(s(x) + F(x)), F = conv 1x1, conv 3x3 (with the stride), conv 1x1, each with norm, ReLU between.

    Source: He et al., Deep residual learning for image recognition, 2015.
    s is the identity, or a 1x1 convolution (and norm) where stride or channels change.

    Parameters
    ----------
    in_channels : int
    width : int
        Channels of the 3x3 convolution.
    out_channels : int, optional
        in_channels by default.
    stride : int
        Of the 3x3 convolution and of s.
    norm : bool
        Whether batch norm follows each convolution.
    bias : bool, optional
        Whether convolutions have a bias; by default only without norm.
    """

    def __init__(self, in_channels: int, width: int, out_channels: int | None = None, stride: int = 1,
                 norm: bool = True, bias: bool | None = None) -> None:
        out_channels = in_channels if out_channels is None else out_channels
        norm = flag(type(self).__name__, "norm", norm)
        bias = not norm if bias is None else bias
        self.conv1 = Conv2d(in_channels, width, 1, bias=bias)
        self.bn1 = BatchNorm2d(width) if norm else None
        self.conv2 = Conv2d(width, width, 3, stride, 1, bias=bias)
        self.bn2 = BatchNorm2d(width) if norm else None
        self.conv3 = Conv2d(width, out_channels, 1, bias=bias)
        self.bn3 = BatchNorm2d(out_channels) if norm else None
        self.downsample = _shortcut(in_channels, out_channels, stride, norm, bias)

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride), rounded up."""
        x = as_input(x, self.conv1.weight.dtype)
        y = normalised(self.conv1, self.bn1, x)
        y = normalised(self.conv2, self.bn2, ops.relu(y))
        y = normalised(self.conv3, self.bn3, ops.relu(y))
        return ops.relu(ops.add(y, x if self.downsample is None else self.downsample(x)))
