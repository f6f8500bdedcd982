"""The Trainer: what is trained and how, and the call that does it."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING

from tinydl import _html, random
from tinydl._check import flag, index_of, integer, number
from tinydl.data.dataset import stratified_split
from tinydl.distributed.failing import leaving_together
from tinydl.distributed.transport import Alone, communicator
from tinydl.train.callbacks import Callback
from tinydl.train.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from tinydl.train.diagnose import NonFiniteLossError
from tinydl.train.evaluation import evaluate, predict
from tinydl.train.feed import checked_weights, samples_of, training_feed
from tinydl.train.history import History
from tinydl.train.loop import Interrupted, Loop, validation
from tinydl.train.modes import Modes
from tinydl.train.objective import Objective
from tinydl.train.parts import check_fit, check_parts
from tinydl.train.progress import Progress
from tinydl.train.scores import metrics_of
from tinydl.train.several import Several, check_inputs
from tinydl.train.sharded import Shards, SharedWatch
from tinydl.train.signals import SignalWatch
from tinydl.train.state import load_state, state_of
from tinydl.train.stream import gives_batches
from tinydl.train.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tinydl._types import Array, ArrayLike, Augments, ClassWeight, Loss, Metrics, Path, Samples, State
    from tinydl.nn.module import Module
    from tinydl.optim.lr_scheduler.base import LRScheduler
    from tinydl.optim.optimizer import Optimizer

__all__ = ["Trainer"]


def _some(numbers):
    return ", ".join(map(str, numbers[:5])) + (f" or {len(numbers) - 5} others" if len(numbers) > 5 else "")


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
    scheduler : schedule or list of schedules, optional
        Stepped after each batch if it says ``per_batch = True`` (OneCycleLR), else after each epoch; those that take a
        metric (ReduceLROnPlateau) get the validation loss, without validation data the loss. The factors of several
        multiply.
    seed : int
        Order of samples and dropout follow from (seed, epoch, batch) alone: same seed, same bits, for any number of
        threads, after any interruption, and beside trainings in other threads of the process.
    callbacks : sequence of Callback
    metrics : sequence of str or callable, or dict of str to callable
        What is measured on validation data beside loss and accuracy, each a column "val_<name>" of the history:
        'accuracy', 'top5', 'f1', 'mae', or functions ``f(y, output)`` of all labels and outputs as arrays.
    clip_norm : float, optional
        All gradients are scaled together so that their norm is at most this; see `optim.clip_grad_norm_`.
    accumulate : int
        Batches for one update, with the gradient of the mean over all their samples (the last update of an epoch may
        have fewer): the memory of one batch, the step of a larger one.
    comm : mpi4py.MPI.Comm or distributed.Communicator, optional
        Train with all its processes, each of which runs the same program; ``distributed.communicator()`` is all that
        mpiexec started. Rank 0 prints and writes; what stops one rank stops all. See `fit` for `shards`.
    fast_allreduce, sync_batchnorm : bool
        `fast` and `sync_batchnorm` of `distributed.DataParallel`.

    Attributes
    ----------
    epoch : int
        Epochs completed.
    batch : int
        Batches done in the epoch under way.
    history : History, a dict of str to list
        One entry per epoch under "epoch", "lr" (and "lr_1", "lr_2", ... of further parameter groups), "loss",
        "accuracy", "val_loss", "val_accuracy", "seconds" and "images_per_s"; accuracies only where `evaluate` has them,
        val_* only with validation data. Callbacks may append to columns of their own.
    stop_reason : str or None
        Why the last fit ended before its last epoch.
    interrupted : int or None
        Signal that ended the last fit.

    Notes
    -----
    `fit` trains a net in the modes that its modules have: what was switched to evaluation mode by hand stays there, for
    example ``net[1].eval()`` a batch norm with its running statistics. If the net as a whole is in evaluation mode, it
    returns to the modes of its last training, or to training mode altogether; what `tinydl.train.freeze` froze never
    leaves evaluation mode. Modes and ``requires_grad`` are the program's and not the checkpoint's: set them again
    before a resumed `fit`.

    Examples
    --------
    >>> trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), metrics=["f1"])
    >>> trainer.fit(train, test, epochs=5, batch_size=64)
    >>> trainer.evaluate(test)["f1"]
    """

    def __init__(self, net: Module, optimizer: Optimizer, loss: Loss | None = None,
                 scheduler: LRScheduler | Sequence[LRScheduler] | None = None, seed: int = 0,
                 callbacks: Sequence[Callback] = (), *, metrics: Metrics = (), clip_norm: float | None = None,
                 accumulate: int = 1, comm: Any = None, fast_allreduce: bool = False,
                 sync_batchnorm: bool = False) -> None:
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
        self.metrics = metrics_of(metrics)
        self.clip_norm = None if clip_norm is None else number("Trainer", "clip_norm", clip_norm, open_low=True)
        self.accumulate = integer("Trainer", "accumulate", accumulate)
        self.comm = Alone() if comm is None else communicator(comm)
        self.fast_allreduce = flag("Trainer", "fast_allreduce", fast_allreduce)
        self.sync_batchnorm = flag("Trainer", "sync_batchnorm", sync_batchnorm)
        self.epoch = 0
        self.batch = 0
        self.epochs = 0
        self.batches = None
        self.history = History()
        self.stop_reason: str | None = None
        self.interrupted: int | None = None
        self.resumed = False
        self._tally = Tally(False)
        self._sums: dict[str, Any] = {"seconds": 0.0, "lr": []}
        self._plan = None
        self._modes = Modes(net)

    # --- what callbacks use ----------------------------------------------------------------------------------------

    def stop(self, reason: object) -> None:
        """Ask `fit` to end after the epoch (or batch) under way; `reason` is kept in `stop_reason`."""
        self.stop_reason = str(reason)

    @property
    def lr(self) -> float:
        """Learning rate of the optimizer's first group; setting it sets that of all groups."""
        return self.optimizer.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value: float) -> None:
        value = number("Trainer", "lr", value)
        for group in self.optimizer.param_groups:
            group["lr"] = value

    @property
    def position(self) -> str:
        """How far the training is, in words: "epoch 3" or "batch 7 of 23 of epoch 4"."""
        if self.batch:
            return f"batch {self.batch}{f' of {self.batches}' if self.batches else ''} of epoch {self.epoch + 1}"
        return f"epoch {self.epoch}"

    @property
    def running(self) -> dict[str, float]:
        """Loss, accuracy and images/s of the epoch under way, so far."""
        seconds = self._sums["seconds"]
        return {**self._tally.result(), "images_per_s": self._tally.samples / seconds if seconds > 0 else 0.0}

    def _settle(self):
        """Training mode for what is trained, whatever was evaluated in between."""
        self._modes.restore()
        self._modes.remember()

    # --- training --------------------------------------------------------------------------------------------------

    def fit(self, train: Samples, valid: Samples | None = None, epochs: int = 1, *, batch_size: int = 64,
            shuffle: bool = True, drop_last: bool = False, augment: Augments | None = None, progress: bool = True,
            eval_batch_size: int = 256, validation_split: float | None = None, steps_per_epoch: int | None = None,
            class_weight: ClassWeight | None = None, sample_weight: ArrayLike | None = None,
            shards: int | None = None) -> History:
        """Train until `epochs` epochs are completed.

        Parameters
        ----------
        train : ArrayDataset, (x, y), or batches
            x and y may be tuples or dicts of arrays, for nets of several inputs and losses of several targets: the net
            is called as ``net(*x)`` or ``net(**x)``, the loss as ``loss(output, y)``. Batches are an iterable (a
            `data.Batches`, a generator) of (x, y) or (x, y, weights), or a function that returns one; each epoch
            iterates anew.
        valid : as `train`, optional
            Evaluated after every epoch.
        epochs : int
            Number of epochs in all. Epochs that this trainer has done already, or that a checkpoint brought, count.
        batch_size : int
        shuffle : bool
            A new order every epoch, which follows from (seed, epoch).
        drop_last : bool
            Leave out a last batch that is not full. By default every sample is used once an epoch.
        augment : data.Augment, str or callable, optional
            Changes the training samples at random, each epoch anew: an `Augment`, its settings as words
            ("shift=4,mirror,rotate=10"), or a function ``f(x, y, rng) -> (x, y)`` of batches.
        progress : bool
            Show a bar on a terminal, one line per epoch elsewhere. A Progress among the callbacks goes before this.
        eval_batch_size : int
            Batch size for `valid`.
        validation_split : float, optional
            Share of `train` that is held out to validate, the same of every class, chosen by the trainer's seed.
        steps_per_epoch : int, optional
            How many of given batches are one epoch; needed for a generator that does not end.
        class_weight : dict, sequence or 'balanced', optional
            Factor of the loss of each class (1 where a dict says nothing). The training loss is then
            ``sum of v l / sum of v`` over weights v and losses l of samples. Validation has no weights.
        sample_weight : array, shape (N,), optional
            Factor of the loss of each sample of arrays; it multiplies that of its class.
        shards : int, optional
            Parts of each batch that are computed one after the other, or by several ranks; their gradients are added
            in the order of a tree over their numbers. The bits depend on `shards` and not on the number of ranks, which
            must divide it. One process has the memory of one part and the step of the whole batch. Batch norms see one
            part at a time, unless `sync_batchnorm` is set. Default: one for each rank.

        Returns
        -------
        History, a dict of str to list
            `history`; it has ``plot()`` and ``to_pandas()``.

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
        check_fit(train, valid, epochs)
        check_parts(self.net, self.optimizer, self.loss, self.scheduler, self.callbacks)
        eval_batch_size = integer("Trainer.fit", "eval_batch_size", eval_batch_size, 1)
        data, valid, sample_weight = self._data(train, valid, validation_split, sample_weight)
        feed = training_feed(data, steps=steps_per_epoch, sample_weight=sample_weight, batch_size=batch_size,
                             shuffle=shuffle, seed=self.seed, drop_last=drop_last, augment=augment)
        if feed.total == 0:
            raise ValueError(f"{len(data)} samples give no batch of {batch_size} with drop_last=True")
        objective = Objective(self.loss, class_weight, getattr(data, "labels", None))
        shards = self.comm.size if shards is None else integer("Trainer.fit", "shards", shards)
        parts = None if shards == 1 else Shards(self, shards)
        self._begin(feed, objective, index_of(epochs), shards)
        callbacks = self._ordered(progress)
        signals = SignalWatch()
        watch: Any = SharedWatch(signals) if self.comm.size > 1 else signals
        loop = Loop(self, feed, validation(self, valid, eval_batch_size), objective, callbacks, watch, parts)
        together = leaving_together(self.comm, (NonFiniteLossError,))
        with together, signals, random.stream(self.seed), contextlib.ExitStack() as cleanup:
            for callback in callbacks:
                cleanup.callback(callback.on_fit_end, self)
                callback.on_fit_begin(self)
            self.resumed = False
            try:
                while self.epoch < epochs and self.stop_reason is None:
                    loop.epoch()
            except Interrupted:
                for callback in callbacks:
                    callback.on_interrupt(self)
            self.interrupted = watch.received
        if watch.received is not None:
            signals.received = watch.received
            signals.raise_received(f"after {self.position}")
        return self.history

    def _data(self, train: Any, valid: Any, share: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """(train, valid, sample_weight) as samples or batches, a share of them held out."""
        if not gives_batches(train):
            train = samples_of(train, "train")
        if valid is not None and not gives_batches(valid):
            valid = samples_of(valid, "valid")
        for what, data in (("training", train), ("validation", valid)):
            if data is None or gives_batches(data):
                continue
            if data.labels is None or len(data) == 0:
                raise ValueError(f"{what} data need labels and at least one sample, got {data!r}")
            if isinstance(data, Several):
                check_inputs(self.net, data.x, f"{what} data")
        if share is not None:
            if valid is not None or gives_batches(train):
                raise ValueError(f"validation_split={share!r} holds out a share of arrays, and there "
                                 + ("are validation data already" if valid is not None else "are batches; pass valid"))
            rest, held_out = stratified_split(train.split_by, share, self.seed) if isinstance(train, Several) \
                else stratified_split(train.labels, share, self.seed)
            if not len(rest) or not len(held_out):
                raise ValueError(f"validation_split={share!r} of {len(train)} samples leaves {len(rest)} to train and "
                                 f"{len(held_out)} to validate")
            if sample_weight is not None:
                sample_weight = checked_weights(sample_weight, len(train))[rest]
            train, valid = train.subset(rest), train.subset(held_out)
        unused = [] if gives_batches(train) else train.unused_classes()
        if len(unused) and self.epoch == 0 and self.batch == 0:
            warnings.warn(f"of classes 0 to {train.n_classes - 1}, no training label is {_some(unused)}; classes are "
                          "numbered from 0 without gaps: numpy.unique(labels, return_inverse=True)[1] does it, and "
                          "class_names says that there are more", stacklevel=3)
        if self.metrics and valid is None:
            warnings.warn(f"metrics {', '.join(m.name for m in self.metrics)} are measured on validation data, and "
                          "there are none; pass valid or validation_split", stacklevel=3)
        return train, valid, sample_weight

    def _begin(self, feed, objective, epochs, shards):
        """Take up the training where it stands."""
        plan = {**feed.plan, **objective.plan, **({} if shards == 1 else {"shards": shards})}
        if self.sync_batchnorm and shards > 1:
            plan["sync_batchnorm"] = True
        changed = [] if self._plan is None else [name for name in {**self._plan, **plan}
                                                 if self._plan.get(name) != plan.get(name)]
        if changed and (self.batch or self.resumed):
            was, now = (", ".join(f"{name}={p.get(name)!r}" for name in changed) for p in (self._plan, plan))
            if self.batch:
                raise ValueError(f"the epoch under way was begun with {was} and cannot be continued with {now}")
            warnings.warn(f"the checkpoint was made with {was}, this goes on with {now}", stacklevel=3)
        self._plan = plan
        if self.resumed and self.stop_reason is not None and epochs > self.epochs > 0:
            self.resumed = False  # more epochs are wanted than those of the run that had stopped
        if getattr(feed, "once", False):
            feed.fresh = self.resumed
        if not self.resumed:
            self.stop_reason = None
            if self.epoch >= epochs:
                warnings.warn(f"all {epochs} epochs are done; pass epochs={self.epoch + epochs} for {epochs} more",
                              stacklevel=3)
        self.epochs, self.batches = epochs, feed.total
        self.interrupted = None

    def _ordered(self, progress):
        callbacks = list(self.callbacks)
        if progress and not any(isinstance(c, Progress) for c in callbacks):
            callbacks.append(Progress())
        if not self.comm.first:
            callbacks = [c for c in callbacks if not getattr(c, "first_rank_only", False)]
        return sorted(callbacks, key=lambda c: c.order)

    # --- using the net ---------------------------------------------------------------------------------------------

    def evaluate(self, data: Samples, batch_size: int = 256) -> dict[str, float]:
        """Mean loss, accuracy and the trainer's metrics on labelled data; see `tinydl.train.evaluate`."""
        result = evaluate(self.net, data, self.loss, batch_size, metrics=self.metrics)
        assert result is not None  # nothing asks it to stop
        return result

    def predict(self, x: Any, batch_size: int = 256) -> Array:
        """Outputs of the net in eval mode; see `tinydl.train.predict`."""
        return predict(self.net, x, batch_size)

    def _repr_html_(self):
        settings = [("net", f"{type(self.net).__name__}, {sum(p.size for p in self.net.parameters()):,} parameters"),
                    ("optimizer", f"{type(self.optimizer).__name__}, lr {self.lr:.4g}"),
                    ("loss", getattr(self.loss, "__name__", type(self.loss).__name__)), ("done", self.position)]
        if self.stop_reason is not None:
            settings.append(("stopped", self.stop_reason))
        return _html.facts("Trainer", settings) + (self.history._repr_html_() if self.history else "")

    # --- checkpoints -----------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """All that a resumed run needs to end with the same bits: a tree of arrays and plain values."""
        return state_of(self)

    def load_state_dict(self, state: State) -> None:
        """Return to a state that `state_dict` gave. When anything does not fit, nothing is changed."""
        load_state(self, state)

    def save(self, path: Path, *, keep_previous: bool = True) -> None:
        """Write a checkpoint: all or nothing, the former one kept beside it; see `save_checkpoint`. Of several ranks
        the first one writes."""
        if not self.comm.first:
            return
        save_checkpoint(path, self.state_dict(), keep_previous=keep_previous)

    def load(self, path: Path) -> None:
        """Return to the checkpoint at `path`; the next `fit` continues it and ends with the bits of a run that was
        never interrupted. When anything is wrong with the file, nothing is changed (CheckpointError). Of several ranks
        the first one reads, for all."""
        state, fault = None, None
        if self.comm.first:
            try:
                state = load_checkpoint(path)
            except CheckpointError as met:
                fault = met
        state, fault = self.comm.share((state, fault))
        if fault is not None:
            raise fault
        try:
            self.load_state_dict(state)
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from error.__cause__
