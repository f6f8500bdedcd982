/* Register tiles for one element type; included by tile.h with T (element), VT/VU (aligned/unaligned vector), VI
   (vector of integers as wide), LANES and NAME(x) defined.

   pixels tile:   acc[i][v] = sum over taps r, k < K of  a_i[row[r] + k] * b[(r*K + k)*ldb + v]
                  i = one output pixel (a broadcast element), v = one vector of output channels. Forward convolution,
                  backward-input and Linear are this sum; only the offsets differ.
   outer tile:    acc[i][v] += sum over pixels q of  x[q*xs + i] * dy[q*ds + v]
                  i = one (kw, c_in) entry of the filter, v = one vector of output channels: backward-weight.

   Arithmetic of a tile of M x V accumulators: M*V FMAs need M + V loads. Two FMAs and two loads start per cycle, so
   (M + V) / (M*V) <= 1 keeps the FMA units fed and M*V >= 2 * latency (8) hides their latency. With 32 registers 14 x 2
   uses 28 + 2 + 1; with 16 registers 6 x 2 uses 12 + 2 + 1. Every loop over accumulators is unrolled, initialisation
   and stores included, or GCC keeps them on the stack. */

/* What happens to a finished tile besides the store. Each is off when its pointer is NULL. */
typedef struct {
    const T *bias;      /* (lanes) added */
    const T *add;       /* added, laid out as dst (or dst itself) */
    const T *origin;    /* (lanes) with sums: sums[c] += y - origin, sums[stride + c] += (y - origin)^2 */
    T *sums;
    ptrdiff_t sums_stride;
    const T *y;         /* with sums and y: dz' = 0 where scale*y + shift <= 0 (relu), else dz; sums += dz', dz' * (y - origin) */
    const T *scale, *shift;
    ptrdiff_t relu;
    ptrdiff_t clamp;    /* results below 0 become 0, after bias and addend */
    ptrdiff_t stream;   /* store past the caches: whole aligned vectors only, and a fence at the end */
} NAME(epilogue);

TD_INLINE void NAME(pixels_body)(const T *src, const ptrdiff_t *a, ptrdiff_t as, const ptrdiff_t *row, ptrdiff_t n_rows,
                                 ptrdiff_t K, const T *b, ptrdiff_t ldb, T *dst, const ptrdiff_t *d, ptrdiff_t ds,
                                 ptrdiff_t lanes, const NAME(epilogue) * e, const int NB, const int G, const int V) {
    VT acc[28][2];
    TD_UNROLL for (int i = 0; i < NB * G; i++) {
        TD_UNROLL for (int v = 0; v < V; v++) acc[i][v] = (VT){0};
    }
    /* The addend comes from memory: ask for that of the next tile while this one is summed. */
    if (e->add) {
        TD_UNROLL for (int j = 0; j < NB; j++) {
            TD_UNROLL for (int i = 0; i < G * V; i++)
                __builtin_prefetch(e->add + d[j] + (i / V + NB * G) * ds + i % V * LANES);
        }
    }
    const ptrdiff_t as2 = 2 * as, as3 = 3 * as;
    for (ptrdiff_t r = 0; r < n_rows; r++) {
        const T *p[7];
        TD_UNROLL for (int j = 0; j < NB; j++) p[j] = src + row[r] + a[j];
        _Pragma("GCC unroll 4") for (ptrdiff_t k = 0; k < K; k++) {
            VT w[2];
            TD_UNROLL for (int v = 0; v < V; v++) w[v] = NAME(load)(b + v * LANES);
            TD_UNROLL for (int v = 0; v < V; v++) __builtin_prefetch(b + 8 * ldb + v * LANES);
            b += ldb;
            TD_UNROLL for (int j = 0; j < NB; j++) {
                TD_UNROLL for (int g = 0; g < G; g++) {
                    const T x = p[j][g == 0 ? 0 : g == 1 ? as : g == 2 ? as2 : as3];
                    TD_UNROLL for (int v = 0; v < V; v++) acc[j * G + g][v] += x * w[v];
                }
                p[j]++;
            }
        }
    }
    if (e->bias) {
        TD_UNROLL for (int v = 0; v < V; v++) {
            const VT bias = NAME(load)(e->bias + v * LANES);
            TD_UNROLL for (int i = 0; i < NB * G; i++) acc[i][v] += bias;
        }
    }
    if (e->add) {
        TD_UNROLL for (int j = 0; j < NB; j++) {
            TD_UNROLL for (int g = 0; g < G; g++) {
                const T *at = e->add + d[j] + g * ds;
                if (V == 2) acc[j * G + g][0] += NAME(load)(at);
                acc[j * G + g][V - 1] += NAME(load_n)(at + (V - 1) * LANES, lanes - (V - 1) * LANES);
            }
        }
    }
    if (e->clamp) {
        TD_UNROLL for (int i = 0; i < NB * G; i++) {
            TD_UNROLL for (int v = 0; v < V; v++) acc[i][v] = NAME(clamp)(acc[i][v]);
        }
    }
    if (lanes == V * LANES && e->stream) {
        TD_UNROLL for (int j = 0; j < NB; j++) {
            TD_UNROLL for (int g = 0; g < G; g++) {
                TD_UNROLL for (int v = 0; v < V; v++)
                    NAME(stream)(dst + d[j] + g * ds + v * LANES, acc[j * G + g][v]);
            }
        }
    } else if (lanes == V * LANES) {
        TD_UNROLL for (int j = 0; j < NB; j++) {
            TD_UNROLL for (int g = 0; g < G; g++) {
                TD_UNROLL for (int v = 0; v < V; v++)
                    NAME(store)(dst + d[j] + g * ds + v * LANES, acc[j * G + g][v]);
            }
        }
    } else {
        const ptrdiff_t tail = lanes - (V - 1) * LANES;
        TD_UNROLL for (int j = 0; j < NB; j++) {
            TD_UNROLL for (int g = 0; g < G; g++) {
                T *out = dst + d[j] + g * ds;
                if (V == 2) NAME(store)(out, acc[j * G + g][0]);
                NAME(store_n)(out + (V - 1) * LANES, acc[j * G + g][V - 1], tail);
            }
        }
    }
    if (e->sums) {
        TD_UNROLL for (int v = 0; v < V; v++) {
            const ptrdiff_t n = v == V - 1 ? lanes - v * LANES : LANES;
            const VT origin = NAME(load_n)(e->origin + v * LANES, n);
            VT s = {0}, q = {0};
            if (!e->y) {
                TD_UNROLL for (int i = 0; i < NB * G; i++) {
                    const VT c = acc[i][v] - origin;
                    s += c;
                    q += c * c;
                }
            } else {
                VT scale = {0}, shift = {0};
                if (e->relu) {
                    scale = NAME(load_n)(e->scale + v * LANES, n);
                    shift = NAME(load_n)(e->shift + v * LANES, n);
                }
                TD_UNROLL for (int j = 0; j < NB; j++) {
                    TD_UNROLL for (int g = 0; g < G; g++) {
                        const T *at = e->y + d[j] + g * ds + v * LANES;
                        const VT y = n == LANES ? NAME(load)(at) : NAME(load_n)(at, n);
                        VT dz = acc[j * G + g][v];
                        if (e->relu) dz = (VT)((VI)dz & ~(VI)(scale * y + shift <= 0));
                        s += dz;
                        q += dz * (y - origin);
                    }
                }
            }
            T *sum = e->sums + v * LANES, *square = sum + e->sums_stride;
            NAME(store_n)(sum, NAME(load_n)(sum, n) + s, n);
            NAME(store_n)(square, NAME(load_n)(square, n) + q, n);
        }
    }
}

/* Strides and extents of the pixels an outer tile sums over: images, rows, columns. */
typedef struct {
    ptrdiff_t n_images, n_rows, n_cols;
    ptrdiff_t x_image, x_row, x_col;
    ptrdiff_t dy_image, dy_row, dy_col;
} NAME(pixel_range);

/* NB runs of M contiguous filter entries: run j starts x_base elements after run j - 1 in x and dw_base in dw. */
TD_INLINE void NAME(outer_body)(const T *x, ptrdiff_t x_base, const T *dy, const NAME(pixel_range) * n, T *dw,
                                ptrdiff_t ldw, ptrdiff_t dw_base, ptrdiff_t lanes, ptrdiff_t accumulate, const int NB,
                                const int M, const int V) {
    VT acc[28][2];
    const ptrdiff_t tail = lanes - (V - 1) * LANES;
    TD_UNROLL for (int j = 0; j < NB; j++) {
        TD_UNROLL for (int i = 0; i < M; i++) {
            const T *at = dw + j * dw_base + i * ldw;
            TD_UNROLL for (int v = 0; v < V; v++) acc[j * M + i][v] = (VT){0};
            if (!accumulate) continue;
            if (V == 2) acc[j * M + i][0] = NAME(load)(at);
            acc[j * M + i][V - 1] = tail == LANES ? NAME(load)(at + (V - 1) * LANES)
                                                  : NAME(load_n)(at + (V - 1) * LANES, tail);
        }
    }
    const ptrdiff_t n_cols = n->n_cols, n_rows = n->n_rows, x_col = n->x_col, dy_col = n->dy_col;
    for (ptrdiff_t image = 0; image < n->n_images; image++) {
        const T *p = x + image * n->x_image, *g = dy + image * n->dy_image;
        const ptrdiff_t x_jump = n->x_row - n_cols * x_col, dy_jump = n->dy_row - n_cols * dy_col;
        for (ptrdiff_t r = 0; r < n_rows; r++) {
            for (ptrdiff_t q = 0; q < n_cols; q++) {
                VT w[2];
                if (V == 2) w[0] = NAME(load)(g);
                w[V - 1] = tail == LANES ? NAME(load)(g + (V - 1) * LANES) : NAME(load_n)(g + (V - 1) * LANES, tail);
                const T *at = p;
                if (M > 4) {
                    /* Both streams come from L2, a line or two a step: ask for them six steps ahead. */
                    __builtin_prefetch(p + 6 * x_col);
                    TD_UNROLL for (int v = 0; v < V; v++) __builtin_prefetch(g + 6 * dy_col + v * LANES);
                }
                TD_UNROLL for (int j = 0; j < NB; j++) {
                    TD_UNROLL for (int i = 0; i < M; i++) {
                        const T s = at[i];
                        TD_UNROLL for (int v = 0; v < V; v++) acc[j * M + i][v] += s * w[v];
                    }
                    at += x_base;
                }
                p += x_col;
                g += dy_col;
            }
            p += x_jump;
            g += dy_jump;
        }
    }
    TD_UNROLL for (int j = 0; j < NB; j++) {
        TD_UNROLL for (int i = 0; i < M; i++) {
            T *at = dw + j * dw_base + i * ldw;
            if (V == 2) NAME(store)(at, acc[j * M + i][0]);
            if (tail == LANES)
                NAME(store)(at + (V - 1) * LANES, acc[j * M + i][V - 1]);
            else
                NAME(store_n)(at + (V - 1) * LANES, acc[j * M + i][V - 1], tail);
        }
    }
}

typedef void (*NAME(pixels_fn))(const T *, const ptrdiff_t *, ptrdiff_t, const ptrdiff_t *, ptrdiff_t, ptrdiff_t,
                                const T *, ptrdiff_t, T *, const ptrdiff_t *, ptrdiff_t, ptrdiff_t, const NAME(epilogue) *);
typedef void (*NAME(outer_fn))(const T *, const T *, const NAME(pixel_range) *, T *, ptrdiff_t, ptrdiff_t,
                               ptrdiff_t);

#define TD_PIXELS(NB, G, V)                                                                                            \
    static void NAME(pixels_##NB##_##G##_##V)(const T *src, const ptrdiff_t *a, ptrdiff_t as, const ptrdiff_t *row,    \
                                              ptrdiff_t n_rows, ptrdiff_t K, const T *b, ptrdiff_t ldb, T *dst,        \
                                              const ptrdiff_t *d, ptrdiff_t ds, ptrdiff_t lanes,                       \
                                              const NAME(epilogue) * e) {                                              \
        NAME(pixels_body)(src, a, as, row, n_rows, K, b, ldb, dst, d, ds, lanes, e, NB, G, V);                         \
    }
#define TD_OUTER(M, V)                                                                                                 \
    static void NAME(outer_##M##_##V)(const T *x, const T *dy, const NAME(pixel_range) * n, T *dw, ptrdiff_t ldw,      \
                                      ptrdiff_t lanes, ptrdiff_t accumulate) {                                         \
        NAME(outer_body)(x, 0, dy, n, dw, ldw, 0, lanes, accumulate, 1, M, V);                                         \
    }
#define TD_EACH_NB(G, V) FOR_NB(TD_PIXELS, G, V)

TD_EACH_NB(1, 1)
TD_EACH_NB(2, 1)
TD_EACH_NB(4, 1)
TD_EACH_NB(1, 2)
TD_EACH_NB(2, 2)

#define TD_ENTRY(NB, G, V) [NB - 1] = NAME(pixels_##NB##_##G##_##V),
/* [V - 1][log2 G][NB - 1]; NULL where the type has no such tile */
static const NAME(pixels_fn) NAME(pixels)[2][3][TD_MAX_NB] = {
    {{FOR_NB(TD_ENTRY, 1, 1)}, {FOR_NB(TD_ENTRY, 2, 1)}, {FOR_NB(TD_ENTRY, 4, 1)}},
    {{FOR_NB(TD_ENTRY, 1, 2)}, {FOR_NB(TD_ENTRY, 2, 2)}, {0}},
};
#undef TD_ENTRY

FOR_M(TD_OUTER)
#define TD_ENTRY(M, V) [V - 1][M] = NAME(outer_##M##_##V),
/* [V - 1][M]; where there is no tile of M rows, NULL */
static const NAME(outer_fn) NAME(outer)[2][29] = {FOR_M(TD_ENTRY)};
#undef TD_ENTRY
#undef TD_PIXELS
#undef TD_OUTER
#undef TD_EACH_NB

/* Groups of the largest tile there is for nb of them. */
TD_INLINE ptrdiff_t NAME(largest)(const NAME(pixels_fn) * tiles, ptrdiff_t nb) {
    while (!tiles[nb - 1]) nb--;
    return nb;
}

/* Run the pixel tile of nb groups of `group` (1, 2, 4) pixels and `vectors` (1, 2) vectors; group 4 only with 1. */
TD_INLINE void NAME(tile_pixels)(ptrdiff_t nb, ptrdiff_t group, ptrdiff_t vectors, const T *src, const ptrdiff_t *a,
                                 ptrdiff_t as, const ptrdiff_t *row, ptrdiff_t n_rows, ptrdiff_t K, const T *b,
                                 ptrdiff_t ldb, T *dst, const ptrdiff_t *d, ptrdiff_t ds, ptrdiff_t lanes,
                                 const NAME(epilogue) * e) {
    const NAME(pixels_fn) *tiles = NAME(pixels)[vectors - 1][group >> 1];
    while (nb > 0) {
        const ptrdiff_t n = NAME(largest)(tiles, nb);
        tiles[n - 1](src, a, as, row, n_rows, K, b, ldb, dst, d, ds, lanes, e);
        a += n;
        d += n;
        nb -= n;
    }
}

/* Add the outer products of `size` filter entries; `size` comes from td_outer_size. */
TD_INLINE void NAME(tile_outer)(ptrdiff_t size, ptrdiff_t vectors, const T *x, const T *dy,
                                const NAME(pixel_range) * n, T *dw, ptrdiff_t ldw, ptrdiff_t lanes,
                                ptrdiff_t accumulate) {
    NAME(outer)[vectors - 1][size](x, dy, n, dw, ldw, lanes, accumulate);
}

/* The filters of a first layer have few entries a row (KW * C_in of 3, 5, 9): all KH rows in one tile use each vector of
   dy KH times as often. Returns whether there is such a tile, and runs it. */
static int NAME(tile_outer_rows)(ptrdiff_t n_rows, ptrdiff_t size, ptrdiff_t vectors, const T *x, ptrdiff_t x_base,
                                 const T *dy, const NAME(pixel_range) * n, T *dw, ptrdiff_t ldw, ptrdiff_t dw_base,
                                 ptrdiff_t lanes, ptrdiff_t accumulate) {
#define TD_ROWS(NB, M, V)                                                                                              \
    if (n_rows == NB && size == M && vectors == V) {                                                                   \
        NAME(outer_body)(x, x_base, dy, n, dw, ldw, dw_base, lanes, accumulate, NB, M, V);                             \
        return 1;                                                                                                      \
    }
    FOR_ROWS(TD_ROWS)
#undef TD_ROWS
    return 0;
}

/* Number of filter entries of the next outer tile when `left` remain: even shares, rounded down to a tile there is. */
TD_INLINE ptrdiff_t NAME(outer_size)(ptrdiff_t left, ptrdiff_t vectors) {
    const ptrdiff_t most = vectors == 2 ? 2 * TD_MAX_NB : 4 * TD_MAX_NB;
    const ptrdiff_t tiles = (left + most - 1) / most;
    ptrdiff_t size = (left + tiles - 1) / tiles;
    while (!NAME(outer)[vectors - 1][size]) size--;
    return size;
}

/* dst (LANES x LANES, rows ldd apart) = src transposed: log2(LANES) rounds of exchanging blocks of h rows and lanes. */
TD_INLINE void NAME(transpose_block)(const T *src, ptrdiff_t lds, T *dst, ptrdiff_t ldd) {
    VT row[LANES_C];
    TD_UNROLL for (int i = 0; i < LANES_C; i++) row[i] = NAME(load)(src + i * lds);
    TD_UNROLL for (int h = LANES_C / 2; h > 0; h /= 2) {
        VI low, high;
        TD_UNROLL for (int l = 0; l < LANES_C; l++) {
            low[l] = (l & h) ? LANES_C + l - h : l;
            high[l] = (l & h) ? LANES_C + l : l + h;
        }
        TD_UNROLL for (int i = 0; i < LANES_C; i++) {
            if (i & h) continue;
            const VT upper = row[i], lower = row[i + h];
            row[i] = TD_SHUFFLE(upper, lower, low);
            row[i + h] = TD_SHUFFLE(upper, lower, high);
        }
    }
    TD_UNROLL for (int i = 0; i < LANES_C; i++) NAME(store)(dst + i * ldd, row[i]);
}

/* The sums of a pixel tile's epilogue, from results in memory: the same additions in the same order. */
static void NAME(tile_sums)(ptrdiff_t nb, ptrdiff_t group, ptrdiff_t vectors, const T *y, const ptrdiff_t *d,
                               ptrdiff_t ds, ptrdiff_t lanes, const T *origin, T *sums, ptrdiff_t sums_stride) {
    const ptrdiff_t whole = NAME(largest)(NAME(pixels)[vectors - 1][group >> 1], nb);
    if (whole < nb) {
        NAME(tile_sums)(whole, group, vectors, y, d, ds, lanes, origin, sums, sums_stride);
        NAME(tile_sums)(nb - whole, group, vectors, y, d + whole, ds, lanes, origin, sums, sums_stride);
        return;
    }
    for (ptrdiff_t v = 0; v < vectors; v++) {
        const ptrdiff_t n = v == vectors - 1 ? lanes - v * LANES : LANES;
        const VT o = NAME(load_n)(origin + v * LANES, n);
        VT s = {0}, q = {0};
        for (ptrdiff_t j = 0; j < nb; j++) {
            for (ptrdiff_t g = 0; g < group; g++) {
                const T *at = y + d[j] + g * ds + v * LANES;
                const VT c = (n == LANES ? NAME(load)(at) : NAME(load_n)(at, n)) - o;
                s += c;
                q += c * c;
            }
        }
        T *sum = sums + v * LANES, *square = sum + sums_stride;
        NAME(store_n)(sum, NAME(load_n)(sum, n) + s, n);
        NAME(store_n)(square, NAME(load_n)(square, n) + q, n);
    }
}

/* A row of dx from the products of a row of dy with whole filter rows: dx[w][c] = sum over kw of
   products[w + pad - kw][kw][c], products n_cols rows of `step` elements. */
static void NAME(tile_gather)(const T *products, ptrdiff_t step, ptrdiff_t n_cols, ptrdiff_t KW, ptrdiff_t pad, T *dx,
                              ptrdiff_t W, ptrdiff_t C) {
    for (ptrdiff_t w = 0; w < W; w++) {
        const ptrdiff_t at = w + pad, first = at < n_cols ? 0 : at - n_cols + 1, last = at < KW ? at : KW - 1;
        for (ptrdiff_t c = 0; c < C; c += LANES) {
            const ptrdiff_t n = C - c < LANES ? C - c : LANES;
            VT sum = {0};
            for (ptrdiff_t kw = first; kw <= last; kw++)
                sum += NAME(load_n)(products + (at - kw) * step + kw * C + c, n);
            NAME(store_n)(dx + w * C + c, sum, n);
        }
    }
}
