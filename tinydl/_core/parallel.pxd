# What a kernel's entry asks before it starts threads, and Cython's view of src/openmp.h.

cdef extern from "src/openmp.h" nogil:
    int td_has_openmp() noexcept
    int td_thread_num() noexcept
    int td_num_threads_in_team() noexcept
    double td_clock() noexcept
    int td_pause() noexcept
    int td_register_fork_handler(void (*child)() noexcept) noexcept
    # Counters that the threads of a region share.
    Py_ssize_t td_next(Py_ssize_t *counter) noexcept
    void td_finish(Py_ssize_t *done, Py_ssize_t n, Py_ssize_t all) noexcept

cdef enum:
    MAX_THREADS = 1024  # a team that cannot be started ends the process, without an exception


cdef inline int check_team(int n_threads) except -1:
    """Raise unless a region can have so many threads: a kernel's scratch holds a part for each, none to spare."""
    if n_threads < 1 or n_threads > MAX_THREADS:
        raise ValueError(f"n_threads must be between 1 and {MAX_THREADS}, got {n_threads}")
    return 0
