/* What a Python without its global lock needs instead of it; where there is one, these cost nothing. */
#ifndef TINYDL_LOCK_H
#define TINYDL_LOCK_H

#include <Python.h>
#include <stddef.h>

#if defined(Py_GIL_DISABLED)

/* Held for some instructions, in which no Python code runs. A thread that waits for one lets the collector go on. */
typedef PyMutex td_lock;
static inline void td_take(td_lock *lock) { PyMutex_Lock(lock); }
static inline void td_give(td_lock *lock) { PyMutex_Unlock(lock); }

/* In a forked child: of its parent's threads one may have got the lock as it slept. */
static inline void td_renew(td_lock *lock) { *lock = (td_lock){0}; }

/* Numbers that are read without the lock, each by itself: any value that they ever had will do. */
static inline int td_read_int(const int *x) { return __atomic_load_n(x, __ATOMIC_RELAXED); }
static inline void td_write_int(int *x, int value) { __atomic_store_n(x, value, __ATOMIC_RELAXED); }
static inline double td_read_double(const double *x) {
    double value;
    __atomic_load(x, &value, __ATOMIC_RELAXED);
    return value;
}
static inline void td_write_double(double *x, double value) { __atomic_store(x, &value, __ATOMIC_RELAXED); }
static inline ptrdiff_t td_count(ptrdiff_t *n) { return __atomic_add_fetch(n, 1, __ATOMIC_RELAXED); }
static inline ptrdiff_t td_counted(const ptrdiff_t *n) { return __atomic_load_n(n, __ATOMIC_RELAXED); }

#else

typedef char td_lock;
static inline void td_take(td_lock *lock) { (void)lock; }
static inline void td_give(td_lock *lock) { (void)lock; }
static inline void td_renew(td_lock *lock) { (void)lock; }
static inline int td_read_int(const int *x) { return *x; }
static inline void td_write_int(int *x, int value) { *x = value; }
static inline double td_read_double(const double *x) { return *x; }
static inline void td_write_double(double *x, double value) { *x = value; }
static inline ptrdiff_t td_count(ptrdiff_t *n) { return ++*n; }
static inline ptrdiff_t td_counted(const ptrdiff_t *n) { return *n; }

#endif

#endif
