"""How many threads each of several processes on a host takes."""

import os
import platform

from tinydl import config

__all__ = ["placed", "share_cores"]


def placed(comm):
    """Where each rank runs: a list of (host, CPUs that it may use), by rank."""
    cpus = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset(range(os.cpu_count()))
    return comm.gather((platform.node(), cpus))


def share_cores(comm):
    """Set the threads of this rank: what it was granted, shared by the ranks of its host that were granted the same.

    A launcher that binds ranks to cores has shared them out already, and OMP_NUM_THREADS is what each rank takes.

    Returns
    -------
    int
        The number of threads.
    """
    places = placed(comm)
    host, cpus = places[comm.rank]
    beside = sum(host == other and bool(cpus & theirs) for other, theirs in places)
    if "OMP_NUM_THREADS" not in os.environ:
        config.set_num_threads(-1)
        config.set_num_threads(max(1, config.get_num_threads() // beside))
    return config.get_num_threads()
