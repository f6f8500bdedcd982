/* Tiles of convolutions with one input channel, stride 1 and filters for at most half a vector (the first layer of
   LeNet), float32: two neighbouring pixels share a vector, or most of its lanes would be idle. Included by tile.h.

   Lane 2*o + s belongs to output channel o of pixel q + s. Of a weight lanes 2*o and 2*o + 1 hold w[o], of the input
   all even lanes hold x[q + k] and all odd ones x[q + 1 + k], which one broadcast of 8 bytes loads. A tile then takes
   half the FMAs of the tile of pixels, each with the same operands: an output has the same bits from both. With 6 of 16
   lanes in use twice it reaches 39 % of the peak in place of 23 %. */
#ifndef TINYDL_TWO_PIXELS_H
#define TINYDL_TWO_PIXELS_H

#include "src/bend.h"
#include "src/shuffle.h"
#include "src/tile_table.h"

#define TD_TWO_PIXELS (VB >= 32) /* SSE2 has no permutation by index */

/* Hides how an index changes: GCC would keep what a step loads for the next but one, in more registers than there are. */
#define TD_OPAQUE(k) __asm__("" : "+r"(k))

/* As doubles: in a general register the eight bytes would have a long way to the lanes. */
TD_INLINE td_vf td_two(const float *p) {
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

/* Whether the runs of a strip can be summed so: neighbours in src and in dst, nothing to add or to sum up. */
TD_INLINE int td_two_pixels_fit(const td_panel_sum *sum, ptrdiff_t run) {
    const td_rectangle *r = sum->pixels;
    return 2 * sum->n <= TD_LANES_F && r->src_col == 1 && run > 1 && r->dst_col == sum->n
        && !sum->epilogue->moments.out && !sum->epilogue->residual;
}

/* NB runs of 2*G pixels from src + a[j] to dst + d[j]. */
TD_INLINE void td_two_pixels_body(const td_panel_sum *sum, const ptrdiff_t *a, const ptrdiff_t *d, td_vi32 to_memory,
                                  const int NB, const int G) {
    const td_epilogue *e = sum->epilogue;
    const ptrdiff_t n_taps = sum->pixels->n_taps, K = sum->pixels->K, ld = sum->ld, O = sum->n;
    const ptrdiff_t *taps = sum->pixels->taps;
    const float *src = sum->src, *b = sum->panel;
    float *dst = sum->dst;
    td_vf acc[28];
    td_vi32 twice;
    TD_UNROLL for (int l = 0; l < VB / 4; l++) twice[l] = l / 2;
    TD_UNROLL for (int i = 0; i < NB * G; i++) acc[i] = (td_vf){0};
    for (ptrdiff_t t = 0; t < n_taps; t++) {
        const float *p[7];
        TD_UNROLL for (int j = 0; j < NB; j++) p[j] = src + taps[t] + a[j];
        for (ptrdiff_t k = 0; k < K; k++) {
            TD_OPAQUE(k);
            const td_vf w = td_permute_f(td_load_f(b), twice);
            b += ld;
            TD_UNROLL for (int j = 0; j < NB; j++) {
                TD_UNROLL for (int g = 0; g < G; g++) acc[j * G + g] += td_two(p[j] + k + 2 * g) * w;
            }
        }
    }
    const td_vf bias = e->bias ? td_permute_f(td_load_f(e->bias), twice) : (td_vf){0};
    TD_UNROLL for (int j = 0; j < NB; j++) {
        TD_UNROLL for (int g = 0; g < G; g++) {
            td_vf y = acc[j * G + g];
            if (e->bias) y += bias;
            if (e->relu) y = td_clamp_f(y);
            td_store_n_f(dst + d[j] + 2 * g * O, td_permute_f(y, to_memory), 2 * O);
        }
    }
}

/* The tile of nb runs of `run` (2 or 4) pixels. */
static void td_two_pixels(const td_panel_sum *sum, ptrdiff_t nb, ptrdiff_t run, const ptrdiff_t *a, const ptrdiff_t *d) {
    const td_vi32 to_memory = td_to_memory(sum->n);
#define TD_RUN(NB, G, V)                                                                                               \
    if (nb == NB && run == 2 * G) return td_two_pixels_body(sum, a, d, to_memory, NB, G);
    TD_FOR_NB(TD_RUN, 1, 1)
    TD_FOR_NB(TD_RUN, 2, 1)
#undef TD_RUN
}

/* Outer products, even and odd pixels summed apart and added at the end. */
TD_INLINE void td_two_pixels_outer_body(const td_outer_sum *sum, const int NB, const int M) {
    const td_pixel_range *n = sum->pixels;
    const ptrdiff_t O = sum->n, x_base = sum->entries->x_row;
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
            const float *p = (const float *)sum->x + image * n->x_image + r * n->x_row;
            const float *g = (const float *)sum->dy + image * n->dy_image + r * n->dy_row;
            for (ptrdiff_t q = 0; q < n->n_cols; q += 2) {
                const td_vf w = td_permute_f(td_load_n_f(g, 2 * O), to_lanes);
                TD_UNROLL for (int j = 0; j < NB; j++) {
                    TD_UNROLL for (int i = 0; i < M; i++) acc[j * M + i] += td_two(p + j * x_base + i) * w;
                }
                p += 2;
                g += 2 * O;
            }
        }
    }
    TD_UNROLL for (int j = 0; j < NB; j++) {
        TD_UNROLL for (int i = 0; i < M; i++) {
            float *at = (float *)sum->dw + j * sum->entries->dw_row + i * sum->entries->dw_entry;
            td_vf both = td_permute_f(acc[j * M + i], even) + td_permute_f(acc[j * M + i], odd);
            if (sum->adds) both += td_load_n_f(at, O);
            td_store_n_f(at, both, O);
        }
    }
}

/* Runs the tile of all filter rows and returns 1 where there is one: an even number of neighbours in a row, whose
   channels follow each other in dy. */
static int td_two_pixels_outer(const td_outer_sum *sum) {
    const td_pixel_range *n = sum->pixels;
    if (2 * sum->n > TD_LANES_F || n->x_col != 1 || n->n_cols % 2 || n->dy_col != sum->n) return 0;
#define TD_RUN(NB, M, V)                                                                                               \
    if (V == 1 && sum->entries->rows == NB && sum->entries->n == M) {                                                  \
        td_two_pixels_outer_body(sum, NB, M);                                                                          \
        return 1;                                                                                                      \
    }
    TD_FOR_ROWS(TD_RUN)
#undef TD_RUN
    return 0;
}

#endif
