/* The FMA peak of one core at the ISA level compiled: 2 x latency independent accumulators, nothing else. */
#ifndef TINYDL_PEAK_H
#define TINYDL_PEAK_H

#include "src/vector.h"

#if VB == 64
#define TD_PEAK_ACC 28
#else
#define TD_PEAK_ACC 12
#endif

/* Floating-point operations of `n` rounds; *sink keeps the result alive. */
static double td_fma_rounds(ptrdiff_t n, float *sink) {
    td_vf acc[TD_PEAK_ACC], x = {0}, y = {0};
    x += 0.9999f;
    y += 1e-6f;
    TD_UNROLL for (int i = 0; i < TD_PEAK_ACC; i++) acc[i] = x * (float)i;
    for (ptrdiff_t k = 0; k < n; k++) {
#if defined(__AVX512F__)
        __asm__ volatile("" : "+v"(x), "+v"(y));
#elif defined(__x86_64__)
        __asm__ volatile("" : "+x"(x), "+x"(y));
#endif
        TD_UNROLL for (int i = 0; i < TD_PEAK_ACC; i++) acc[i] = acc[i] * x + y;
    }
    td_vf sum = {0};
    TD_UNROLL for (int i = 0; i < TD_PEAK_ACC; i++) sum += acc[i];
    *sink = sum[0];
    return 2.0 * (double)n * TD_PEAK_ACC * (double)TD_LANES_F;
}

#endif
