"""How ranks talk to each other: what the rest of the package needs of a transport, and the one of a single process."""

import os
import sys

import numpy as np

__all__ = ["Alone", "Communicator", "TransportError", "communicator", "launched"]

# What launchers tell their processes: (number of the process, how many there are).
_LAUNCHERS = (("PMI_RANK", "PMI_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMIX_RANK", "PMIX_SIZE"),
              ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"))


class TransportError(RuntimeError):
    """Processes that were started together cannot talk to each other."""


class Communicator:
    """Base class of transports; every method but `abort` is called by all ranks in the same order.

    Attributes
    ----------
    rank, size : int
    told : bool
        Whether an error that one rank meets is told and ends all where it leaves a training; False leaves that to the
        program.
    """

    rank = 0
    size = 1
    told = True

    @property
    def first(self):
        """Whether this is rank 0, which speaks and writes."""
        return self.rank == 0

    def gather(self, value):
        """The values of all ranks, a list by rank; any object that can be pickled."""
        raise NotImplementedError

    def share(self, value):
        """The value of rank 0."""
        raise NotImplementedError

    def gather_rows(self, rows):
        """The rows of all ranks, one below the other; as many of each rank, float64."""
        raise NotImplementedError

    def exchange(self, pieces, received):
        """Row r of `pieces` goes to rank r; row r of `received` is what rank r sent. Arrays (size, m)."""
        raise NotImplementedError

    def collect(self, pieces):
        """Every rank has filled row `rank` of `pieces` (size, m); afterwards all have all rows."""
        raise NotImplementedError

    def add_up(self, array):
        """Replace an array by the sum of those of all ranks, in the transport's own order."""
        raise NotImplementedError

    def abort(self, code):
        """End all ranks at once."""
        raise NotImplementedError


class Alone(Communicator):
    """One process."""

    def gather(self, value):
        return [value]

    def share(self, value):
        return value

    def gather_rows(self, rows):
        return np.array(rows)

    def exchange(self, pieces, received):
        received[...] = pieces

    def collect(self, pieces):
        pass

    def add_up(self, array):
        pass

    def abort(self, code):
        sys.exit(code)


def launched():
    """(rank, size) as a launcher such as mpiexec or srun told this process; None where none with several did."""
    for rank, size in _LAUNCHERS:
        if os.environ.get(size, "").isdecimal() and os.environ.get(rank, "").isdecimal() and int(os.environ[size]) > 1:
            return int(os.environ[rank]), int(os.environ[size])
    return None


def communicator(comm=None):
    """The transport that `comm` stands for.

    Parameters
    ----------
    comm : Communicator, mpi4py.MPI.Comm or None
        None: all processes that mpiexec (or srun) started with this one, or this process alone.

    Raises
    ------
    TransportError
        There are several processes and mpi4py is not installed, or belongs to another MPI than the launcher.
    TypeError
        Anything else.
    """
    if isinstance(comm, Communicator):
        return comm
    if comm is None:
        told = launched()
        if told is None:
            return Alone()
        from tinydl.distributed.mpi import world

        return world(told[1])
    if hasattr(comm, "Get_rank") and hasattr(comm, "Allreduce"):
        from tinydl.distributed.mpi import Mpi

        return Mpi(comm)
    raise TypeError(f"comm must be a communicator of mpi4py, or None for all processes of mpiexec, got {comm!r}")
