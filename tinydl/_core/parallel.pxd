# What a kernel's entry asks before it starts threads.

cdef enum:
    MAX_THREADS = 1024  # a team that cannot be started ends the process, without an exception


cdef inline int check_team(int n_threads) except -1:
    """Raise unless a region can have so many threads: a kernel's scratch holds a part for each, none to spare."""
    if n_threads < 1 or n_threads > MAX_THREADS:
        raise ValueError(f"n_threads must be between 1 and {MAX_THREADS}, got {n_threads}")
    return 0
