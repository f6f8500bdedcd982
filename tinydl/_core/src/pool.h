/* The window loops of pooling in both element types; see pool_template.h. */
#ifndef TINYDL_POOL_H
#define TINYDL_POOL_H

#include "src/operands.h"
#include "src/channels.h"
#include "src/vector.h"

#if defined(__SSE4_1__)
#include <immintrin.h>
#endif

/* Winner codes: one integer lane per value lane, stored as uint8 or int32. */
typedef uint8_t td_codes8_f __attribute__((vector_size(VB / 4)));
typedef uint8_t td_codes8_d __attribute__((vector_size(VB / 8)));
typedef int32_t td_codes32_f __attribute__((vector_size(VB)));
typedef int32_t td_codes32_d __attribute__((vector_size(VB / 2)));
typedef int64_t td_two __attribute__((vector_size(16)));

/* Conversions of codes. GCC takes 8-bit lanes to 32-bit ones and back one by one; x86 has an instruction for it. */
TD_INLINE td_vi32 td_widen_f(td_codes8_f x) {
#if defined(__AVX512F__)
    return (td_vi32)_mm512_cvtepu8_epi32((__m128i)x);
#elif defined(__AVX2__)
    return (td_vi32)_mm256_cvtepu8_epi32((__m128i)(td_two){(int64_t)x, 0});
#elif defined(__SSE4_1__)
    return (td_vi32)_mm_cvtepu8_epi32(_mm_cvtsi32_si128((int32_t)x));
#else
    return __builtin_convertvector(x, td_vi32);
#endif
}

TD_INLINE td_codes8_f td_narrow_f(td_vi32 x) {
#if defined(__AVX512F__)
    return (td_codes8_f)_mm512_cvtepi32_epi8((__m512i)x);
#elif defined(__AVX2__)
    const __m256i all = (__m256i)x;
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    return (td_codes8_f)((td_two)_mm_packus_epi16(words, words))[0];
#elif defined(__SSE4_1__)
    const __m128i words = _mm_packus_epi32((__m128i)x, (__m128i)x);
    return (td_codes8_f)_mm_cvtsi128_si32(_mm_packus_epi16(words, words));
#else
    return __builtin_convertvector(x, td_codes8_f);
#endif
}

TD_INLINE td_vi64 td_widen_d(td_codes8_d x) { return __builtin_convertvector(x, td_vi64); }
TD_INLINE td_codes8_d td_narrow_d(td_vi64 x) { return __builtin_convertvector(x, td_codes8_d); }

/* Which taps one window has along one axis, or which windows one input position lies in: `n` positions from `start` on,
   `step` apart. The i-th has the code `code` + i * `code_step`: codes of both axes add up to the number a winner is
   known by. */
typedef struct {
    ptrdiff_t start, step, n;
    int64_t code, code_step;
} td_span;

#define T float
#define VT td_vf
#define VU td_vf_u
#define VI td_vi32
#define IT int32_t
#define LANES TD_LANES_F
#define NAME(x) td_##x##_f
#include "src/pool_template.h"
#undef T
#undef VT
#undef VU
#undef VI
#undef IT
#undef LANES
#undef NAME

#define T double
#define VT td_vd
#define VU td_vd_u
#define VI td_vi64
#define IT int64_t
#define LANES TD_LANES_D
#define NAME(x) td_##x##_d
#include "src/pool_template.h"
#undef T
#undef VT
#undef VU
#undef VI
#undef IT
#undef LANES
#undef NAME

#endif
