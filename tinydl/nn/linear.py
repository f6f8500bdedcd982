"""Fully connected layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import ops
from tinydl._check import flag
from tinydl.nn import init
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input, integers
from tinydl.tensor import Parameter

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["Identity", "Linear"]


class Linear(Module):
    """Fully connected layer: y = x W' + b.

    Parameters
    ----------
    in_features, out_features : int
        Lengths of the last axis of x and y.
    bias : bool
        Whether to add b.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
        Uniform in +-1/sqrt(in_features) at the start.
    bias : Parameter of shape (out_features,), or None
        Likewise.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        (self.in_features,) = integers(in_features, 1, "in_features", 1)
        (self.out_features,) = integers(out_features, 1, "out_features", 1)
        self.weight = Parameter(np.empty((self.out_features, self.in_features), np.float32))
        biased = flag("Linear", "bias", bias)
        self.bias = Parameter(np.empty(self.out_features, np.float32)) if biased else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.default_(self.weight, self.bias, self.in_features)

    def forward(self, x: ArrayLike) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        return ops.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Identity(Module):
    """y = x; arguments of the constructor are ignored, so that it can stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, x: ArrayLike) -> Tensor:
        """Return the input."""
        return as_input(x)
