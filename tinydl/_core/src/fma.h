/* a*b + c in one rounding where the ISA level has it, of vectors and (one) of elements.

   Compilers contract by themselves, and where two products are added, or one is used in two sums, each has a choice of its
   own. What is written with these has the same bits from all of them; a product that is added to it is rounded. */
#ifndef TINYDL_FMA_H
#define TINYDL_FMA_H

#include "src/intrinsics.h"
#include "src/vector.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__FMA__) || defined(__aarch64__)
TD_INLINE float td_fma_one_f(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
TD_INLINE double td_fma_one_d(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else
TD_INLINE float td_fma_one_f(float a, float b, float c) { return a * b + c; }
TD_INLINE double td_fma_one_d(double a, double b, double c) { return a * b + c; }
#endif

TD_INLINE td_vf td_fma_f(td_vf a, td_vf b, td_vf c) {
#if defined(__AVX512F__)
    return (td_vf)TD_X86(__builtin_ia32_vfmaddps512_mask(a, b, c, -1, TD_ROUNDING),
                         _mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c));
#elif defined(__FMA__)
    return (td_vf)TD_X86(__builtin_ia32_vfmaddps256(a, b, c),
                         _mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c));
#elif defined(__aarch64__)
    return (td_vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

TD_INLINE td_vd td_fma_d(td_vd a, td_vd b, td_vd c) {
#if defined(__AVX512F__)
    return (td_vd)TD_X86(__builtin_ia32_vfmaddpd512_mask(a, b, c, -1, TD_ROUNDING),
                         _mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c));
#elif defined(__FMA__)
    return (td_vd)TD_X86(__builtin_ia32_vfmaddpd256(a, b, c),
                         _mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c));
#elif defined(__aarch64__)
    return (td_vd)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
    return a * b + c;
#endif
}

/* The same with a number for a. */
TD_INLINE td_vf td_fma_by_f(float a, td_vf b, td_vf c) { return td_fma_f((td_vf){0} + a, b, c); }

#endif
