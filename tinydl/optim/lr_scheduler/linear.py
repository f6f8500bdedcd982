"""A linear warm-up or decay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl._check import integer, number
from tinydl.optim.lr_scheduler.base import LRScheduler

if TYPE_CHECKING:
    from typing import Any

    from tinydl.optim.optimizer import Optimizer

__all__ = ["LinearLR"]


class LinearLR(LRScheduler):
    """Scale the learning rate by a factor that goes linearly from `start_factor` to `end_factor`.

    lr(t) = lr * f(t) with f(t) = start_factor + (end_factor - start_factor) * min(t, total_iters) / total_iters.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    start_factor : float
        In [1e-300, 1].
    end_factor : float
        In [0, 1].
    total_iters : int or list of int
        Steps until `end_factor` is reached, >= 1: for all groups or one number per group.
    last_epoch : int
        See `LRScheduler`.
    per_batch : bool
        Whether a `Trainer` steps it after every batch instead of after every epoch.
    """

    def __init__(self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0,
                 total_iters: int | list[int] = 5, last_epoch: int = -1, per_batch: bool = False) -> None:
        self.start_factor = number("LinearLR", "start_factor", start_factor, low=1e-300, high=1.0, open_high=False)
        self.end_factor = number("LinearLR", "end_factor", end_factor, high=1.0, open_high=False)
        if isinstance(total_iters, (list, tuple)):
            groups = len(getattr(optimizer, "param_groups", ()))
            if len(total_iters) != groups:
                raise ValueError(f"LinearLR: total_iters has {len(total_iters)} values for {groups} parameter groups")
            self.total_iters: Any = [integer("LinearLR", "total_iters", n) for n in total_iters]
        else:
            self.total_iters = integer("LinearLR", "total_iters", total_iters)
        if per_batch:
            self.per_batch = True
        super().__init__(optimizer, last_epoch)

    def _next_lrs(self, rates, base_lrs):
        totals = self.total_iters if isinstance(self.total_iters, list) else [self.total_iters]
        totals = totals + totals[-1:] * (len(rates) - len(totals))  # groups that were added since follow the last one
        return [self._next(lr, total) for lr, total in zip(rates, totals, strict=True)]

    def _next(self, lr, total):
        t = self.last_epoch
        if t == 0:
            return lr * self.start_factor
        return lr if t > total else lr * self._factor(t, total) / self._factor(t - 1, total)

    def _factor(self, t, total):
        return self.start_factor + (self.end_factor - self.start_factor) * t / total
