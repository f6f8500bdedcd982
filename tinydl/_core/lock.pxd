# Cython's view of src/lock.h: the lock of what the core keeps for all threads of Python.

cdef extern from "src/lock.h" nogil:
    ctypedef struct td_lock:
        pass
    void td_take(td_lock *lock) noexcept
    void td_give(td_lock *lock) noexcept
    void td_renew(td_lock *lock) noexcept
    int td_read_int(const int *x) noexcept
    void td_write_int(int *x, int value) noexcept
    double td_read_double(const double *x) noexcept
    void td_write_double(double *x, double value) noexcept
    Py_ssize_t td_count(Py_ssize_t *n) noexcept
    Py_ssize_t td_counted(const Py_ssize_t *n) noexcept
