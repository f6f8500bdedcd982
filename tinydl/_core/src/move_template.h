/* Results on their way from one arrangement to another, for one element type; included by move.h with T (element), VT
   (vector), LANES, LANES_C (a constant) and NAME(x) defined. */

/* Lane l of row r becomes lane r of row l: log2(LANES) rounds of exchanging blocks of h rows and lanes. */
TD_INLINE void NAME(transpose)(VT row[LANES_C]) {
    TD_UNROLL for (int h = LANES_C / 2; h > 0; h /= 2) {
        TD_UNROLL for (int i = 0; i < LANES_C; i++) {
            if (i & h) continue;
            const VT upper = row[i], lower = row[i + h];
            row[i] = NAME(exchange_low)(upper, lower, h);
            row[i + h] = NAME(exchange_high)(upper, lower, h);
        }
    }
}

/* dst (LANES x LANES, rows ldd apart) = src transposed. */
TD_INLINE void NAME(transpose_block)(const T *src, ptrdiff_t lds, T *dst, ptrdiff_t ldd) {
    VT row[LANES_C];
    TD_UNROLL for (int i = 0; i < LANES_C; i++) row[i] = NAME(load)(src + i * lds);
    NAME(transpose)(row);
    TD_UNROLL for (int i = 0; i < LANES_C; i++) NAME(store)(dst + i * ldd, row[i]);
}

/* A row of dx from the products of a row of dy with whole filter rows: dx[w][c] = sum over kw of
   products[w + pad - kw][kw][c], products n_cols rows of `step` elements. */
static void NAME(gather_row)(const T *products, ptrdiff_t step, ptrdiff_t n_cols, ptrdiff_t KW, ptrdiff_t pad, T *dx,
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
