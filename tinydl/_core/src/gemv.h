/* A row times a packed matrix: what a Linear layer does with a single sample. Every weight is read once, so the memory
   sets the pace; four panels (eight vectors) side by side keep enough additions in flight to follow it. */
#ifndef TINYDL_GEMV_H
#define TINYDL_GEMV_H

#include "src/partial.h"

/* A matrix (K, O) and a bias as panels of two vectors of columns, one vector at the tail: [panel][K][columns]. */
typedef struct {
    ptrdiff_t K, O;
    const float *panels;
    const float *bias; /* (O) up to a whole vector, or NULL */
    ptrdiff_t relu;    /* results below 0 become 0 */
    ptrdiff_t depth;   /* terms summed before they are added to the result, as the tiles sum them */
} td_packed;

/* y[o .. o + n - 1], n at most NP panels of V vectors. */
TD_INLINE void td_gemv_body(const td_packed *w, const float *x, float *y, ptrdiff_t o, ptrdiff_t n, const int NP,
                            const int V) {
    const ptrdiff_t stride = 2 * TD_LANES_F * w->K;
    td_vf total[8];
    TD_UNROLL for (int i = 0; i < NP * V; i++) total[i] = (td_vf){0};
    for (ptrdiff_t start = 0; start < w->K; start += w->depth) {
        const ptrdiff_t stop = start + w->depth < w->K ? start + w->depth : w->K;
        td_vf acc[8];
        TD_UNROLL for (int i = 0; i < NP * V; i++) acc[i] = (td_vf){0};
        for (ptrdiff_t k = start; k < stop; k++) {
            const float *at = w->panels + o * w->K + k * V * TD_LANES_F;
            TD_UNROLL for (int p = 0; p < NP; p++) {
                TD_UNROLL for (int v = 0; v < V; v++)
                    acc[p * V + v] += x[k] * td_load_f(at + p * stride + v * TD_LANES_F);
            }
        }
        if (start == 0 && w->bias) {
            TD_UNROLL for (int i = 0; i < NP * V; i++) acc[i] += td_load_f(w->bias + o + i * TD_LANES_F);
        }
        TD_UNROLL for (int i = 0; i < NP * V; i++) total[i] += acc[i];
    }
    TD_UNROLL for (int i = 0; i < NP * V; i++) {
        const td_vf r = w->relu ? td_clamp_f(total[i]) : total[i];
        const ptrdiff_t left = n - i * TD_LANES_F;
        if (left >= TD_LANES_F) td_store_f(y + o + i * TD_LANES_F, r);
        else td_store_n_f(y + o + i * TD_LANES_F, r, left);
    }
}

/* y[begin .. end - 1] = [relu](x (K) w + bias); begin is the first column of a panel, end that of another or O. */
static void td_gemv(const td_packed *w, const float *x, float *y, ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t o = begin, n; o < end; o += n) {
        n = end - o;
        /* Of two vectors each; what is left after them is one vector or less. */
        const ptrdiff_t panels = (n + TD_LANES_F - 1) / (2 * TD_LANES_F);
        if (panels > 3) td_gemv_body(w, x, y, o, n = n < 8 * TD_LANES_F ? n : 8 * TD_LANES_F, 4, 2);
        else if (panels == 3) td_gemv_body(w, x, y, o, n = n < 6 * TD_LANES_F ? n : 6 * TD_LANES_F, 3, 2);
        else if (panels == 2) td_gemv_body(w, x, y, o, n = n < 4 * TD_LANES_F ? n : 4 * TD_LANES_F, 2, 2);
        else if (panels == 1) td_gemv_body(w, x, y, o, n = n < 2 * TD_LANES_F ? n : 2 * TD_LANES_F, 1, 2);
        else td_gemv_body(w, x, y, o, n, 1, 1);
    }
}

#endif
