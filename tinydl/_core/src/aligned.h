/* Aligned allocation on every platform; large blocks ask for huge pages, which spare the kernels TLB misses. */
#ifndef TINYDL_ALIGNED_H
#define TINYDL_ALIGNED_H

#include <stdlib.h>

#if defined(_WIN32)
#include <malloc.h>
static inline void *td_aligned_alloc(size_t alignment, size_t size) { return _aligned_malloc(size, alignment); }
static inline void td_aligned_free(void *block) { _aligned_free(block); }
static inline void td_return_memory(void) {}
#else
#if defined(__linux__)
#include <sys/mman.h>
#endif
static inline void *td_aligned_alloc(size_t alignment, size_t size) {
    void *block = NULL;
    const size_t huge = (size_t)2 << 20;
    if (posix_memalign(&block, size >= huge ? huge : alignment, size) != 0) return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (size >= huge) (void)madvise(block, size, MADV_HUGEPAGE);
#endif
    return block;
}
static inline void td_aligned_free(void *block) { free(block); }
/* Freed blocks go back to the system; glibc would keep those that lie below others. */
#if defined(__GLIBC__)
#include <malloc.h>
static inline void td_return_memory(void) { (void)malloc_trim(0); }
#else
static inline void td_return_memory(void) {}
#endif
#endif

#endif
