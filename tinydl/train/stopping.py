"""When to stop: early stopping, convergence; which epoch is the best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinydl._check import flag, integer, number, one_of
from tinydl.train.callbacks import Callback
from tinydl.train.scores import improves_by

if TYPE_CHECKING:
    from typing import Literal

    from tinydl._types import Logs, State
    from tinydl.train.trainer import Trainer

__all__ = ["Best", "Convergence", "EarlyStopping", "monitored"]


def monitored(callback, logs):
    """The value of the column that a callback monitors."""
    name = callback.monitor
    if name not in logs:
        raise ValueError(f"{type(callback).__name__} monitors {name!r}, but an epoch gives only {', '.join(logs)}"
                         + ("; pass validation data to fit" if name.startswith("val_") else ""))
    return logs[name]


class Best:
    """The best value of a column so far, and its epoch.

    Parameters
    ----------
    owner : str
        Shown in messages.
    monitor : str
        A column of the history.
    mode : {'auto', 'min', 'max'}
        Whether small or large is good; 'auto' knows losses, accuracies and the metrics with a name. nan never is an
        improvement.
    min_delta : float
        A change by less does not count as an improvement.
    """

    def __init__(self, owner, monitor, mode="auto", min_delta=0):
        mode = one_of(owner, "mode", mode, ("auto", "min", "max"))
        if mode == "auto":
            mode = improves_by(monitor)
            if mode is None:
                raise ValueError(f"{owner}: whether {monitor!r} is better when it is small or large is not known; say "
                                 "mode='min' or mode='max'")
        self.monitor, self.sign = monitor, -1.0 if mode == "max" else 1.0
        self.min_delta = number(owner, "min_delta", min_delta)
        self.clear()

    def clear(self):
        """Forget what was seen."""
        self.value, self.epoch = self.sign * math.inf, 0

    def beats(self, value, other):
        """Whether a value is better than another one."""
        return self.sign * value < self.sign * other - self.min_delta

    def see(self, value, epoch):
        """Whether a value is the best so far; it is then kept."""
        if not self.beats(value, self.value):
            return False
        self.value, self.epoch = value, epoch
        return True


class EarlyStopping(Callback):
    """Stop when a value has not improved for some epochs; the best weights come back unless `restore_best` is False.

    They come back when it stops the run, when the epochs run out, after Ctrl-C and after an error. The checkpoint
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
        Whether small or large is good; 'auto' knows losses, accuracies and the metrics with a name. nan never is an
        improvement.
    baseline : float, optional
        Epochs whose value is not better than this count as without improvement.
    start_from_epoch : int
        The first so many epochs are not looked at: neither can they end the run, nor can they be the best.
    restore_best : bool
        False leaves the net as the last epoch made it, and keeps no copy of the weights.

    Attributes
    ----------
    best, best_epoch
        Best value and its epoch (from 1; 0: none yet).
    restored_epoch : int or None
        Epoch whose weights the last run gave back at its end.
    """

    order = 10

    def __init__(self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0,
                 mode: Literal["auto", "min", "max"] = "auto", *, baseline: float | None = None,
                 start_from_epoch: int = 0, restore_best: bool = True) -> None:
        self.monitor, self._best = monitor, Best("EarlyStopping", monitor, mode, min_delta)
        self.patience = integer("EarlyStopping", "patience", patience, 0)
        self.baseline = None if baseline is None else number("EarlyStopping", "baseline", baseline, -math.inf,
                                                             open_low=True)
        self.start_from_epoch = integer("EarlyStopping", "start_from_epoch", start_from_epoch, 0)
        self.restore_best = flag("EarlyStopping", "restore_best", restore_best)
        self._reset()

    @property
    def best(self) -> float | None:
        return self._best.value

    @property
    def best_epoch(self) -> int | None:
        return self._best.epoch

    @property
    def min_delta(self) -> float:
        return self._best.min_delta

    @property
    def sign(self) -> int:
        return self._best.sign

    def _reset(self):
        self._best.clear()
        self.wait, self.weights, self.restored_epoch = 0, None, None

    def on_fit_begin(self, trainer: Trainer) -> None:
        self.restored_epoch = None
        if not trainer.resumed:
            self._reset()

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        value = monitored(self, logs)
        if trainer.epoch <= self.start_from_epoch:
            return
        better = self._best.see(value, trainer.epoch)
        if better and self.restore_best:
            self.weights = trainer.net.state_dict()
        if better and (self.baseline is None or self._best.beats(value, self.baseline)):
            self.wait = 0
            return
        self.wait += 1
        if self.wait >= self.patience:
            than = "" if self.baseline is None else f" beyond {self.baseline:.6g}"
            trainer.stop(f"{self.monitor} has not improved{than} for {self.wait} epoch{'s' * (self.wait > 1)}; best "
                         f"{self.best:.6g} in epoch {self.best_epoch}")

    def on_fit_end(self, trainer: Trainer) -> None:
        if self.weights is not None:
            trainer.net.load_state_dict(self.weights)
            self.restored_epoch = self.best_epoch

    def closing_words(self, trainer: Trainer) -> str | None:
        if self.weights is None:
            return None
        return f"the net has the weights of epoch {self.best_epoch}, the best: {self.monitor} {self.best:.4g}"

    def state_dict(self) -> State:
        return {"best": self.best, "best_epoch": self.best_epoch, "wait": self.wait, "weights": self.weights}

    def load_state_dict(self, state: State) -> None:
        self._best.value, self._best.epoch, self.wait = state["best"], state["best_epoch"], state["wait"]
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

    def __init__(self, k: int = 1, eps: float = 1e-4, monitor: str = "loss") -> None:
        self.k, self.eps = integer("Convergence", "k", k), number("Convergence", "eps", eps, open_low=True)
        self.monitor = monitor

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        monitored(self, logs)
        values = trainer.history[self.monitor]
        if len(values) > self.k:
            change = abs(values[-1] - values[-1 - self.k])
            if change < self.eps:
                trainer.stop(f"converged: |{self.monitor}({trainer.epoch}) - {self.monitor}({trainer.epoch - self.k})| "
                             f"= {change:.3g} < {self.eps:g}")
