# The loop that takes means over a run of windows, for a frozen network's step.

from tinydl._core.pool.loops cimport td_pool_loop

cdef td_pool_loop mean_loop(int dtype_num) noexcept
