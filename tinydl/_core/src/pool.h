/* The window loops of pooling in both element types; see pool_template.h. */
#ifndef TINYDL_POOL_H
#define TINYDL_POOL_H

#include "src/bend.h"
#include "src/intrinsics.h"
#include "src/operands.h"

/* Winner codes: one integer lane per value lane, stored as uint8 or int32. */
typedef uint8_t td_codes8_f __attribute__((vector_size(VB / 4)));
typedef uint8_t td_codes8_d __attribute__((vector_size(VB / 8)));
typedef int32_t td_codes32_f __attribute__((vector_size(VB)));
typedef int32_t td_codes32_d __attribute__((vector_size(VB / 2)));
typedef int64_t td_two __attribute__((vector_size(16)));
typedef char td_bytes __attribute__((vector_size(16)));

/* Conversions of codes. GCC takes 8-bit lanes to 32-bit ones and back one by one; x86 has an instruction for it. */
TD_INLINE td_vi32 td_widen_f(td_codes8_f x) {
#if defined(__AVX512F__)
    return (td_vi32)TD_X86(__builtin_ia32_pmovzxbd512_mask((td_bytes)x, (td_vi32){0}, -1),
                           _mm512_cvtepu8_epi32((__m128i)x));
#elif defined(__AVX2__)
    const td_two both = {(int64_t)x, 0};
    return (td_vi32)TD_X86(__builtin_ia32_pmovzxbd256((td_bytes)both), _mm256_cvtepu8_epi32((__m128i)both));
#elif defined(__SSE4_1__)
    return (td_vi32)_mm_cvtepu8_epi32(_mm_cvtsi32_si128((int32_t)x));
#else
    return __builtin_convertvector(x, td_vi32);
#endif
}

TD_INLINE td_codes8_f td_narrow_f(td_vi32 x) {
#if defined(__AVX512F__)
    return (td_codes8_f)TD_X86(__builtin_ia32_pmovdb512_mask(x, (td_bytes){0}, -1),
                               _mm512_cvtepi32_epi8((__m512i)x));
#elif defined(__AVX2__)
    const __m128i low = (__m128i)TD_X86(__builtin_ia32_si_si256(x), _mm256_castsi256_si128((__m256i)x));
    const __m128i high = (__m128i)TD_X86(__builtin_ia32_extract128i256((td_lanes)x, 1),
                                         _mm256_extracti128_si256((__m256i)x, 1));
    const __m128i words = _mm_packus_epi32(low, high);
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
   known by. Means divide by the product of both axes' `count`. */
typedef struct {
    ptrdiff_t start, step, n, count;
    int64_t code, code_step;
} td_span;

/* What the loops of one call share. Forward kernels read x and write y, backward ones read dy and write dx. */
typedef struct {
    const void *src;
    void *dst;
    void *codes;           /* numbers of the winners, laid out as y; NULL: nobody asks */
    td_map on_x;           /* of a maximum; its vectors are padded to whole lanes */
    const void *row_share, *col_share; /* 1 / count of each window along its axis, of a mean's gradient */
    ptrdiff_t C, row;      /* channels, elements of a row of src */
    ptrdiff_t step;        /* elements of src between the windows of two neighbours in a run */
    ptrdiff_t tile;        /* width of windows that lie side by side without padding; else 0 */
    ptrdiff_t wide;        /* codes are int32, not uint8 */
} td_pool;

/* `count` positions of dst side by side, whose windows differ by a shift only. */
typedef struct {
    const td_span *rows, *cols; /* of the first */
    ptrdiff_t src, dst;         /* element of the first tap, element of the first position */
    ptrdiff_t count;
    ptrdiff_t whole;            /* vectors need not be cut at the end of a position's channels */
} td_pool_run;

typedef void (*td_pool_loop)(const td_pool *pool, const td_pool_run *run);

/* A window as its loop reads it: nr x nc taps, `row` and `col` elements apart. */
typedef struct {
    ptrdiff_t row, col, nr, nc;
    int64_t code, code_row, code_col;
} td_taps;

TD_INLINE td_taps td_taps_of(const td_pool *pool, const td_pool_run *run) {
    const td_span *r = run->rows, *q = run->cols;
    return (td_taps){pool->row * r->step, pool->C * q->step, r->n, q->n, r->code + q->code, r->code_step, q->code_step};
}

/* The same window where it is known to be nr x nc: the compiler then unrolls it. */
TD_INLINE td_taps td_taps_known(td_taps taps, const ptrdiff_t nr, const ptrdiff_t nc) {
    taps.nr = nr;
    taps.nc = nc;
    return taps;
}

/* What a loop has to do besides; constants in the common cases. */
enum { TD_AFFINE = 1, TD_RELU = 2, TD_WIDE = 4, TD_WHOLE = 8, TD_CODED = 16, TD_LEAKY = 32 };

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

/* The loops of float and of double. */
static const td_pool_loop td_max_row[] = {td_max_row_f, td_max_row_d};
static const td_pool_loop td_max_gather[] = {td_max_gather_f, td_max_gather_d};
static const td_pool_loop td_max_tiles[] = {td_max_tiles_f, td_max_tiles_d};
static const td_pool_loop td_mean_row[] = {td_mean_row_f, td_mean_row_d};
static const td_pool_loop td_mean_gather[] = {td_mean_gather_f, td_mean_gather_d};
static const td_pool_loop td_mean_tiles[] = {td_mean_tiles_f, td_mean_tiles_d};

#endif
