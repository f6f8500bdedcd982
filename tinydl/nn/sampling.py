"""Layers that change the size of images: interpolation, and windows as columns and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl import ops
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import ArrayLike, Floats, Ints
    from tinydl.tensor import Tensor

__all__ = ["Fold", "Unfold", "Upsample"]


class Upsample(Module):
    """Images or signals of another size; see `ops.interpolate`.

    Parameters
    ----------
    size : int or tuple of int, optional
    scale_factor : float or tuple of float, optional
        One of the two.
    mode : {'nearest', 'linear', 'bilinear'}
    align_corners : bool, optional
    """

    def __init__(self, size: Ints | None = None, scale_factor: Floats | None = None,
                 mode: Literal["nearest", "linear", "bilinear"] = "nearest", align_corners: bool | None = None) -> None:
        if (size is None) == (scale_factor is None):
            raise ValueError(f"Upsample takes one of size and scale_factor, got {size!r} and {scale_factor!r}")
        self.size, self.mode, self.align_corners = size, mode, align_corners
        self.scale_factor = float(scale_factor) if isinstance(scale_factor, (int, float)) else scale_factor

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, C, *spatial) to other spatial lengths."""
        return ops.interpolate(as_input(x), self.size, self.scale_factor, self.mode, bool(self.align_corners))

    def extra_repr(self) -> str:
        """Size or factor, and mode."""
        what = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{what}, mode={self.mode!r}"


class _Windows(Module):
    """What Unfold and Fold share."""

    def __init__(self, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1) -> None:
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    @property
    def _geometry(self):
        return self.kernel_size, self.dilation, self.padding, self.stride

    def extra_repr(self) -> str:
        """The geometry."""
        return (f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
                f"stride={self.stride}")


class Unfold(_Windows):
    """All windows of each image as columns; see `ops.unfold`.

    Parameters
    ----------
    kernel_size, dilation, padding, stride : int or pair
    """

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, C, H, W) to (N, C KH KW, P Q)."""
        return ops.unfold(as_input(x), *self._geometry)


class Fold(_Windows):
    """Windows put back where they come from, and added; see `ops.fold`.

    Parameters
    ----------
    output_size : int or pair
        (H, W) of the images.
    kernel_size, dilation, padding, stride : int or pair
    """

    def __init__(self, output_size: Ints, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0,
                 stride: Ints = 1) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, C KH KW, P Q) to (N, C, H, W)."""
        return ops.fold(as_input(x), self.output_size, *self._geometry)

    def extra_repr(self) -> str:
        """Size and geometry."""
        return f"output_size={self.output_size}, " + super().extra_repr()
