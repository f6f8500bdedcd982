/* Tiles of convolutions with one input channel, stride 1 and filters for at most half a vector (the first layer of
   LeNet), float32: two neighbouring pixels share a vector, or most of its lanes would be idle.

   Lane 2*o + s belongs to output channel o of pixel q + s. Of a weight lanes 2*o and 2*o + 1 hold w[o], of the input
   all even lanes hold x[q + k] and all odd ones x[q + 1 + k], which one broadcast of 8 bytes loads. A tile then takes
   half the FMAs of the pixels tile, each with the same operands: an output has the same bits from both. With 6 of 16
   lanes in use twice it reaches 39 % of the peak in place of 23 %. */
#ifndef TINYDL_PAIRS_H
#define TINYDL_PAIRS_H

#include "src/tile.h"

#define TD_PAIRS (VB >= 32) /* SSE2 has no permutation by index */

/* Hides how an index changes: GCC would keep what a step loads for the next but one, in more registers than there are. */
#define TD_OPAQUE(k) __asm__("" : "+r"(k))

/* As doubles: in a general register the eight bytes would have a long way to the lanes. */
TD_INLINE td_vf td_pair(const float *p) {
    double both;
    memcpy(&both, p, sizeof(both));
#if VB == 64
    return (td_vf)(td_vd){both, both, both, both, both, both, both, both};
#elif VB == 32
    return (td_vf)(td_vd){both, both, both, both};
#else
    return (td_vf)(td_vd){both, both};
#endif
}

/* Lane numbers by which memory (pixel by pixel) becomes lanes (channel by channel): lane 2*o + s takes s*O + o; and
   back. Lanes beyond 2*O take themselves. */
TD_INLINE td_vi32 td_to_lanes(ptrdiff_t O) {
    td_vi32 from = {0};
    for (int l = 0; l < TD_LANES_F; l++) from[l] = (int32_t)(l < 2 * O ? (l & 1) * O + (l >> 1) : l);
    return from;
}
TD_INLINE td_vi32 td_to_memory(ptrdiff_t O) {
    td_vi32 from = {0};
    for (int l = 0; l < TD_LANES_F; l++) from[l] = (int32_t)(l < O ? 2 * l : l < 2 * O ? 2 * (l - O) + 1 : l);
    return from;
}

/* NB runs of 2*G pixels from src + a[j] to dst + d[j], `O` elements a pixel; otherwise as the pixels tile. */
TD_INLINE void td_pairs_pixels_body(const float *src, const ptrdiff_t *a, const ptrdiff_t *row, ptrdiff_t n_rows,
                                    ptrdiff_t K, const float *b, ptrdiff_t ldb, float *dst, const ptrdiff_t *d,
                                    ptrdiff_t O, const td_epilogue_f *e, td_vi32 to_memory, const int NB, const int G) {
    td_vf acc[28];
    td_vi32 twice;
    TD_UNROLL for (int l = 0; l < VB / 4; l++) twice[l] = l / 2;
    TD_UNROLL for (int i = 0; i < NB * G; i++) acc[i] = (td_vf){0};
    for (ptrdiff_t r = 0; r < n_rows; r++) {
        const float *p[7];
        TD_UNROLL for (int j = 0; j < NB; j++) p[j] = src + row[r] + a[j];
        for (ptrdiff_t k = 0; k < K; k++) {
            TD_OPAQUE(k);
            const td_vf w = TD_PERMUTE(td_load_f(b), twice);
            b += ldb;
            TD_UNROLL for (int j = 0; j < NB; j++) {
                TD_UNROLL for (int g = 0; g < G; g++) acc[j * G + g] += td_pair(p[j] + k + 2 * g) * w;
            }
        }
    }
    const td_vf bias = e->bias ? TD_PERMUTE(td_load_f(e->bias), twice) : (td_vf){0};
    TD_UNROLL for (int j = 0; j < NB; j++) {
        TD_UNROLL for (int g = 0; g < G; g++) {
            td_vf y = acc[j * G + g];
            if (e->bias) y += bias;
            if (e->clamp) y = td_clamp_f(y);
            td_store_n_f(dst + d[j] + 2 * g * O, TD_PERMUTE(y, to_memory), 2 * O);
        }
    }
}

/* nb groups of `group` (2 or 4) pixels; nb up to TD_MAX_NB. */
static void td_pairs_pixels(ptrdiff_t nb, ptrdiff_t group, const float *src, const ptrdiff_t *a, const ptrdiff_t *row,
                            ptrdiff_t n_rows, ptrdiff_t K, const float *b, ptrdiff_t ldb, float *dst,
                            const ptrdiff_t *d, ptrdiff_t O, const td_epilogue_f *e) {
    const td_vi32 to_memory = td_to_memory(O);
#define TD_RUN(NB, G, V)                                                                                               \
    if (nb == NB && group == 2 * G)                                                                                    \
        return td_pairs_pixels_body(src, a, row, n_rows, K, b, ldb, dst, d, O, e, to_memory, NB, G);
    TD_FOR_NB(TD_RUN, 1, 1)
    TD_FOR_NB(TD_RUN, 2, 1)
#undef TD_RUN
}

/* dw (+)= the outer products of a pixel range with an even number of columns, x_col 1 and dy_col O; otherwise as the
   outer tile. Even and odd pixels are summed apart and added at the end. */
TD_INLINE void td_pairs_outer_body(const float *x, ptrdiff_t x_base, const float *dy, const td_pixel_range_f *n,
                                   float *dw, ptrdiff_t ldw, ptrdiff_t dw_base, ptrdiff_t O, ptrdiff_t accumulate,
                                   const int NB, const int M) {
    const td_vi32 to_lanes = td_to_lanes(O);
    td_vi32 even, odd;
    td_vf acc[28];
    TD_UNROLL for (int l = 0; l < VB / 4; l++) {
        even[l] = 2 * l % (VB / 4);
        odd[l] = even[l] + 1;
    }
    TD_UNROLL for (int i = 0; i < NB * M; i++) acc[i] = (td_vf){0};
    for (ptrdiff_t image = 0; image < n->n_images; image++) {
        for (ptrdiff_t r = 0; r < n->n_rows; r++) {
            const float *p = x + image * n->x_image + r * n->x_row, *g = dy + image * n->dy_image + r * n->dy_row;
            for (ptrdiff_t q = 0; q < n->n_cols; q += 2) {
                const td_vf w = TD_PERMUTE(td_load_n_f(g, 2 * O), to_lanes);
                TD_UNROLL for (int j = 0; j < NB; j++) {
                    TD_UNROLL for (int i = 0; i < M; i++) acc[j * M + i] += td_pair(p + j * x_base + i) * w;
                }
                p += 2;
                g += 2 * O;
            }
        }
    }
    TD_UNROLL for (int j = 0; j < NB; j++) {
        TD_UNROLL for (int i = 0; i < M; i++) {
            float *at = dw + j * dw_base + i * ldw;
            td_vf sum = TD_PERMUTE(acc[j * M + i], even) + TD_PERMUTE(acc[j * M + i], odd);
            if (accumulate) sum += td_load_n_f(at, O);
            td_store_n_f(at, sum, O);
        }
    }
}

/* Runs the tile of n_rows filter rows of `size` entries and returns 1 where there is one. */
static int td_pairs_outer(ptrdiff_t n_rows, ptrdiff_t size, const float *x, ptrdiff_t x_base, const float *dy,
                          const td_pixel_range_f *n, float *dw, ptrdiff_t ldw, ptrdiff_t dw_base, ptrdiff_t O,
                          ptrdiff_t accumulate) {
#define TD_RUN(NB, M, V)                                                                                               \
    if (V == 1 && n_rows == NB && size == M) {                                                                         \
        td_pairs_outer_body(x, x_base, dy, n, dw, ldw, dw_base, O, accumulate, NB, M);                                 \
        return 1;                                                                                                      \
    }
    TD_FOR_ROWS(TD_RUN)
#undef TD_RUN
    return 0;
}

#endif
