"""Ranks as threads of one process, for tests of what is distributed: no launcher, no MPI."""

import threading

import numpy as np

from tinydl import random
from tinydl.distributed.transport import Communicator

__all__ = ["Ranks", "run_ranks"]

_PATIENCE = 60.0  # seconds for which a rank waits for the others


class _Aborted(RuntimeError):
    pass


class _Room:
    """What the ranks share."""

    def __init__(self, size):
        self.size, self.barrier, self.values = size, threading.Barrier(size), [None] * size
        self.code = None


class Ranks(Communicator):
    """The transport of one rank among threads."""

    def __init__(self, room, rank):
        self.room, self.rank, self.size = room, rank, room.size

    def _wait(self):
        try:
            self.room.barrier.wait(_PATIENCE)
        except threading.BrokenBarrierError:
            raise _Aborted(f"rank {self.rank}: another rank has ended") from None

    def gather(self, value):
        self.room.values[self.rank] = value
        self._wait()
        values = list(self.room.values)
        self._wait()
        return values

    def share(self, value):
        return self.gather(value)[0]

    def gather_rows(self, rows):
        return np.concatenate(self.gather(np.array(rows)))

    def exchange(self, pieces, received):
        for r, sent in enumerate(self.gather(pieces.copy())):
            received[r] = sent[self.rank]

    def collect(self, pieces):
        for r, sent in enumerate(self.gather(pieces[self.rank].copy())):
            pieces[r] = sent

    def add_up(self, array):
        array[...] = sum(self.gather(array.copy()))

    def abort(self, code):
        self.room.code = code
        self.room.barrier.abort()


def run_ranks(size, function):
    """``function(comm)`` in so many threads, each with a random state of its own.

    Returns
    -------
    list
        What each returned, or the error that it met.
    """
    room = _Room(size)
    results = [None] * size

    def work(rank):
        try:
            with random.stream(0):
                results[rank] = function(Ranks(room, rank))
        except BaseException as error:
            results[rank] = error
            if not getattr(error, "shared", False):
                room.barrier.abort()

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
