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

/* Whole vectors, and the first n lanes of one (the others read as zero and are not written). The vector extensions have
   no masks, so the partial forms are intrinsics where the ISA has them: a copy of variable length is a function call. */
TD_INLINE td_vf td_load_f(const float *p) { return *(const td_vf_u *)p; }
TD_INLINE td_vd td_load_d(const double *p) { return *(const td_vd_u *)p; }
TD_INLINE void td_store_f(float *p, td_vf x) { *(td_vf_u *)p = x; }
TD_INLINE void td_store_d(double *p, td_vd x) { *(td_vd_u *)p = x; }

#if defined(__AVX512F__)
#include <immintrin.h>
#define TD_MASK(n) ((1u << (n)) - 1)
TD_INLINE td_vf td_load_n_f(const float *p, ptrdiff_t n) { return (td_vf)_mm512_maskz_loadu_ps(TD_MASK(n), p); }
TD_INLINE td_vd td_load_n_d(const double *p, ptrdiff_t n) { return (td_vd)_mm512_maskz_loadu_pd(TD_MASK(n), p); }
TD_INLINE void td_store_n_f(float *p, td_vf x, ptrdiff_t n) { _mm512_mask_storeu_ps(p, TD_MASK(n), (__m512)x); }
TD_INLINE void td_store_n_d(double *p, td_vd x, ptrdiff_t n) { _mm512_mask_storeu_pd(p, TD_MASK(n), (__m512d)x); }
#elif defined(__AVX2__)
#include <immintrin.h>
static const int32_t td_mask_table[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
#define TD_MASK_F(n) _mm256_loadu_si256((const __m256i *)(td_mask_table + 8 - (n)))
#define TD_MASK_D(n) _mm256_loadu_si256((const __m256i *)(td_mask_table + 8 - 2 * (n)))
TD_INLINE td_vf td_load_n_f(const float *p, ptrdiff_t n) { return (td_vf)_mm256_maskload_ps(p, TD_MASK_F(n)); }
TD_INLINE td_vd td_load_n_d(const double *p, ptrdiff_t n) { return (td_vd)_mm256_maskload_pd(p, TD_MASK_D(n)); }
TD_INLINE void td_store_n_f(float *p, td_vf x, ptrdiff_t n) { _mm256_maskstore_ps(p, TD_MASK_F(n), (__m256)x); }
TD_INLINE void td_store_n_d(double *p, td_vd x, ptrdiff_t n) { _mm256_maskstore_pd(p, TD_MASK_D(n), (__m256d)x); }
#else
TD_INLINE td_vf td_load_n_f(const float *p, ptrdiff_t n) {
    td_vf x = {0};
    memcpy(&x, p, (size_t)n * sizeof(float));
    return x;
}
TD_INLINE td_vd td_load_n_d(const double *p, ptrdiff_t n) {
    td_vd x = {0};
    memcpy(&x, p, (size_t)n * sizeof(double));
    return x;
}
TD_INLINE void td_store_n_f(float *p, td_vf x, ptrdiff_t n) { memcpy(p, &x, (size_t)n * sizeof(float)); }
TD_INLINE void td_store_n_d(double *p, td_vd x, ptrdiff_t n) { memcpy(p, &x, (size_t)n * sizeof(double)); }
#endif

#endif
