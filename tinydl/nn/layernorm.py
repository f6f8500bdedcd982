"""Layer normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import ops
from tinydl._check import flag, number
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, integers
from tinydl.tensor import Parameter

if TYPE_CHECKING:
    from tinydl._types import ArrayLike, Ints
    from tinydl.tensor import Tensor

__all__ = ["LayerNorm"]


class LayerNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last axes of every sample (Ba et al., 2016).

    Training and evaluation are the same.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The last axes of the input.
    eps : float
    elementwise_affine : bool
        Whether there are weight and bias.
    bias : bool
        Whether there is a bias beside the weight.

    Attributes
    ----------
    weight, bias : Parameter of shape normalized_shape, or None
        1 and 0 at the start.
    """

    def __init__(self, normalized_shape: Ints, eps: float = 1e-5, elementwise_affine: bool = True,
                 bias: bool = True) -> None:
        shape = tuple(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
        if not shape:
            raise ValueError("normalized_shape needs at least one axis, got ()")
        self.normalized_shape = integers(shape, len(shape), "normalized_shape", 1)
        self.eps = number("LayerNorm", "eps", eps)
        self.elementwise_affine = affine = flag("LayerNorm", "elementwise_affine", elementwise_affine)
        self.weight = Parameter(np.ones(self.normalized_shape, np.float32)) if affine else None
        biased = flag("LayerNorm", "bias", bias) and affine
        self.bias = Parameter(np.zeros(self.normalized_shape, np.float32)) if biased else None

    def forward(self, x: ArrayLike) -> Tensor:
        """Any shape that ends in normalized_shape to the same shape."""
        x = as_input(x, None if self.weight is None else self.weight.dtype)
        return ops.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
                f"bias={self.bias is not None}")
