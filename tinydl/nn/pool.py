"""Pooling layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinydl import ops
from tinydl._check import flag, number
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, integers

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Ints
    from tinydl.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AvgPool1d", "AvgPool2d",
    "LPPool2d", "MaxPool1d", "MaxPool2d",
]


def _checked_padding(padding, kernel_size):
    if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
        raise ValueError(f"padding must be at most half the window, got padding {padding} for window {kernel_size}")
    return padding


class _MaxPool(Module):
    """What MaxPool1d and MaxPool2d share."""

    _n = 0
    _op: Any = None

    def __init__(self, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, dilation: Ints = 1,
                 ceil_mode: bool = False) -> None:
        n = self._n
        self.kernel_size = integers(kernel_size, n, "kernel_size", 1)
        self.stride = self.kernel_size if stride is None else integers(stride, n, "stride", 1)
        self.padding = _checked_padding(integers(padding, n, "padding", 0), self.kernel_size)
        self.dilation = integers(dilation, n, "dilation", 1)
        self.ceil_mode = flag(type(self).__name__, "ceil_mode", ceil_mode)

    def forward(self, x: ArrayLike) -> Tensor:
        """The maximum of every window."""
        return type(self)._op(as_input(x), self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def extra_repr(self) -> str:
        """The geometry."""
        return (f"kernel_size={_short(self.kernel_size)}, stride={_short(self.stride)}, "
                f"padding={_short(self.padding)}, dilation={_short(self.dilation)}, ceil_mode={self.ceil_mode}")


def _short(values):
    return values[0] if len(set(values)) == 1 else values


class MaxPool2d(_MaxPool):
    """Maximum of each window of (N, C, H, W); the first maximum gets the gradient, NaN propagates.

    Parameters
    ----------
    kernel_size : int or pair
    stride : int or pair, optional
        kernel_size by default.
    padding : int or pair
        Of -inf, at most half the window.
    dilation : int or pair
    ceil_mode : bool
        Round the output size up instead of down.
    """

    _n = 2
    _op = staticmethod(ops.max_pool2d)


class MaxPool1d(_MaxPool):
    """Maximum of each window of (N, C, L); the first maximum gets the gradient, NaN propagates.

    Parameters
    ----------
    kernel_size : int
    stride : int, optional
        kernel_size by default.
    padding : int
        Of -inf, at most half the window.
    dilation : int
    ceil_mode : bool
        Round the output size up instead of down.
    """

    _n = 1
    _op = staticmethod(ops.max_pool1d)


class _AvgPool(Module):
    """What AvgPool1d and AvgPool2d share."""

    _n = 0
    _op: Any = None

    def __init__(self, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        n = self._n
        self.kernel_size = integers(kernel_size, n, "kernel_size", 1)
        self.stride = self.kernel_size if stride is None else integers(stride, n, "stride", 1)
        self.padding = _checked_padding(integers(padding, n, "padding", 0), self.kernel_size)
        self.ceil_mode = flag(type(self).__name__, "ceil_mode", ceil_mode)
        self.count_include_pad = flag(type(self).__name__, "count_include_pad", count_include_pad)

    def forward(self, x: ArrayLike) -> Tensor:
        """The mean of every window."""
        return type(self)._op(as_input(x), self.kernel_size, self.stride, self.padding, self.ceil_mode,
                              self.count_include_pad)

    def extra_repr(self) -> str:
        """The geometry."""
        text = f"kernel_size={_short(self.kernel_size)}, stride={_short(self.stride)}, padding={_short(self.padding)}"
        if self.ceil_mode:
            text += ", ceil_mode=True"
        return text + ("" if self.count_include_pad else ", count_include_pad=False")


class AvgPool2d(_AvgPool):
    """Mean of each window of (N, C, H, W).

    Parameters
    ----------
    kernel_size : int or pair
    stride : int or pair, optional
        kernel_size by default.
    padding : int or pair
        Of zeros, at most half the window.
    ceil_mode : bool
        Round the output size up instead of down.
    count_include_pad : bool
        Whether padding counts in the divisor.
    """

    _n = 2
    _op = staticmethod(ops.avg_pool2d)


class AvgPool1d(_AvgPool):
    """Mean of each window of (N, C, L).

    Parameters
    ----------
    kernel_size : int
    stride : int, optional
        kernel_size by default.
    padding : int
        Of zeros, at most half the window.
    ceil_mode : bool
        Round the output size up instead of down.
    count_include_pad : bool
        Whether padding counts in the divisor.
    """

    _n = 1
    _op = staticmethod(ops.avg_pool1d)


class LPPool2d(Module):
    """(sum over each window of x^p)^(1/p) of (N, C, H, W); see `ops.lp_pool2d`.

    Parameters
    ----------
    norm_type : float
        p.
    kernel_size : int or pair
    stride : int or pair, optional
        kernel_size by default.
    ceil_mode : bool
        Round the output size up instead of down.
    """

    def __init__(self, norm_type: float, kernel_size: Ints, stride: Ints | None = None,
                 ceil_mode: bool = False) -> None:
        self.norm_type, self.ceil_mode = norm_type, flag("LPPool2d", "ceil_mode", ceil_mode)
        number("LPPool2d", "norm_type", norm_type, open_low=True)
        integers(kernel_size, 2, "kernel_size", 1)
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: ArrayLike) -> Tensor:
        """The norm of every window."""
        return ops.lp_pool2d(as_input(x), self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """The geometry."""
        return (f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
                f"ceil_mode={self.ceil_mode}")


class _AdaptivePool(Module):
    """What the four adaptive pools share."""

    _n = 0
    _op: Any = None

    def __init__(self, output_size: Ints) -> None:
        if isinstance(output_size, (tuple, list)):
            integers([1 if size is None else size for size in output_size], self._n, "output_size", 1)
            self.output_size = tuple(output_size)
        else:
            self.output_size = integers(output_size, self._n, "output_size", 1)

    def forward(self, x: ArrayLike) -> Tensor:
        """Pool to the output size."""
        return type(self)._op(as_input(x), self.output_size)

    def extra_repr(self) -> str:
        """The output size."""
        return f"output_size={_short(self.output_size)}"


class AdaptiveAvgPool2d(_AdaptivePool):
    """Mean over P x Q windows of (N, C, H, W); window i runs from floor(i H / P) to ceil((i + 1) H / P).

    Parameters
    ----------
    output_size : int or pair
        (P, Q); None in the pair keeps that length. 1 is the global average.
    """

    _n = 2
    _op = staticmethod(ops.adaptive_avg_pool2d)


class AdaptiveAvgPool1d(_AdaptivePool):
    """Mean over Q windows of (N, C, L); window i runs from floor(i L / Q) to ceil((i + 1) L / Q).

    Parameters
    ----------
    output_size : int
        1 is the global average.
    """

    _n = 1
    _op = staticmethod(ops.adaptive_avg_pool1d)


class AdaptiveMaxPool2d(_AdaptivePool):
    """Maximum over P x Q windows of (N, C, H, W); window i runs from floor(i H / P) to ceil((i + 1) H / P).

    Parameters
    ----------
    output_size : int or pair
        (P, Q); None in the pair keeps that length. 1 is the maximum over the image.
    """

    _n = 2
    _op = staticmethod(ops.adaptive_max_pool2d)


class AdaptiveMaxPool1d(_AdaptivePool):
    """Maximum over Q windows of (N, C, L); window i runs from floor(i L / Q) to ceil((i + 1) L / Q).

    Parameters
    ----------
    output_size : int
        1 is the maximum over time (a Boolean OR of detectors).
    """

    _n = 1
    _op = staticmethod(ops.adaptive_max_pool1d)
