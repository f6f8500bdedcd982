/* OpenMP's functions, or what they mean in a serial build; and the fork handler. */
#ifndef TINYDL_OPENMP_H
#define TINYDL_OPENMP_H

#include <stddef.h>

#ifdef _OPENMP
#include <omp.h>
static inline int td_has_openmp(void) { return 1; }
static inline int td_thread_num(void) { return omp_get_thread_num(); }
static inline int td_num_threads_in_team(void) { return omp_get_num_threads(); }
static inline void td_barrier(void) {
#pragma omp barrier
}
#if _OPENMP >= 201811
static inline int td_pause(void) { return omp_pause_resource_all(omp_pause_hard); }
#else
static inline int td_pause(void) { return 1; }
#endif
#else
static inline int td_has_openmp(void) { return 0; }
static inline int td_thread_num(void) { return 0; }
static inline int td_num_threads_in_team(void) { return 1; }
static inline void td_barrier(void) {}
static inline int td_pause(void) { return 0; }
#endif

/* The number this call is the next to get, counted from zero by all threads together. */
static inline ptrdiff_t td_next(ptrdiff_t *counter) { return __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

#if defined(_WIN32)
static inline int td_register_fork_handler(void (*child)(void)) { (void)child; return 0; }
#else
#include <pthread.h>
static inline int td_register_fork_handler(void (*child)(void)) { return pthread_atfork(NULL, NULL, child); }
#endif

#endif
