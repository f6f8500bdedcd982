"""The loops of a training: epochs, batches, and what is done with each."""

import itertools
import math
import time
import warnings

import numpy as np

from tinydl import random
from tinydl.distributed.shards import shard_seed
from tinydl.tensor import Tensor
from tinydl.train.buffers import Buffers
from tinydl.train.callbacks import Callback
from tinydl.train.diagnose import (
    NonFiniteGradientError,
    NonFiniteLossError,
    first_nonfinite,
    gradients_are_finite,
    nonfinite_gradients,
    nonfinite_state,
)
from tinydl.train.evaluation import evaluate
from tinydl.train.history import EpochRow
from tinydl.train.objective import denominator, loss_value
from tinydl.train.schedules import after_epoch, per_batch
from tinydl.train.sharded import agree
from tinydl.train.trees import called

__all__ = ["Interrupted", "Loop", "validation"]


class Interrupted(Exception):
    """Leaves the loops after a signal; never seen outside."""


def _groups(batches, size):
    """The batches whose gradients are added up for one update, as lists."""
    batches = iter(batches)
    while group := list(itertools.islice(batches, size)):
        yield group


class Loop:
    """A `fit` under way.

    Parameters
    ----------
    trainer : Trainer
        Whose epoch, batch, history and parts are used and moved on.
    feed : ArrayFeed or Stream
    valid : callable or None
        Evaluates the net on the validation data: ``valid(stop)`` gives what `evaluate` gives.
    objective : Objective
    callbacks : sequence of Callback
    watch : SignalWatch or SharedWatch
    shards : Shards, optional
        What computes the gradients shard by shard.
    """

    def __init__(self, trainer, feed, valid, objective, callbacks, watch, shards=None):
        self.trainer, self.feed, self.valid, self.objective = trainer, feed, valid, objective
        self.callbacks, self.watch, self.shards = callbacks, watch, shards
        self._shared = trainer.comm.size > 1
        self._weighted = objective.class_weight is not None
        # Most have nothing to do between gradients and update, which is then not looked at.
        self._on_backward = [callback for callback in callbacks if getattr(type(callback), "on_backward_end", None)
                             not in (None, Callback.on_backward_end)]
        self._accepts_nonfinite = any(callback.accepts_nonfinite for callback in callbacks)

    # --- epochs ----------------------------------------------------------------------------------------------------

    def epoch(self):
        """Train for the rest of the epoch under way, validate, and tell the callbacks."""
        t = self.trainer
        self._begin()
        clock, whole = self._train()
        self._check_state()
        if not whole:
            return
        for callback in self.callbacks:
            callback.on_train_end(t)
        t._settle()
        sums = t._sums
        logs = {"epoch": t.epoch + 1, "lr": sums["lr"][0]}
        logs.update({f"lr_{k}": lr for k, lr in enumerate(sums["lr"]) if k})
        logs.update(t.running)
        speed = logs.pop("images_per_s")
        self._validate(logs)
        logs["seconds"] = sums["seconds"] + time.perf_counter() - clock
        logs["images_per_s"] = speed
        if self._shared:
            logs = t.comm.share(logs)  # times are those of rank 0
        after_epoch(t.scheduler, logs)
        t.epoch += 1
        t.batch = 0
        self._row.update(logs)
        for callback in self.callbacks:
            callback.on_epoch_end(t, logs)
            self._row.update(logs)
            t._modes.remember()
        self._row.close()
        if self._shared:
            agree(t, self.watch)
        if self.watch.received is not None:
            raise Interrupted

    def _begin(self):
        t = self.trainer
        t._tally.classify = self.feed.classify
        if t.batch == 0:
            t._tally.clear()
            t._sums = {"seconds": 0.0, "lr": [group["lr"] for group in t.optimizer.param_groups]}
        self._row = EpochRow(t.history, t.epoch + 1)
        t._settle()
        for callback in self.callbacks:
            callback.on_epoch_begin(t)
        t._settle()
        self._buffers = Buffers(t.net)
        self._schedules = per_batch(t.scheduler)
        self.feed.epoch, self.feed.start = t.epoch, t.batch

    def _train(self):
        """The batches of the epoch; (the time at their end, whether they are all done and no callback stopped)."""
        t, watch = self.trainer, self.watch
        clock = time.perf_counter()
        for group in self._updates():
            logs = self.batch(group)
            now = time.perf_counter()
            t._sums["seconds"] += now - clock
            clock = now
            if logs is not None:
                for callback in self.callbacks:
                    callback.on_batch_end(t, logs)
            if self._shared:
                agree(t, watch)
            if watch.received is not None:
                raise Interrupted
            if t.stop_reason is not None:
                return clock, False
        t.batches = self.feed.total
        return clock, True

    def _updates(self):
        """What `batch` takes, for each update of the epoch."""
        if self.shards is not None:
            return self.feed.sharded()
        return self.feed if self.trainer.accumulate == 1 else _groups(self.feed, self.trainer.accumulate)

    def _validate(self, logs):
        t = self.trainer
        if self.valid is None:
            return
        result = self.valid(lambda: self.watch.received is not None)
        if result is None:
            raise Interrupted
        if not math.isfinite(result["loss"]):
            warnings.warn(f"the validation loss of epoch {t.epoch + 1} is {result['loss']}, where the training loss is "
                          f"{logs['loss']:g}", stacklevel=4)
        logs.update({f"val_{key}": value for key, value in result.items()})

    def _check_state(self):
        name = nonfinite_state(self.trainer.net)
        if name is not None and not self._accepts_nonfinite:
            raise NonFiniteLossError(f"{name} is not finite after {self.trainer.position}; a smaller learning rate is "
                                     "the usual cure")

    # --- batches ---------------------------------------------------------------------------------------------------

    def batch(self, group):
        """One update; returns what on_batch_end gets, or None when the run ends before the update.

        Parameters
        ----------
        group : tuple (x, y, weights), or list of them, or (n, make)
            One batch, or those whose gradients are added up, or one to be made shard by shard.
        """
        t = self.trainer
        t._modes.restore()
        self._buffers.remember()
        parts = t.accumulate != 1 or self.shards is not None
        samples, before = t._tally.samples, t._tally.state_dict() if parts else None
        t.optimizer.zero_grad()
        try:
            if before is None:
                x, y, weights = group
                loss, value, output, weight = self._forward(x, y, weights, t.batch)
                loss.backward()
            elif self.shards is not None:
                value = self.shards.gradients(group, self._forward)
            else:
                value = self._accumulated(group)
            self._check_gradients(value)
        except NonFiniteLossError as error:
            if before is not None:
                t._tally.load_state_dict(before)
            if not self._accepts_nonfinite:
                raise
            t.stop(error)
            return None
        except BaseException:
            self._buffers.restore()
            if before is not None:
                t._tally.load_state_dict(before)
            raise
        t.optimizer.step()
        lr = t.lr
        for schedule in self._schedules:
            schedule.step()
        if before is None:
            t._tally.add(t.loss, value, output, y, weight)
        t.batch += 1 if t.accumulate == 1 else len(group)
        return {"batch": t.batch - 1, "loss": value, "size": t._tally.samples - samples, "lr": lr}

    def _accumulated(self, group):
        """The loss over all samples of several batches; the gradients are those of that loss."""
        t = self.trainer
        summed = getattr(t.loss, "reduction", "mean") == "sum"
        total = divisor = 0.0
        for k, (x, y, weights) in enumerate(group, t.batch):
            loss, value, output, weight = self._forward(x, y, weights, k)
            share = 1.0 if summed else float(denominator(t.loss, output, y) if weight is None else weight)
            (loss if summed else loss * share).backward()
            t._tally.add(t.loss, value, output, y, weight)
            total, divisor = total + value * share, divisor + share
        if summed:
            return total
        divisor = divisor or 1.0
        for group in t.optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad = np.divide(p.grad, p.grad.dtype.type(divisor))
        return total / divisor

    def _forward(self, x, y, weights, k, shard=0):
        """(loss, its value, output, what the loss was divided by) of batch `k` of the epoch; the loss is finite."""
        t = self.trainer
        # Dropout draws from a stream that seed and position name, so a resumed run draws the same.
        stream = (shard_seed(t.seed, shard), (t.epoch << 40) + (k << 16))
        random.set_state(stream)
        output = t.net(x) if x.__class__ is np.ndarray else called(t.net, x)
        if weights is None and not self._weighted:
            loss, weight = t.loss(output, y), None
        else:
            loss, weight = self.objective(output, y, weights)
        value = loss_value(loss)
        if not isinstance(loss, Tensor):
            raise TypeError(f"the loss must be a Tensor that tinydl's operations computed, got {loss!r}")
        if not math.isfinite(value):
            self._buffers.restore()
            random.set_state(stream)
            part = "" if self.shards is None else f" (shard {shard + 1} of {self.shards.parallel.shards})"
            raise NonFiniteLossError(f"the loss is {value} in batch {k + 1} of epoch {t.epoch + 1}{part}: "
                                     + first_nonfinite(t.net, x, y))
        return loss, value, output, weight

    def _check_gradients(self, value):
        """Let callbacks see the gradients, clip them, and see that they are finite; else the buffers are as before."""
        t = self.trainer
        for callback in self._on_backward:
            callback.on_backward_end(t)
        parameters = [p for group in t.optimizer.param_groups for p in group["params"]]
        if not gradients_are_finite(parameters, t.clip_norm):
            self._buffers.restore()
            raise NonFiniteGradientError(f"{nonfinite_gradients(t.net, parameters)} in batch {t.batch + 1} of epoch "
                                         f"{t.epoch + 1}, where the loss is {value:g}; weights and statistics are "
                                         "those before that batch")


def validation(trainer, data, batch_size):
    """A function that evaluates a trainer's net on validation data; None without data."""
    if data is None:
        return None
    return lambda stop: evaluate(trainer.net, data, trainer.loss, batch_size, stop, trainer.metrics, trainer.comm)
