"""What may happen along the way of `Trainer.fit`: the base class."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinydl._types import Logs, State
    from tinydl.train.trainer import Trainer

__all__ = ["Callback"]


class Callback:
    """Base class: override what you need; every method gets the trainer.

    Attributes
    ----------
    order : int
        Callbacks run from low to high, those of one order as they were given. Savers come late, so that they see what
        the others did.
    accepts_nonfinite : bool
        Whether a loss of nan or infinity ends the run quietly instead of with an error.
    first_rank_only : bool
        Whether of several processes that train one net only the first runs it: what prints or writes files. All others
        run on every rank, see the same numbers, and what one of them asks for (`Trainer.stop`) all do.

    Examples
    --------
    >>> class StopAtNoon(Callback):
    ...     def on_epoch_end(self, trainer, logs):
    ...         if time.localtime().tm_hour >= 12:
    ...             trainer.stop("it is noon")
    """

    order = 0
    accepts_nonfinite = False
    first_rank_only = False

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Before the first batch; `trainer.resumed` tells a run continued from a checkpoint."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Before an epoch's first batch, and when an interrupted epoch goes on. The net is in training mode already, so
        what is switched to evaluation mode here stays there."""

    def on_backward_end(self, trainer: Trainer) -> None:
        """Before an update: the parameters hold the gradients, which may be read and changed; what is not finite after
        it ends the run, and `clip_norm` comes after it."""

    def on_batch_end(self, trainer: Trainer, logs: Logs) -> None:
        """After an update; `logs` has batch (from 0; the last one of several that were accumulated), loss, size
        (samples) and lr."""

    def on_train_end(self, trainer: Trainer) -> None:
        """After the last update of an epoch and before validation: the place to put running statistics right."""

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        """After validation; `logs` is the epoch's row of `trainer.history`. What a callback puts into it, or appends
        to a column of the history, gets into the other."""

    def on_interrupt(self, trainer: Trainer) -> None:
        """After the last batch of a run that Ctrl-C or SIGTERM ended, before on_fit_end."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """Always, also after an interruption or an error."""

    def closing_words(self, trainer: Trainer) -> str | None:
        """What the user should know at the end of a run, which `Progress` shows: a line, or None."""

    def state_dict(self) -> State:
        """What a checkpoint must hold of this callback: a dict of arrays and plain values."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave."""
