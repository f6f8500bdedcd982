/* Vectors of the ISA level this file is compiled for, as GCC/Clang vector extensions, and what every kernel needs.

   VB is the width in bytes. Loads and stores go through types of alignment one element, so that any address works;
   aligned data is as fast as with aligned types. */
#ifndef TINYDL_VECTOR_H
#define TINYDL_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define VB 64
#elif defined(__AVX2__)
#define VB 32
#else
#define VB 16
#endif

typedef float td_vf __attribute__((vector_size(VB)));
typedef double td_vd __attribute__((vector_size(VB)));
typedef int32_t td_vi32 __attribute__((vector_size(VB)));
typedef int64_t td_vi64 __attribute__((vector_size(VB)));
typedef float td_vf_u __attribute__((vector_size(VB), aligned(4), may_alias));
typedef double td_vd_u __attribute__((vector_size(VB), aligned(8), may_alias));

#define TD_LANES_F ((ptrdiff_t)(VB / sizeof(float)))
#define TD_LANES_D ((ptrdiff_t)(VB / sizeof(double)))
#define TD_INLINE static inline __attribute__((always_inline))
#define TD_UNROLL _Pragma("GCC unroll 32")

/* Iterations touch only their own element, so an output may be an input itself. */
#if defined(__clang__)
#define TD_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define TD_INDEPENDENT _Pragma("GCC ivdep")
#endif

/* Denormals cost 5-30 times the time of normal numbers, so each task runs with flush-to-zero and restores the caller's
   mode: other threads and libraries never see it. */
#if defined(__SSE2__)
#include <xmmintrin.h>
TD_INLINE unsigned int td_flush_denormals(void) {
    unsigned int saved = _mm_getcsr();
    _mm_setcsr(saved | 0x8040u);
    return saved;
}
TD_INLINE void td_restore_denormals(unsigned int saved) { _mm_setcsr(saved); }
#elif defined(__aarch64__)
TD_INLINE unsigned int td_flush_denormals(void) {
    uint64_t saved;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" : : "r"(saved | (1u << 24)));
    return (unsigned int)saved;
}
TD_INLINE void td_restore_denormals(unsigned int saved) {
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)saved));
}
#else
TD_INLINE unsigned int td_flush_denormals(void) { return 0; }
TD_INLINE void td_restore_denormals(unsigned int saved) { (void)saved; }
#endif

#endif
