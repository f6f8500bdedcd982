"""Transposed convolutions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinydl import ops
from tinydl._check import flag
from tinydl.nn import init
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, integers, need_rank
from tinydl.tensor import Parameter

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Ints, Shape
    from tinydl.tensor import Tensor

__all__ = ["ConvTranspose1d", "ConvTranspose2d"]


class _ConvTranspose(Module):
    """What ConvTranspose1d and ConvTranspose2d share."""

    _n = 0
    _op: Any = None

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Ints, stride: Ints = 1, padding: Ints = 0,
                 output_padding: Ints | None = None, groups: int = 1, bias: bool = True,
                 dilation: Ints = 1) -> None:
        n = self._n
        (self.in_channels,) = integers(in_channels, 1, "in_channels", 1)
        (self.out_channels,) = integers(out_channels, 1, "out_channels", 1)
        (self.groups,) = integers(groups, 1, "groups", 1)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(f"groups must divide in_channels and out_channels, got groups={groups} for {in_channels} "
                             f"and {out_channels} channels")
        self.kernel_size = integers(kernel_size, n, "kernel_size", 1)
        self.stride = integers(stride, n, "stride", 1)
        self.dilation = integers(dilation, n, "dilation", 1)
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"padding must be integers, 'same' or 'valid', got {padding!r}")
        if not isinstance(padding, str):
            padding = integers(padding, n, "padding", 0)
        self.padding: Any = (0,) * n if padding == "valid" else padding
        self.output_padding: Any = None
        if output_padding is not None or padding != "same":
            self.output_padding = integers(0 if output_padding is None else output_padding, n, "output_padding", 0)
            axes = zip(self.output_padding, self.stride, self.dilation, self._around(), strict=True)
            for extra, s, d, around in axes:
                if padding == "same" and not 0 <= around - extra < s:
                    raise ValueError(f"with padding='same' and stride {stride!r} output_padding must lie between "
                                     f"{max(around - s + 1, 0)} and {around}, got {output_padding!r}; leave it out for "
                                     "stride times the input")
                if padding != "same" and extra >= max(s, d):
                    raise ValueError(f"output_padding must be smaller than stride or dilation, got {output_padding!r} "
                                     f"with stride {stride!r} and dilation {dilation!r}")
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        if math.prod(shape) >= 2**40:
            raise ValueError(f"a weight of shape {shape} is too large")
        self.weight = Parameter(np.empty(shape, np.float32))
        biased = flag(type(self).__name__, "bias", bias)
        self.bias = Parameter(np.empty(self.out_channels, np.float32)) if biased else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.default_(self.weight, self.bias, math.prod(self.weight.shape[1:]))

    def forward(self, x: ArrayLike) -> Tensor:
        """Spread every input entry over the window of outputs it feeds."""
        x = as_input(x, self.weight.dtype)
        if self.padding != "same":
            return type(self)._op(x, self.weight, self.bias, self.stride, self.padding, self.output_padding,
                                  self.groups, self.dilation)
        need_rank(x.shape, (self._n + 2,), type(self).__name__, "(N, C, L)" if self._n == 1 else "(N, C, H, W)")
        lengths, padding, more = self.geometry(x.shape[2:])
        y = type(self)._op(x, self.weight, self.bias, self.stride, padding, more, self.groups, self.dilation)
        return y if y.shape[2:] == lengths else y[(slice(None), slice(None), *map(slice, lengths))]

    def _around(self):
        """What padding='same' leaves of stride times the input by axis, before output_padding is added."""
        reaches = [d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        return [s - reach % 2 for s, reach in zip(self.stride, reaches, strict=True)]

    def geometry(self, spatial: Shape) -> Any:
        """(lengths of the result, padding, output_padding) as tuples, for an input of the lengths `spatial`.

        With padding='same' the operation may give one entry more at the end of an axis, which is cut off.
        """
        axes = zip(spatial, self.kernel_size, self.stride, self.dilation, strict=True)
        whole = [(size - 1) * s + d * (k - 1) + 1 for size, k, s, d in axes]
        if self.padding != "same":
            settings = zip(whole, self.padding, self.output_padding, strict=True)
            return tuple(n - 2 * p + extra for n, p, extra in settings), self.padding, self.output_padding
        extras = self._around() if self.output_padding is None else self.output_padding
        lengths = tuple(size * s - around + extra for size, s, around, extra in
                        zip(spatial, self.stride, self._around(), extras, strict=True))
        beyond = [n - length for n, length in zip(whole, lengths, strict=True)]
        return lengths, tuple(max(n, 0) // 2 for n in beyond), tuple(max(-n, 0) for n in beyond)

    def extra_repr(self) -> str:
        """The geometry, what differs from the default only."""
        n = self._n
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        for name, default in (("padding", 0), ("output_padding", 0), ("dilation", 1)):
            if getattr(self, name) not in ((default,) * n, None):
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
    kernel_size, stride : int or pair
        As of the convolution that is transposed.
    padding : int, pair, 'same' or 'valid'
        As of that convolution. 'same' gives stride times the input; what is beyond is cut off evenly, an odd rest to
        the right and below, as in Keras.
    output_padding : int or pair, optional
        Rows below and columns to the right that a stride leaves undetermined, by default 0. With 'same' the result is
        (H - 1) SH + reach - 2 floor(reach / 2) + output_padding for windows that reach over DH (KH - 1) + 1 entries.
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
    kernel_size, stride : int
        As of the convolution that is transposed.
    padding : int, 'same' or 'valid'
        As of that convolution. 'same' gives stride times the input; what is beyond is cut off evenly, an odd rest to
        the right, as in Keras.
    output_padding : int, optional
        Entries to the right that a stride leaves undetermined, by default 0. With 'same' the result is
        (L - 1) S + reach - 2 floor(reach / 2) + output_padding for windows that reach over D (K - 1) + 1 entries.
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
