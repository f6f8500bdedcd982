"""Layers on channels: gates, slopes, norms over neighbours, channels that become pixels, rows of a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import ops, random
from tinydl._check import integer, number
from tinydl.nn.module import Module
from tinydl.ops.checks import as_input
from tinydl.tensor import Parameter

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.tensor import Tensor

__all__ = ["Embedding", "GLU", "LocalResponseNorm", "PReLU", "PixelShuffle"]


class GLU(Module):
    """a sigmoid(b) for the two halves a and b of the input along an axis; see `ops.glu`.

    Parameters
    ----------
    dim : int
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = integer("GLU", "dim", dim, -64)

    def forward(self, x: ArrayLike) -> Tensor:
        """Half as long along the axis."""
        return ops.glu(as_input(x), self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class PReLU(Module):
    """x where x > 0, else weight * x, with weights that are learnt; see `ops.prelu`.

    Parameters
    ----------
    num_parameters : int
        1, or the number of channels.
    init : float
        The first weight.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        self.num_parameters = integer("PReLU", "num_parameters", num_parameters)
        self.init = number("PReLU", "init", init, -math.inf, open_low=True)
        self.weight = Parameter(np.full(self.num_parameters, self.init, np.float32))

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, C, ...) to the same shape."""
        return ops.prelu(as_input(x, self.weight.dtype), self.weight)

    def extra_repr(self) -> str:
        """The number of weights."""
        return f"num_parameters={self.num_parameters}"


class LocalResponseNorm(Module):
    """x / (k + alpha m)^beta, m the mean of x^2 over neighbouring channels; see `ops.local_response_norm`.

    Parameters
    ----------
    size : int
        How many channels.
    alpha, beta, k : float
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size = integer("LocalResponseNorm", "size", size)
        self.alpha, self.beta, self.k = (number("LocalResponseNorm", name, value, -math.inf, open_low=True)
                                         for name, value in (("alpha", alpha), ("beta", beta), ("k", k)))

    def forward(self, x: ArrayLike) -> Tensor:
        """(N, C, *spatial) to the same shape."""
        return ops.local_response_norm(as_input(x), self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class PixelShuffle(Module):
    """(N, C r^2, H, W) to (N, C, H r, W r); see `ops.pixel_shuffle`.

    Parameters
    ----------
    upscale_factor : int
        r.
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = integer("PixelShuffle", "upscale_factor", upscale_factor)

    def forward(self, x: ArrayLike) -> Tensor:
        """r^2 neighbouring channels become a square of pixels."""
        return ops.pixel_shuffle(as_input(x), self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class Embedding(Module):
    """The rows of a table of weights that integers name; see `ops.embedding`.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        Rows and columns of the table, whose first values are normal numbers.
    padding_idx : int, optional
        A row of zeros that is not trained.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        self.num_embeddings = integer("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = integer("Embedding", "embedding_dim", embedding_dim)
        shape = (self.num_embeddings, self.embedding_dim)
        values = random.generator(random.next_key()).standard_normal(shape).astype(np.float32)
        self.padding_idx = None
        if padding_idx is not None:
            n = integer("Embedding", "padding_idx", padding_idx, -shape[0])
            if n >= shape[0]:
                raise ValueError(f"Embedding: padding_idx must name one of {shape[0]} rows, got {n}")
            self.padding_idx = n % shape[0]
            values[self.padding_idx] = 0
        self.weight = Parameter(values)

    def forward(self, x: ArrayLike) -> Tensor:
        """Integers of any shape to (..., embedding_dim)."""
        return ops.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.num_embeddings}, {self.embedding_dim}" + (
            "" if self.padding_idx is None else f", padding_idx={self.padding_idx}")
