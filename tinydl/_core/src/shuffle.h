/* Lanes of one vector by an index vector, and the exchange of lanes between two.

   GCC's vector extension takes any index, Clang's literal ones only. Exchanges are therefore written with literals, which
   both make a single instruction of, and a permutation is an intrinsic for Clang. */
#ifndef TINYDL_SHUFFLE_H
#define TINYDL_SHUFFLE_H

#include "src/vector.h"

#if defined(__AVX2__) && defined(__clang__)
#include <immintrin.h>
#endif

/* y[l] = a[lane[l]] */
TD_INLINE td_vf td_permute_f(td_vf a, td_vi32 lane) {
#if !defined(__clang__)
    return __builtin_shuffle(a, lane);
#elif defined(__AVX512F__)
    return (td_vf)_mm512_permutexvar_ps((__m512i)lane, (__m512)a);
#elif defined(__AVX2__)
    return (td_vf)_mm256_permutevar8x32_ps((__m256)a, (__m256i)lane);
#else
    td_vf y;
    TD_UNROLL for (int l = 0; l < VB / 4; l++) y[l] = a[lane[l]];
    return y;
#endif
}

#if defined(__clang__)
#define TD_SHUFFLE(VI, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define TD_SHUFFLE(VI, a, b, ...) __builtin_shuffle(a, b, (VI){__VA_ARGS__})
#endif

/* Where lane l of an exchange comes from, n lanes of a followed by n of b. Low keeps the lanes of a whose number lacks the
   bit h and takes those of b in place of the others; high is its counterpart. */
#define TD_LOW(l, h, n) ((l) & (h) ? (n) + (l) - (h) : (l))
#define TD_HIGH(l, h, n) (((l) & (h) ? (n) + (l) : (l) + (h)) % (2 * (n)))

#define TD_LIST_2(FROM, h, n) FROM(0, h, n), FROM(1, h, n)
#define TD_LIST_4(FROM, h, n) TD_LIST_2(FROM, h, n), FROM(2, h, n), FROM(3, h, n)
#define TD_LIST_8(FROM, h, n) TD_LIST_4(FROM, h, n), FROM(4, h, n), FROM(5, h, n), FROM(6, h, n), FROM(7, h, n)
#define TD_LIST_16(FROM, h, n)                                                                                         \
    TD_LIST_8(FROM, h, n), FROM(8, h, n), FROM(9, h, n), FROM(10, h, n), FROM(11, h, n), FROM(12, h, n),               \
        FROM(13, h, n), FROM(14, h, n), FROM(15, h, n)

#if VB == 64
#define TD_LIST_F TD_LIST_16
#define TD_LIST_D TD_LIST_8
#elif VB == 32
#define TD_LIST_F TD_LIST_8
#define TD_LIST_D TD_LIST_4
#else
#define TD_LIST_F TD_LIST_4
#define TD_LIST_D TD_LIST_2
#endif

/* h is a power of two below the number of lanes, and a constant after inlining. */
#define TD_EXCHANGE(NAME, VT, VI, LIST, FROM, n)                                                                       \
    TD_INLINE VT NAME(VT a, VT b, const int h) {                                                                       \
        switch (h) {                                                                                                   \
        case 8: return TD_SHUFFLE(VI, a, b, LIST(FROM, 8, n));                                                         \
        case 4: return TD_SHUFFLE(VI, a, b, LIST(FROM, 4, n));                                                         \
        case 2: return TD_SHUFFLE(VI, a, b, LIST(FROM, 2, n));                                                         \
        default: return TD_SHUFFLE(VI, a, b, LIST(FROM, 1, n));                                                        \
        }                                                                                                              \
    }

TD_EXCHANGE(td_exchange_low_f, td_vf, td_vi32, TD_LIST_F, TD_LOW, VB / 4)
TD_EXCHANGE(td_exchange_high_f, td_vf, td_vi32, TD_LIST_F, TD_HIGH, VB / 4)
TD_EXCHANGE(td_exchange_low_d, td_vd, td_vi64, TD_LIST_D, TD_LOW, VB / 8)
TD_EXCHANGE(td_exchange_high_d, td_vd, td_vi64, TD_LIST_D, TD_HIGH, VB / 8)

#endif
