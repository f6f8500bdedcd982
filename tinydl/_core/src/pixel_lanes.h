/* Tiles of convolutions with one input channel, stride 1 and few filters (the first layer of LeNet) for AVX2, float32:
   the lanes of a vector are eight neighbouring pixels of one output channel, or most of them would be idle. Included by
   tile.h.

   Of the input a vector is one load of neighbours, of the filters one broadcast serves two vectors. Forward each output
   has the operands of the tile of pixels in the same order, and its bits. Results are transposed on their way between
   registers and memory, where the channels of a pixel are neighbours. */
#ifndef TINYDL_PIXEL_LANES_H
#define TINYDL_PIXEL_LANES_H

#include "src/bend.h"
#include "src/move.h"
#include "src/tile_table.h"

#define TD_PIXEL_LANES (VB == 32)

#if TD_PIXEL_LANES

/* MOST_N channels in two vectors of pixels fill twelve of the sixteen registers. */
enum { TD_LANES_MOST_N = 6, TD_LANES_MOST_ENTRIES = 64, TD_LANES_BLOCK = 256 };
#define TD_FOR_LANES_N(F) F(1) F(2) F(3) F(4) F(5) F(6)

/* Whether a strip can be summed so: rows of at least a vector of neighbours, nothing to add or to sum up. */
TD_INLINE int td_pixel_lanes_fit(const td_rectangle *r, ptrdiff_t n, const td_epilogue *e) {
    return n <= TD_LANES_MOST_N && r->src_col == 1 && r->cols >= TD_LANES_F && r->dst_col == n && !e->moments.out
        && !e->residual;
}

/* V vectors of pixels, N channels. */
TD_INLINE void td_pixel_lanes_body(const td_panel_sum *sum, const float *src, float *dst, const int N, const int V) {
    const td_epilogue *e = sum->epilogue;
    const ptrdiff_t n_taps = sum->pixels->n_taps, K = sum->pixels->K, ld = sum->ld;
    const float *b = sum->panel;
    td_vf acc[2][TD_LANES_MOST_N];
    TD_UNROLL for (int v = 0; v < V; v++) {
        TD_UNROLL for (int o = 0; o < N; o++) acc[v][o] = (td_vf){0};
    }
    for (ptrdiff_t t = 0; t < n_taps; t++) {
        const float *p = src + sum->pixels->taps[t];
        for (const float *end = p + K; p != end; p++, b += ld) {
            td_vf x[2];
            TD_UNROLL for (int v = 0; v < V; v++) x[v] = td_load_f(p + v * TD_LANES_F);
            TD_UNROLL for (int o = 0; o < N; o++) {
                const float w = b[o];
                TD_UNROLL for (int v = 0; v < V; v++) acc[v][o] += x[v] * w;
            }
        }
    }
    TD_UNROLL for (int v = 0; v < V; v++) {
        td_vf y[8];
        TD_UNROLL for (int o = 0; o < 8; o++) y[o] = o < N ? acc[v][o] : (td_vf){0};
        if (e->bias) {
            TD_UNROLL for (int o = 0; o < N; o++) y[o] += ((const float *)e->bias)[o];
        }
        if (e->relu) {
            TD_UNROLL for (int o = 0; o < N; o++) y[o] = td_clamp_f(y[o]);
        }
        td_transpose_f(y);
        /* A whole store where what it writes too much is written again by the next pixels of this vector. */
        TD_UNROLL for (int i = 0; i < 8; i++) {
            float *at = dst + (v * 8 + i) * N;
            if (i * N + 8 <= 8 * N)
                td_store_f(at, y[i]);
            else
                td_store_n_f(at, y[i], N);
        }
    }
}

/* `strip` of such a rectangle. The last tile of a row begins early enough to end with it: pixels that two tiles share
   are written twice, with the same values. */
static void td_pixel_lanes(const td_panel_sum *sum) {
    const td_rectangle *r = sum->pixels;
    for (ptrdiff_t row = 0; row < r->rows; row++) {
        for (ptrdiff_t col = 0, vectors; col < r->cols; col += 8 * vectors) {
            vectors = r->cols >= 16 && r->cols - col > 8 ? 2 : 1;
            const ptrdiff_t from = r->cols - col < 8 * vectors ? r->cols - 8 * vectors : col;
            const float *src = (const float *)sum->src + row * r->src_row + from;
            float *dst = (float *)sum->dst + row * r->dst_row + from * sum->n;
#define TD_RUN(N)                                                                                                      \
    if (sum->n == N) {                                                                                                 \
        if (vectors == 2)                                                                                              \
            td_pixel_lanes_body(sum, src, dst, N, 2);                                                                  \
        else                                                                                                           \
            td_pixel_lanes_body(sum, src, dst, N, 1);                                                                  \
    }
            TD_FOR_LANES_N(TD_RUN)
#undef TD_RUN
        }
    }
}

/* A block of pixels of dy, transposed: `rows` rows of `vectors` vectors, of whose last one `tail` pixels exist, the
   others are 0. Channel o of vector i lies at by_channel[o][8*i]. */
typedef struct {
    ptrdiff_t rows, vectors, tail;
    float by_channel[TD_LANES_MOST_N][TD_LANES_BLOCK];
} td_pixel_block;

TD_INLINE void td_transpose_block(td_pixel_block *block, const float *dy, ptrdiff_t dy_row, const int N) {
    for (ptrdiff_t r = 0; r < block->rows; r++) {
        for (ptrdiff_t v = 0; v < block->vectors; v++) {
            const float *from = dy + r * dy_row + v * 8 * N;
            const ptrdiff_t n = v == block->vectors - 1 ? block->tail : 8;
            td_vf m[8];
            TD_UNROLL for (int i = 0; i < 8; i++) {
                if (i * N + 8 <= 8 * N && n == 8)
                    m[i] = td_load_f(from + i * N);
                else
                    m[i] = i < n ? td_load_n_f(from + i * N, N) : (td_vf){0};
            }
            td_transpose_f(m);
            TD_UNROLL for (int o = 0; o < N; o++) td_store_f(block->by_channel[o] + 8 * (r * block->vectors + v), m[o]);
        }
    }
}

/* sums[j][o] += x[j] times the vector of channel o at g, for J entries. */
TD_INLINE void td_add_vector(td_vf (*sums)[TD_LANES_MOST_N], const float *g, const td_vf *x, const int N, const int J) {
    TD_UNROLL for (int o = 0; o < N; o++) {
        td_vf dy = td_load_f(g + o * TD_LANES_BLOCK);
        /* One load for both products: as operands of both, loads would be more than two a cycle. */
        __asm__("" : "+x"(dy));
        TD_UNROLL for (int j = 0; j < J; j++) sums[j][o] += x[j] * dy;
    }
}

/* acc[j][o] += the products of a block's pixels with x from at[j] on, for J entries. */
TD_INLINE void td_add_entries(const td_pixel_block *block, const float *const at[2], ptrdiff_t x_row,
                              td_vf (*acc)[TD_LANES_MOST_N], const int N, const int J) {
    td_vf sums[2][TD_LANES_MOST_N], x[2];
    TD_UNROLL for (int j = 0; j < J; j++) {
        TD_UNROLL for (int o = 0; o < N; o++) sums[j][o] = acc[j][o];
    }
    const float *g = block->by_channel[0];
    const ptrdiff_t other = at[J - 1] - at[0];
    for (ptrdiff_t r = 0; r < block->rows; r++) {
        const float *p = at[0] + r * x_row, *end = p + 8 * (block->vectors - 1);
        for (; p != end; p += 8, g += 8) {
            TD_UNROLL for (int j = 0; j < J; j++) x[j] = td_load_f(p + j * other);
            td_add_vector(sums, g, x, N, J);
        }
        TD_UNROLL for (int j = 0; j < J; j++) x[j] = td_load_n_f(p + j * other, block->tail);
        td_add_vector(sums, g, x, N, J);
        g += 8;
    }
    TD_UNROLL for (int j = 0; j < J; j++) {
        TD_UNROLL for (int o = 0; o < N; o++) acc[j][o] = sums[j][o];
    }
}

/* Each lane has the sum of every eighth pixel of a row; they are added at the end. */
TD_INLINE void td_pixel_lanes_outer_body(const td_outer_sum *sum, const int N) {
    const td_pixel_range *p = sum->pixels;
    const td_entries *f = sum->entries;
    const ptrdiff_t n_entries = f->rows * f->n, most_cols = p->n_cols < TD_LANES_BLOCK ? p->n_cols : TD_LANES_BLOCK;
    const ptrdiff_t most_rows = TD_LANES_BLOCK / ((most_cols + 7) / 8 * 8);
    td_vf acc[TD_LANES_MOST_ENTRIES][TD_LANES_MOST_N];
    td_pixel_block block;
    for (ptrdiff_t k = 0; k < n_entries; k++) {
        TD_UNROLL for (int o = 0; o < N; o++) acc[k][o] = (td_vf){0};
    }
    for (ptrdiff_t image = 0; image < p->n_images; image++) {
        for (ptrdiff_t row = 0; row < p->n_rows; row += most_rows) {
            for (ptrdiff_t col = 0; col < p->n_cols; col += most_cols) {
                const ptrdiff_t cols = p->n_cols - col < most_cols ? p->n_cols - col : most_cols;
                const float *x = (const float *)sum->x + image * p->x_image + row * p->x_row + col;
                block.rows = p->n_rows - row < most_rows ? p->n_rows - row : most_rows;
                block.vectors = (cols + 7) / 8;
                block.tail = cols - 8 * (block.vectors - 1);
                td_transpose_block(&block, (const float *)sum->dy + image * p->dy_image + row * p->dy_row + col * N,
                                   p->dy_row, N);
                for (ptrdiff_t k = 0; k < n_entries; k += 2) {
                    const ptrdiff_t next = k + 1 < n_entries ? k + 1 : k;
                    const float *const at[2] = {x + k / f->n * f->x_row + k % f->n,
                                                x + next / f->n * f->x_row + next % f->n};
                    if (next > k)
                        td_add_entries(&block, at, p->x_row, acc + k, N, 2);
                    else
                        td_add_entries(&block, at, p->x_row, acc + k, N, 1);
                }
            }
        }
    }
    for (ptrdiff_t k = 0; k < n_entries; k++) {
        float *at = (float *)sum->dw + k / f->n * f->dw_row + k % f->n * f->dw_entry;
        for (int o = 0; o < N; o++) {
            const td_vf s = acc[k][o];
            const float total = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
            at[o] = sum->adds ? at[o] + total : total;
        }
    }
}

/* Sums the outer products and returns 1 where they can be summed so: neighbours in a row, whose channels follow each
   other in dy. */
static int td_pixel_lanes_outer(const td_outer_sum *sum) {
    const td_pixel_range *p = sum->pixels;
    if (sum->n > TD_LANES_MOST_N || p->x_col != 1 || p->n_cols < TD_LANES_F || p->dy_col != sum->n
        || sum->entries->rows * sum->entries->n > TD_LANES_MOST_ENTRIES)
        return 0;
#define TD_RUN(N)                                                                                                      \
    if (sum->n == N) td_pixel_lanes_outer_body(sum, N);
    TD_FOR_LANES_N(TD_RUN)
#undef TD_RUN
    return 1;
}

#else
TD_INLINE int td_pixel_lanes_fit(const td_rectangle *r, ptrdiff_t n, const td_epilogue *e) {
    (void)r;
    (void)n;
    (void)e;
    return 0;
}
static inline void td_pixel_lanes(const td_panel_sum *sum) { (void)sum; }
static inline int td_pixel_lanes_outer(const td_outer_sum *sum) {
    (void)sum;
    return 0;
}
#endif

#endif
