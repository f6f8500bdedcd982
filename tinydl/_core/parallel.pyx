"""The one door to OpenMP: thread counts and fork safety.

The number of threads is a setting of this module; kernels get it as an argument and hand it to their region, so that
no call ever changes another library's OpenMP state.
"""

from cython.parallel cimport parallel

cdef extern from "src/openmp.h" nogil:
    int td_has_openmp() noexcept
    int td_thread_num() noexcept
    int td_num_threads_in_team() noexcept
    int td_pause() noexcept
    int td_register_fork_handler(void (*child)() noexcept) noexcept

cdef extern from "src/cpu.h" nogil:
    int td_cpu_supports(const char *level) noexcept

cdef int _n_threads = 1
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
    n = team(n)
    _n_threads = n if td_has_openmp() else 1


def get_num_threads():
    """Team size of the next kernel: 1 in a child that C code forked."""
    return 1 if _forked_from_c else _n_threads


def team_size(int n):
    """Number of threads a region that asks for `n` really gets."""
    cdef int n_threads = team(n), obtained = 1
    cdef int *out = &obtained
    if _forked_from_c:
        return 1
    with nogil, parallel(num_threads=n_threads):
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


def cpu_supports(str level):
    """Whether this CPU and its operating system run the ISA level `level`."""
    return bool(td_cpu_supports(level.encode()))
