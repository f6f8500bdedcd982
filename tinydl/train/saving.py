"""What is written while a net is trained: checkpoints, the history as a table."""

from __future__ import annotations

import csv
import io
import itertools
import os
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import integer, path_of
from tinydl._files import atomic_write
from tinydl.train.callbacks import Callback
from tinydl.train.stopping import Best, monitored

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import Logs, Path, State
    from tinydl.train.trainer import Trainer

__all__ = ["CSVLogger", "Checkpoint", "write_csv"]


class Checkpoint(Callback):
    """Write the trainer's whole state after every epoch and when the run is interrupted, each time all or nothing.

    Parameters
    ----------
    path : path-like
        The checkpoint file; its folder is made. ``Trainer.load(path)`` goes on from it, `load_weights` reads its
        weights alone.
    every : int
        Epochs between two checkpoints; the last epoch always is saved.
    keep_previous : bool
        Keep the checkpoint before it as well, as ``name.previous.ext``.
    best_of : str, optional
        A column of the history: write after epochs only in which its value is the best so far, and not when the run is
        interrupted. To resume a run, add a second Checkpoint without it.
    mode : {'auto', 'min', 'max'}
        Whether small or large is good, as in `EarlyStopping`.

    Attributes
    ----------
    best, best_epoch
        With `best_of`: best value and its epoch.
    """

    order = 100
    first_rank_only = True

    def __init__(self, path: Path, every: int = 1, keep_previous: bool = True, *, best_of: str | None = None,
                 mode: Literal["auto", "min", "max"] = "auto") -> None:
        self.path, self.every = path_of(path), integer("Checkpoint", "every", every)
        self.keep_previous, self.monitor = keep_previous, best_of
        if best_of is None and mode != "auto":
            raise ValueError(f"Checkpoint: mode={mode!r} is for best_of, a column of the history")
        if best_of is not None and self.every != 1:
            raise ValueError(f"Checkpoint: every={every} and best_of={best_of!r} exclude each other")
        if best_of is not None:
            self.order = 99  # what is saved to be resumed knows it
        self._best = Best("Checkpoint", "loss" if best_of is None else best_of, mode)

    @property
    def best(self) -> float | None:
        return self._best.value

    @property
    def best_epoch(self) -> int | None:
        return self._best.epoch

    def on_fit_begin(self, trainer: Trainer) -> None:
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        if self.monitor is not None and not trainer.resumed:
            self._best.clear()

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        if self.monitor is not None:
            due = self._best.see(monitored(self, logs), trainer.epoch)
        else:
            due = trainer.epoch % self.every == 0 or trainer.epoch >= trainer.epochs or trainer.stop_reason is not None
        if due:
            trainer.save(self.path, keep_previous=self.keep_previous)

    def on_interrupt(self, trainer: Trainer) -> None:
        if self.monitor is None:
            trainer.save(self.path, keep_previous=self.keep_previous)

    def state_dict(self) -> State:
        return {} if self.monitor is None else {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: State) -> None:
        self._best.value, self._best.epoch = state["best"], state["best_epoch"]


def write_csv(path, history):
    """Write a history as a table, all or nothing; floats come back exactly, None is an empty field.

    Raises
    ------
    ValueError
        A column is longer than the first one.
    """
    n = len(next(iter(history.values()), ()))
    for name, column in history.items():
        if len(column) > n:
            raise ValueError(f"history column {name!r} has {len(column)} entries, the first one has {n}; append one "
                             "an epoch, and keep values of batches elsewhere")
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(history)
    for row in itertools.islice(itertools.zip_longest(*history.values()), n):
        table.writerow("" if v is None else repr(float(v)) if isinstance(v, (float, np.floating)) else v for v in row)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())


class CSVLogger(Callback):
    """Keep a CSV file with the history, a row an epoch; a resumed run's file is that of the uninterrupted one, but for
    the times.

    Parameters
    ----------
    path : path-like
    """

    order = 50
    first_rank_only = True

    def __init__(self, path: Path) -> None:
        self.path = path_of(path)
        self._begun = False

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._begun = False

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        write_csv(self.path, trainer.history)
        self._begun = True

    def on_fit_end(self, trainer: Trainer) -> None:
        if self._begun:  # callbacks after this one may have added to the last row
            write_csv(self.path, trainer.history)
