"""The one door to OpenMP: thread counts and fork safety.

The number of threads is a setting of this module; kernels get it as an argument and hand it to their region, so that
no call ever changes another library's OpenMP state.
"""

from cython.parallel cimport parallel
from libc.math cimport INFINITY

from tinydl._core.governor import LATEST, WINDOW, Governor

from tinydl._core.lock cimport (
    td_count, td_counted, td_give, td_lock, td_read_double, td_read_int, td_renew, td_take, td_write_double,
    td_write_int,
)

cdef extern from "src/cpu.h" nogil:
    int td_cpu_supports(const char *level) noexcept

cdef extern from "src/team.h" nogil:
    int td_can_start(int n) noexcept

cdef enum:
    MAX_THREADS = 1024  # a team that cannot be started ends the process, without an exception

# Written under the lock. Kernels read the numbers without it: one that is about to change does as well as the new one.
cdef td_lock _lock
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


cdef int check_team(int n_threads) except -1:
    """Raise unless a region can have so many threads: a kernel's scratch holds a part for each, none to spare."""
    if n_threads < 1 or n_threads > MAX_THREADS:
        raise ValueError(f"n_threads must be between 1 and {MAX_THREADS}, got {n_threads}")
    return 0


def has_openmp():
    """Whether this build can use more than one thread."""
    return bool(td_has_openmp())


def set_num_threads(int n, /):
    """Set the team size of later kernels."""
    check_team(n)
    start_governor(n if td_has_openmp() else 1)


cdef int start_governor(int n_threads) except -1:
    """Set the number of threads. The governor before, which another thread may be asking, no longer counts."""
    global _governor
    governor = Governor(n_threads)
    cdef double window = WINDOW
    td_take(&_lock)
    # Names keep both alive: objects end outside of the lock.
    _before, _governor = _governor, governor
    td_write_int(&_n_threads, n_threads)
    td_write_int(&_team, n_threads)
    start_window(window, 0)
    td_give(&_lock)
    return 0


cdef void start_window(double window, double latest) noexcept:
    """Under the lock. window : seconds until it ends; latest : how much longer the end of a step is waited for."""
    cdef double end = td_clock() + window if _n_threads > 1 else INFINITY
    td_write_double(&_window_end, end)
    td_write_double(&_latest_end, end + latest)


cdef int ask_governor(bint stepping) except -1:
    """End a window. The next has no end while that takes, so that one thread asks; an old governor is ignored."""
    cdef int size
    cdef double window = WINDOW, latest = LATEST if stepping else 0
    td_take(&_lock)
    governor = _governor
    # Whether another thread has begun to ask, or has asked, since this one looked at the clock.
    if td_clock() <= (_window_end if stepping else _latest_end):
        td_give(&_lock)
        return 0
    td_write_double(&_window_end, INFINITY)
    td_write_double(&_latest_end, INFINITY)
    td_give(&_lock)
    size = _team
    try:
        size = governor.next_size(td_counted(&_n_calls))
    finally:
        td_take(&_lock)
        if governor is _governor:
            td_write_int(&_team, min(size, _n_threads))
            start_window(window, latest)
        td_give(&_lock)
    return 0


def get_num_threads():
    """The number of threads that was set: 1 in a child that C code forked."""
    return 1 if _forked_from_c else td_read_int(&_n_threads)


def team():
    """Team size of the next kernel: what was set, or fewer threads while other processes hold the cores.

    Every operation asks anew; on a quiet machine a look at the clock is all that it costs.
    """
    if _forked_from_c:
        return 1
    td_count(&_n_calls)
    if td_read_int(&_n_threads) > 1 and td_clock() > td_read_double(&_latest_end):
        ask_governor(False)
    return td_read_int(&_team)


def step_team():
    """As `team`, for what ends a step of a training: windows end here, since what all steps do is the same."""
    cdef double end
    if td_read_int(&_n_threads) > 1 and not _forked_from_c:
        end = td_read_double(&_window_end)
        if td_clock() > end:
            ask_governor(True)
        else:
            td_write_double(&_latest_end, end + <double> LATEST)
    return team()


def team_size(int n, /):
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


def start_team(int n, /):
    """Start the threads of a team of `n` now: a kernel that could not start them would end the process.

    Tried with threads of the usual size, one more than the team needs. Each of Python's threads has
    a team of its own.
    """
    check_team(n)
    cdef bint can
    if not td_has_openmp() or _forked_from_c:
        return
    with nogil:
        can = td_can_start(n)
    if not can:
        raise MemoryError(f"{n} threads cannot be started here (limits of memory or processes); set fewer")
    team_size(n)


def before_fork():
    """Wind up the OpenMP pool so that a forked child starts its own; for os.register_at_fork."""
    global _paused
    _paused = td_pause() == 0


def after_fork():
    """Undo `before_fork`'s mark in parent and child; a child's CPU time starts anew, and so does its governor."""
    global _paused
    _paused = False
    start_governor(_n_threads)


def after_fork_in_child():
    """`after_fork` in the child, where nobody holds the lock."""
    td_renew(&_lock)
    after_fork()


def cpu_supports(str level not None, /):
    """Whether this CPU and its operating system run the ISA level `level`."""
    return bool(td_cpu_supports(level.encode()))
