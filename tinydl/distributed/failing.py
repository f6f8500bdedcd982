"""Errors that several ranks know of: one that is met by one rank is raised by all; any other ends all ranks."""

import contextlib
import sys
import traceback

__all__ = ["RankError", "agreed_error", "leaving_together"]


class RankError(RuntimeError):
    """Another rank met an error, which its message tells."""


def agreed_error(comm, error, speaker=0):
    """The error that all ranks raise: that of the first rank from `speaker` on that has one, or None.

    Parameters
    ----------
    comm : Communicator
    error : Exception or None
        What this rank met.
    speaker : int
        Its error goes before those of the others.
    """
    told = comm.gather(None if error is None else (type(error).__name__, str(error), _picklable(error)))
    for rank in (*range(speaker, comm.size), *range(speaker)):
        one = told[rank]
        if one is None:
            continue
        name, text, found = one
        if rank == comm.rank:
            found = error
        if found is None:
            found = RankError(f"rank {rank}: {name}: {text}")
        found.shared = True
        return found
    return None


def _picklable(error):
    """An error itself where its type survives a journey to other ranks; those of the user's need not."""
    import pickle

    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return None
    return error


@contextlib.contextmanager
def leaving_together(comm, joint=()):
    """An error inside the block that this rank alone has met ends all ranks, which would wait for it for ever.

    Parameters
    ----------
    comm : Communicator
    joint : tuple of type
        Errors that all ranks raise at the same place.
    """
    try:
        yield
    except BaseException as error:
        if comm.size == 1 or getattr(error, "shared", False) or isinstance(error, joint):
            raise
        if comm.told:
            traceback.print_exc()
            print(f"tinydl: rank {comm.rank} of {comm.size} met this error alone; all ranks end", file=sys.stderr,
                  flush=True)
            comm.abort(1)
        raise
