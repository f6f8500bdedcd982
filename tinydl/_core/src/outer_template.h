/* Outer tiles for one element type; included by tile.h with T (element), VT (vector), LANES, FOR_M, FOR_ROWS,
   FEW_FILTERS and NAME(x) defined.

   acc[i][v] += sum over pixels q of  x[q*x_col + i] * dy[q*dy_col + v]

   i = one (kw, c_in) entry of the filter, v = one vector of output channels: the weight gradient. */

/* NB rows of M contiguous filter entries, from x and dw on. */
TD_INLINE void NAME(outer_body)(const td_outer_sum *sum, const T *x, T *dw, const int NB, const int M, const int V) {
    const ptrdiff_t tail = sum->n - (V - 1) * LANES, adds = sum->adds; /* channels of the last vector */
    const ptrdiff_t x_base = sum->entries->x_row, dw_base = sum->entries->dw_row, ldw = sum->entries->dw_entry;
    const td_pixel_range *n = sum->pixels;
    const T *dy = sum->dy;
    VT acc[28][2];
    TD_UNROLL for (int j = 0; j < NB; j++) {
        TD_UNROLL for (int i = 0; i < M; i++) {
            const T *at = dw + j * dw_base + i * ldw;
            TD_UNROLL for (int v = 0; v < V; v++) acc[j * M + i][v] = (VT){0};
            if (!adds) continue;
            if (V == 2) acc[j * M + i][0] = NAME(load)(at);
            acc[j * M + i][V - 1] = tail == LANES ? NAME(load)(at + (V - 1) * LANES)
                                                  : NAME(load_n)(at + (V - 1) * LANES, tail);
        }
    }
    const ptrdiff_t x_col = n->x_col, dy_col = n->dy_col;
    for (ptrdiff_t image = 0; image < n->n_images; image++) {
        for (ptrdiff_t r = 0; r < n->n_rows; r++) {
            const T *p = x + image * n->x_image + r * n->x_row, *g = dy + image * n->dy_image + r * n->dy_row;
            /* A pointer to the end saves the counter's register: with it the strides would be read from the stack. */
            for (const T *end = g + n->n_cols * dy_col; g != end; p += x_col, g += dy_col) {
                VT w[2];
                if (V == 2) w[0] = NAME(load)(g);
                w[V - 1] = tail == LANES ? NAME(load)(g + (V - 1) * LANES) : NAME(load_n)(g + (V - 1) * LANES, tail);
                const T *at = p;
                if (M > 4) {
                    /* Both streams come from L2, a line or two a step: ask for each line six steps ahead. */
                    __builtin_prefetch(p + 6 * x_col);
                    TD_UNROLL for (int v = 0; v < (V * VB + 63) / 64; v++)
                        __builtin_prefetch((const char *)(g + 6 * dy_col) + 64 * v);
                }
                TD_UNROLL for (int j = 0; j < NB; j++) {
                    TD_UNROLL for (int i = 0; i < M; i++) {
                        const T s = at[i];
                        TD_UNROLL for (int v = 0; v < V; v++) acc[j * M + i][v] += s * w[v];
                    }
                    at += x_base;
                }
            }
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

#define TD_OUTER(M, V)                                                                                                 \
    static void NAME(outer_##M##_##V)(const td_outer_sum *sum, const T *x, T *dw) {                                    \
        NAME(outer_body)(sum, x, dw, 1, M, V);                                                                         \
    }
FOR_M(TD_OUTER)
typedef void (*NAME(outer_fn))(const td_outer_sum *, const T *, T *);
#define TD_ENTRY(M, V) [V - 1][M] = NAME(outer_##M##_##V),
/* [V - 1][M]; where there is no tile of M entries, NULL */
static const NAME(outer_fn) NAME(outer)[2][29] = {FOR_M(TD_ENTRY)};
#undef TD_ENTRY
#undef TD_OUTER

/* Filter entries of the next outer tile when `left` remain: even shares, rounded down to a tile there is. */
TD_INLINE ptrdiff_t NAME(outer_size)(ptrdiff_t left, ptrdiff_t vectors) {
    const ptrdiff_t most = vectors == 2 ? 2 * TD_MAX_NB : 4 * TD_MAX_NB;
    const ptrdiff_t tiles = (left + most - 1) / most;
    ptrdiff_t size = (left + tiles - 1) / tiles;
    while (!NAME(outer)[vectors - 1][size]) size--;
    return size;
}

/* The filters of a first layer have few entries a row (KW * C_in of 3, 5, 9): all rows in one tile use each vector of dy
   so many times as often. The most vectors for which there is such a tile, 0 where there is none. */
TD_INLINE ptrdiff_t NAME(vectors_of_rows)(const td_entries *f) {
    ptrdiff_t most = 0;
#define TD_ROWS(NB, M, V)                                                                                              \
    if (f->rows == NB && f->n == M && V > most) most = V;
    FOR_ROWS(TD_ROWS)
#undef TD_ROWS
    (void)f;
    return most;
}

static void NAME(outer_rows)(const td_outer_sum *sum, ptrdiff_t vectors) {
#define TD_ROWS(NB, M, V)                                                                                              \
    if (sum->entries->rows == NB && sum->entries->n == M && vectors == V)                                              \
        NAME(outer_body)(sum, sum->x, sum->dw, NB, M, V);
    FOR_ROWS(TD_ROWS)
#undef TD_ROWS
    (void)sum;
    (void)vectors;
}

/* All entries of dw for one panel of dy, sum->n channels; `joint` as vectors_of_rows says. */
static void NAME(outer_panel)(td_outer_sum *sum, ptrdiff_t vectors, ptrdiff_t joint) {
    const td_entries *f = sum->entries;
    if (joint) {
        NAME(outer_rows)(sum, vectors);
        return;
    }
    for (ptrdiff_t row = 0; row < f->rows; row++) {
        for (ptrdiff_t i = 0, size; i < f->n; i += size) {
            size = NAME(outer_size)(f->n - i, vectors);
            NAME(outer)[vectors - 1][size](sum, (const T *)sum->x + row * f->x_row + i,
                                           (T *)sum->dw + row * f->dw_row + i * f->dw_entry);
        }
    }
}

#if TD_PACKS_PANELS
/* Copies the sum's panel of dy, one pixel behind the other. */
static void NAME(pack_panel)(td_outer_sum *sum, td_pixel_range *pixels, T *panel, ptrdiff_t vectors) {
    const td_pixel_range *from = sum->pixels;
    const ptrdiff_t width = vectors * LANES;
    const T *dy = sum->dy;
    T *to = panel;
    for (ptrdiff_t i = 0; i < from->n_images; i++) {
        for (ptrdiff_t r = 0; r < from->n_rows; r++) {
            const T *g = dy + i * from->dy_image + r * from->dy_row;
            for (ptrdiff_t q = 0; q < from->n_cols; q++, g += from->dy_col, to += width) {
                for (ptrdiff_t v = 0; v < vectors; v++) {
                    const ptrdiff_t left = sum->n - v * LANES;
                    const VT d = left >= LANES ? NAME(load)(g + v * LANES) : NAME(load_n)(g + v * LANES, left);
                    NAME(store)(to + v * LANES, d);
                }
            }
        }
    }
    *pixels = *from;
    pixels->dy_col = width;
    pixels->dy_row = width * from->n_cols;
    pixels->dy_image = pixels->dy_row * from->n_rows;
    sum->pixels = pixels;
    sum->dy = panel;
}
#endif

/* All panels of the pixels of `sum`, which has all channels of dy. */
static void NAME(outer_panels)(const td_outer_sum *all) {
    const ptrdiff_t joint = NAME(vectors_of_rows)(all->entries), most = joint ? joint : 2;
    for (ptrdiff_t o = 0, some; o < all->n; o += some) {
        const ptrdiff_t vectors = all->n - o > LANES ? most : 1;
        td_outer_sum sum = *all;
        some = sum.n = all->n - o < vectors * LANES ? all->n - o : vectors * LANES;
        sum.dy = (const T *)all->dy + o;
        sum.dw = (T *)all->dw + o;
#if TD_PACKS_PANELS
        T panel[TD_PANEL_PIXELS * 2 * LANES];
        td_pixel_range packed;
        if (td_packs_panels(all, sizeof(T))) NAME(pack_panel)(&sum, &packed, panel, vectors);
#endif
        NAME(outer_panel)(&sum, vectors, joint);
    }
}

/* dw[entry][0 .. n - 1] (+)= the sum over pixels of x[pixel + entry] * dy[pixel][0 .. n - 1]; `adds` to what is there. */
static void NAME(outer_strip)(const td_pixel_range *pixels, const td_entries *f, const T *x, const T *dy, ptrdiff_t n,
                              T *dw, ptrdiff_t adds) {
    td_outer_sum sum = {pixels, f, x, dy, dw, n, adds};
    if (FEW_FILTERS && (td_pixel_lanes_outer(&sum) || td_two_pixels_outer(&sum))) return;
    /* Rows and images without gaps between them are one row: the same sums with fewer loops to enter. */
    td_pixel_range row_of = *pixels;
    if (row_of.x_row == row_of.n_cols * row_of.x_col && row_of.dy_row == row_of.n_cols * row_of.dy_col) {
        row_of.n_cols *= row_of.n_rows;
        row_of.n_rows = 1;
        if (row_of.x_image == row_of.n_cols * row_of.x_col && row_of.dy_image == row_of.n_cols * row_of.dy_col) {
            row_of.n_cols *= row_of.n_images;
            row_of.n_images = 1;
        }
    }
    sum.pixels = &row_of;
    NAME(outer_panels)(&sum);
}
