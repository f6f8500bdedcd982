/* Sums of a convolution in which each channel is a group of its own (depthwise), for one element type; included by
   tile.h with T, VT, LANES and NAME(x) defined.

   acc[i][v] = bias[v] + sum over taps t of  src_i[taps[t] + v] * filters[t*C + v]

   Lanes are channels of the operands too, so nothing is broadcast: a tile is a run of pixels times up to two vectors, and
   a product reads its pixel from memory. A row of pixels goes through all its channels before the next begins, so that the
   rows of a window stay in L1. */

/* G neighbours in a row, V vectors of which the last has run.n channels; src, w, dst are those of the first of them. */
TD_INLINE void NAME(channelwise_body)(const td_rectangle *r, const T *src, const T *w, T *dst, const td_channel_run run,
                                      const td_epilogue *e, const int G, const int V) {
    const ptrdiff_t step = r->src_col, ds = r->dst_col, here = 0, C = run.C, tail = run.n;
    VT acc[6][2];
    TD_UNROLL for (int v = 0; v < V; v++) {
        const T *b = (const T *)e->bias + v * LANES;
        const VT bias = !e->bias ? (VT){0} : v < V - 1 || tail == LANES ? NAME(load)(b) : NAME(load_n)(b, tail);
        TD_UNROLL for (int g = 0; g < G; g++) acc[g][v] = bias;
    }
    if (tail == LANES) {
        for (ptrdiff_t t = 0; t < r->n_taps; t++, w += C) {
            const T *p = src + r->taps[t];
            TD_UNROLL for (int v = 0; v < V; v++) {
                const VT f = NAME(load)(w + v * LANES);
                TD_UNROLL for (int g = 0; g < G; g++) acc[g][v] += NAME(load)(p + g * step + v * LANES) * f;
            }
        }
    } else {
        for (ptrdiff_t t = 0; t < r->n_taps; t++, w += C) {
            const T *p = src + r->taps[t];
            TD_UNROLL for (int v = 0; v < V; v++) {
                const ptrdiff_t n = v < V - 1 ? LANES : tail;
                const VT f = NAME(load_n)(w + v * LANES, n);
                TD_UNROLL for (int g = 0; g < G; g++) acc[g][v] += NAME(load_n)(p + g * step + v * LANES, n) * f;
            }
        }
    }
    if (e->residual) {
        TD_UNROLL for (int g = 0; g < G; g++) {
            TD_UNROLL for (int v = 0; v < V; v++)
                acc[g][v] += NAME(load_n)((const T *)e->residual + g * ds + v * LANES, v < V - 1 ? LANES : tail);
        }
    }
    TD_UNROLL for (int g = 0; g < G; g++) {
        TD_UNROLL for (int v = 0; v < V; v++) {
            if (e->relu) acc[g][v] = NAME(clamp)(acc[g][v]);
            if (v < V - 1 || tail == LANES) NAME(store)(dst + g * ds + v * LANES, acc[g][v]);
            else NAME(store_n)(dst + g * ds + v * LANES, acc[g][v], tail);
        }
    }
    if (e->moments.out) {
        TD_UNROLL for (int v = 0; v < V; v++)
            NAME(add_moments)(&e->moments, acc, &here, ds, v < V - 1 ? LANES : tail, v, 1, G);
    }
}

#define TD_CHANNELWISE(G, V)                                                                                           \
    static void NAME(channelwise_##G##_##V)(const td_rectangle *r, const T *src, const T *w, T *dst, ptrdiff_t C,     \
                                            ptrdiff_t tail, const td_epilogue *e) {                                    \
        NAME(channelwise_body)(r, src, w, dst, (td_channel_run){C, tail}, e, G, V);                                    \
    }
#define TD_EACH_G(F, V) F(1, V) F(2, V) F(3, V) F(4, V) F(5, V) F(6, V)
TD_EACH_G(TD_CHANNELWISE, 1)
TD_EACH_G(TD_CHANNELWISE, 2)

typedef void (*NAME(channelwise_fn))(const td_rectangle *, const T *, const T *, T *, ptrdiff_t, ptrdiff_t,
                                     const td_epilogue *);
#define TD_ENTRY(G, V) NAME(channelwise_##G##_##V),
static const NAME(channelwise_fn) NAME(channelwise_tiles)[2][6] = {{TD_EACH_G(TD_ENTRY, 1)}, {TD_EACH_G(TD_ENTRY, 2)}};
#undef TD_ENTRY
#undef TD_CHANNELWISE
#undef TD_EACH_G

/* The sum for all pixels of a rectangle and C channels; filters (n_taps, C), pointers of `e` are those of the rectangle's
   first pixel. Runs of a row are of even length. */
static void NAME(channelwise)(const td_rectangle *r, const T *src, const T *filters, T *dst, ptrdiff_t C,
                              const td_epilogue *e) {
    const ptrdiff_t runs = (r->cols + 5) / 6;
    for (ptrdiff_t row = 0; row < r->rows; row++) {
        for (ptrdiff_t c = 0, n; c < C; c += n) {
            n = C - c < 2 * LANES ? C - c : 2 * LANES;
            const ptrdiff_t vectors = n > LANES ? 2 : 1;
            const td_epilogue from = td_epilogue_from_channel(*e, c * (ptrdiff_t)sizeof(T));
            for (ptrdiff_t k = 0, q = 0, some; k < runs; k++, q += some) {
                some = (r->cols - q + runs - k - 1) / (runs - k);
                const ptrdiff_t at = row * r->dst_row + q * r->dst_col;
                const td_epilogue here = td_epilogue_from_pixel(from, at * (ptrdiff_t)sizeof(T));
                NAME(channelwise_tiles)[vectors - 1][some - 1](r, src + row * r->src_row + q * r->src_col + c, filters + c,
                                                               dst + at + c, C, n - (vectors - 1) * LANES, &here);
            }
        }
    }
}

/* M taps of dw, one vector of channels: dw[t*C] (+)= the sum over pixels of x[pixel + taps[t]] * dy[pixel]. */
TD_INLINE void NAME(channelwise_outer_body)(const td_pixel_range *r, const ptrdiff_t *taps, const T *x, const T *dy,
                                            const td_channel_run run, T *dw, int adds, const int M) {
    const ptrdiff_t C = run.C, n = run.n;
    VT acc[9];
    TD_UNROLL for (int t = 0; t < M; t++) acc[t] = adds ? NAME(load_n)(dw + t * C, n) : (VT){0};
    for (ptrdiff_t i = 0; i < r->n_images; i++) {
        for (ptrdiff_t p = 0; p < r->n_rows; p++) {
            const T *xs = x + i * r->x_image + p * r->x_row, *ds = dy + i * r->dy_image + p * r->dy_row;
            if (n == LANES) {
                for (ptrdiff_t q = 0; q < r->n_cols; q++, xs += r->x_col, ds += r->dy_col) {
                    const VT d = NAME(load)(ds);
                    TD_UNROLL for (int t = 0; t < M; t++) acc[t] += NAME(load)(xs + taps[t]) * d;
                }
            } else {
                for (ptrdiff_t q = 0; q < r->n_cols; q++, xs += r->x_col, ds += r->dy_col) {
                    const VT d = NAME(load_n)(ds, n);
                    TD_UNROLL for (int t = 0; t < M; t++) acc[t] += NAME(load_n)(xs + taps[t], n) * d;
                }
            }
        }
    }
    TD_UNROLL for (int t = 0; t < M; t++) NAME(store_n)(dw + t * C, acc[t], n);
}

#define TD_OUTER(M)                                                                                                    \
    case M:                                                                                                            \
        for (ptrdiff_t c = 0; c < C; c += LANES)                                                                       \
            NAME(channelwise_outer_body)(r, taps, x + c, dy + c, (td_channel_run){C, C - c < LANES ? C - c : LANES},    \
                                         dw + c, adds, M);                                                             \
        break
/* The same for n_taps <= 9 taps and all channels; dw (n_taps, C) */
static void NAME(channelwise_outer)(const td_pixel_range *r, const ptrdiff_t *taps, ptrdiff_t n_taps, const T *x,
                                    const T *dy, ptrdiff_t C, T *dw, int adds) {
    switch (n_taps) {
        TD_OUTER(1);
        TD_OUTER(2);
        TD_OUTER(3);
        TD_OUTER(4);
        TD_OUTER(5);
        TD_OUTER(6);
        TD_OUTER(7);
        TD_OUTER(8);
        TD_OUTER(9);
    }
}
#undef TD_OUTER
