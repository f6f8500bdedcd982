/* Tiles of pixels for one element type; included by tile.h with T (element), VT (vector), LANES, FOR_NB, FEW_FILTERS and
   NAME(x) defined.

   acc[i][v] = sum over taps t, k < K of  src_i[taps[t] + k] * panel[(t*K + k)*ld + v]

   i = one output pixel (a broadcast element), v = one vector of output channels. Forward convolution, backward-input and
   Linear are this sum; only the offsets differ. */

/* Those of add_moments with saved_x. `bend` and n are constants in the usual case, a ReLU and a whole vector. */
TD_INLINE void NAME(add_masked)(const td_moments *m, VT (*acc)[2], const td_result_runs to, const int v, const int NB,
                                const int G, const int bend, VT sums[2]) {
    const T slope = (T)m->mask.parameter;
    const ptrdiff_t *d = to.d, ds = to.ds, n = to.n;
    const VT about = NAME(load_n)((const T *)m->about + v * LANES, n);
    VT centre = {0}, scale = {0}, shift = {0};
    if (bend) {
        centre = NAME(load_n)((const T *)m->mask.centre + v * LANES, n);
        scale = NAME(load_n)((const T *)m->mask.scale + v * LANES, n);
        shift = NAME(load_n)((const T *)m->mask.shift + v * LANES, n);
    }
    TD_UNROLL for (int j = 0; j < NB; j++) {
        TD_UNROLL for (int g = 0; g < G; g++) {
            const T *at = (const T *)m->saved_x + d[j] + g * ds + v * LANES;
            const VT x = n == LANES ? NAME(load)(at) : NAME(load_n)(at, n);
            const VT dz = NAME(passed)(acc[j * G + g][v], TD_MAPPED(x, centre, scale, shift), bend, slope);
            sums[0] += dz;
            sums[1] += dz * (x - about);
        }
    }
}

/* The same for any activation and any part of a vector: one function, for each tile's own copy is a seventh of the time
   that tiles take to compile. It has the results in memory, where the address of acc would keep all of them. */
static __attribute__((noinline)) void NAME(add_any_masked)(const td_moments *m, VT (*kept)[2], const td_result_runs *to,
                                                           int v, int NB, int G, VT sums[2]) {
    NAME(add_masked)(m, kept, *to, v, NB, G, (int)m->mask.activation, sums);
}

/* The moments of results acc of runs of G pixels at dst + d[j], of which n of a vector v exist. */
TD_INLINE void NAME(add_moments)(const td_moments *m, VT (*acc)[2], const ptrdiff_t *d, ptrdiff_t ds, ptrdiff_t n,
                                 const int v, const int NB, const int G) {
    VT sums[2] = {{0}};
    if (!m->saved_x) {
        const VT about = NAME(load_n)((const T *)m->about + v * LANES, n);
        TD_UNROLL for (int i = 0; i < NB * G; i++) {
            const VT c = acc[i][v] - about;
            sums[0] += c;
            sums[1] += c * c;
        }
    } else if (m->mask.activation == TD_CLAMP && n == LANES) {
        NAME(add_masked)(m, acc, (td_result_runs){d, ds, LANES}, v, NB, G, TD_CLAMP, sums);
    } else {
        VT kept[28][2];
        const td_result_runs to = {d, ds, n};
        TD_UNROLL for (int i = 0; i < NB * G; i++) kept[i][v] = acc[i][v];
        NAME(add_any_masked)(m, kept, &to, v, NB, G, sums);
    }
    T *sum = (T *)m->out + v * LANES, *square = sum + m->stride;
    NAME(store_n)(sum, NAME(load_n)(sum, n) + sums[0], n);
    NAME(store_n)(square, NAME(load_n)(square, n) + sums[1], n);
}

/* NB runs of G pixels that begin a[j] elements after src and d[j] after dst, V vectors. */
TD_INLINE void NAME(pixels_body)(const td_panel_sum *sum, const ptrdiff_t *a, const ptrdiff_t *d, const int NB,
                                 const int G, const int V) {
    const td_epilogue *e = sum->epilogue;
    const ptrdiff_t as = sum->pixels->src_col, ds = sum->pixels->dst_col, as2 = 2 * as, as3 = 3 * as;
    const ptrdiff_t n_taps = sum->pixels->n_taps, K = sum->pixels->K, ld = sum->ld;
    const ptrdiff_t *taps = sum->pixels->taps, tail = sum->n - (V - 1) * LANES; /* channels of the last vector */
    const T *src = sum->src, *b = sum->panel, *residual = e->residual;
    T *dst = sum->dst;
    VT acc[28][2];
    TD_UNROLL for (int i = 0; i < NB * G; i++) {
        TD_UNROLL for (int v = 0; v < V; v++) acc[i][v] = (VT){0};
    }
    /* The residual comes from memory: ask for that of the next tile while this one is summed. */
    if (residual) {
        TD_UNROLL for (int j = 0; j < NB; j++) {
            TD_UNROLL for (int i = 0; i < G * V; i++)
                __builtin_prefetch(residual + d[j] + (i / V + NB * G) * ds + i % V * LANES);
        }
    }
    for (ptrdiff_t t = 0; t < n_taps; t++) {
        const T *p[7];
        TD_UNROLL for (int j = 0; j < NB; j++) p[j] = src + taps[t] + a[j];
        _Pragma("GCC unroll 4") for (ptrdiff_t k = 0; k < K; k++) {
            VT w[2];
            TD_UNROLL for (int v = 0; v < V; v++) w[v] = NAME(load)(b + v * LANES);
            TD_UNROLL for (int v = 0; v < V; v++) __builtin_prefetch(b + 8 * ld + v * LANES);
            b += ld;
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
            const VT bias = NAME(load)((const T *)e->bias + v * LANES);
            TD_UNROLL for (int i = 0; i < NB * G; i++) acc[i][v] += bias;
        }
    }
    if (residual) {
        TD_UNROLL for (int j = 0; j < NB; j++) {
            TD_UNROLL for (int g = 0; g < G; g++) {
                const T *at = residual + d[j] + g * ds;
                if (V == 2) acc[j * G + g][0] += NAME(load)(at);
                acc[j * G + g][V - 1] += NAME(load_n)(at + (V - 1) * LANES, tail);
            }
        }
    }
    if (e->relu) {
        TD_UNROLL for (int i = 0; i < NB * G; i++) {
            TD_UNROLL for (int v = 0; v < V; v++) acc[i][v] = NAME(clamp)(acc[i][v]);
        }
    }
    if (tail == LANES && e->stream) {
        TD_UNROLL for (int j = 0; j < NB; j++) {
            TD_UNROLL for (int g = 0; g < G; g++) {
                TD_UNROLL for (int v = 0; v < V; v++)
                    NAME(stream)(dst + d[j] + g * ds + v * LANES, acc[j * G + g][v]);
            }
        }
    } else if (tail == LANES) {
        TD_UNROLL for (int j = 0; j < NB; j++) {
            TD_UNROLL for (int g = 0; g < G; g++) {
                TD_UNROLL for (int v = 0; v < V; v++)
                    NAME(store)(dst + d[j] + g * ds + v * LANES, acc[j * G + g][v]);
            }
        }
    } else {
        TD_UNROLL for (int j = 0; j < NB; j++) {
            TD_UNROLL for (int g = 0; g < G; g++) {
                T *out = dst + d[j] + g * ds;
                if (V == 2) NAME(store)(out, acc[j * G + g][0]);
                NAME(store_n)(out + (V - 1) * LANES, acc[j * G + g][V - 1], tail);
            }
        }
    }
    if (e->moments.out) {
        TD_UNROLL for (int v = 0; v < V; v++)
            NAME(add_moments)(&e->moments, acc, d, ds, v == V - 1 ? tail : LANES, v, NB, G);
    }
}

#define TD_PIXELS(NB, G, V)                                                                                            \
    static void NAME(pixels_##NB##_##G##_##V)(const td_panel_sum *sum, const ptrdiff_t *a, const ptrdiff_t *d) {       \
        NAME(pixels_body)(sum, a, d, NB, G, V);                                                                        \
    }
#define TD_EACH_NB(G, V) FOR_NB(TD_PIXELS, G, V)

TD_EACH_NB(1, 1)
TD_EACH_NB(2, 1)
TD_EACH_NB(4, 1)
TD_EACH_NB(1, 2)
TD_EACH_NB(2, 2)

typedef void (*NAME(pixels_fn))(const td_panel_sum *, const ptrdiff_t *, const ptrdiff_t *);
#define TD_ENTRY(NB, G, V) [NB - 1] = NAME(pixels_##NB##_##G##_##V),
/* [V - 1][log2 G][NB - 1]; NULL where the type has no such tile */
static const NAME(pixels_fn) NAME(pixels)[2][3][TD_MAX_NB] = {
    {{FOR_NB(TD_ENTRY, 1, 1)}, {FOR_NB(TD_ENTRY, 2, 1)}, {FOR_NB(TD_ENTRY, 4, 1)}},
    {{FOR_NB(TD_ENTRY, 1, 2)}, {FOR_NB(TD_ENTRY, 2, 2)}, {0}},
};
#undef TD_ENTRY
#undef TD_PIXELS
#undef TD_EACH_NB

/* Runs of the largest tile there is for nb of them. */
TD_INLINE ptrdiff_t NAME(largest)(const NAME(pixels_fn) * tiles, ptrdiff_t nb) {
    while (!tiles[nb - 1]) nb--;
    return nb;
}

/* `strip` whose rows are best of an even number of pixels. */
static void NAME(even_strip)(const td_rectangle *r, const T *src, const T *panel, ptrdiff_t ld, T *dst, ptrdiff_t n,
                             const td_epilogue *e) {
    const td_panel_sum sum = {r, src, panel, dst, ld, n, e};
    const ptrdiff_t vectors = n > LANES ? 2 : 1;
    td_walk walk = td_begin_walk(r, vectors);
    const NAME(pixels_fn) *tiles = NAME(pixels)[vectors - 1][walk.run >> 1];
    ptrdiff_t a[TD_MAX_NB], d[TD_MAX_NB];
    while (walk.tiles > 0) {
        const ptrdiff_t nb = td_next_tile(&walk, r, a, d);
        if (FEW_FILTERS && td_two_pixels_fit(&sum, walk.run)) {
            td_two_pixels(&sum, nb, walk.run, a, d);
            continue;
        }
        for (ptrdiff_t first = 0, some; first < nb; first += some) {
            some = NAME(largest)(tiles, nb - first);
            tiles[some - 1](&sum, a + first, d + first);
        }
    }
    if (e->stream) td_stream_fence();
}

/* The sum of one panel, up to two vectors of which n channels exist, for all pixels of a rectangle: dst[pixel][0 .. n - 1]
   = that sum with the epilogue `e`, whose pointers are those of the panel's first channel and the rectangle's first
   pixel. `ld` elements lie between two rows of the panel. */
static void NAME(strip)(const td_rectangle *r, const T *src, const T *panel, ptrdiff_t ld, T *dst, ptrdiff_t n,
                        const td_epilogue *e) {
    if (FEW_FILTERS && td_pixel_lanes_fit(r, n, e)) {
        const td_panel_sum sum = {r, src, panel, dst, ld, n, e};
        td_pixel_lanes(&sum);
        return;
    }
    if (!TD_SPLITS_ODD_ROWS || r->cols % 2 == 0) {
        NAME(even_strip)(r, src, panel, ld, dst, n, e);
        return;
    }
    td_rectangle rest = td_as_row(*r);
    td_epilogue here = *e;
    /* Of an odd rectangle its last column is left, of that its last pixel. */
    while (rest.cols % 2 && rest.cols > 1) {
        td_rectangle even = rest;
        even.cols--;
        NAME(even_strip)(&even, src, panel, ld, dst, n, &here);
        src += even.cols * rest.src_col;
        dst += even.cols * rest.dst_col;
        here = td_epilogue_from_pixel(here, even.cols * rest.dst_col * (ptrdiff_t)sizeof(T));
        rest.cols = 1;
        rest = td_as_row(rest);
    }
    if (rest.rows && rest.cols) NAME(even_strip)(&rest, src, panel, ld, dst, n, &here);
}

/* `strip` for panel after panel: n channels, whose panels of two vectors (one at the tail) follow each other. */
static void NAME(strips)(const td_rectangle *r, const T *src, const T *panels, T *dst, ptrdiff_t n,
                         const td_epilogue *e) {
    for (ptrdiff_t o = 0, some; o < n; o += some) {
        const td_epilogue from = td_epilogue_from_channel(*e, o * (ptrdiff_t)sizeof(T));
        some = n - o < 2 * LANES ? n - o : 2 * LANES;
        const ptrdiff_t ld = some > LANES ? 2 * LANES : LANES;
        NAME(strip)(r, src, panels, ld, dst + o, some, &from);
        panels += r->n_taps * r->K * ld;
    }
}
