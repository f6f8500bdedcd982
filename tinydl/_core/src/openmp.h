/* OpenMP's functions, or what they mean in a serial build; and the fork handler. */
#ifndef TINYDL_OPENMP_H
#define TINYDL_OPENMP_H

#include <stddef.h>

#ifdef _OPENMP
#include <omp.h>
static inline int td_has_openmp(void) { return 1; }
static inline int td_thread_num(void) { return omp_get_thread_num(); }
static inline int td_num_threads_in_team(void) { return omp_get_num_threads(); }
static inline double td_clock(void) { return omp_get_wtime(); } /* seconds since some time in the past */
#if _OPENMP >= 201811
static inline int td_pause(void) { return omp_pause_resource_all(omp_pause_hard); }
#else
static inline int td_pause(void) { return 1; }
#endif
#ifdef TD_TEAMS_OF_ONE
/* GCC's way into a region, in whose place tools/compiler.py links this. Its library makes a team of one like any other and
   wakes its threads at the end, two system calls; the region's function does as well by itself, where no team is around it
   whose share of a loop it would get. */
void __real_GOMP_parallel(void (*region)(void *), void *data, unsigned n_threads, unsigned flags);
void __wrap_GOMP_parallel(void (*region)(void *), void *data, unsigned n_threads, unsigned flags) {
    if (n_threads == 1 && omp_get_level() == 0) region(data);
    else __real_GOMP_parallel(region, data, n_threads, flags);
}
#endif
#else
static inline int td_has_openmp(void) { return 0; }
static inline int td_thread_num(void) { return 0; }
static inline int td_num_threads_in_team(void) { return 1; }
static inline double td_clock(void) { return 0; }
static inline int td_pause(void) { return 0; }
#endif

#if defined(_WIN32)
static inline void td_yield(void) {}
#else
#include <sched.h>
static inline void td_yield(void) { sched_yield(); }
#endif

/* The number this call is the next to get, counted from zero by all threads together. */
static inline ptrdiff_t td_next(ptrdiff_t *counter) { return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

/* Count `n` tasks as done, then wait until `all` are. Only tasks that somebody began are waited for, not threads: one
   that the system has not let run yet holds nobody up. Waiting gives way after a few microseconds, in case the thread
   waited for needs this very core. */
static inline void td_finish(ptrdiff_t *done, ptrdiff_t n, ptrdiff_t all) {
    if (n) __atomic_fetch_add(done, n, __ATOMIC_RELEASE);
    for (int spins = 0; __atomic_load_n(done, __ATOMIC_ACQUIRE) < all; spins++) {
        if (spins < 2000) {
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#endif
        } else {
            td_yield();
        }
    }
}

#if defined(_WIN32)
static inline int td_register_fork_handler(void (*child)(void)) { (void)child; return 0; }
#else
#include <pthread.h>
static inline int td_register_fork_handler(void (*child)(void)) { return pthread_atfork(NULL, NULL, child); }
#endif

#endif
