"""Geometry of windows that slide over an activation: the tuples that kernels take, with names and what follows."""

import functools
from typing import NamedTuple

from tinydl.ops.checks import integers

__all__ = ["ConvGeometry", "ConvGeometry1d", "PoolGeometry", "PoolGeometry1d"]


def _moved(x_shape, channels):
    """What to do with an input whose last axis is as long as its second should be."""
    if x_shape[-1] != channels:
        return ""
    named = "images (N, H, W, C)" if len(x_shape) == 4 else "signals (N, L, C)"
    return f"; {named} become those that layers take by numpy.moveaxis(x, -1, 1)"


class _Windows:
    """What the geometry of a convolution and that of a pooling window have in common."""

    __slots__ = ()
    n_spatial = 2  # axes of the arrays after N and C

    @property
    def window(self):
        """(KH, KW)."""
        return self.KH, self.KW

    @property
    def stride(self):
        """(SH, SW)."""
        return self.SH, self.SW

    @property
    def reach(self):
        """Entries from the first to the last one that a window reads, by axis: DH (KH - 1) + 1."""
        return self.DH * (self.KH - 1) + 1, self.DW * (self.KW - 1) + 1


class _ConvNumbers(NamedTuple):
    N: int
    C: int
    H: int
    W: int
    O: int
    KH: int
    KW: int
    SH: int
    SW: int
    PH: int
    PW: int
    DH: int
    DW: int
    G: int
    P: int
    Q: int


class ConvGeometry(_Windows, _ConvNumbers):
    """Geometry of a convolution over images (N, C, H, W): the tuple of these numbers in this order.

    N samples, C input channels, (H, W) input, O output channels, (KH, KW) window, (SH, SW) stride, (PH, PW) padding,
    (DH, DW) dilation, G groups, (P, Q) output.
    """

    __slots__ = ()

    # Keyed by type too: 2.0 equals 2, and a geometry kept for the one would be handed out for the other.
    @staticmethod
    @functools.lru_cache(maxsize=1024, typed=True)
    def of(x_shape, w_shape, stride, padding, dilation, groups):
        """Geometry of a convolution, checked.

        P = floor((H + 2 PH - DH (KH - 1) - 1) / SH) + 1, Q likewise.

        Parameters
        ----------
        x_shape : tuple of int
            (N, C, H, W), or (N, C, L) for signals, which gives a `ConvGeometry1d`.
        w_shape : tuple of int
            (O, C / groups, KH, KW) or (O, C / groups, K).
        stride, padding, dilation : tuple of int
            One number for each spatial axis.
        groups : int

        Raises
        ------
        ValueError
            If channels, groups or sizes do not fit each other.
        TypeError
            If a number is not an integer.
        """
        spatial, window = x_shape[2:], w_shape[2:]
        stride, padding, dilation, groups = _checked(len(spatial), stride, padding, dilation, groups)
        if x_shape[1] != w_shape[1] * groups:
            raise ValueError(f"the input has {x_shape[1]} channels, the weight of shape {w_shape} with groups={groups} "
                             f"takes {w_shape[1] * groups}" + _moved(x_shape, w_shape[1] * groups))
        if w_shape[0] % groups:
            raise ValueError(f"groups={groups} must divide the {w_shape[0]} output channels")
        out = []
        for size, k, s, p, d in zip(spatial, window, stride, padding, dilation, strict=True):
            reach = d * (k - 1) + 1
            if size + 2 * p < reach:
                raise ValueError(f"the kernel of {window} with dilation {dilation} is larger than the input {spatial} "
                                 f"with padding {padding}: add padding or use a smaller kernel")
            out.append((size + 2 * p - reach) // s + 1)
        return _conv(x_shape[0], w_shape[1] * groups, spatial, w_shape[0], window, stride, padding, dilation, groups,
                     out)

    @staticmethod
    @functools.lru_cache(maxsize=1024, typed=True)
    def of_transposed(x_shape, w_shape, stride, padding, output_padding, dilation, groups):
        """Geometry of the convolution whose transpose maps `x_shape` with a weight of `w_shape`, checked.

        H = (P - 1) SH - 2 PH + DH (KH - 1) + output_padding + 1, W likewise: the input of that convolution, which
        (N, C, H, W) name, is the output of its transpose.

        Parameters
        ----------
        x_shape : tuple of int
            (N, O, P, Q) or (N, O, Q).
        w_shape : tuple of int
            (O, C / groups, KH, KW) or (O, C / groups, K).
        stride, padding, output_padding, dilation : tuple of int
        groups : int

        Raises
        ------
        ValueError, TypeError
            As `of`.
        """
        n, o = x_shape[:2]
        window = w_shape[2:]
        stride, padding, dilation, groups = _checked(len(window), stride, padding, dilation, groups)
        output_padding = integers(output_padding, len(window), "output_padding", 0)
        if w_shape[0] != o:
            raise ValueError(f"conv_transpose: the input has {o} channels (shape {x_shape}), the weight {w_shape} "
                             f"takes {w_shape[0]}")
        if o % groups:
            raise ValueError(f"conv_transpose: groups={groups} does not divide the {o} input channels")
        spatial = []
        axes = zip(x_shape[2:], window, stride, padding, output_padding, dilation, strict=True)
        for size, k, s, p, extra, d in axes:
            if extra >= max(s, d):
                raise ValueError(f"output_padding must be smaller than stride or dilation, got {output_padding} with "
                                 f"stride {stride} and dilation {dilation}")
            length = (size - 1) * s - 2 * p + d * (k - 1) + extra + 1
            if length < 1:
                raise ValueError(f"conv_transpose: an input of shape {x_shape} with window {window}, stride {stride} "
                                 f"and padding {padding} gives no output")
            spatial.append(length)
        return _conv(n, w_shape[1] * groups, spatial, o, window, stride, padding, dilation, groups, x_shape[2:])

    @property
    def in_shape(self):
        """Shape of the input, (N, C, H, W) or (N, C, W)."""
        return self.N, self.C, *(self.H, self.W)[2 - self.n_spatial:]

    @property
    def out_shape(self):
        """Shape of the output, (N, O, P, Q) or (N, O, Q)."""
        return self.N, self.O, *(self.P, self.Q)[2 - self.n_spatial:]

    @property
    def macs(self):
        """Multiply-adds of the forward pass, those with padding included; the bias does not count."""
        return self.N * self.O * (self.C // self.G) * self.KH * self.KW * self.P * self.Q


class ConvGeometry1d(ConvGeometry):
    """Geometry of a convolution over signals (N, C, L): images of one row, H = KH = SH = DH = P = 1, PH = 0, W = L."""

    __slots__ = ()
    n_spatial = 1


class _PoolNumbers(NamedTuple):
    N: int
    C: int
    H: int
    W: int
    KH: int
    KW: int
    SH: int
    SW: int
    PH: int
    PW: int
    DH: int
    DW: int
    P: int
    Q: int


class PoolGeometry(_Windows, _PoolNumbers):
    """Geometry of a pooling window over images (N, C, H, W); the legend is that of `ConvGeometry`."""

    __slots__ = ()

    @staticmethod
    @functools.lru_cache(maxsize=1024, typed=True)
    def of(x_shape, kernel_size, stride, padding, dilation, ceil_mode):
        """Geometry of a pooling window, checked.

        P = floor((H + 2 PH - DH (KH - 1) - 1) / SH) + 1; with `ceil_mode` rounded up, as long as the last window starts
        inside the input or its left padding.

        Parameters
        ----------
        x_shape : tuple of int
            (N, C, H, W), or (N, C, L) for signals, which gives a `PoolGeometry1d`.
        kernel_size, stride, padding, dilation : tuple of int
            One number for each spatial axis.
        ceil_mode : bool

        Raises
        ------
        ValueError
            If the padding is more than half the window, or the window does not fit the input.
        TypeError
            If a number is not an integer.
        """
        n_spatial = len(x_shape) - 2
        kernel_size = integers(kernel_size, n_spatial, "kernel_size", 1)
        stride, padding, dilation, _ = _checked(n_spatial, stride, padding, dilation, 1)
        out = []
        for size, k, s, p, d in zip(x_shape[2:], kernel_size, stride, padding, dilation, strict=True):
            if 2 * p > k:
                raise ValueError(f"padding must be at most half the window, got padding {padding} for window "
                                 f"{kernel_size}")
            room = size + 2 * p - d * (k - 1) - 1
            n = (-(-room // s) if ceil_mode else room // s) + 1
            if ceil_mode and (n - 1) * s >= size + p:
                n -= 1
            # With ceil_mode one window may be larger than the input, by less than a stride.
            if n < 1:
                raise ValueError(f"a window of {kernel_size} with dilation {dilation} and padding {padding} does not "
                                 f"fit the input {tuple(x_shape)}; use a smaller window or fewer pooling layers")
            out.append(n)
        one, none = (1,) * (2 - n_spatial), (0,) * (2 - n_spatial)
        kind = PoolGeometry if n_spatial == 2 else PoolGeometry1d
        return kind(*x_shape[:2], *one, *x_shape[2:], *one, *kernel_size, *one, *stride, *none, *padding, *one,
                    *dilation, *one, *out)

    @property
    def out_shape(self):
        """Shape of the output, (N, C, P, Q) or (N, C, Q)."""
        return self.N, self.C, *(self.P, self.Q)[2 - self.n_spatial:]

    @property
    def macs(self):
        """Multiply-adds: none, as maxima and sums multiply nothing."""
        return 0


class PoolGeometry1d(PoolGeometry):
    """Geometry of a pooling window over signals (N, C, L), in the legend of `ConvGeometry1d`."""

    __slots__ = ()
    n_spatial = 1


def _checked(n, stride, padding, dilation, groups):
    """The settings of a window as ints: what a cache keeps is handed out to every caller whose settings are equal."""
    return (integers(stride, n, "stride", 1), integers(padding, n, "padding", 0), integers(dilation, n, "dilation", 1),
            *integers(groups, 1, "groups", 1))


def _conv(N, C, spatial, O, window, stride, padding, dilation, groups, out):
    """A convolution's geometry, signals lifted to images of one row."""
    lift = 2 - len(spatial)
    one, none = (1,) * lift, (0,) * lift
    kind = ConvGeometry1d if lift else ConvGeometry
    return kind(N, C, *one, *spatial, O, *one, *window, *one, *stride, *none, *padding, *one, *dilation, groups, *one,
                *out)
