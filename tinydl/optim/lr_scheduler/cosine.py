"""Cosine annealing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinydl._check import integer, number
from tinydl.optim.lr_scheduler.base import LRScheduler

if TYPE_CHECKING:
    from tinydl.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR"]


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the initial learning rate to `eta_min` in `T_max` steps; afterwards it climbs back.

    lr(t) = eta_min + (lr(0) - eta_min) * (1 + cos(pi * t / T_max)) / 2

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    T_max : int
        Steps to the minimum, >= 1.
    eta_min : float
        Smallest learning rate, >= 0.
    last_epoch : int
        See `LRScheduler`.

    References
    ----------
    Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts, ICLR 2017 (without the restarts).
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = integer("CosineAnnealingLR", "T_max", T_max)
        self.eta_min = number("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def _height(self, t):
        return (1 + math.cos(math.pi * t / self.T_max)) / 2

    def _next_lr(self, lr, base_lr):
        t = self.last_epoch
        if t == 0:
            return lr
        if (t - 1) % (2 * self.T_max) == self.T_max:  # from the minimum no ratio leads back up
            return lr + (base_lr - self.eta_min) * self._height(t)
        return self.eta_min + (lr - self.eta_min) * self._height(t) / self._height(t - 1)
