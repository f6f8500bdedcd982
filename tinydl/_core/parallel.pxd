# What a kernel's entry asks before it starts threads.

cdef enum:
    MAX_THREADS = 1024  # a team that cannot be started ends the process, without an exception


cdef inline int checked_team(int n_threads) except -1:
    """`n_threads`, checked: a kernel's scratch holds one part for each of them, and a region gets exactly so many."""
    if n_threads < 1 or n_threads > MAX_THREADS:
        raise ValueError(f"n_threads must be between 1 and {MAX_THREADS}, got {n_threads}")
    return n_threads
