"""LRScheduler: what all schedules share."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING

from tinydl._check import integer
from tinydl.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from tinydl._types import State

__all__ = ["LRScheduler"]


class LRScheduler:
    """Base class of the schedules.

    Making a schedule sets the learning rates of step 0; each `step` sets the next. A subclass defines
    ``_next_lr(lr, base_lr)``: the learning rate at `last_epoch` from the one before. Because schedules go on from
    the group's present value, several of them on one optimiser multiply.

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups are written.
    last_epoch : int
        Number of the last step done; -1 starts anew, otherwise the groups must have "initial_lr" (a loaded state
        dict of an optimiser that had a schedule has it), from which the rates of the next step are made as if this
        schedule alone had done all steps. `load_state_dict` continues several on one optimiser.

    Attributes
    ----------
    per_batch : bool
        Whether `step` belongs after every batch (True) or after every epoch (False).
    needs_metric : bool
        Whether `step` takes the value of a metric.
    last_epoch : int
        Number of steps done.
    base_lrs : list of float
        Learning rates of the groups before any schedule.
    """

    per_batch = False
    needs_metric = False
    _unsaved: tuple[str, ...] = ("optimizer",)  # attributes that the state dict leaves out

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        name = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{name}: optimizer must be a tinydl.optim.Optimizer, got {type(optimizer).__name__}")
        last_epoch = integer(name, "last_epoch", last_epoch, low=-1)
        for k, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ValueError(f"{name}: last_epoch={last_epoch} goes on with a schedule, but parameter group {k} "
                                 "has no 'initial_lr'; load the optimiser's state first")
        self.optimizer = optimizer
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def _begin(self):
        if self.last_epoch == -1:
            LRScheduler.step(self)
            return
        # Groups that go on hold the rate of the last step or already that of the next, as their owner saved them before
        # or after it; from the rates before any schedule there is one answer, and it has the bits of the run so far.
        rates = self.base_lrs
        for step in range(self.last_epoch + 2):
            self.last_epoch = step
            rates = self._next_lrs(rates, self.base_lrs)
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr

    def step(self) -> None:
        """Go on by one step: set the learning rate of every group."""
        self.last_epoch += 1
        groups = self.optimizer.param_groups
        rates = self._next_lrs([group["lr"] for group in groups], self._bases(len(groups)))
        for group, lr in zip(groups, rates, strict=True):
            group["lr"] = lr

    def restart(self) -> None:
        """Begin anew: set the learning rates of step 0 from those before any schedule."""
        groups = self.optimizer.param_groups
        for group, lr in zip(groups, self._bases(len(groups)), strict=True):
            group["lr"] = lr
        self.last_epoch = -1
        self.step()

    def _bases(self, n):
        # Groups that were added after the schedule was made start from their own learning rate.
        for group in self.optimizer.param_groups[len(self.base_lrs):]:
            self.base_lrs.append(group.setdefault("initial_lr", group["lr"]))
        return self.base_lrs[:n]

    def _next_lrs(self, rates, base_lrs):
        """The learning rates of all groups at `last_epoch` from those before."""
        return [self._next_lr(lr, base_lr) for lr, base_lr in zip(rates, base_lrs, strict=True)]

    def _next_lr(self, lr, base_lr):
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group, as a list."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> State:
        """Position and settings as a dict of numbers, strings and lists (JSON can hold it)."""
        return {name: list(value) if isinstance(value, (list, tuple)) else value
                for name, value in vars(self).items() if name not in self._unsaved}

    def load_state_dict(self, state_dict: State) -> None:
        """Continue from what `state_dict` gave; load the optimiser's state too, it holds the learning rate.

        Raises
        ------
        ValueError
            When the dict belongs to another kind of schedule; nothing is changed then.
        """
        name, own = type(self).__name__, self.state_dict()
        if not isinstance(state_dict, dict):
            raise ValueError(f"{name}: a state dict is a dict, got {state_dict!r}")
        missing, unexpected = sorted(set(own) - set(state_dict)), sorted(set(state_dict) - set(own))
        if missing or unexpected:
            raise ValueError(f"{name}: the state dict does not fit: missing {missing}, unexpected {unexpected}")
        for key, value in state_dict.items():
            if not _same_kind(value, own[key]):
                raise ValueError(f"{name}: {key} of the state dict must be like {own[key]!r}, got {value!r}")
        vars(self).update({key: list(value) if isinstance(value, list) else value
                           for key, value in state_dict.items()})


def _same_kind(value, example):
    """Whether a loaded value is of the kind that the schedule holds: number, string, list of numbers, None."""
    if isinstance(example, list):
        return isinstance(value, (list, tuple)) and all(_same_kind(item, 0.0) for item in value)
    if isinstance(example, (bool, str)):
        return isinstance(value, type(example))
    return value is None or (isinstance(value, numbers.Real) and not isinstance(value, bool))
