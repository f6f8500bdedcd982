"""Lower the learning rate when a metric stops improving."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinydl._check import integer, number, one_of
from tinydl.optim.lr_scheduler.base import LRScheduler

if TYPE_CHECKING:
    from typing import Literal

    from tinydl.optim.optimizer import Optimizer
    from tinydl.tensor import Tensor

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Multiply the learning rate by `factor` when a metric has not improved for more than `patience` epochs.

    An epoch is better than the best so far when (mode "min"; "max" mirrors it) metric < best * (1 - threshold) for
    threshold_mode "rel", metric < best - threshold for "abs". NaN is never better.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    mode : {"min", "max"}
        Whether the metric shall fall or rise.
    factor : float
        In [0, 1).
    patience : int
        Epochs without improvement that are borne, >= 0.
    threshold : float
        Smallest change that counts, >= 0.
    threshold_mode : {"rel", "abs"}
        See above.
    cooldown : int
        Epochs after a reduction in which bad epochs are not counted, >= 0.
    min_lr : float or list of float
        Lower bound, for all groups or one per group, >= 0.
    eps : float
        Reductions by no more than this are not made, >= 0.

    Attributes
    ----------
    best : float or None
        Best metric so far.
    num_bad_epochs, cooldown_counter : int
        Epochs since then; epochs of cooldown left.
    """

    needs_metric = True

    def __init__(self, optimizer: Optimizer, mode: Literal["min", "max"] = "min", factor: float = 0.1,
                 patience: int = 10, threshold: float = 1e-4, threshold_mode: Literal["rel", "abs"] = "rel",
                 cooldown: int = 0, min_lr: float | list[float] = 0.0, eps: float = 1e-8) -> None:
        name = "ReduceLROnPlateau"
        self.mode = one_of(name, "mode", mode, ("min", "max"))
        self.threshold_mode = one_of(name, "threshold_mode", threshold_mode, ("rel", "abs"))
        self.factor = number(name, "factor", factor, high=1.0)
        self.patience = integer(name, "patience", patience, low=0)
        self.threshold = number(name, "threshold", threshold)
        self.cooldown = integer(name, "cooldown", cooldown, low=0)
        self.eps = number(name, "eps", eps)
        n_groups = len(getattr(optimizer, "param_groups", []))
        bounds = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * n_groups
        if len(bounds) != n_groups:
            raise ValueError(f"{name}: min_lr has {len(bounds)} values for {n_groups} parameter groups")
        self.min_lrs = [number(name, "min_lr", value) for value in bounds]
        self.best: float | None = None
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)

    def _begin(self):
        self.last_epoch = 0

    def step(self, metrics: float | Tensor) -> None:  # type: ignore[override]
        """Take the metric of the epoch that ended.

        Parameters
        ----------
        metrics : float or one-element Tensor
            The value to watch.
        """
        metric = float(metrics)
        self.last_epoch += 1
        if self._is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, metric):
        sign = 1 if self.mode == "min" else -1
        if self.best is None:
            return sign * metric < math.inf
        if self.threshold_mode == "rel":
            return sign * metric < sign * self.best * (1 - sign * self.threshold)
        return sign * metric < sign * self.best - self.threshold

    def _reduce(self):
        groups = self.optimizer.param_groups
        bounds = self.min_lrs + [0.0] * (len(groups) - len(self.min_lrs))
        for group, bound in zip(groups, bounds, strict=True):
            lr = max(group["lr"] * self.factor, bound)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr
