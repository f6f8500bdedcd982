"""Data-parallel gradients: those of a batch whose shards several processes compute."""

import numpy as np

from tinydl import random
from tinydl._check import flag, integer
from tinydl.distributed.failing import agreed_error
from tinydl.distributed.passes import InLockstep, OneByOne
from tinydl.distributed.reduce import exact_sum, fast_sum
from tinydl.distributed.shards import bounds, owned, row_sum
from tinydl.distributed.transport import communicator

__all__ = ["DataParallel"]


class DataParallel:
    """The gradient of a batch, computed shard by shard and by several processes, with the bits of one.

    A batch is cut into `shards` parts. The gradients of the parts are added in the order of a binary tree over their
    numbers, whoever computed them: any number of ranks that divides the shards ends with the same weights to the byte,
    and so does one process with as many shards. Batch norms see one shard at a time, or with `sync_batchnorm` the whole
    batch; running statistics are averaged.

    Parameters
    ----------
    net : nn.Module
        The same weights on every rank; rank 0 gives its own to the others.
    optimizer : optim.Optimizer
        Over the net's parameters; its ``step()`` is called by every rank.
    comm : mpi4py.MPI.Comm, optional
        Default: all processes that mpiexec started, or this one alone.
    shards : int, optional
        Default: one for each rank.
    fast : bool
        Add the ranks' gradients in the transport's own order (Allreduce): the same weights on every rank, in the last
        bits others than with another number of ranks.
    sync_batchnorm : bool
        Batch norms see the whole batch, as without shards: all shards are computed at the same time and meet at every
        batch norm, in both passes. It takes the memory of all own shards.

    Attributes
    ----------
    rank, size : int
    shard : (int, int)
        (rank, size), for `data.Batches`.

    Examples
    --------
    >>> dp = td.distributed.DataParallel(net, optimizer, shards=8)
    >>> for x, y in td.data.Batches(train, 128, shuffle=True):
    ...     loss = dp.backward(lambda x, y: loss_fn(net(x), y), x, y)
    ...     optimizer.step()
    """

    def __init__(self, net, optimizer, comm=None, shards=None, *, fast=False, sync_batchnorm=False):
        self.net, self.optimizer, self.comm = net, optimizer, communicator(comm)
        self.rank, self.size = self.comm.rank, self.comm.size
        self.shards = self.size if shards is None else integer("DataParallel", "shards", shards)
        self.own = owned(self.shards, self.rank, self.size)
        self.fast = flag("DataParallel", "fast", fast)
        self.sync_batchnorm = flag("DataParallel", "sync_batchnorm", sync_batchnorm)
        self._passes = None
        if self.size > 1:
            net.load_state_dict(self.comm.share(net.state_dict()))

    @property
    def shard(self):
        return self.rank, self.size

    def backward(self, function, *arrays):
        """Fill the gradients of the mean loss over a batch, the same on every rank.

        Parameters
        ----------
        function : callable
            ``function(*parts)`` of the rows of a shard gives the mean loss over them, a Tensor.
        *arrays : array
            The whole batch on every rank; of each only the rows of the own shards are read.

        Returns
        -------
        float
            The mean loss over the batch.
        """
        n = len(arrays[0])
        if n == 0 or any(len(array) != n for array in arrays):
            raise ValueError(f"DataParallel.backward: arrays of a batch have one length, got {[*map(len, arrays)]}")

        def compute(k):
            begin, end = bounds(n, self.shards, k)
            loss = function(*[array[begin:end] for array in arrays])
            return loss * float(end - begin), [loss.item() * (end - begin)]

        (total,) = self.run(n, compute, 1)
        self.divide(n)
        return total / n

    def run(self, n, compute, width):
        """Fill the gradients of the sum over the shards of a batch.

        Parameters
        ----------
        n : int
            Samples of the whole batch.
        compute : callable
            ``compute(k)`` gives the loss of shard `k`, a Tensor, and `width` numbers.
        width : int

        Returns
        -------
        array of float64, shape (width,)
            The sums of the numbers.

        Raises
        ------
        Exception
            What `compute` raised on any rank, on all of them; gradients and buffers are then those of before.
        """
        params = [p for group in self.optimizer.param_groups for p in group["params"]]
        if self._passes is None:
            passes = InLockstep if self.sync_batchnorm and self.shards > 1 else OneByOne
            self._passes = passes(self.net, self.comm, self.own, self.shards)
        passes = self._passes
        passes.begin(params)
        rows = np.zeros((len(self.own), 1 + width + len(params)))
        error, stream = None, random.state()
        try:
            sums = passes.run(n, compute, rows[:, 1:])
        except Exception as met:
            error = met
            rows[:, 0] = 1
        finally:
            random.set_state(stream)
        numbers = row_sum(self.comm.gather_rows(rows))
        if numbers[0]:
            passes.buffers.restore()
            for p in params:
                p.grad = None
            raise agreed_error(self.comm, error, passes.speaker)
        passes.buffers.finish(self.comm, self.shards, n)
        self._reduce(sums.parts(), n)
        self.flat.hand_out(numbers[1 + width:] > 0)
        return numbers[1:1 + width]

    def _reduce(self, parts, n):
        """Add the gradients of all shards; `flat` holds the sum."""
        flats = self._passes.flats
        self.flat = next((part for part in parts.values() if part is not None), None) or (
            flats[0] if flats else self._passes.new())
        for name, out in self.flat.buffers.items():
            arrays = {node: None if part is None else part.buffers[name] for node, part in parts.items()}
            if self.fast:
                fast_sum(self.comm, arrays, out)
            else:
                exact_sum(self.comm, arrays, self.shards, out, n)

    def divide(self, divisor):
        """Divide all gradients."""
        for buffer in self.flat.buffers.values():
            np.divide(buffer, buffer.dtype.type(divisor), out=buffer)

