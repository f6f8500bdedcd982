"""Batches whose shards several processes compute, and what they have to agree on."""

from tinydl.distributed.parallel import DataParallel
from tinydl.distributed.shards import bounds
from tinydl.train.objective import denominator
from tinydl.train.tally import Tally
from tinydl.train.trees import mapped, size_of

__all__ = ["SharedWatch", "Shards", "agree", "rows_of"]

_COUNTS = ("weight", "right", "judged", "samples")


def _need_whole_updates(trainer):
    """Refuse what shards do by themselves."""
    if trainer.accumulate != 1:
        raise ValueError(f"accumulate={trainer.accumulate} and shards both add gradients; leave accumulate out and "
                         f"pass a batch_size {trainer.accumulate} times as large: the memory is that of one shard")


class Shards:
    """The gradient of each batch of a training from its shards.

    Parameters
    ----------
    trainer : Trainer
    shards : int
    """

    def __init__(self, trainer, shards):
        _need_whole_updates(trainer)
        self.trainer = trainer
        self.parallel = DataParallel(trainer.net, trainer.optimizer, trainer.comm, shards, fast=trainer.fast_allreduce,
                                     sync_batchnorm=trainer.sync_batchnorm)

    def gradients(self, batch, forward):
        """Fill the gradients of a batch; returns its loss and adds it to the trainer's tally.

        Parameters
        ----------
        batch : tuple (n, make)
            Number of samples, and ``make(k, shards)``, which gives (x, y, weights) of shard `k`.
        forward : callable
            `Loop._forward`.
        """
        t, (n, make) = self.trainer, batch
        summed = getattr(t.loss, "reduction", "mean") == "sum"
        shards, where = self.parallel.shards, t.batch

        def compute(k):
            x, y, weights = make(k, shards)
            loss, value, output, weight = forward(x, y, weights, where, k)
            share = 1.0 if summed else float(denominator(t.loss, output, y) if weight is None else weight)
            tally = Tally(t._tally.classify)
            tally.add(t.loss, value, output, y, weight)
            return (loss if summed else loss * share), [*tally.state_dict().values(), value * share, share]

        *counts, total, divisor = self.parallel.run(n, compute, 7).tolist()
        t._tally.merge({name: int(value) if name in _COUNTS and value.is_integer() else value
                        for name, value in zip(Tally._names, counts, strict=True)})
        if summed:
            return total
        divisor = divisor or 1.0
        self.parallel.divide(divisor)
        return total / divisor


def rows_of(batch):
    """(n, make) of a batch that is there as a whole: (x, y, weights)."""
    x, y, weights = batch
    n = size_of(x)

    def make(k, shards):
        begin, end = bounds(n, shards, k)
        x_part, y_part = (mapped(lambda array: array[begin:end], part) for part in (x, y))
        return x_part, y_part, None if weights is None else weights[begin:end]

    return n, make


class SharedWatch:
    """The signal that all ranks know of, in place of what each received by itself; see `SignalWatch`."""

    def __init__(self, watch):
        self.own, self.received = watch, None


def agree(trainer, watch):
    """One decision for all ranks: the first signal and the first reason to stop that any of them has."""
    stop = trainer.stop_reason
    rows = trainer.comm.gather_rows([[watch.own.received is not None, stop is not None]])
    if not rows.any():
        return
    told = trainer.comm.gather((watch.own.received, stop))
    watch.received = next((signal for signal, _ in told if signal is not None), None)
    trainer.stop_reason = next((reason for _, reason in told if reason is not None), None)
