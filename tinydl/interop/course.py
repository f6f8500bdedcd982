"""The course of an estimator's fit, as callbacks see it."""

from tinydl.train import Callback, History

__all__ = ["Course", "check_callbacks"]


def check_callbacks(callbacks):
    """The callbacks in the order in which they run; None is none."""
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback) or not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"callbacks must be a list of train.Callback, got {type(callbacks).__name__}")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks must hold objects of train.Callback, got {callback!r}")
    return sorted(callbacks, key=lambda callback: callback.order)


class Course:
    """What callbacks of an estimator get for the trainer.

    Attributes
    ----------
    estimator, net, optimizer
        What is trained, and by what.
    epoch, epochs, batch : int
        Epochs completed of this fit, epochs planned, batches completed of the epoch under way.
    history : History
        Columns epoch, lr, loss and, with early stopping, val_loss, of this fit.
    resumed : bool
        False.
    stop_reason : str or None
    """

    resumed = False

    def __init__(self, estimator, epochs):
        self.estimator, self.net, self.optimizer = estimator, estimator.net_, estimator.optimizer_
        self.callbacks = check_callbacks(estimator.callbacks)
        self.epoch, self.epochs, self.batch, self.stop_reason = 0, epochs, 0, None
        self.history = History()

    def __getattr__(self, name):
        raise AttributeError(f"callbacks of an estimator find no {name!r}: they get net, optimizer, lr, epoch, epochs, "
                             "batch, history, estimator and stop(); a train.Trainer has the rest")

    def stop(self, reason):
        """Ask the fit to end after the epoch under way."""
        self.stop_reason = str(reason)

    @property
    def lr(self):
        """Learning rate of the optimizer's first group."""
        return self.optimizer.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value):
        for group in self.optimizer.param_groups:
            group["lr"] = value

    def tell(self, moment, *args):
        """Call the method of this name of every callback."""
        for callback in self.callbacks:
            getattr(callback, moment)(self, *args)

    def end_batch(self, loss, size):
        """Count a batch and tell it."""
        logs = {"batch": self.batch, "loss": loss, "size": size, "lr": self.lr}
        self.batch += 1
        self.tell("on_batch_end", logs)

    def end_epoch(self, lr, loss, val_loss):
        """Count an epoch and tell it."""
        self.epoch, self.batch = self.epoch + 1, 0
        logs = {"epoch": self.epoch, "lr": lr, "loss": loss}
        if val_loss is not None:
            logs["val_loss"] = val_loss
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        self.tell("on_epoch_end", logs)
