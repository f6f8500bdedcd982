# What a kernel's entry asks before it starts threads (parallel.pyx), and Cython's view of src/openmp.h.

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

cdef int check_team(int n_threads) except -1
