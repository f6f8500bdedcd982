"""Which learning rate to start with: the range test."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import integer, number
from tinydl.train.callbacks import Callback
from tinydl.train.history import History
from tinydl.train.schedules import load_schedules, state_of_schedules
from tinydl.train.stream import gives_batches
from tinydl.train.trees import size_of

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import Logs
    from tinydl.train.trainer import Trainer

__all__ = ["LRFinder"]


class LRFinder(Callback):
    """Learning-rate range test: raise the rate from batch to batch and watch the loss.

    The rate grows geometrically from `min_lr` to `max_lr`; the run ends early when the smoothed loss is four times its
    least value, or not finite. Weights, optimizer and schedule are put back afterwards.

    Parameters
    ----------
    min_lr, max_lr : float
    steps : int
        Batches.
    smoothing : float
        Weight of the past in the running mean of the loss (bias-corrected).

    Attributes
    ----------
    lrs, losses : list of float
        Rate and smoothed loss of each batch.

    References
    ----------
    L. N. Smith, "Cyclical learning rates for training neural networks", 2017.
    """

    accepts_nonfinite = True
    order = 90

    def __init__(self, min_lr: float = 1e-5, max_lr: float = 10.0, steps: int = 100, smoothing: float = 0.9) -> None:
        self.min_lr = number("LRFinder", "min_lr", min_lr, open_low=True)
        self.max_lr = number("LRFinder", "max_lr", max_lr, open_low=True)
        if self.min_lr >= self.max_lr:
            raise ValueError(f"LRFinder: min_lr must be below max_lr, got {min_lr} and {max_lr}")
        self.steps = integer("LRFinder", "steps", steps, 2)
        self.smoothing = number("LRFinder", "smoothing", smoothing, high=1.0)
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self._saved: Any = None

    def _rate(self, step):
        return self.min_lr * (self.max_lr / self.min_lr) ** (step / (self.steps - 1))

    def on_fit_begin(self, trainer: Trainer) -> None:
        self.lrs, self.losses, self._mean = [], [], 0.0
        self._saved = (trainer.net.state_dict(), trainer.optimizer.state_dict(), state_of_schedules(trainer.scheduler))
        # The rate is this callback's business now; a schedule would run past its end.
        self._scheduler, trainer.scheduler = trainer.scheduler, None
        trainer.lr = self._rate(0)

    def on_batch_end(self, trainer: Trainer, logs: Logs) -> None:
        self._mean = self.smoothing * self._mean + (1 - self.smoothing) * logs["loss"]
        self.lrs.append(logs["lr"])
        self.losses.append(self._mean / (1 - self.smoothing ** (len(self.lrs))))
        if len(self.lrs) >= self.steps:
            trainer.stop(f"learning-rate range test done ({self.steps} batches)")
        elif not self.losses[-1] <= 4 * min(self.losses):
            trainer.stop(f"learning-rate range test ended at lr {self.lrs[-1]:.3g}, where the loss explodes")
        else:
            trainer.lr = self._rate(len(self.lrs))

    def on_fit_end(self, trainer: Trainer) -> None:
        if self._saved is None:
            return
        weights, optimizer, scheduler = self._saved
        trainer.scheduler, self._saved = self._scheduler, None
        trainer.net.load_state_dict(weights)
        trainer.optimizer.load_state_dict(optimizer)
        load_schedules(trainer.scheduler, scheduler)

    def run(self, trainer: Trainer, train: Any, batch_size: int = 64) -> float | None:
        """Do the test with a trainer and leave it as it was; returns `suggestion()`."""
        updates = 1  # of an epoch, when it is not known
        if not gives_batches(train):
            samples = size_of(train[0]) if isinstance(train, tuple) else len(train)
            updates = max(1, -(-samples // (batch_size * trainer.accumulate)))
        names = ("callbacks", "metrics", "epoch", "batch", "epochs", "batches", "history", "stop_reason", "resumed",
                 "_plan", "_sums", "_tally")
        saved = {name: getattr(trainer, name) for name in names}
        trainer.callbacks, trainer.epoch, trainer.batch, trainer.history = [self], 0, 0, History()
        trainer.metrics = ()
        trainer.stop_reason, trainer.resumed, trainer._plan = None, False, None
        trainer._sums, trainer._tally = dict(trainer._sums), copy.copy(trainer._tally)
        try:
            trainer.fit(train, epochs=-(-self.steps // updates), batch_size=batch_size, progress=False)
        finally:
            for name, value in saved.items():
                setattr(trainer, name, value)
        return self.suggestion()

    def suggestion(self) -> float | None:
        """The rate at which the loss falls steepest over log(rate); a sound value to start with."""
        if len(self.lrs) < 3:
            raise ValueError(f"the range test has only {len(self.lrs)} points")
        slope = np.gradient(np.array(self.losses), np.log(self.lrs))
        return self.lrs[int(np.argmin(slope))]
