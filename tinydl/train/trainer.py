"""The training loop."""

import contextlib
import math
import time
import warnings

from tinydl import random
from tinydl.data.batches import Batches, as_dataset
from tinydl.train.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from tinydl.train.diagnose import NonFiniteLossError, first_nonfinite
from tinydl.train.evaluation import evaluate, predict
from tinydl.train.metrics import count_right
from tinydl.train.signals import SignalWatch

__all__ = ["Trainer"]


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
        ``loss(output, y)`` -> scalar Tensor, the mean over the batch. Default: ``nn.CrossEntropyLoss()``.
    scheduler : optional
        Stepped after each batch if it says ``per_batch = True`` (OneCycleLR), else after each epoch.
    seed : int
        Order of samples and dropout follow from (seed, epoch, batch) alone: same seed, same bits, for any number of
        threads and after any interruption.
    callbacks : sequence of Callback

    Attributes
    ----------
    epoch : int
        Epochs completed.
    batch : int
        Batches done in the epoch under way.
    history : dict of str to list
        One entry per epoch under "epoch", "lr", "loss", "accuracy", "val_loss", "val_accuracy", "seconds" and
        "images_per_s"; accuracies only for integer labels, val_* only with validation data.
    stop_reason : str or None
        Why the last fit ended before its last epoch.
    interrupted : int or None
        Signal that ended the last fit.

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
        self.net, self.optimizer, self.loss, self.scheduler = net, optimizer, loss, scheduler
        self.seed = seed
        self.callbacks = list(callbacks)
        self.epoch = 0
        self.batch = 0
        self.epochs = 0
        self.batches = 0
        self.history = {}
        self.stop_reason = None
        self.interrupted = None
        self.resumed = False
        self._sums = {"loss": 0.0, "right": 0, "count": 0, "seconds": 0.0}
        self._plan = None

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
        sums = self._sums
        count = max(1, sums["count"])
        logs = {"loss": sums["loss"] / count}
        if sums["right"] is not None:
            logs["accuracy"] = sums["right"] / count
        logs["images_per_s"] = sums["count"] / sums["seconds"] if sums["seconds"] > 0 else 0.0
        return logs

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
            The loss is nan or infinite; names the batch and the first layer whose output was not finite. The weights
            are those before that batch.
        KeyboardInterrupt, SystemExit(143)
            Ctrl-C or SIGTERM came (only in the main thread, and only if the program has no handler of its own): the
            batch under way was finished and the checkpoint written; `interrupted` is the signal's number.
        """
        train = as_dataset(train, "train")
        valid = None if valid is None else as_dataset(valid, "valid")
        for what, data in (("training", train), ("validation", valid)):
            if data is not None and (data.labels is None or len(data) == 0):
                raise ValueError(f"{what} data need labels and at least one sample, got {data!r}")
        if isinstance(epochs, bool) or not hasattr(epochs, "__index__") or epochs < 1:
            raise ValueError(f"epochs must be a positive integer, got {epochs!r}")
        batches = Batches(train, batch_size, shuffle=shuffle, seed=self.seed, drop_last=drop_last,
                          augment=augment)
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
        random_state = random.state()
        watch = SignalWatch()
        with watch, contextlib.ExitStack() as cleanup:
            cleanup.callback(random.set_state, random_state)
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
        from tinydl.train.callbacks import Progress

        callbacks = list(self.callbacks)
        if progress and not any(isinstance(c, Progress) for c in callbacks):
            callbacks.append(Progress())
        return sorted(callbacks, key=lambda c: c.order)

    def _run_epoch(self, batches, valid, eval_batch_size, callbacks, watch):
        sums = self._sums
        if self.batch == 0:
            sums.update(loss=0.0, right=0 if batches.data.n_classes is not None else None, count=0, seconds=0.0,
                        lr=self.lr)
        for callback in callbacks:
            callback.on_epoch_begin(self)
        self.net.train()
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
                return
        logs = {"epoch": self.epoch + 1, "lr": sums["lr"], **self.running}
        speed = logs.pop("images_per_s")
        if valid is not None:
            result = evaluate(self.net, valid, self.loss, eval_batch_size, stop=lambda: watch.received is not None)
            if result is None:
                raise _Interrupted
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
        for key in dict.fromkeys((*self.history, *logs)):  # every column has one entry an epoch, None if it has none
            column = self.history.setdefault(key, [None] * (self.epoch - 1))
            column.append(logs.get(key))
        for callback in callbacks:
            callback.on_epoch_end(self, logs)
        if watch.received is not None:
            raise _Interrupted

    def _run_batch(self, x, y, callbacks):
        """One step; returns what on_batch_end gets, or None when the run ends before the update."""
        # Dropout draws from a stream that the position names, so a resumed run draws the same.
        random.set_state((self.seed, (self.epoch << 40) + (self.batch << 16)))
        self.optimizer.zero_grad()
        output = self.net(x)
        loss = self.loss(output, y)
        value = loss.item()
        if not math.isfinite(value):
            if any(callback.accepts_nonfinite for callback in callbacks):
                self.stop(f"the loss is {value}")
                return None
            raise NonFiniteLossError(f"the loss is {value} in batch {self.batch} of epoch {self.epoch + 1}: "
                                     f"{first_nonfinite(self.net, x)}")
        loss.backward()
        self.optimizer.step()
        lr = self.lr
        if self.scheduler is not None and getattr(self.scheduler, "per_batch", False):
            self.scheduler.step()
        sums = self._sums
        sums["loss"] += value * len(x)
        sums["count"] += len(x)
        if sums["right"] is not None:
            found = count_right(output.data, y)
            sums["right"] = None if found is None else sums["right"] + found
        logs = {"batch": self.batch, "loss": value, "size": len(x), "lr": lr}
        self.batch += 1
        return logs

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
        callbacks = []
        for callback in self.callbacks:
            state = callback.state_dict()
            if state:
                callbacks.append({"type": type(callback).__name__, "state": state})
        return {
            "model": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "callbacks": callbacks,
            "seed": self.seed,
            "epoch": self.epoch,
            "batch": self.batch,
            "plan": self._plan,
            "sums": dict(self._sums),
            "history": {key: list(values) for key, values in self.history.items()},
            "stop_reason": self.stop_reason,
        }

    def load_state_dict(self, state):
        """Return to a state that `state_dict` gave. When anything does not fit, nothing is changed."""
        wanted = {"model", "optimizer", "scheduler", "callbacks", "seed", "epoch", "batch", "plan", "sums", "history",
                  "stop_reason"}
        if not isinstance(state, dict) or set(state) != wanted:
            raise CheckpointError("the state lacks " + ", ".join(sorted(wanted - set(state))))
        if (state["scheduler"] is None) != (self.scheduler is None):
            raise CheckpointError("the checkpoint was made with" + ("out" if state["scheduler"] is None else "")
                                  + " a scheduler, this trainer is the other way round")
        before = (self.net.state_dict(), self.optimizer.state_dict(),
                  None if self.scheduler is None else self.scheduler.state_dict())
        callbacks = [callback.state_dict() for callback in self.callbacks]
        try:
            self._load_parts(state["model"], state["optimizer"], state["scheduler"])
            left = list(state["callbacks"])
            for callback in self.callbacks:
                mine = next((c for c in left if c["type"] == type(callback).__name__), None)
                if mine is not None:
                    left.remove(mine)
                    callback.load_state_dict(mine["state"])
        except Exception as error:
            self._load_parts(*before)
            for callback, former in zip(self.callbacks, callbacks, strict=True):
                if former:
                    callback.load_state_dict(former)
            raise CheckpointError(f"the checkpoint does not fit: {error.args[0] if error.args else error}") from error
        self.seed, self.epoch, self.batch = state["seed"], state["epoch"], state["batch"]
        self._plan, self._sums = state["plan"], dict(state["sums"])
        self.history = {key: list(values) for key, values in state["history"].items()}
        self.stop_reason = state["stop_reason"]
        self.resumed = True

    def _load_parts(self, model, optimizer, scheduler):
        self.net.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)
        if self.scheduler is not None:
            self.scheduler.load_state_dict(scheduler)

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
