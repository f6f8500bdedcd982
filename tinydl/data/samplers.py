"""Samplers: which samples an epoch has, and in which order, where that is not all of them once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import random
from tinydl._check import flag, integer
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinydl._types import ArrayLike
    from tinydl.random import Generator

__all__ = ["WeightedRandomSampler"]


class WeightedRandomSampler:
    """Numbers of samples drawn by weight, anew in every epoch: for classes of unequal sizes.

    Parameters
    ----------
    weights : array_like, shape (N,)
        Of the samples, not negative; they need not add up to 1.
    num_samples : int
        How many an epoch draws.
    replacement : bool
        Whether a sample may come several times.
    generator : Generator, optional
        By default the numbers follow from `manual_seed`.
    """

    def __init__(self, weights: ArrayLike, num_samples: int, replacement: bool = True,
                 generator: Generator | None = None) -> None:
        weights = (weights._array() if isinstance(weights, Tensor) else array_of(weights)).astype(np.float64)
        bad = np.flatnonzero(~((weights >= 0) & (weights < np.inf))) if weights.ndim == 1 else [0]
        if len(bad) or not weights.sum() > 0:
            raise ValueError("WeightedRandomSampler takes a weight for each sample, not negative and not all 0, got "
                             + (f"{weights[bad[0]]} at {bad[0]}" if weights.ndim == 1 and len(bad) else
                                f"shape {weights.shape} with sum {weights.sum()}"))
        self.weights, self.num_samples = weights, integer("WeightedRandomSampler", "num_samples", num_samples)
        self.replacement = flag("WeightedRandomSampler", "replacement", replacement)
        if not self.replacement and self.num_samples > np.count_nonzero(weights):
            raise ValueError(f"WeightedRandomSampler: {self.num_samples} samples without replacement of "
                             f"{np.count_nonzero(weights)} with a weight")
        self.generator = generator

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        rng = random.generator(random.next_key()) if self.generator is None else self.generator.draw()
        share = self.weights / self.weights.sum()
        return iter(rng.choice(len(share), self.num_samples, self.replacement, share).tolist())
