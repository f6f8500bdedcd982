/* Winograd's transforms F(4x4, 3x3) and F(3x3, 4x4) in float32, one tile of one vector of channels at a time.

   With interpolation points 0, +-a, +-b, infinity (a = 5/8, b = 3/2) a 4x4 block of a 3x3 convolution is

       Y = A' [ (G g G') .* (B' d B) ] A        d the 6x6 input tile, g the 3x3 filter,

   36 multiplications in place of 144. The filter's gradient over the same input tile is F(3x3, 4x4):

       dg = A3' [ (G4 dY G4') .* (B' d B) ] A3  dY the 4x4 block of the output's gradient.

   Below are the fast one-dimensional forms; each is applied to columns, then to rows. The points were chosen for
   accuracy: half the rounding error of 0, +-1, +-2, infinity (Lavin and Gray, arXiv:1509.09308) at the same cost;
   see Barabasz et al., Error analysis and improving the accuracy of Winograd convolution, ACM TOMS 46 (2020). */
#ifndef TINYDL_WINOGRAD_H
#define TINYDL_WINOGRAD_H

#include "src/bend.h"
#include "src/fma.h"
#include "src/operands.h"

#define TD_A 0.625f
#define TD_B 1.5f
#define TD_A2 (TD_A * TD_A)
#define TD_B2 (TD_B * TD_B)
#define TD_A3 (TD_A2 * TD_A)
#define TD_B3 (TD_B2 * TD_B)
/* 1/Na = 1/(2 a^2 (a^2 - b^2)), 1/Nb = 1/(2 b^2 (b^2 - a^2)), 1/(a^2 b^2) */
#define TD_NA (-2048.0f / 2975.0f)
#define TD_NB (128.0f / 1071.0f)
#define TD_N0 (256.0f / 225.0f)

/* v = B' d, six elements `step` apart in d and v (td_vf). */
TD_INLINE void td_wino_input_1d(const td_vf *d, td_vf *v, ptrdiff_t ds, ptrdiff_t vs) {
    const td_vf d0 = d[0], d1 = d[ds], d2 = d[2 * ds], d3 = d[3 * ds], d4 = d[4 * ds], d5 = d[5 * ds];
    const td_vf t0 = d4 - TD_B2 * d2, t1 = d3 - TD_B2 * d1, t2 = d4 - TD_A2 * d2, t3 = d3 - TD_A2 * d1;
    v[0] = td_fma_by_f(TD_A2 * TD_B2, d0, -(TD_A2 + TD_B2) * d2) + d4;
    v[vs] = td_fma_by_f(TD_A, t1, t0);
    v[2 * vs] = td_fma_by_f(-TD_A, t1, t0);
    v[3 * vs] = td_fma_by_f(TD_B, t3, t2);
    v[4 * vs] = td_fma_by_f(-TD_B, t3, t2);
    v[5 * vs] = td_fma_by_f(TD_A2 * TD_B2, d1, -(TD_A2 + TD_B2) * d3) + d5;
}

/* y = A' m: six to four. */
TD_INLINE void td_wino_output_1d(const td_vf *m, td_vf *y, ptrdiff_t ms, ptrdiff_t ys) {
    const td_vf s1 = m[ms] + m[2 * ms], s2 = m[ms] - m[2 * ms], s3 = m[3 * ms] + m[4 * ms], s4 = m[3 * ms] - m[4 * ms];
    y[0] = m[0] + s1 + s3;
    y[ys] = td_fma_by_f(TD_A, s2, TD_B * s4);
    y[2 * ys] = td_fma_by_f(TD_A2, s1, TD_B2 * s3);
    y[3 * ys] = td_fma_by_f(TD_A3, s2, TD_B3 * s4) + m[5 * ms];
}

/* z = G4 g: four to six, for the gradient of the output. */
TD_INLINE void td_wino_gradient_1d(const td_vf *g, td_vf *z, ptrdiff_t gs, ptrdiff_t zs) {
    const td_vf g0 = g[0], g1 = g[gs], g2 = g[2 * gs], g3 = g[3 * gs];
    const td_vf ea = td_fma_by_f(TD_NA, g0, TD_NA * TD_A2 * g2), oa = td_fma_by_f(TD_NA * TD_A, g1, TD_NA * TD_A3 * g3);
    const td_vf eb = td_fma_by_f(TD_NB, g0, TD_NB * TD_B2 * g2), ob = td_fma_by_f(TD_NB * TD_B, g1, TD_NB * TD_B3 * g3);
    z[0] = TD_N0 * g0;
    z[zs] = ea + oa;
    z[2 * zs] = ea - oa;
    z[3 * zs] = eb + ob;
    z[4 * zs] = eb - ob;
    z[5 * zs] = g3;
}

/* u = G g: three to six. */
TD_INLINE void td_wino_filter_1d(const td_vf *g, td_vf *u, ptrdiff_t gs, ptrdiff_t us) {
    const td_vf g0 = g[0], g1 = g[gs], g2 = g[2 * gs];
    const td_vf ea = td_fma_by_f(TD_NA, g0, TD_NA * TD_A2 * g2), eb = td_fma_by_f(TD_NB, g0, TD_NB * TD_B2 * g2);
    u[0] = TD_N0 * g0;
    u[us] = td_fma_by_f(TD_NA * TD_A, g1, ea);
    u[2 * us] = td_fma_by_f(-TD_NA * TD_A, g1, ea);
    u[3 * us] = td_fma_by_f(TD_NB * TD_B, g1, eb);
    u[4 * us] = td_fma_by_f(-TD_NB * TD_B, g1, eb);
    u[5 * us] = g2;
}

/* dg = A3' s: six to three. */
TD_INLINE void td_wino_filter_gradient_1d(const td_vf *s, td_vf *g, ptrdiff_t ss, ptrdiff_t gs) {
    const td_vf s1 = s[ss] + s[2 * ss], s2 = s[ss] - s[2 * ss], s3 = s[3 * ss] + s[4 * ss], s4 = s[3 * ss] - s[4 * ss];
    g[0] = s[0] + s1 + s3;
    g[gs] = td_fma_by_f(TD_A, s2, TD_B * s4);
    g[2 * gs] = td_fma_by_f(TD_A2, s1, TD_B2 * s3) + s[5 * ss];
}

/* Slices of a transformed tile: element (i, j) of the 6x6 lies `slice` floats after (i, j - 1).
   n: channels of the vector that exist. */
static inline void td_wino_input(const float *src, ptrdiff_t row, ptrdiff_t col, float *v, ptrdiff_t slice, ptrdiff_t n) {
    td_vf t[36];
    for (int i = 0; i < 6; i++) {
        td_vf in[6], out[6];
        TD_UNROLL for (int j = 0; j < 6; j++) {
            const float *at = src + i * row + j * col;
            in[j] = n == TD_LANES_F ? td_load_f(at) : td_load_n_f(at, n);
        }
        td_wino_input_1d(in, out, 1, 1);
        TD_UNROLL for (int j = 0; j < 6; j++) t[i * 6 + j] = out[j];
    }
    for (int j = 0; j < 6; j++) {
        td_vf in[6], out[6];
        TD_UNROLL for (int i = 0; i < 6; i++) in[i] = t[i * 6 + j];
        td_wino_input_1d(in, out, 1, 1);
        TD_UNROLL for (int i = 0; i < 6; i++) td_store_f(v + (i * 6 + j) * slice, out[i]);
    }
}

static inline void td_wino_gradient(const float *src, ptrdiff_t row, ptrdiff_t col, float *z, ptrdiff_t slice,
                                    ptrdiff_t n) {
    td_vf t[24];
    for (int i = 0; i < 4; i++) {
        td_vf in[4], out[6];
        TD_UNROLL for (int j = 0; j < 4; j++) {
            const float *at = src + i * row + j * col;
            in[j] = n == TD_LANES_F ? td_load_f(at) : td_load_n_f(at, n);
        }
        td_wino_gradient_1d(in, out, 1, 1);
        TD_UNROLL for (int j = 0; j < 6; j++) t[i * 6 + j] = out[j];
    }
    for (int j = 0; j < 6; j++) {
        td_vf in[4], out[6];
        TD_UNROLL for (int i = 0; i < 4; i++) in[i] = t[i * 6 + j];
        td_wino_gradient_1d(in, out, 1, 1);
        TD_UNROLL for (int i = 0; i < 6; i++) td_store_f(z + (i * 6 + j) * slice, out[i]);
    }
}

/* A block of up to 4x4 pixels: those that exist, elements from one to the next, the channels of the vector that exist. */
typedef struct {
    ptrdiff_t n_rows, n_cols;
    ptrdiff_t row, col;
    ptrdiff_t n;
} td_block;

/* y + at (pixels of a block) = A' m A, then the epilogue without its moments; e is of the vector's first channel. */
static inline void td_wino_output(const float *m, ptrdiff_t slice, float *y, ptrdiff_t at, const td_block *b,
                                  const td_epilogue *e) {
    const ptrdiff_t row = b->row, col = b->col, n = b->n, n_rows = b->n_rows, n_cols = b->n_cols;
    const float *residual = e->residual ? (const float *)e->residual + at : NULL;
    td_vf t[24];
    y += at;
    /* The next block to the right: its lines would keep the stores waiting. */
    TD_UNROLL for (int i = 0; i < 4; i++) {
        TD_UNROLL for (int j = 0; j < 4; j++) {
            __builtin_prefetch(y + i * row + (j + 4) * col);
            if (residual) __builtin_prefetch(residual + i * row + (j + 4) * col);
        }
    }
    for (int j = 0; j < 6; j++) {
        td_vf in[6], out[4];
        TD_UNROLL for (int i = 0; i < 6; i++) in[i] = td_load_f(m + (i * 6 + j) * slice);
        td_wino_output_1d(in, out, 1, 1);
        TD_UNROLL for (int i = 0; i < 4; i++) t[i * 6 + j] = out[i];
    }
    const td_vf bias = e->bias ? td_load_f(e->bias) : (td_vf){0};
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        td_vf in[6], out[4];
        TD_UNROLL for (int j = 0; j < 6; j++) in[j] = t[i * 6 + j];
        td_wino_output_1d(in, out, 1, 1);
        float *to = y + i * row;
        if (residual) {
            for (ptrdiff_t j = 0; j < n_cols; j++) out[j] += td_load_n_f(residual + i * row + j * col, n);
        }
        TD_UNROLL for (int j = 0; j < 4; j++) out[j] += bias;
        if (e->relu) {
            TD_UNROLL for (int j = 0; j < 4; j++) out[j] = td_clamp_f(out[j]);
        }
        if (n == TD_LANES_F && n_cols == 4) {
            TD_UNROLL for (int j = 0; j < 4; j++) td_store_f(to + j * col, out[j]);
        } else {
            for (ptrdiff_t j = 0; j < n_cols; j++) td_store_n_f(to + j * col, out[j], n);
        }
    }
}

/* Filters (3, 3, C, O) of input channel c and a vector of output channels to 6x6 slices; `flip` reverses the taps. */
static inline void td_wino_filter(const float *w, ptrdiff_t tap, int flip, float *u, ptrdiff_t slice, ptrdiff_t n) {
    td_vf g[9], t[18];
    for (int k = 0; k < 9; k++) g[k] = td_load_n_f(w + (flip ? 8 - k : k) * tap, n);
    for (int i = 0; i < 3; i++) td_wino_filter_1d(g + 3 * i, t + 6 * i, 1, 1);
    for (int j = 0; j < 6; j++) {
        td_vf out[6];
        td_wino_filter_1d(t + j, out, 6, 1);
        TD_UNROLL for (int i = 0; i < 6; i++) td_store_f(u + (i * 6 + j) * slice, out[i]);
    }
}

/* The way back for the gradient: 6x6 slices of sums to dw (3, 3, C, O). */
static inline void td_wino_filter_gradient(const float *s, ptrdiff_t slice, float *dw, ptrdiff_t tap, ptrdiff_t n) {
    td_vf t[18];
    for (int j = 0; j < 6; j++) {
        td_vf in[6];
        TD_UNROLL for (int i = 0; i < 6; i++) in[i] = td_load_f(s + (i * 6 + j) * slice);
        td_wino_filter_gradient_1d(in, t + j, 1, 6);
    }
    for (int i = 0; i < 3; i++) {
        td_vf out[3];
        td_wino_filter_gradient_1d(t + i * 6, out, 1, 1);
        for (int j = 0; j < 3; j++) td_store_n_f(dw + (i * 3 + j) * tap, out[j], n);
    }
}

/* One pixel of td_wino_moments. */
TD_INLINE void td_wino_add(const float *y, const float *saved_x, td_vf about, const td_vf map[3], const int bend,
                           float slope, ptrdiff_t n, td_vf sums[2]) {
    td_vf v = n == TD_LANES_F ? td_load_f(y) : td_load_n_f(y, n);
    if (saved_x) {
        const td_vf x = n == TD_LANES_F ? td_load_f(saved_x) : td_load_n_f(saved_x, n);
        v = td_passed_f(v, TD_MAPPED(x, map[0], map[1], map[2]), bend, slope);
        sums[0] += v;
        sums[1] = td_fma_f(v, x - about, sums[1]);
    } else {
        v -= about;
        sums[0] += v;
        sums[1] = td_fma_f(v, v, sums[1]);
    }
}

/* td_wino_moments; `bend` is a constant in the usual case, a ReLU. */
TD_INLINE void td_wino_moments_body(const float *y, ptrdiff_t at, const td_block *b, const td_moments *m,
                                    const int bend) {
    const ptrdiff_t n = b->n;
    const float *saved_x = m->saved_x ? (const float *)m->saved_x + at : NULL;
    const td_vf about = td_load_n_f(m->about, n);
    const float slope = (float)m->mask.parameter;
    td_vf s[4][2] = {{{0}}}, map[3] = {{0}};
    if (saved_x && bend) {
        map[0] = td_load_n_f(m->mask.centre, n);
        map[1] = td_load_n_f(m->mask.scale, n);
        map[2] = td_load_n_f(m->mask.shift, n);
    }
    y += at;
    for (ptrdiff_t i = 0; i < b->n_rows; i++) {
        const float *row = y + i * b->row, *saved_row = saved_x ? saved_x + i * b->row : NULL;
        TD_UNROLL for (int j = 0; j < 4; j++) {
            if (j < b->n_cols)
                td_wino_add(row + j * b->col, saved_row ? saved_row + j * b->col : NULL, about, map, bend, slope, n,
                            s[j]);
        }
    }
    float *sum = m->out, *square = sum + m->stride;
    td_store_n_f(sum, td_load_n_f(sum, n) + ((s[0][0] + s[1][0]) + (s[2][0] + s[3][0])), n);
    td_store_n_f(square, td_load_n_f(square, n) + ((s[0][1] + s[1][1]) + (s[2][1] + s[3][1])), n);
}

/* The moments of the block of results at y + at. Each column is summed downwards, then the columns pairwise, so that no
   sum waits long for the one before. */
static inline void td_wino_moments(const float *y, ptrdiff_t at, const td_block *b, const td_moments *m) {
    if (m->mask.activation == TD_CLAMP) td_wino_moments_body(y, at, b, m, TD_CLAMP);
    else td_wino_moments_body(y, at, b, m, (int)m->mask.activation);
}

#endif
