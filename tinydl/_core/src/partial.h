/* Loads and stores of whole vectors and of the first lanes of one, and what is done to a vector on the way. */
#ifndef TINYDL_PARTIAL_H
#define TINYDL_PARTIAL_H

#include "src/intrinsics.h"
#include "src/vector.h"

/* Whole vectors, and the first n lanes of one (the others read as zero and are not written). The vector extensions have
   no masks, so the partial forms are intrinsics where the ISA has them: a copy of variable length is a function call. */
TD_INLINE td_vf td_load_f(const float *p) { return *(const td_vf_u *)p; }
TD_INLINE td_vd td_load_d(const double *p) { return *(const td_vd_u *)p; }
TD_INLINE void td_store_f(float *p, td_vf x) { *(td_vf_u *)p = x; }
TD_INLINE void td_store_d(double *p, td_vd x) { *(td_vd_u *)p = x; }

/* max(x, 0); NaN passes */
TD_INLINE td_vf td_clamp_f(td_vf x) { return (td_vf)((td_vi32)x & ~(td_vi32)(x < 0)); }
TD_INLINE td_vd td_clamp_d(td_vd x) { return (td_vd)((td_vi64)x & ~(td_vi64)(x < 0)); }

/* dz where the value of its mask is above 0 (or NaN) */
TD_INLINE td_vf td_kept_f(td_vf dz, td_vf value) { return (td_vf)((td_vi32)dz & ~(td_vi32)(value <= 0)); }
TD_INLINE td_vd td_kept_d(td_vd dz, td_vd value) { return (td_vd)((td_vi64)dz & ~(td_vi64)(value <= 0)); }

/* a where the mask is set, else b */
TD_INLINE td_vf td_choose_f(td_vi32 mask, td_vf a, td_vf b) { return (td_vf)(((td_vi32)a & mask) | ((td_vi32)b & ~mask)); }
TD_INLINE td_vd td_choose_d(td_vi64 mask, td_vd a, td_vd b) { return (td_vd)(((td_vi64)a & mask) | ((td_vi64)b & ~mask)); }

/* Stores past the caches, for results larger than they are: memory need not be read to be overwritten. Other threads see
   them after td_stream_fence. */
#if defined(__AVX512F__)
TD_INLINE void td_stream_f(float *p, td_vf x) {
    TD_X86(__builtin_ia32_movntps512(p, x), _mm512_stream_ps(p, (__m512)x));
}
TD_INLINE void td_stream_d(double *p, td_vd x) {
    TD_X86(__builtin_ia32_movntpd512(p, x), _mm512_stream_pd(p, (__m512d)x));
}
TD_INLINE void td_stream_fence(void) { _mm_sfence(); }
#elif defined(__AVX2__)
TD_INLINE void td_stream_f(float *p, td_vf x) {
    TD_X86(__builtin_ia32_movntps256(p, x), _mm256_stream_ps(p, (__m256)x));
}
TD_INLINE void td_stream_d(double *p, td_vd x) {
    TD_X86(__builtin_ia32_movntpd256(p, x), _mm256_stream_pd(p, (__m256d)x));
}
TD_INLINE void td_stream_fence(void) { _mm_sfence(); }
#else
TD_INLINE void td_stream_f(float *p, td_vf x) { td_store_f(p, x); }
TD_INLINE void td_stream_d(double *p, td_vd x) { td_store_d(p, x); }
TD_INLINE void td_stream_fence(void) {}
#endif

#if defined(__AVX512F__)
#define TD_MASK(n) ((1u << (n)) - 1)
TD_INLINE td_vf td_load_n_f(const float *p, ptrdiff_t n) {
    return (td_vf)TD_X86(__builtin_ia32_loadups512_mask(p, (td_vf){0}, TD_MASK(n)),
                         _mm512_maskz_loadu_ps(TD_MASK(n), p));
}
TD_INLINE td_vd td_load_n_d(const double *p, ptrdiff_t n) {
    return (td_vd)TD_X86(__builtin_ia32_loadupd512_mask(p, (td_vd){0}, TD_MASK(n)),
                         _mm512_maskz_loadu_pd(TD_MASK(n), p));
}
TD_INLINE void td_store_n_f(float *p, td_vf x, ptrdiff_t n) {
    TD_X86(__builtin_ia32_storeups512_mask(p, x, TD_MASK(n)), _mm512_mask_storeu_ps(p, TD_MASK(n), (__m512)x));
}
TD_INLINE void td_store_n_d(double *p, td_vd x, ptrdiff_t n) {
    TD_X86(__builtin_ia32_storeupd512_mask(p, x, TD_MASK(n)), _mm512_mask_storeu_pd(p, TD_MASK(n), (__m512d)x));
}
#elif defined(__AVX2__)
static const int32_t td_mask_table[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
typedef long long td_lanes __attribute__((vector_size(32)));
typedef td_lanes td_lanes_u __attribute__((aligned(4), may_alias));
/* The mask of the first n lanes of 32 bits. */
#define TD_FIRST(n) (*(const td_lanes_u *)(td_mask_table + 8 - (n)))
TD_INLINE td_vf td_load_n_f(const float *p, ptrdiff_t n) {
    return (td_vf)TD_X86(__builtin_ia32_maskloadps256((const td_vf *)p, (td_vi32)TD_FIRST(n)),
                         _mm256_maskload_ps(p, (__m256i)TD_FIRST(n)));
}
TD_INLINE td_vd td_load_n_d(const double *p, ptrdiff_t n) {
    return (td_vd)TD_X86(__builtin_ia32_maskloadpd256((const td_vd *)p, TD_FIRST(2 * n)),
                         _mm256_maskload_pd(p, (__m256i)TD_FIRST(2 * n)));
}
#define TD_LOW_F(x) TD_X86(__builtin_ia32_ps_ps256(x), _mm256_castps256_ps128((__m256)x))
#define TD_HIGH_F(x) TD_X86(__builtin_ia32_vextractf128_ps256(x, 1), _mm256_extractf128_ps((__m256)x, 1))
#define TD_LOW_D(x) TD_X86(__builtin_ia32_pd_pd256(x), _mm256_castpd256_pd128((__m256d)x))
#define TD_HIGH_D(x) TD_X86(__builtin_ia32_vextractf128_pd256(x, 1), _mm256_extractf128_pd((__m256d)x, 1))
/* In parts and not by a masked store, of which AMD's cores finish one in twelve cycles. */
TD_INLINE void td_store_n_f(float *p, td_vf x, ptrdiff_t n) {
    __m128 part = TD_LOW_F(x);
    if (n & 8) {
        td_store_f(p, x);
        return;
    }
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = TD_HIGH_F(x);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (n & 1) _mm_store_ss(p, part);
}
TD_INLINE void td_store_n_d(double *p, td_vd x, ptrdiff_t n) {
    __m128d part = TD_LOW_D(x);
    if (n & 4) {
        td_store_d(p, x);
        return;
    }
    if (n & 2) {
        _mm_storeu_pd(p, part);
        part = TD_HIGH_D(x);
        p += 2;
    }
    if (n & 1) _mm_store_sd(p, part);
}
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
