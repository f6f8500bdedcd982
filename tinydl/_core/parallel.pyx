"""The one door to OpenMP: thread counts and fork safety.

The number of threads is a setting of this module; kernels get it as an argument and hand it to their region, so that
no call ever changes another library's OpenMP state.
"""

from cython.parallel cimport parallel
from libc.math cimport INFINITY

from tinydl._core.governor import LATEST, WINDOW, Governor

cdef extern from "src/cpu.h" nogil:
    int td_cpu_supports(const char *level) noexcept

cdef int _n_threads = 1
cdef int _team = 1                  # what the next kernel gets: fewer than set while others hold the cores
cdef double _window_end = INFINITY  # when the governor is asked again
cdef double _latest_end = INFINITY  # and when it is asked although no step of a training has ended
cdef Py_ssize_t _n_calls = 0        # of team(), the measure of what was done
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
    global _governor, _team
    _governor = Governor(_n_threads)
    _team = _n_threads
    start_window(False)
    return 0


cdef void start_window(bint stepping) noexcept:
    """stepping : whether a step's end is waited for."""
    global _window_end, _latest_end
    _window_end = td_clock() + WINDOW if _n_threads > 1 else INFINITY
    _latest_end = _window_end + LATEST if stepping else _window_end


cdef int ask_governor(bint stepping) except -1:
    """End a window. The next has no end while that takes, so that one thread asks; an old governor is ignored."""
    global _team, _window_end, _latest_end
    governor = _governor
    _window_end = _latest_end = INFINITY
    try:
        size = governor.next_size(_n_calls)
        if governor is _governor:
            _team = min(<int> size, _n_threads)
    finally:
        if governor is _governor:
            start_window(stepping)
    return 0


def get_num_threads():
    """The number of threads that was set: 1 in a child that C code forked."""
    return 1 if _forked_from_c else _n_threads


def team():
    """Team size of the next kernel: what was set, or fewer threads while other processes hold the cores.

    Every operation asks anew; on a quiet machine a look at the clock is all that it costs.
    """
    global _n_calls
    if _forked_from_c:
        return 1
    _n_calls += 1
    if _n_threads > 1 and td_clock() > _latest_end:
        ask_governor(False)
    return _team


def step_team():
    """As `team`, for what ends a step of a training: windows end here, since what all steps do is the same."""
    global _latest_end
    if _n_threads > 1 and not _forked_from_c:
        if td_clock() > _window_end:
            ask_governor(True)
        else:
            _latest_end = _window_end + LATEST
    return team()


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
