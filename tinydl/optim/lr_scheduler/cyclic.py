"""A learning rate that goes up and down again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl._check import flag, integer, number, one_of
from tinydl.optim.lr_scheduler.base import LRScheduler

if TYPE_CHECKING:
    from typing import Literal

    from tinydl.optim.optimizer import Optimizer

__all__ = ["CyclicLR"]


class CyclicLR(LRScheduler):
    """The learning rate climbs from `base_lr` to `max_lr` and falls back, over and over; momentum does the opposite.

    ``step`` belongs after every batch. The height of a cycle is 1 for 'triangular', half of the one before for
    'triangular2', and gamma^t at step t for 'exp_range'.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written: "lr", and "momentum" or the first of "betas".
    base_lr, max_lr : float or list of float
        For all groups or one per group, >= 0.
    step_size_up, step_size_down : int
        Batches up and down, >= 1; down takes as many as up by default.
    mode : {"triangular", "triangular2", "exp_range"}
    gamma : float
        Of 'exp_range', in (0, 1].
    cycle_momentum : bool
        Whether the momentum moves too.
    base_momentum, max_momentum : float
        Its bounds, in [0, 1).
    last_epoch : int
        See `LRScheduler`.

    References
    ----------
    Smith: Cyclical learning rates for training neural networks, WACV 2017.
    """

    per_batch = True

    def __init__(self, optimizer: Optimizer, base_lr: float | list[float], max_lr: float | list[float],
                 step_size_up: int = 2000, step_size_down: int | None = None,
                 mode: Literal["triangular", "triangular2", "exp_range"] = "triangular", gamma: float = 1.0,
                 cycle_momentum: bool = True, base_momentum: float = 0.8, max_momentum: float = 0.9,
                 last_epoch: int = -1) -> None:
        name = "CyclicLR"
        groups = getattr(optimizer, "param_groups", [])
        lows, tops = ([number(name, what, value) for value in (
            list(given) if isinstance(given, (list, tuple)) else [given] * len(groups))]
            for what, given in (("base_lr", base_lr), ("max_lr", max_lr)))
        if len(lows) != len(groups) or len(tops) != len(groups):
            raise ValueError(f"{name}: base_lr and max_lr have {len(lows)} and {len(tops)} values for {len(groups)} "
                             "parameter groups")
        self.max_lrs = tops
        self.step_size_up = integer(name, "step_size_up", step_size_up)
        self.step_size_down = self.step_size_up if step_size_down is None else integer(name, "step_size_down",
                                                                                       step_size_down)
        self.mode = one_of(name, "mode", mode, ("triangular", "triangular2", "exp_range"))
        self.gamma = number(name, "gamma", gamma, open_low=True, high=1.0, open_high=False)
        self.cycle_momentum = flag(name, "cycle_momentum", cycle_momentum)
        self.base_momentum = number(name, "base_momentum", base_momentum, high=1.0)
        self.max_momentum = number(name, "max_momentum", max_momentum, high=1.0)
        if self.cycle_momentum and not all("momentum" in group or "betas" in group for group in groups):
            raise ValueError(f"{name}: {type(optimizer).__name__} has neither momentum nor betas; "
                             "pass cycle_momentum=False")
        if last_epoch == -1:
            for group, low in zip(groups, lows, strict=True):
                group["initial_lr"] = low
        super().__init__(optimizer, last_epoch)

    def _begin(self):
        self.step()

    def step(self) -> None:
        """Go on by one batch: set learning rate and momentum of every group."""
        super().step()
        if not self.cycle_momentum:
            return
        momentum = self.max_momentum - (self.max_momentum - self.base_momentum) * self._height()
        for group in self.optimizer.param_groups:
            if "momentum" in group:
                group["momentum"] = momentum
            else:
                group["betas"] = (momentum, *group["betas"][1:])

    def _height(self):
        """Where between the bounds the step lies, from 0 to 1."""
        length = self.step_size_up + self.step_size_down
        cycle, t = divmod(self.last_epoch, length)
        share = t / self.step_size_up if t <= self.step_size_up else (length - t) / self.step_size_down
        if self.mode == "triangular2":
            return share / 2.0**cycle
        return share * (self.gamma**self.last_epoch if self.mode == "exp_range" else 1.0)

    def _next_lrs(self, rates, base_lrs):
        tops = self.max_lrs + self.max_lrs[-1:] * (len(rates) - len(self.max_lrs))
        height = self._height()
        return [low + (top - low) * height for low, top in zip(base_lrs, tops, strict=True)]
