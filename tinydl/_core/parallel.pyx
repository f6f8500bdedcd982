"""The one door to OpenMP: thread counts and fork safety.

The number of threads is a setting of this module; kernels get it as an argument and hand it to their region, so that
no call ever changes another library's OpenMP state.
"""

import time

from cython.parallel cimport parallel

from tinydl._core.governor import Governor

cdef extern from "src/cpu.h" nogil:
    int td_cpu_supports(const char *level) noexcept

cdef int _n_threads = 1
cdef int _team = 1                  # what the next kernel gets: fewer than wanted while others hold the cores
cdef unsigned int _calls = 0
cdef double _window_end = 0
cdef object _governor = Governor()
cdef bint _paused = False
cdef bint _forked_from_c = False


cdef void _in_child() noexcept nogil:
    # A child forked by C code inherits an OpenMP pool whose threads do not exist: it must stay serial. A child of
    # os.fork is safe, because the pool was wound up just before (see before_fork).
    global _forked_from_c
    if not _paused:
        _forked_from_c = True


td_register_fork_handler(_in_child)


def has_openmp():
    """Whether this build can use more than one thread."""
    return bool(td_has_openmp())


def set_num_threads(int n):
    """Set the team size of later kernels."""
    global _n_threads, _team, _window_end
    check_team(n)
    _n_threads = _team = n if td_has_openmp() else 1
    _governor.want(_team)
    _window_end = _governor.due()


def get_num_threads():
    """The number of threads that was set: 1 in a child that C code forked."""
    return 1 if _forked_from_c else _n_threads


def team():
    """Team size of the next kernel: what was set, or fewer threads while other processes hold the cores.

    Every operation asks anew. A look at the clock every few calls is all that it costs on a quiet machine.
    """
    global _calls, _team, _window_end
    if _forked_from_c:
        return 1
    _calls += 1
    if _n_threads > 1 and _calls % 8 == 0 and time.monotonic() > _window_end:
        _team = _governor.next_size()
        _window_end = _governor.due()
    return _team


def team_size(int n):
    """Number of threads a region that asks for `n` really gets."""
    check_team(n)
    cdef int obtained = 1
    cdef int *out = &obtained
    if _forked_from_c:
        return 1
    with nogil, parallel(num_threads=n):
        if td_thread_num() == 0:
            out[0] = td_num_threads_in_team()
    return obtained


def before_fork():
    """Wind up the OpenMP pool so that a forked child starts its own; for os.register_at_fork."""
    global _paused
    _paused = td_pause() == 0


def after_fork():
    """Undo `before_fork`'s mark in parent and child."""
    global _paused
    _paused = False


def cpu_supports(str level not None):
    """Whether this CPU and its operating system run the ISA level `level`."""
    return bool(td_cpu_supports(level.encode()))
