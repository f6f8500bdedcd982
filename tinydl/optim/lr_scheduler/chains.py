"""Schedules made of others: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from tinydl._check import integer, items
from tinydl.optim.lr_scheduler.base import LRScheduler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinydl._types import State
    from tinydl.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class _Joined(LRScheduler):
    """What both share: schedules on one optimiser, stepped and saved together."""

    _unsaved = ("optimizer", "schedulers")

    def _take(self, optimizer, schedulers):
        name = type(self).__name__
        self.schedulers = items(name, "schedulers", schedulers)
        if not self.schedulers:
            raise ValueError(f"{name}: got no schedules")
        for k, scheduler in enumerate(self.schedulers):
            if not isinstance(scheduler, LRScheduler) or scheduler.needs_metric:
                raise TypeError(f"{name}: schedule {k} must be a schedule that takes no metric, got "
                                f"{type(scheduler).__name__}")
            if optimizer is None:
                optimizer = scheduler.optimizer
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"{name}: schedule {k} ({type(scheduler).__name__}) belongs to another optimiser")
        kinds = {scheduler.per_batch for scheduler in self.schedulers}
        if len(kinds) > 1:
            raise ValueError(f"{name}: some schedules step per batch and some per epoch: "
                             + ", ".join(f"{type(s).__name__} per {'batch' if s.per_batch else 'epoch'}"
                                         for s in self.schedulers))
        self.per_batch = kinds.pop()
        return optimizer

    def state_dict(self) -> State:
        """Position and the schedules' states, as plain values."""
        return {**super().state_dict(), "schedulers": [scheduler.state_dict() for scheduler in self.schedulers]}

    def load_state_dict(self, state_dict: State) -> None:
        """Continue from what `state_dict` gave; load the optimiser's state too, it holds the learning rate."""
        name = type(self).__name__
        states = state_dict.get("schedulers") if isinstance(state_dict, dict) else None
        if not isinstance(states, list) or len(states) != len(self.schedulers):
            raise ValueError(f"{name}: the state dict must hold the states of {len(self.schedulers)} schedules, got "
                             f"{states!r}")
        before = self.state_dict()
        own = {key: value for key, value in before.items() if key != "schedulers"}
        kept = {key: value for key, value in state_dict.items() if key != "schedulers"}
        if own.keys() != kept.keys():
            raise ValueError(f"{name}: the state dict does not fit: it has {sorted(kept)}, expected {sorted(own)}")
        try:
            for scheduler, state in zip(self.schedulers, states, strict=True):
                scheduler.load_state_dict(state)
        except ValueError:
            for scheduler, state in zip(self.schedulers, before["schedulers"], strict=True):
                scheduler.load_state_dict(state)
            raise
        vars(self).update(kept)


class SequentialLR(_Joined):
    """Schedules one after the other: each begins anew at its milestone.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    schedulers : sequence of LRScheduler
        On this optimiser.
    milestones : sequence of int
        The step at which each schedule but the first begins, ascending.
    last_epoch : int
        -1; `load_state_dict` goes on with a run.

    Examples
    --------
    >>> warm_up = optim.LinearLR(opt, 0.1, total_iters=5)
    >>> cosine = optim.CosineAnnealingLR(opt, 25)
    >>> schedule = optim.SequentialLR(opt, [warm_up, cosine], [5])
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int],
                 last_epoch: int = -1) -> None:
        name = "SequentialLR"
        self._take(optimizer, schedulers)
        self.milestones = [integer(name, "milestones", step) for step in items(name, "milestones", milestones)]
        if len(self.milestones) != len(self.schedulers) - 1 or self.milestones != sorted(set(self.milestones)):
            raise ValueError(f"{name}: {len(self.schedulers)} schedules need {len(self.schedulers) - 1} ascending "
                             f"milestones, got {self.milestones}")
        if last_epoch != -1:
            raise ValueError(f"{name}: last_epoch is -1, got {last_epoch!r}; load_state_dict goes on with a run")
        super().__init__(optimizer)

    def _begin(self):
        self.last_epoch = 0
        self.schedulers[0].restart()

    def restart(self) -> None:
        """Begin anew with the first schedule."""
        self._begin()

    def step(self) -> None:
        """Go on by one step of the schedule whose turn it is."""
        self.last_epoch += 1
        scheduler = self.schedulers[bisect_right(self.milestones, self.last_epoch)]
        if self.last_epoch in self.milestones:
            scheduler.restart()
        else:
            scheduler.step()


class ChainedScheduler(_Joined):
    """Several schedules that multiply, stepped as one.

    Parameters
    ----------
    schedulers : sequence of LRScheduler
        On one optimiser.
    optimizer : Optimizer, optional
        That one.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        super().__init__(self._take(optimizer, schedulers))

    def _begin(self):
        self.last_epoch = 0

    def restart(self) -> None:
        """Begin all of them anew."""
        groups = self.optimizer.param_groups
        for group, lr in zip(groups, self._bases(len(groups)), strict=True):
            group["lr"] = lr
        for scheduler in self.schedulers:
            scheduler.last_epoch = -1
            scheduler.step()
        self._begin()

    def step(self) -> None:
        """Go on by one step of every schedule."""
        self.last_epoch += 1
        for scheduler in self.schedulers:
            scheduler.step()
