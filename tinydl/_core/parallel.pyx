"""The one door to OpenMP: thread counts and fork safety.

The number of threads is a setting of this module; kernels get it as an argument and hand it to their region, so that
no call ever changes another library's OpenMP state.
"""

from cython.parallel cimport parallel
from libc.math cimport INFINITY

from tinydl._core.governor import WINDOW, Governor

cdef extern from "src/cpu.h" nogil:
    int td_cpu_supports(const char *level) noexcept

cdef int _n_threads = 1
cdef int _team = 1                  # what the next kernel gets: fewer than set while others hold the cores
cdef double _window_end = INFINITY  # when the governor is asked again
cdef object _governor = None
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
    global _n_threads
    check_team(n)
    _n_threads = n if td_has_openmp() else 1
    start_governor()


cdef int start_governor() except -1:
    """Make a governor of the present setting. The one before, which another thread may be asking, no longer counts."""
    global _governor, _team, _window_end
    _governor = Governor(_n_threads)
    _team = _n_threads
    _window_end = td_clock() + WINDOW if _n_threads > 1 else INFINITY
    return 0


cdef int ask_governor() except -1:
    """End a window. The next has no end while that takes, so that one thread asks; an old governor is ignored."""
    global _team, _window_end
    governor = _governor
    _window_end = INFINITY
    try:
        size = governor.next_size()
        if governor is _governor:
            _team = min(<int> size, _n_threads)
    finally:
        if governor is _governor:
            _window_end = td_clock() + WINDOW
    return 0


def get_num_threads():
    """The number of threads that was set: 1 in a child that C code forked."""
    return 1 if _forked_from_c else _n_threads


def team():
    """Team size of the next kernel: what was set, or fewer threads while other processes hold the cores.

    Every operation asks anew; on a quiet machine a look at the clock is all that it costs.
    """
    if _forked_from_c:
        return 1
    if _n_threads > 1 and td_clock() > _window_end:
        ask_governor()
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
    """Undo `before_fork`'s mark in parent and child; a child's CPU time starts anew, and so does its governor."""
    global _paused
    _paused = False
    start_governor()


def cpu_supports(str level not None):
    """Whether this CPU and its operating system run the ISA level `level`."""
    return bool(td_cpu_supports(level.encode()))
