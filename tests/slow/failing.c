/* An allocator that fails from the k-th request on; allocations.py compiles it and preloads it (glibc). */
#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static long left = -1;      /* requests that still succeed; -1 fails none */
static size_t least;        /* bytes of the smallest request that counts */
static int aligned_only;    /* whether only those of the core's pool count */

void fail_after(long k, size_t bytes, int pool) {
    least = bytes;
    aligned_only = pool;
    __atomic_store_n(&left, k, __ATOMIC_SEQ_CST);
}

long requests_left(void) { return __atomic_load_n(&left, __ATOMIC_SEQ_CST); }

static int fails(size_t bytes, int aligned) {
    long now = requests_left();
    if (now < 0 || bytes < least || (aligned_only && !aligned)) return 0;
    while (now > 0)
        if (__atomic_compare_exchange_n(&left, &now, now - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return 0;
    return now == 0;
}

void *malloc(size_t n) {
    if (fails(n, 0)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(n);
}

void *calloc(size_t m, size_t n) {
    if (fails(m * n, 0)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_calloc(m, n);
}

void *realloc(void *p, size_t n) {
    if (fails(n, 0)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(p, n);
}

int posix_memalign(void **out, size_t alignment, size_t n) {
    if (fails(n, 1)) return ENOMEM;
    void *block = __libc_memalign(alignment, n);
    if (block == NULL) return ENOMEM;
    *out = block;
    return 0;
}
