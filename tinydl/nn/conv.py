"""Convolutions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinydl import ops
from tinydl._check import flag, one_of
from tinydl.nn import init
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, integers
from tinydl.ops.conv import convolve
from tinydl.tensor import Parameter

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import ArrayLike, Ints
    from tinydl.tensor import Tensor

__all__ = ["Conv1d", "Conv2d"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What Conv1d and Conv2d share."""

    _n = 0

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Ints, stride: Ints = 1,
                 padding: Ints | Literal["valid", "same"] = 0, dilation: Ints = 1, groups: int = 1,
                 bias: bool = True,
                 padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros") -> None:
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
        self.padding: Any = padding
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"padding must be integers, 'same' or 'valid', got {padding!r}")
        else:
            self.padding = integers(padding, n, "padding", 0)
        self.padding_mode = one_of(type(self).__name__, "padding_mode", padding_mode, _PADDING_MODES)
        # What the operation can do by itself; None where the input has to be padded first.
        self._zeros = self.padding if padding_mode == "zeros" else None
        if isinstance(padding, str) and padding_mode == "zeros":
            self._zeros = (0,) * n if padding == "valid" else None
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        if math.prod(shape) >= 2**40:
            raise ValueError(f"a weight of shape {shape} is too large")
        self.weight = Parameter(np.empty(shape, np.float32))
        biased = flag(type(self).__name__, "bias", bias)
        self.bias = Parameter(np.empty(self.out_channels, np.float32)) if biased else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.default_(self.weight, self.bias, math.prod(self.weight.shape[1:]))

    def forward(self, x: ArrayLike, about: Any = None) -> Tensor:
        """Slide the filters over the input; `about` is said by `batchnorm.normalised`."""
        padding = self._zeros
        if padding is None:
            x, padding = self._padded(as_input(x, self.weight.dtype))
        return convolve(self._n, x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups, about)

    _forward_about = forward  # `forward` of a class of the user's own may take nothing but x

    def _padded(self, x):
        """Input and padding for the operation: what it cannot do itself (one-sided, not zeros) is put around x here."""
        if x.ndim != self._n + 2:
            return x, (0,) * self._n  # the operation says what it takes
        if self.padding == "same":
            widths = []
            for size, k, s, d in zip(x.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True):
                total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
                widths.append((total // 2, total - total // 2))
        else:
            widths = [(p, p) for p in ((0,) * self._n if self.padding == "valid" else self.padding)]
        if self.padding_mode == "zeros" and all(before == after for before, after in widths):
            return x, tuple(before for before, _ in widths)
        flat = [width for pair in reversed(widths) for width in pair]
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        return ops.pad(x, flat, mode), (0,) * self._n

    def zero_padding(self) -> Any:
        """The padding on either side of each axis where it is zeros and the same for every input; else None."""
        if self._zeros is not None or self.padding_mode != "zeros":
            return self._zeros
        around = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        if any(s != 1 for s in self.stride) or any(total % 2 for total in around):
            return None
        return tuple(total // 2 for total in around)

    def extra_repr(self) -> str:
        """The geometry, what differs from the default only."""
        n = self._n
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * n:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * n:
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class Conv2d(_Conv):
    """2-D convolution: y[n,o,p,q] = b[o] + sum over c,i,j of w[o,c,i,j] x[n,c,p*SH-PH+i*DH,q*SW-PW+j*DW].

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or pair
    stride : int or pair
    padding : int, pair, 'same' or 'valid'
        'same' gives ceil(H / SH) x ceil(W / SW) outputs, also with a stride; an odd rest goes to the right and below.
    dilation : int or pair
    groups : int
        Channels are split into so many separate convolutions; in_channels makes it depthwise.
    bias : bool
    padding_mode : {'zeros', 'reflect', 'replicate', 'circular'}

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, KH, KW)
        Uniform in +-1/sqrt(fan_in) at the start, fan_in = in_channels / groups * KH * KW.
    bias : Parameter of shape (out_channels,), or None
        Likewise.
    """

    _n = 2


class Conv1d(_Conv):
    """1-D convolution: y[n,o,q] = b[o] + sum over c,j of w[o,c,j] x[n,c,q*S-P+j*D].

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int
    padding : int, 'same' or 'valid'
        'same' gives ceil(L / S) outputs, also with a stride; an odd rest goes to the right.
    groups : int
        Channels are split into so many separate convolutions; in_channels makes it depthwise.
    bias : bool
    padding_mode : {'zeros', 'reflect', 'replicate', 'circular'}

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, K)
        Uniform in +-1/sqrt(fan_in) at the start, fan_in = in_channels / groups * K.
    bias : Parameter of shape (out_channels,), or None
        Likewise.
    """

    _n = 1
