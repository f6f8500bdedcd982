"""Transposed convolutions."""

import math
from typing import Any

import numpy as np

from tinydl import ops
from tinydl.nn import init
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, integers
from tinydl.tensor import Parameter

__all__ = ["ConvTranspose1d", "ConvTranspose2d"]


class _ConvTranspose(Module):
    """What ConvTranspose1d and ConvTranspose2d share."""

    _n = 0
    _op: Any = None

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1,
                 bias=True, dilation=1):
        n = self._n
        (self.in_channels,) = integers(in_channels, 1, "in_channels", 1)
        (self.out_channels,) = integers(out_channels, 1, "out_channels", 1)
        (self.groups,) = integers(groups, 1, "groups", 1)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(f"groups must divide in_channels and out_channels, got groups={groups} for {in_channels} "
                             f"and {out_channels} channels")
        self.kernel_size = integers(kernel_size, n, "kernel_size", 1)
        self.stride = integers(stride, n, "stride", 1)
        self.padding = integers(padding, n, "padding", 0)
        self.output_padding = integers(output_padding, n, "output_padding", 0)
        self.dilation = integers(dilation, n, "dilation", 1)
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(s, d):
                raise ValueError(f"output_padding must be smaller than stride or dilation, got {output_padding!r} with "
                                 f"stride {stride!r} and dilation {dilation!r}")
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        if math.prod(shape) >= 2**40:
            raise ValueError(f"a weight of shape {shape} is too large")
        self.weight = Parameter(np.empty(shape, np.float32))
        self.bias = Parameter(np.empty(self.out_channels, np.float32)) if bias else None
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new initial values."""
        init.default_(self.weight, self.bias, math.prod(self.weight.shape[1:]))

    def forward(self, x):
        """Spread every input entry over the window of outputs it feeds."""
        return type(self)._op(as_input(x, self.weight.dtype), self.weight, self.bias, self.stride, self.padding,
                              self.output_padding, self.groups, self.dilation)

    def extra_repr(self):
        """The geometry, what differs from the default only."""
        n = self._n
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        for name, default in (("padding", 0), ("output_padding", 0), ("dilation", 1)):
            if getattr(self, name) != (default,) * n:
                text += f", {name}={getattr(self, name)}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        return text + (", bias=False" if self.bias is None else "")


class ConvTranspose2d(_ConvTranspose):
    """2-D transposed convolution: the backward-input pass of Conv2d as a layer.

    H_out = (H - 1) SH - 2 PH + DH (KH - 1) + output_padding + 1.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, output_padding : int or pair
        As of the convolution that is transposed.
    groups : int
    bias : bool
    dilation : int or pair

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, KH, KW)
        Uniform in +-1/sqrt(out_channels / groups * KH * KW) at the start, as in PyTorch.
    bias : Parameter of shape (out_channels,), or None
        Likewise.
    """

    _n = 2
    _op = staticmethod(ops.conv_transpose2d)


class ConvTranspose1d(_ConvTranspose):
    """1-D transposed convolution: the backward-input pass of Conv1d as a layer.

    L_out = (L - 1) S - 2 P + D (K - 1) + output_padding + 1.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, output_padding : int
        As of the convolution that is transposed.
    groups : int
    bias : bool
    dilation : int

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, K)
        Uniform in +-1/sqrt(out_channels / groups * K) at the start, as in PyTorch.
    bias : Parameter of shape (out_channels,), or None
        Likewise.
    """

    _n = 1
    _op = staticmethod(ops.conv_transpose1d)
