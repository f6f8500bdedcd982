/* One row times packed panels of a matrix: what a Linear layer does with a single sample. Every weight is read once, so
   the memory sets the pace; four panels (eight vectors) side by side keep enough additions in flight to follow it. */
#ifndef TINYDL_ROW_H
#define TINYDL_ROW_H

#include "src/partial.h"

/* y (n_panels panels of V vectors, `lanes` elements) = x (K) times panels, each (K, V, LANES), `stride` elements apart,
   plus bias; with `clamp` at least 0. Sums are taken over `depth` terms at a time, as the tiles take them. */
TD_INLINE void td_row_body(const float *x, ptrdiff_t K, ptrdiff_t depth, const float *panels, ptrdiff_t stride,
                           const float *bias, int clamp, float *y, ptrdiff_t lanes, const int NP, const int V) {
    td_vf total[8];
    TD_UNROLL for (int i = 0; i < NP * V; i++) total[i] = (td_vf){0};
    for (ptrdiff_t start = 0; start < K; start += depth) {
        const ptrdiff_t stop = start + depth < K ? start + depth : K;
        td_vf acc[8];
        TD_UNROLL for (int i = 0; i < NP * V; i++) acc[i] = (td_vf){0};
        for (ptrdiff_t k = start; k < stop; k++) {
            const float *at = panels + k * V * TD_LANES_F;
            TD_UNROLL for (int p = 0; p < NP; p++) {
                TD_UNROLL for (int v = 0; v < V; v++)
                    acc[p * V + v] += x[k] * td_load_f(at + p * stride + v * TD_LANES_F);
            }
        }
        if (start == 0 && bias) {
            TD_UNROLL for (int i = 0; i < NP * V; i++) acc[i] += td_load_f(bias + i * TD_LANES_F);
        }
        TD_UNROLL for (int i = 0; i < NP * V; i++) total[i] += acc[i];
    }
    TD_UNROLL for (int i = 0; i < NP * V; i++) {
        const td_vf r = clamp ? td_clamp_f(total[i]) : total[i];
        const ptrdiff_t left = lanes - i * TD_LANES_F;
        if (left >= TD_LANES_F) td_store_f(y + i * TD_LANES_F, r);
        else td_store_n_f(y + i * TD_LANES_F, r, left);
    }
}

static void td_row_product(const float *x, ptrdiff_t K, ptrdiff_t depth, const float *panels, ptrdiff_t stride,
                           ptrdiff_t n_panels, ptrdiff_t vectors, const float *bias, int clamp, float *y,
                           ptrdiff_t lanes) {
    if (vectors == 1) td_row_body(x, K, depth, panels, stride, bias, clamp, y, lanes, 1, 1);
    else if (n_panels == 4) td_row_body(x, K, depth, panels, stride, bias, clamp, y, lanes, 4, 2);
    else if (n_panels == 3) td_row_body(x, K, depth, panels, stride, bias, clamp, y, lanes, 3, 2);
    else if (n_panels == 2) td_row_body(x, K, depth, panels, stride, bias, clamp, y, lanes, 2, 2);
    else td_row_body(x, K, depth, panels, stride, bias, clamp, y, lanes, 1, 2);
}

#endif
