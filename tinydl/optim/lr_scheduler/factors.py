"""Schedules that multiply the learning rate by a number or a function of the step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinydl._check import integer, number
from tinydl.optim.lr_scheduler.base import LRScheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinydl.optim.optimizer import Optimizer

__all__ = ["ConstantLR", "ExponentialLR", "LambdaLR", "MultiplicativeLR", "PolynomialLR"]


class ExponentialLR(LRScheduler):
    """Multiply the learning rate by `gamma` at every step: lr(t) = lr(0) * gamma^t.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    gamma : float
        Factor, >= 0.
    last_epoch : int
        See `LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = number("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def _next_lr(self, lr, base_lr):
        return lr * self.gamma if self.last_epoch else lr


class ConstantLR(LRScheduler):
    """Multiply the learning rate by `factor` for the first `total_iters` steps.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    factor : float
        In (0, 1].
    total_iters : int
        Steps, >= 0.
    last_epoch : int
        See `LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5,
                 last_epoch: int = -1) -> None:
        self.factor = number("ConstantLR", "factor", factor, open_low=True, high=1.0, open_high=False)
        self.total_iters = integer("ConstantLR", "total_iters", total_iters, 0)
        super().__init__(optimizer, last_epoch)

    def _next_lr(self, lr, base_lr):
        if self.last_epoch == 0:
            return lr * self.factor
        return lr / self.factor if self.last_epoch == self.total_iters else lr


class PolynomialLR(LRScheduler):
    """lr(t) = lr(0) * (1 - t / total_iters)^power, 0 from there on.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    total_iters : int
        Steps to 0, >= 1.
    power : float
        >= 0.
    last_epoch : int
        See `LRScheduler`.
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = integer("PolynomialLR", "total_iters", total_iters)
        self.power = number("PolynomialLR", "power", power)
        super().__init__(optimizer, last_epoch)

    def _next_lr(self, lr, base_lr):
        t = self.last_epoch
        if t == 0 or t > self.total_iters:
            return lr
        return lr * ((1 - t / self.total_iters) / (1 - (t - 1) / self.total_iters)) ** self.power


class LambdaLR(LRScheduler):
    """lr(t) = lr(0) * f(t), for a function of the step.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    lr_lambda : callable, or list of them
        One function, or one for each group; it is no part of the state dict.
    last_epoch : int
        See `LRScheduler`.
    per_batch : bool
        Whether a `Trainer` steps it after every batch instead of after every epoch.
    """

    _unsaved = ("optimizer", "lr_lambdas")

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
                 last_epoch: int = -1, per_batch: bool = False) -> None:
        name, n = type(self).__name__, len(getattr(optimizer, "param_groups", ()))
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * n
        if len(self.lr_lambdas) != n:
            raise ValueError(f"{name}: lr_lambda has {len(self.lr_lambdas)} functions for {n} parameter groups")
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"{name}: lr_lambda must be a function of the step, got {function!r}")
        if per_batch:
            self.per_batch = True
        super().__init__(optimizer, last_epoch)

    def _factors(self, n):
        # Groups that were added since follow the last function.
        functions = self.lr_lambdas + self.lr_lambdas[-1:] * (n - len(self.lr_lambdas))
        return [number(type(self).__name__, f"lr_lambda({self.last_epoch})", function(self.last_epoch), -math.inf)
                for function in functions]

    def _next_lrs(self, rates, base_lrs):
        return [base * factor for base, factor in zip(base_lrs, self._factors(len(rates)), strict=True)]


class MultiplicativeLR(LambdaLR):
    """lr(t) = lr(t - 1) * f(t), for a function of the step; see `LambdaLR` for the parameters."""

    def _next_lrs(self, rates, base_lrs):
        if self.last_epoch == 0:
            return list(rates)
        return [lr * factor for lr, factor in zip(rates, self._factors(len(rates)), strict=True)]
