"""tinydl in several processes, under mpiexec: a shard for each.

--variant fast leaves the order of sums to MPI; apart sends nothing: each rank trains a net of its own with its part of
the batch, which is what the machine gives to so many processes.
"""

import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from bench.compare.ranks import rank_arguments, serve_ranks
from bench.compare.tinydl_peer import Peer as OnePeer
from tinydl.distributed.shards import bounds
from tinydl.distributed.transport import Alone, Communicator, launched

_TAG = 77
_NAP = 0.01  # seconds between two looks for a command: MPI itself waits with a busy core


class Counted(Communicator):
    """A communicator that counts what its rank sends."""

    def __init__(self, comm):
        self.comm, self.rank, self.size, self.sent = comm, comm.rank, comm.size, 0

    def gather(self, value):
        return self.comm.gather(value)

    def share(self, value):
        return self.comm.share(value)

    def gather_rows(self, rows):
        self.sent += rows.nbytes * (self.size - 1)
        return self.comm.gather_rows(rows)

    def exchange(self, pieces, received):
        self.sent += pieces.nbytes * (self.size - 1) // self.size
        self.comm.exchange(pieces, received)

    def collect(self, pieces):
        self.sent += pieces.nbytes * (self.size - 1) // self.size
        self.comm.collect(pieces)

    def add_up(self, array):
        self.sent += 2 * array.nbytes * (self.size - 1) // self.size
        self.comm.add_up(array)


class Peer(OnePeer):
    name = "tinydl-ranks"

    def __init__(self, args):
        from mpi4py import MPI

        super().__init__(args)
        self.world, self.variant, self.fast = MPI.COMM_WORLD, args.variant, args.variant == "fast"
        self.rank, self.size = self.world.Get_rank(), self.world.Get_size()

    def tell(self, command):
        for rank in range(1, self.size):
            self.world.send(command, rank, _TAG)

    def listen(self):
        while not self.world.iprobe(0, _TAG):
            time.sleep(_NAP)
        return self.world.recv(source=0, tag=_TAG)

    def abort(self):
        self.world.Abort(1)

    def build(self, net, size, mode):
        from tinydl import nn, optim
        from tinydl.distributed import DataParallel, communicator

        model, params, x, y = self.made(net, size)
        model.train()
        optimizer, loss_fn = optim.SGD(params, lr=1e-3, momentum=0.9), nn.CrossEntropyLoss()
        self.counted = Counted(communicator() if self.variant != "apart" else Alone())
        if self.variant == "apart":
            x, y = (array[slice(*bounds(size, self.size, self.rank))] for array in (x, y))
        parallel = DataParallel(model, optimizer, self.counted, fast=self.fast)

        def loss_of(x, y):
            return loss_fn(model(x), y)

        def step():
            loss = parallel.backward(loss_of, x, y)
            optimizer.step()
            return loss

        return step, sum(p.size for p in params)

    def bytes_sent(self, step):
        """Bytes that this rank sends in a step; those of an Allreduce are what a ring sends."""
        self.counted.sent = 0
        step()
        return self.counted.sent

    def add_up(self, n):
        import numpy as np

        from tinydl.distributed import communicator
        from tinydl.distributed.reduce import exact_sum, fast_sum

        comm, array = communicator(), np.ones(n, np.float32)
        node = (0, self.rank)
        if self.fast:
            return lambda: fast_sum(comm, {node: array}, array)
        return lambda: exact_sum(comm, {node: array}, self.size, array, self.size)


if __name__ == "__main__":
    arguments_ = rank_arguments(*(launched() or (0, 1)))
    serve_ranks(Peer(arguments_), arguments_)
