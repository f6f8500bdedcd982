"""Optuna: a callback that reports epochs to a trial and ends the trial when the pruner says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinydl.train.callbacks import Callback
from tinydl.train.stopping import monitored

if TYPE_CHECKING:
    from tinydl._types import Logs
    from tinydl.train.trainer import Trainer

__all__ = ["PruningCallback"]


class PruningCallback(Callback):
    """Report a column of the history to an Optuna trial after each epoch, and end the trial when it shall be pruned.

    Parameters
    ----------
    trial : optuna.trial.Trial
        The trial that the objective got. Whether small or large is good is the study's `direction`.
    monitor : str
        A column of the history.

    Raises
    ------
    optuna.TrialPruned
        From `Trainer.fit`, when the pruner finds the trial not worth another epoch. Optuna counts it as pruned.
    ValueError
        If no epoch gives the column.

    Examples
    --------
    >>> def objective(trial):
    ...     trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=trial.suggest_float("lr", 1e-3, 1, log=True)),
    ...                       callbacks=[PruningCallback(trial, "val_accuracy")])
    ...     return max(trainer.fit(train, validation, epochs=20)["val_accuracy"])
    """

    order = 20  # after what else looks at the epoch: a checkpoint of it may be wanted

    def __init__(self, trial: Any, monitor: str = "val_accuracy") -> None:
        for name in ("report", "should_prune"):
            if not callable(getattr(trial, name, None)):
                raise TypeError("PruningCallback: trial must be the Optuna trial that the objective got, got "
                                f"{type(trial).__name__}")
        self.trial, self.monitor = trial, monitor

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        self.trial.report(float(monitored(self, logs)), trainer.epoch)
        if self.trial.should_prune():
            from optuna import TrialPruned

            raise TrialPruned(f"{self.monitor} is {logs[self.monitor]:.4g} after epoch {trainer.epoch}")
