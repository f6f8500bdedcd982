"""The training loop."""

import contextlib
import math
import time
import warnings

from tinydl import random
from tinydl._check import index_of, integer, number
from tinydl.data.batches import Batches, as_dataset
from tinydl.tensor import Tensor
from tinydl.train.buffers import Buffers
from tinydl.train.callbacks import Callback
from tinydl.train.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from tinydl.train.diagnose import (
    NonFiniteGradientError,
    NonFiniteLossError,
    first_nonfinite,
    gradients_are_finite,
    nonfinite_gradients,
    nonfinite_state,
)
from tinydl.train.evaluation import evaluate, loss_value, predict
from tinydl.train.history import EpochRow
from tinydl.train.modes import Modes
from tinydl.train.parts import check_parts
from tinydl.train.progress import Progress
from tinydl.train.signals import SignalWatch
from tinydl.train.state import load_state, state_of
from tinydl.train.tally import Tally

__all__ = ["Trainer"]


def _some(numbers):
    return ", ".join(map(str, numbers[:5])) + (f" or {len(numbers) - 5} others" if len(numbers) > 5 else "")


class _Interrupted(Exception):
    """Leaves the loops after a signal; never seen outside."""


class Trainer:
    """Trains a net: epochs of shuffled mini-batches, validation, history, callbacks, checkpoints.

    Parameters
    ----------
    net : nn.Module
    optimizer : optim.Optimizer
        Over the net's parameters.
    loss : callable, optional
        ``loss(output, y)`` -> scalar Tensor, the mean over the batch. Default: ``nn.CrossEntropyLoss()``. How the means
        of batches make that of an epoch, and which outputs have an accuracy, is told at `tinydl.train.evaluate`.
    scheduler : optional
        Stepped after each batch if it says ``per_batch = True`` (OneCycleLR), else after each epoch.
    seed : int
        Order of samples and dropout follow from (seed, epoch, batch) alone: same seed, same bits, for any number of
        threads, after any interruption, and beside trainings in other threads of the process.
    callbacks : sequence of Callback

    Attributes
    ----------
    epoch : int
        Epochs completed.
    batch : int
        Batches done in the epoch under way.
    history : dict of str to list
        One entry per epoch under "epoch", "lr", "loss", "accuracy", "val_loss", "val_accuracy", "seconds" and
        "images_per_s"; accuracies only where `evaluate` has them, val_* only with validation data. Callbacks may append
        to columns of their own.
    stop_reason : str or None
        Why the last fit ended before its last epoch.
    interrupted : int or None
        Signal that ended the last fit.

    Notes
    -----
    `fit` trains a net in the modes that its modules have: what was switched to evaluation mode by hand stays there, for
    example ``net[1].eval()`` a batch norm with its running statistics. If the net as a whole is in evaluation mode, it
    returns to the modes of its last training, or to training mode altogether. Modes and ``requires_grad`` are the
    program's and not the checkpoint's: set them again before a resumed `fit`.

    Examples
    --------
    >>> trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.1, momentum=0.9))
    >>> trainer.fit(train, test, epochs=5, batch_size=64)
    >>> trainer.evaluate(test)["accuracy"]
    """

    def __init__(self, net, optimizer, loss=None, scheduler=None, seed=0, callbacks=()):
        if loss is None:
            from tinydl.nn import CrossEntropyLoss

            loss = CrossEntropyLoss()
        if isinstance(callbacks, Callback):
            raise TypeError(f"Trainer: callbacks must be a list of callbacks, got one {type(callbacks).__name__}; "
                            "write [callback]")
        self.net, self.optimizer, self.loss, self.scheduler = net, optimizer, loss, scheduler
        self.seed = integer("Trainer", "seed", seed, 0)
        self.callbacks = list(callbacks)
        check_parts(net, optimizer, loss, scheduler, self.callbacks)
        self.epoch = 0
        self.batch = 0
        self.epochs = 0
        self.batches = 0
        self.history = {}
        self.stop_reason = None
        self.interrupted = None
        self.resumed = False
        self._tally = Tally(False)
        self._sums = {"seconds": 0.0, "lr": None}
        self._plan = None
        self._modes = Modes(net)

    # --- what callbacks use ----------------------------------------------------------------------------------------

    def stop(self, reason):
        """Ask `fit` to end after the epoch (or batch) under way; `reason` is kept in `stop_reason`."""
        self.stop_reason = str(reason)

    @property
    def lr(self):
        """Learning rate of the optimizer's first group; setting it sets that of all groups."""
        return self.optimizer.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value):
        value = number("Trainer", "lr", value)
        for group in self.optimizer.param_groups:
            group["lr"] = value

    @property
    def position(self):
        """How far the training is, in words: "epoch 3" or "batch 7 of 23 of epoch 4"."""
        if self.batch:
            return f"batch {self.batch} of {self.batches} of epoch {self.epoch + 1}"
        return f"epoch {self.epoch}"

    @property
    def running(self):
        """Loss, accuracy and images/s of the epoch under way, so far."""
        seconds = self._sums["seconds"]
        return {**self._tally.result(), "images_per_s": self._tally.samples / seconds if seconds > 0 else 0.0}

    # --- training --------------------------------------------------------------------------------------------------

    def fit(self, train, valid=None, epochs=1, *, batch_size=64, shuffle=True, drop_last=False, augment=None,
            progress=True, eval_batch_size=256):
        """Train until `epochs` epochs are completed.

        Parameters
        ----------
        train : ArrayDataset or (x, y)
        valid : ArrayDataset or (x, y), optional
            Evaluated after every epoch.
        epochs : int
            Number of epochs in all. Epochs that this trainer has done already, or that a checkpoint brought, count.
        batch_size : int
        shuffle : bool
            A new order every epoch, which follows from (seed, epoch).
        drop_last : bool
            Leave out a last batch that is not full. By default every sample is used once an epoch.
        augment : data.Augment, optional
            Shifts and mirrors the training pictures, each epoch anew.
        progress : bool
            Show a bar on a terminal, one line per epoch elsewhere. A Progress among the callbacks goes before this.
        eval_batch_size : int
            Batch size for `valid`.

        Returns
        -------
        dict of str to list
            `history`.

        Raises
        ------
        NonFiniteLossError
            The loss is nan or infinite; names the batch and the first layer whose output was not finite. A
            NonFiniteGradientError when the loss is finite and a gradient is not; names the parameter. Weights and
            buffers (running statistics) are those before that batch. Also when an update made a weight or a buffer
            infinite, at the latest after the epoch and before it is validated or saved.
        KeyboardInterrupt, SystemExit(143)
            Ctrl-C or SIGTERM came (only in the main thread, and only if the program has no handler of its own): the
            batch under way was finished and the checkpoint written; `interrupted` is the signal's number.
        """
        train = as_dataset(train, "train")
        valid = None if valid is None else as_dataset(valid, "valid")
        for what, data in (("training", train), ("validation", valid)):
            if data is not None and (data.labels is None or len(data) == 0):
                raise ValueError(f"{what} data need labels and at least one sample, got {data!r}")
        if (index_of(epochs) or 0) < 1:
            raise ValueError(f"epochs must be a positive integer, got {epochs!r}")
        check_parts(self.net, self.optimizer, self.loss, self.scheduler, self.callbacks)
        batches = Batches(train, batch_size, shuffle=shuffle, seed=self.seed, drop_last=drop_last,
                          augment=augment)
        eval_batch_size = integer("Trainer.fit", "eval_batch_size", eval_batch_size, 1)
        unused = train.unused_classes()
        if len(unused) and self.epoch == 0 and self.batch == 0:
            warnings.warn(f"of classes 0 to {train.n_classes - 1}, no training label is {_some(unused)}; classes are "
                          "numbered from 0 without gaps: numpy.unique(labels, return_inverse=True)[1] does it, and "
                          "class_names says that there are more", stacklevel=2)
        self.epochs, self.batches = epochs, batches.total
        if self.batches == 0:
            raise ValueError(f"{len(train)} samples give no batch of {batch_size} with drop_last=True")
        plan = [len(train), batch_size, bool(shuffle), bool(drop_last)]
        if self.batch and plan != self._plan:
            raise ValueError(f"the epoch under way was begun with (samples, batch_size, shuffle, drop_last) = "
                             f"{self._plan} and cannot be continued with {plan}")
        self._plan = plan
        if not self.resumed:
            self.stop_reason = None
            if self.epoch >= epochs:
                warnings.warn(f"all {epochs} epochs are done; pass epochs={self.epoch + epochs} for {epochs} more",
                              stacklevel=2)
        self.interrupted = None
        callbacks = self._ordered(progress)
        watch = SignalWatch()
        with watch, random.stream(self.seed), contextlib.ExitStack() as cleanup:
            for callback in callbacks:
                cleanup.callback(callback.on_fit_end, self)
                callback.on_fit_begin(self)
            self.resumed = False
            try:
                while self.epoch < epochs and self.stop_reason is None:
                    self._run_epoch(batches, valid, eval_batch_size, callbacks, watch)
            except _Interrupted:
                for callback in callbacks:
                    callback.on_interrupt(self)
            self.interrupted = watch.received
        if watch.received is not None:
            watch.raise_received(f"after {self.position}")
        return self.history

    def _ordered(self, progress):
        callbacks = list(self.callbacks)
        if progress and not any(isinstance(c, Progress) for c in callbacks):
            callbacks.append(Progress())
        return sorted(callbacks, key=lambda c: c.order)

    def _run_epoch(self, batches, valid, eval_batch_size, callbacks, watch):
        sums = self._sums
        self._tally.classify = batches.data.n_classes is not None
        if self.batch == 0:
            self._tally.clear()
            sums.update(seconds=0.0, lr=self.lr)
        row = EpochRow(self.history, self.epoch + 1)
        for callback in callbacks:
            callback.on_epoch_begin(self)
        self._modes.restore()
        self._modes.remember()
        self._buffers = Buffers(self.net)
        batches.epoch, batches.start = self.epoch, self.batch
        clock = time.perf_counter()
        for x, y in batches:
            logs = self._run_batch(x, y, callbacks)
            now = time.perf_counter()
            sums["seconds"] += now - clock
            clock = now
            if logs is not None:
                for callback in callbacks:
                    callback.on_batch_end(self, logs)
            if watch.received is not None:
                raise _Interrupted
            if self.stop_reason is not None:
                self._check_state(callbacks)
                return
        self._check_state(callbacks)
        self._modes.restore()
        self._modes.remember()
        logs = {"epoch": self.epoch + 1, "lr": sums["lr"], **self.running}
        speed = logs.pop("images_per_s")
        if valid is not None:
            result = evaluate(self.net, valid, self.loss, eval_batch_size, stop=lambda: watch.received is not None)
            if result is None:
                raise _Interrupted
            if not math.isfinite(result["loss"]):
                warnings.warn(f"the validation loss of epoch {self.epoch + 1} is {result['loss']}, where the training "
                              f"loss is {logs['loss']:g}", stacklevel=4)
            logs.update({f"val_{key}": value for key, value in result.items()})
        logs["seconds"] = sums["seconds"] + time.perf_counter() - clock
        logs["images_per_s"] = speed
        if self.scheduler is not None and not getattr(self.scheduler, "per_batch", False):
            if getattr(self.scheduler, "needs_metric", False):
                self.scheduler.step(logs.get("val_loss", logs["loss"]))
            else:
                self.scheduler.step()
        self.epoch += 1
        self.batch = 0
        row.update(logs)
        for callback in callbacks:
            callback.on_epoch_end(self, logs)
            row.update(logs)
            self._modes.remember()
        row.close()
        if watch.received is not None:
            raise _Interrupted

    def _run_batch(self, x, y, callbacks):
        """One step; returns what on_batch_end gets, or None when the run ends before the update."""
        self._modes.restore()
        self._buffers.remember()
        try:
            output, value = self._differentiate(x, y)
        except NonFiniteLossError as error:
            if not any(callback.accepts_nonfinite for callback in callbacks):
                raise
            self.stop(error)
            return None
        except BaseException:
            self._buffers.restore()
            raise
        self.optimizer.step()
        lr = self.lr
        if self.scheduler is not None and getattr(self.scheduler, "per_batch", False):
            self.scheduler.step()
        self._tally.add(self.loss, value, output, y)
        logs = {"batch": self.batch, "loss": value, "size": len(x), "lr": lr}
        self.batch += 1
        return logs

    def _differentiate(self, x, y):
        """(output, loss as a float) of a batch, whose gradients are then finite; else the buffers are as before."""
        # Dropout draws from a stream that seed and position name, so a resumed run draws the same.
        stream = (self.seed, (self.epoch << 40) + (self.batch << 16))
        random.set_state(stream)
        self.optimizer.zero_grad()
        output = self.net(x)
        loss = self.loss(output, y)
        value = loss_value(loss)
        if not isinstance(loss, Tensor):
            raise TypeError(f"the loss must be a Tensor that tinydl's operations computed, got {loss!r}")
        where = f"in batch {self.batch} of epoch {self.epoch + 1}"
        if not math.isfinite(value):
            self._buffers.restore()
            random.set_state(stream)
            raise NonFiniteLossError(f"the loss is {value} {where}: {first_nonfinite(self.net, x, y)}")
        loss.backward()
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        if not gradients_are_finite(parameters):
            self._buffers.restore()
            raise NonFiniteGradientError(f"{nonfinite_gradients(self.net, parameters)} {where}, where the loss is "
                                         f"{value:g}; weights and statistics are those before that batch")
        return output, value

    def _check_state(self, callbacks):
        name = nonfinite_state(self.net)
        if name is not None and not any(callback.accepts_nonfinite for callback in callbacks):
            raise NonFiniteLossError(f"{name} is not finite after {self.position}; a smaller learning rate is the "
                                     "usual cure")

    # --- using the net ---------------------------------------------------------------------------------------------

    def evaluate(self, data, batch_size=256):
        """Mean loss and accuracy on labelled data; see `tinydl.train.evaluate`."""
        return evaluate(self.net, data, self.loss, batch_size)

    def predict(self, x, batch_size=256):
        """Outputs of the net in eval mode; see `tinydl.train.predict`."""
        return predict(self.net, x, batch_size)

    # --- checkpoints -----------------------------------------------------------------------------------------------

    def state_dict(self):
        """All that a resumed run needs to end with the same bits: a tree of arrays and plain values."""
        return state_of(self)

    def load_state_dict(self, state):
        """Return to a state that `state_dict` gave. When anything does not fit, nothing is changed."""
        load_state(self, state)

    def save(self, path, *, keep_previous=True):
        """Write a checkpoint: all or nothing, the former one kept beside it; see `save_checkpoint`."""
        save_checkpoint(path, self.state_dict(), keep_previous=keep_previous)

    def load(self, path):
        """Return to the checkpoint at `path`; the next `fit` continues it and ends with the bits of a run that was
        never interrupted. When anything is wrong with the file, nothing is changed (CheckpointError)."""
        state = load_checkpoint(path)
        try:
            self.load_state_dict(state)
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from error.__cause__
