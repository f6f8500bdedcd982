"""What may happen along the way of `Trainer.fit`: stopping, logging, saving."""

import csv
import io
import itertools
import math
import os

import numpy as np

from tinydl._check import integer, number
from tinydl._files import atomic_write

__all__ = ["CSVLogger", "Callback", "Checkpoint", "Convergence", "EarlyStopping", "Freeze", "write_csv"]


class Callback:
    """Base class: override what you need; every method gets the trainer.

    Attributes
    ----------
    order : int
        Callbacks run from low to high, those of one order as they were given. Savers come late, so that they see what
        the others did.
    accepts_nonfinite : bool
        Whether a loss of nan or infinity ends the run quietly instead of with an error.

    Examples
    --------
    >>> class StopAtNoon(Callback):
    ...     def on_epoch_end(self, trainer, logs):
    ...         if time.localtime().tm_hour >= 12:
    ...             trainer.stop("it is noon")
    """

    order = 0
    accepts_nonfinite = False

    def on_fit_begin(self, trainer):
        """Before the first batch; `trainer.resumed` tells a run continued from a checkpoint."""

    def on_epoch_begin(self, trainer):
        """Before an epoch's first batch, and when an interrupted epoch goes on."""

    def on_batch_end(self, trainer, logs):
        """After an update; `logs` has batch (from 0), loss, size (samples) and lr."""

    def on_epoch_end(self, trainer, logs):
        """After validation; `logs` is the epoch's row of `trainer.history`. What a callback puts into it, or appends
        to a column of the history, gets into the other."""

    def on_interrupt(self, trainer):
        """After the last batch of a run that Ctrl-C or SIGTERM ended, before on_fit_end."""

    def on_fit_end(self, trainer):
        """Always, also after an interruption or an error."""

    def state_dict(self):
        """What a checkpoint must hold of this callback: a dict of arrays and plain values."""
        return {}

    def load_state_dict(self, state):
        """Take back what `state_dict` gave."""


def _monitored(callback, logs):
    name = callback.monitor
    if name not in logs:
        raise ValueError(f"{type(callback).__name__} monitors {name!r}, but an epoch gives only {', '.join(logs)}"
                         + ("; pass validation data to fit" if name.startswith("val_") else ""))
    return logs[name]


class EarlyStopping(Callback):
    """Stop when a value has not improved for some epochs; the best weights are restored always.

    "Always" means: when it stops the run, when the epochs run out, after Ctrl-C and after an error. The checkpoint
    holds the best weights and the counters, so a resumed run stops where the uninterrupted one would.

    Parameters
    ----------
    monitor : str
        A column of the history.
    min_delta : float
        A change by less does not count as an improvement.
    patience : int
        Number of epochs in a row without improvement that end the run (0, as 1: the first one; as in Keras).
    mode : {'auto', 'min', 'max'}
        Whether small or large is good; 'auto' takes 'max' for accuracies. nan never is an improvement.

    Attributes
    ----------
    best, best_epoch
        Best value and its epoch (from 1).
    """

    order = 10

    def __init__(self, monitor="val_loss", min_delta=0, patience=0, mode="auto"):
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max', got {mode!r}")
        self.monitor = monitor
        self.min_delta = number("EarlyStopping", "min_delta", min_delta)
        self.patience = integer("EarlyStopping", "patience", patience, 0)
        self.sign = -1.0 if mode == "max" or (mode == "auto" and "accuracy" in monitor) else 1.0
        self._reset()

    def _reset(self):
        self.best, self.best_epoch, self.wait, self.weights = self.sign * math.inf, 0, 0, None

    def on_fit_begin(self, trainer):
        if not trainer.resumed:
            self._reset()

    def on_epoch_end(self, trainer, logs):
        value = _monitored(self, logs)
        if self.sign * value < self.sign * self.best - self.min_delta:
            self.best, self.best_epoch, self.wait = value, trainer.epoch, 0
            self.weights = trainer.net.state_dict()
            return
        self.wait += 1
        if self.wait >= self.patience:
            trainer.stop(f"{self.monitor} has not improved for {self.wait} epoch{'s' * (self.wait > 1)}; best "
                         f"{self.best:.6g} in epoch {self.best_epoch}")

    def on_fit_end(self, trainer):
        if self.weights is not None:
            trainer.net.load_state_dict(self.weights)

    def state_dict(self):
        return {"best": self.best, "best_epoch": self.best_epoch, "wait": self.wait, "weights": self.weights}

    def load_state_dict(self, state):
        self.best, self.best_epoch, self.wait = state["best"], state["best_epoch"], state["wait"]
        self.weights = state["weights"]


class Convergence(Callback):
    """Stop when a value has settled: ``abs(f(t + k) - f(t)) < eps``.

    Parameters
    ----------
    k : int
        Distance in epochs.
    eps : float
    monitor : str
        The f, a column of the history.
    """

    def __init__(self, k=1, eps=1e-4, monitor="loss"):
        self.k, self.eps = integer("Convergence", "k", k), number("Convergence", "eps", eps, open_low=True)
        self.monitor = monitor

    def on_epoch_end(self, trainer, logs):
        _monitored(self, logs)
        values = trainer.history[self.monitor]
        if len(values) > self.k:
            change = abs(values[-1] - values[-1 - self.k])
            if change < self.eps:
                trainer.stop(f"converged: |{self.monitor}({trainer.epoch}) - {self.monitor}({trainer.epoch - self.k})| "
                             f"= {change:.3g} < {self.eps:g}")


class Freeze(Callback):
    """Train some parameters in the first epochs only, and save the time for their gradients in the others.

    When the training ends they may be trained again.

    Parameters
    ----------
    parameters : sequence of str
        Names as `net.named_parameters()` has them.
    epochs : int
        In how many epochs they are trained.
    """

    def __init__(self, parameters, epochs):
        self.parameters = [parameters] if isinstance(parameters, str) else list(parameters)
        self.epochs = integer("Freeze", "epochs", epochs, 0)

    def _chosen(self, trainer):
        known = dict(trainer.net.named_parameters())
        unknown = [name for name in self.parameters if name not in known]
        if unknown:
            raise ValueError(f"Freeze: the net has no parameter {', '.join(unknown)}; it has {', '.join(known)}")
        return [known[name] for name in self.parameters]

    def on_fit_begin(self, trainer):
        self._chosen(trainer)

    def on_epoch_begin(self, trainer):
        for p in self._chosen(trainer):
            p.requires_grad = trainer.epoch < self.epochs

    def on_fit_end(self, trainer):
        for name, p in trainer.net.named_parameters():
            p.requires_grad = p.requires_grad or name in self.parameters


class Checkpoint(Callback):
    """Write the trainer's whole state after every epoch and when the run is interrupted, each time all or nothing.

    Parameters
    ----------
    path : path-like
        The checkpoint file; its folder is made. ``Trainer.load(path)`` goes on from it.
    every : int
        Epochs between two checkpoints; the last epoch always is saved.
    keep_previous : bool
        Keep the checkpoint before it as well, as ``name.previous.ext``.
    """

    order = 100

    def __init__(self, path, every=1, keep_previous=True):
        self.path, self.every = os.fspath(path), integer("Checkpoint", "every", every)
        self.keep_previous = keep_previous

    def on_fit_begin(self, trainer):
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)

    def on_epoch_end(self, trainer, logs):
        if trainer.epoch % self.every == 0 or trainer.epoch >= trainer.epochs or trainer.stop_reason is not None:
            trainer.save(self.path, keep_previous=self.keep_previous)

    def on_interrupt(self, trainer):
        trainer.save(self.path, keep_previous=self.keep_previous)


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

    def __init__(self, path):
        self.path = os.fspath(path)
        self._begun = False

    def on_fit_begin(self, trainer):
        self._begun = False

    def on_epoch_end(self, trainer, logs):
        write_csv(self.path, trainer.history)
        self._begun = True

    def on_fit_end(self, trainer):
        if self._begun:  # callbacks after this one may have added to the last row
            write_csv(self.path, trainer.history)
