"""The schedule of a run that was made longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl._check import integer
from tinydl.optim import SequentialLR

if TYPE_CHECKING:
    from tinydl._types import State

__all__ = ["Restarted"]


class Restarted(SequentialLR):
    """Schedules one after the other, at a place that the number of steps alone says.

    So a checkpoint that was written before the run was made longer, under the first schedule alone, is one of this too.
    """

    def state_dict(self) -> State:
        """The number of steps done."""
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: State) -> None:
        """Go to the step that a state of any schedule names; learning rates and momentum are set as they are there."""
        if not isinstance(state_dict, dict) or "last_epoch" not in state_dict:
            raise ValueError(f"Restarted: a state dict has the number of steps in last_epoch, got {state_dict!r}")
        step = integer("Restarted", "last_epoch", state_dict["last_epoch"], low=0)
        self.restart()
        while self.last_epoch < step:
            self.step()
