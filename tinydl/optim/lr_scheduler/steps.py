"""Schedules that drop the learning rate at given epochs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tinydl._check import integer, items, number
from tinydl.optim.lr_scheduler.base import LRScheduler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tinydl.optim.optimizer import Optimizer

__all__ = ["MultiStepLR", "StepLR"]


class StepLR(LRScheduler):
    """Multiply the learning rate by `gamma` every `step_size` epochs: lr(t) = lr(0) * gamma^floor(t / step_size).

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    step_size : int
        Epochs between drops, >= 1.
    gamma : float
        Factor, >= 0.
    last_epoch : int
        See `LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = integer("StepLR", "step_size", step_size)
        self.gamma = number("StepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def _next_lr(self, lr, base_lr):
        return lr * self.gamma if self.last_epoch > 0 and self.last_epoch % self.step_size == 0 else lr


class MultiStepLR(LRScheduler):
    """Multiply the learning rate by `gamma` at each of the epochs `milestones`.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    milestones : iterable of int
        Epochs, >= 0; one that is named twice counts twice.
    gamma : float
        Factor, >= 0.
    last_epoch : int
        See `LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1,
                 last_epoch: int = -1) -> None:
        milestones = items("MultiStepLR", "milestones", milestones)
        self.milestones = sorted(integer("MultiStepLR", "milestones", m, low=0) for m in milestones)
        self.gamma = number("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def _next_lr(self, lr, base_lr):
        count = Counter(self.milestones)[self.last_epoch]
        return lr * self.gamma**count if count else lr
