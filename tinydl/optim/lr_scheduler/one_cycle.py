"""The one-cycle policy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinydl._check import flag, integer, number, one_of
from tinydl.optim.lr_scheduler.base import LRScheduler

if TYPE_CHECKING:
    from typing import Literal

    from tinydl.optim.optimizer import Optimizer

__all__ = ["OneCycleLR"]


class OneCycleLR(LRScheduler):
    """One cycle: the learning rate climbs to `max_lr`, then falls far below its start; momentum does the opposite.

    ``step`` belongs after every batch. With initial = max_lr / div_factor and final = initial / final_div_factor::

        steps 0 .. pct_start * total_steps - 1     initial -> max_lr,  max_momentum -> base_momentum
        the rest, up to step total_steps - 1       max_lr -> final,    base_momentum -> max_momentum

    each along half a cosine (or a straight line). The `step` after the last batch changes nothing any more.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written: "lr", and "momentum" or the first of "betas".
    max_lr : float or list of float
        Peak, for all groups or one per group, > 0.
    total_steps : int, optional
        Length of the cycle in batches; or give `epochs` and `steps_per_epoch`.
    epochs, steps_per_epoch : int, optional
        total_steps = epochs * steps_per_epoch.
    pct_start : float
        Share of the cycle in which the learning rate climbs, in [0, 1].
    anneal_strategy : {"cos", "linear"}
        Shape of both parts.
    cycle_momentum : bool
        Whether the momentum moves too.
    base_momentum, max_momentum : float
        Its bounds, in [0, 1).
    div_factor, final_div_factor : float
        See above, > 0.
    last_epoch : int
        See `LRScheduler`.

    Raises
    ------
    ValueError
        From `step` beyond the end of the cycle.

    References
    ----------
    Smith, Topin: Super-convergence: very fast training of neural networks using large learning rates, 2017.
    """

    per_batch = True

    def __init__(self, optimizer: Optimizer, max_lr: float | list[float], total_steps: int | None = None,
                 epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
                 anneal_strategy: Literal["cos", "linear"] = "cos", cycle_momentum: bool = True,
                 base_momentum: float = 0.85, max_momentum: float = 0.95, div_factor: float = 25.0,
                 final_div_factor: float = 1e4, last_epoch: int = -1) -> None:
        name = "OneCycleLR"
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError(f"{name}: give total_steps, or both epochs and steps_per_epoch, got total_steps=None, "
                                 f"epochs={epochs!r}, steps_per_epoch={steps_per_epoch!r}")
            total_steps = integer(name, "epochs", epochs) * integer(name, "steps_per_epoch", steps_per_epoch)
        self.total_steps = integer(name, "total_steps", total_steps)
        self.pct_start = number(name, "pct_start", pct_start, high=1.0, open_high=False)
        self.anneal_strategy = one_of(name, "anneal_strategy", anneal_strategy, ("cos", "linear"))
        self.cycle_momentum = flag(name, "cycle_momentum", cycle_momentum)
        self.base_momentum = number(name, "base_momentum", base_momentum, high=1.0)
        self.max_momentum = number(name, "max_momentum", max_momentum, high=1.0)
        self.div_factor = number(name, "div_factor", div_factor, open_low=True)
        self.final_div_factor = number(name, "final_div_factor", final_div_factor, open_low=True)
        groups = getattr(optimizer, "param_groups", [])
        peaks = list(max_lr) if isinstance(max_lr, (list, tuple)) else [max_lr] * len(groups)
        if len(peaks) != len(groups):
            raise ValueError(f"{name}: max_lr has {len(peaks)} values for {len(groups)} parameter groups")
        self.max_lrs = [number(name, "max_lr", value, open_low=True) for value in peaks]
        if self.cycle_momentum and not all("momentum" in group or "betas" in group for group in groups):
            raise ValueError(f"{name}: {type(optimizer).__name__} has neither momentum nor betas; "
                             "pass cycle_momentum=False")
        if last_epoch == -1:
            starts = [number(name, "max_lr / div_factor", peak / self.div_factor) for peak in self.max_lrs]
            for group, start in zip(groups, starts, strict=True):
                group["initial_lr"] = start
        super().__init__(optimizer, last_epoch)

    def step(self) -> None:
        """Go on by one batch: set learning rate and momentum of every group."""
        if self.last_epoch >= self.total_steps:
            raise ValueError(f"OneCycleLR: step {self.last_epoch + 1} is past the end of a cycle of "
                             f"{self.total_steps} steps; make it as long as the run: epochs * batches per epoch")
        super().step()
        if self.cycle_momentum:
            self._set_momentum()

    def _begin(self):
        self.step()

    def _anneal(self, first, top, last):
        """The value at `last_epoch` on the way first -> top -> last."""
        peak, end = self.pct_start * self.total_steps - 1, self.total_steps - 1
        t = min(self.last_epoch, end)
        if t <= peak:
            first, last, share = first, top, t / peak if peak > 0 else 1.0
        else:
            first, share = top, (t - peak) / (end - peak)
        if self.anneal_strategy == "linear":
            return first + (last - first) * share
        return last + (first - last) * (1 + math.cos(math.pi * share)) / 2

    def _next_lr(self, lr, base_lr):
        top = base_lr * self.div_factor
        return self._anneal(base_lr, top, base_lr / self.final_div_factor)

    def _set_momentum(self):
        momentum = self._anneal(self.max_momentum, self.base_momentum, self.max_momentum)
        for group in self.optimizer.param_groups:
            if "momentum" in group:
                group["momentum"] = momentum
            else:
                group["betas"] = (momentum, *group["betas"][1:])
