"""The most multiply-adds a second that the cores do at this ISA level: the unit in which the bench reports kernels.

A peak computed from the clock rate would be wrong: clocks change with the temperature, with the cores in use and with
the width of the vectors. So it is measured, in the same process and the same minute as the kernel.
"""

import time

from cython.parallel cimport prange
from tinydl._core.memory cimport Block
from tinydl._core.parallel cimport check_team

cdef extern from "src/peak.h" nogil:
    double td_fma_rounds(Py_ssize_t n, float *sink) noexcept

cdef enum:
    ROUNDS = 200000     # of one reading: about a millisecond, long beside the start of a parallel region
    APART = 16          # elements between the results of two threads: a cache line each


cdef double one_reading(float *sinks, int n_threads) noexcept nogil:
    """Floating-point operations of one reading of all threads."""
    cdef int thread
    cdef double work = 0
    for thread in prange(n_threads, num_threads=n_threads, schedule="static"):
        # Whole numbers far below 2**53: their sum is exact in any order.
        work += td_fma_rounds(ROUNDS, &sinks[thread * APART])
    return work


def fma_peak(double seconds, int n_threads, /):
    """Largest float32 multiply-add rate (FLOP/s) seen in `seconds` on `n_threads` cores.

    The largest, not the mean: whatever else runs on the machine only ever lowers a reading.
    """
    check_team(n_threads)
    cdef Block sinks = Block(n_threads * APART * sizeof(float))
    cdef double best = 0, work, start, begin = time.perf_counter()
    while True:
        start = time.perf_counter()
        work = one_reading(<float *> sinks.address, n_threads)
        best = max(best, work / (time.perf_counter() - start))
        if not time.perf_counter() - begin < seconds:
            return best
