"""Cosine annealing that starts again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinydl._check import integer, number
from tinydl.optim.lr_scheduler.base import LRScheduler

if TYPE_CHECKING:
    from typing import Any

    from tinydl.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingWarmRestarts"]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from the initial learning rate to `eta_min` in `T_0` steps, then again in `T_mult` times as many.

    lr(t) = eta_min + (lr(0) - eta_min) * (1 + cos(pi * s / T)) / 2, s steps after the start of a period of T

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    T_0 : int
        Steps of the first period, >= 1.
    T_mult : int
        How many times as long as the one before each further period is, >= 1.
    eta_min : float
        Smallest learning rate, >= 0.
    last_epoch : int
        See `LRScheduler`.

    References
    ----------
    Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts, ICLR 2017.
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0,
                 last_epoch: int = -1) -> None:
        self.T_0 = integer("CosineAnnealingWarmRestarts", "T_0", T_0)
        self.T_mult = integer("CosineAnnealingWarmRestarts", "T_mult", T_mult)
        self.eta_min = number("CosineAnnealingWarmRestarts", "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def step(self, epoch: float | None = None) -> None:
        """Go on by one step, or to `epoch`, which may lie between two: epoch + batch / batches."""
        if epoch is None:
            super().step()
            return
        self.last_epoch: Any = number("CosineAnnealingWarmRestarts", "epoch", epoch) - 1
        super().step()
        self.last_epoch = math.floor(self.last_epoch)

    def _next_lr(self, lr, base_lr):
        s, period = self.last_epoch, self.T_0
        if self.T_mult == 1:
            s %= period
        while s >= period:
            s, period = s - period, period * self.T_mult
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * s / period)) / 2
