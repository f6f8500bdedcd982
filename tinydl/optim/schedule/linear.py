"""A linear warm-up or decay."""

from tinydl._check import integer, number
from tinydl.optim.schedule.base import LRScheduler

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
    total_iters : int
        Steps until `end_factor` is reached, >= 1.
    last_epoch : int
        See `LRScheduler`.
    """

    def __init__(self, optimizer, start_factor=1.0 / 3, end_factor=1.0, total_iters=5, last_epoch=-1):
        self.start_factor = number("LinearLR", "start_factor", start_factor, low=1e-300, high=1.0, open_high=False)
        self.end_factor = number("LinearLR", "end_factor", end_factor, high=1.0, open_high=False)
        self.total_iters = integer("LinearLR", "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def _factor(self, t):
        return self.start_factor + (self.end_factor - self.start_factor) * t / self.total_iters

    def _next_lr(self, lr, base_lr):
        t = self.last_epoch
        if t == 0:
            return lr * self.start_factor
        return lr if t > self.total_iters else lr * self._factor(t) / self._factor(t - 1)
