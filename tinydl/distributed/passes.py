"""Forward and backward passes of the shards of one rank: one after the other, or in lockstep.

Both leave the gradients of each shard in a `FlatGradients` of its own and buffers as the shard left them, and add them
in the order of the tree.
"""

from tinydl import config, random
from tinydl.distributed.batchnorm import Meetings, ShardStatistics, widest
from tinydl.distributed.lockstep import Lockstep
from tinydl.distributed.shards import PairwiseSum, add_flat, bounds, shard_seed
from tinydl.distributed.statistics import SharedBuffers
from tinydl.optim.flat import FlatGradients

__all__ = ["InLockstep", "OneByOne"]


class _Passes:
    """What both share.

    Parameters
    ----------
    net : nn.Module
    comm : Communicator
    own : range
        The shards of this rank.
    shards : int

    Attributes
    ----------
    buffers : SharedBuffers
    flats : list of FlatGradients
        Places for gradients, kept from batch to batch.
    speaker : int
        The rank whose error tells most, if there is one.
    """

    def __init__(self, net, comm, own, shards):
        self.net, self.comm, self.own, self.shards = net, comm, own, shards
        self.buffers, self.flats, self.speaker = SharedBuffers(net), [], 0

    def begin(self, params):
        """Before each batch."""
        self.params, self.speaker = params, 0
        if self.flats and not self.flats[0].fits(params):
            self.flats = []
        self.buffers.begin(self.own.start)

    def new(self):
        """A further place for gradients."""
        flat = FlatGradients(self.params)
        self.flats.append(flat)
        return flat

    def shard(self, k, compute, row, flat, seen=None):
        """The passes of shard `k`: fill `flat` and a row of numbers; `seen` is called between the two passes."""
        width = len(row) - len(self.params)
        loss, row[:width] = compute(k)
        if seen is not None:
            seen()
        flat.use()
        for p in self.params:
            p.grad = None
        loss.backward()
        row[width:] = flat.gather()


class OneByOne(_Passes):
    """One shard after the other, in the memory of one; batch norms see a shard."""

    def run(self, n, compute, rows):
        """Compute all own shards of a batch.

        Parameters
        ----------
        n : int
            Samples of the batch.
        compute : callable
            As for `DataParallel.run`.
        rows : array, shape (own shards, numbers + parameters)
            For the numbers that `compute` gives, and whether each parameter has a gradient.

        Returns
        -------
        PairwiseSum of FlatGradients
        """
        free = list(self.flats)
        sums = PairwiseSum(self.own.start, add_flat, free.append)
        seed, position = random.state()
        flat = None
        try:
            for row, k in zip(rows, self.own, strict=True):
                begin, end = bounds(n, self.shards, k)
                if begin < end:
                    flat = free.pop() if free else self.new()
                    self.buffers.restore()
                    random.set_state((shard_seed(seed, k), position))
                    self.shard(k, compute, row, flat)
                self.buffers.add(end - begin)
                sums.push(flat if begin < end else None)
        finally:
            if flat is not None:
                flat.release()
        return sums


class InLockstep(_Passes):
    """All shards at the same time, in the memory of all; batch norms see the batch."""

    def __init__(self, net, comm, own, shards):
        super().__init__(net, comm, own, shards)
        self._lockstep = Lockstep(self._enter, self._leave)

    def run(self, n, compute, rows):
        """As `OneByOne.run`."""
        there = [k for k in self.own if bounds(n, self.shards, k)[0] < bounds(n, self.shards, k)[1]]
        flats = (self.flats + [self.new() for _ in range(len(there) - len(self.flats))])[:len(there)]
        width, stream = widest(self.net), random.state()
        self._flats = flats
        self._kept, self._grads, self._after = [self.buffers.values()] * len(there), [None] * len(there), {}
        meetings = Meetings(self.comm, self.own, there, width)
        tasks = [self._task(i, k, compute, rows[k - self.own.start], stream, width) for i, k in enumerate(there)]
        try:
            errors = self._lockstep.run(tasks, meetings.exchange)
        finally:
            for flat in flats:
                flat.release()
        self._raise(errors, there, meetings)
        sums = PairwiseSum(self.own.start, add_flat)
        for k in self.own:
            if k in self._after:
                self.buffers.load(self._after[k])
            begin, end = bounds(n, self.shards, k)
            self.buffers.add(end - begin)
            sums.push(flats[there.index(k)] if begin < end else None)
        return sums

    def _task(self, i, k, compute, row, stream, width):
        def seen():
            self._after[k], self._grads[i] = self.buffers.values(), ()

        def task(meet):
            random.set_state((shard_seed(stream[0], k), stream[1]))
            config.mode.batch = ShardStatistics(meet, width)
            self.shard(k, compute, row, self._flats[i], seen)

        return task

    def _enter(self, i):
        """Bring back what task `i` shares with others: buffers in the forward pass, then gradients."""
        if self._grads[i] is None:
            self.buffers.load(self._kept[i])
            return
        self._flats[i].use()
        for p, grad in zip(self.params, self._grads[i], strict=True):
            p.grad = grad

    def _leave(self, i):
        if self._grads[i] is None:
            self._kept[i] = self.buffers.values()
        else:
            self._grads[i] = [p.grad for p in self.params]

    def _raise(self, errors, there, meetings):
        """Raise the error of a shard, of that which spoilt the statistics of all if it is here; see `speaker`."""
        if meetings.error is not None:
            raise meetings.error
        if meetings.spoilt is not None:
            self.speaker = meetings.spoilt // len(self.own)
        told = [error for error, k in zip(errors, there, strict=True) if error is not None and k == meetings.spoilt]
        for error in told + [error for error in errors if error is not None]:
            raise error
