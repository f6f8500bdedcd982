"""What may happen along the way of `Trainer.fit`: stopping, logging, saving, showing."""

import copy
import math
import os
import sys
import time

import numpy as np

from tinydl._files import atomic_write

__all__ = ["CSVLogger", "Callback", "Checkpoint", "Convergence", "EarlyStopping", "LRFinder", "Progress", "write_csv"]


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
        """After validation; `logs` is the epoch's row of `trainer.history`."""

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
        if patience < 0 or not min_delta >= 0:
            raise ValueError(f"patience and min_delta must not be negative, got {patience} and {min_delta}")
        self.monitor, self.min_delta, self.patience = monitor, min_delta, patience
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
        if k < 1 or not eps > 0:
            raise ValueError(f"k must be at least 1 and eps positive, got {k} and {eps}")
        self.k, self.eps, self.monitor = k, eps, monitor

    def on_epoch_end(self, trainer, logs):
        _monitored(self, logs)
        values = trainer.history[self.monitor]
        if len(values) > self.k:
            change = abs(values[-1] - values[-1 - self.k])
            if change < self.eps:
                trainer.stop(f"converged: |{self.monitor}({trainer.epoch}) - {self.monitor}({trainer.epoch - self.k})| "
                             f"= {change:.3g} < {self.eps:g}")


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
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self.path, self.every, self.keep_previous = os.fspath(path), every, keep_previous

    def on_fit_begin(self, trainer):
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)

    def on_epoch_end(self, trainer, logs):
        if trainer.epoch % self.every == 0 or trainer.epoch >= trainer.epochs or trainer.stop_reason is not None:
            trainer.save(self.path, keep_previous=self.keep_previous)

    def on_interrupt(self, trainer):
        trainer.save(self.path, keep_previous=self.keep_previous)


def write_csv(path, history):
    """Write a history (dict of equally long lists) as a table, all or nothing; floats come back exactly."""
    rows = [",".join(history)]
    rows += [",".join("" if v is None else repr(v) if isinstance(v, float) else str(v) for v in row)
             for row in zip(*history.values(), strict=True)]
    with atomic_write(path) as file:
        file.write(("\n".join(rows) + "\n").encode())


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

    def on_epoch_end(self, trainer, logs):
        write_csv(self.path, trainer.history)


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

    def __init__(self, min_lr=1e-5, max_lr=10.0, steps=100, smoothing=0.9):
        if not 0 < min_lr < max_lr or steps < 2:
            raise ValueError(f"needs 0 < min_lr < max_lr and at least 2 steps, got {min_lr}, {max_lr}, {steps}")
        self.min_lr, self.max_lr, self.steps, self.smoothing = min_lr, max_lr, steps, smoothing
        self.lrs, self.losses = [], []
        self._saved = None

    def _rate(self, step):
        return self.min_lr * (self.max_lr / self.min_lr) ** (step / (self.steps - 1))

    def on_fit_begin(self, trainer):
        self.lrs, self.losses, self._mean = [], [], 0.0
        scheduler = trainer.scheduler
        self._saved = (trainer.net.state_dict(), trainer.optimizer.state_dict(),
                       None if scheduler is None else scheduler.state_dict())
        # The rate is this callback's business now; a schedule would run past its end.
        self._scheduler, trainer.scheduler = scheduler, None
        trainer.lr = self._rate(0)

    def on_batch_end(self, trainer, logs):
        self._mean = self.smoothing * self._mean + (1 - self.smoothing) * logs["loss"]
        self.lrs.append(logs["lr"])
        self.losses.append(self._mean / (1 - self.smoothing ** (len(self.lrs))))
        if len(self.lrs) >= self.steps:
            trainer.stop(f"learning-rate range test done ({self.steps} batches)")
        elif not self.losses[-1] <= 4 * min(self.losses):
            trainer.stop(f"learning-rate range test ended at lr {self.lrs[-1]:.3g}, where the loss explodes")
        else:
            trainer.lr = self._rate(len(self.lrs))

    def on_fit_end(self, trainer):
        if self._saved is None:
            return
        weights, optimizer, scheduler = self._saved
        trainer.scheduler, self._saved = self._scheduler, None
        trainer.net.load_state_dict(weights)
        trainer.optimizer.load_state_dict(optimizer)
        if scheduler is not None:
            trainer.scheduler.load_state_dict(scheduler)

    def run(self, trainer, train, batch_size=64):
        """Do the test with a trainer and leave it as it was; returns `suggestion()`."""
        batches = max(1, -(-len(train[0] if isinstance(train, tuple) else train) // batch_size))
        names = ("callbacks", "epoch", "batch", "history", "stop_reason", "resumed", "_plan", "_sums", "_tally")
        saved = {name: getattr(trainer, name) for name in names}
        trainer.callbacks, trainer.epoch, trainer.batch, trainer.history = [self], 0, 0, {}
        trainer.stop_reason, trainer.resumed, trainer._plan = None, False, None
        trainer._sums, trainer._tally = dict(trainer._sums), copy.copy(trainer._tally)
        try:
            trainer.fit(train, epochs=-(-self.steps // batches), batch_size=batch_size, progress=False)
        finally:
            for name, value in saved.items():
                setattr(trainer, name, value)
        return self.suggestion()

    def suggestion(self):
        """The rate at which the loss falls steepest over log(rate); a sound value to start with."""
        if len(self.lrs) < 3:
            raise ValueError(f"the range test has only {len(self.lrs)} points")
        slope = np.gradient(np.array(self.losses), np.log(self.lrs))
        return self.lrs[int(np.argmin(slope))]


def _percent(share):
    return f"{100 * share:.2f} %"


def _clock(seconds):
    seconds = round(seconds)
    hours, seconds = divmod(seconds, 3600)
    return f"{hours}:{seconds // 60:02d}:{seconds % 60:02d}" if hours else f"{seconds // 60}:{seconds % 60:02d}"


class Progress(Callback):
    """Show how training goes: a bar on a terminal (with tqdm), and a line for every epoch.

    The bar has the loss, the accuracy, images/s and the time left of the whole run.

    Parameters
    ----------
    stream : file, optional
        Where the lines go; default standard output. The bar goes to standard error if that is a terminal.
    bar : bool, optional
        Force the bar on or off.
    """

    order = 110  # an epoch's line comes when its checkpoint is on the disk

    def __init__(self, stream=None, bar=None):
        self.stream, self.bar = stream, bar
        self._bar = None

    def _make_bar(self, trainer):
        wanted = self.bar if self.bar is not None else sys.stderr is not None and sys.stderr.isatty()
        if not wanted:
            return None
        try:
            from tqdm import tqdm
        except ImportError:
            return None

        class Bar(tqdm):
            monitor_interval = 0  # no thread of its own
            status = ""

            @property
            def format_dict(self):
                return {**super().format_dict, "status": self.status}

        width = len(str(trainer.epochs))
        return Bar(total=trainer.batches, initial=trainer.batch, leave=False, file=sys.stderr, dynamic_ncols=True,
                   bar_format="{desc} |{bar:20}| {n_fmt}/{total_fmt}{status}",
                   desc=f"epoch {trainer.epoch + 1:>{width}}/{trainer.epochs}")

    def on_fit_begin(self, trainer):
        self._start, self._done = time.perf_counter(), 0

    def on_epoch_begin(self, trainer):
        self._bar = self._make_bar(trainer)

    def on_batch_end(self, trainer, logs):
        self._done += 1
        if self._bar is None:
            return
        running = trainer.running
        left = (trainer.epochs - trainer.epoch) * trainer.batches - trainer.batch
        seconds = (time.perf_counter() - self._start) / self._done * left
        text = f"loss {running['loss']:.4f}"
        if "accuracy" in running:
            text += f"  accuracy {_percent(running['accuracy'])}"
        self._bar.status = f"  {text}  {running['images_per_s']:,.0f} images/s  {_clock(seconds)} left"
        self._bar.update(1)

    def _close(self):
        if self._bar is not None:
            self._bar.refresh()  # an epoch may be over before tqdm's first look
            self._bar.close()
            self._bar = None

    def on_epoch_end(self, trainer, logs):
        self._close()
        width = len(str(trainer.epochs))
        parts = [f"epoch {trainer.epoch:>{width}}/{trainer.epochs}"]
        for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
            if key in logs:
                value = _percent(logs[key]) if key.endswith("accuracy") else f"{logs[key]:.4f}"
                parts.append(f"{key.replace('val_', 'val ')} {value}")
        parts += [f"{logs['images_per_s']:,.0f} images/s", f"{logs['seconds']:.1f} s"]
        print("  ".join(parts), file=self.stream or sys.stdout, flush=True)

    def on_fit_end(self, trainer):
        self._close()
        if trainer.stop_reason is not None and trainer.epoch < trainer.epochs:
            print(f"stopped after epoch {trainer.epoch}: {trainer.stop_reason}", file=self.stream or sys.stdout,
                  flush=True)
