/* One position of a pooling kernel, all its channels, for one element type; included by pool.h with T (element),
   VT/VU (aligned/unaligned vector), VI (integers as wide, of type IT), LANES and NAME(x) defined.

   Lanes are channels. The last vector of a position may reach beyond its channels: it then reads and writes lanes of
   the next position. That is harmless where the caller knows all these lanes to lie inside the arrays and inside the
   task's own part of the output (`whole`), as the next position is written later; elsewhere the vector is cut. So 6 or
   10 channels run at vector speed.

   A window is nr x nc taps, `row` and `col` elements apart, from x on. Calls below name the common cases with constant
   arguments, from which the compiler makes a loop of its own for each. */

TD_INLINE VT NAME(get)(const T *p, ptrdiff_t m, const int cut) {
    if (!cut) return *(const VU *)p;
    VT x = {0};
    memcpy(&x, p, (size_t)m * sizeof(T));
    return x;
}

TD_INLINE void NAME(put)(T *p, VT x, ptrdiff_t m, const int cut) {
    if (!cut) *(VU *)p = x;
    else memcpy(p, &x, (size_t)m * sizeof(T));
}

TD_INLINE VI NAME(get_codes)(const void *codes, ptrdiff_t i, ptrdiff_t m, const int wide, const int cut) {
    NAME(codes8) narrow = {0};
    NAME(codes32) full = {0};
    if (wide) {
        if (!cut) memcpy(&full, (const int32_t *)codes + i, sizeof full);
        else memcpy(&full, (const int32_t *)codes + i, (size_t)m * 4);
        return __builtin_convertvector(full, VI);
    }
    if (!cut) memcpy(&narrow, (const uint8_t *)codes + i, sizeof narrow);
    else memcpy(&narrow, (const uint8_t *)codes + i, (size_t)m);
    return NAME(widen)(narrow);
}

TD_INLINE void NAME(put_codes)(void *codes, ptrdiff_t i, VI x, ptrdiff_t m, const int wide, const int cut) {
    if (wide) {
        NAME(codes32) full = __builtin_convertvector(x, NAME(codes32));
        if (!cut) memcpy((int32_t *)codes + i, &full, sizeof full);
        else memcpy((int32_t *)codes + i, &full, (size_t)m * 4);
    } else {
        NAME(codes8) narrow = NAME(narrow)(x);
        if (!cut) memcpy((uint8_t *)codes + i, &narrow, sizeof narrow);
        else memcpy((uint8_t *)codes + i, &narrow, (size_t)m);
    }
}

TD_INLINE VI NAME(number)(int64_t n) { return (VI){0} + (IT)n; }
TD_INLINE VT NAME(choose)(VI mask, VT a, VT b) { return (VT)(((VI)a & mask) | ((VI)b & ~mask)); }

/* y, codes [o..o + C) = maximum of what `map` makes of x and the code of the winner: the first maximum, or the last
   NaN. No taps: -inf and -1 (255 in 8 bits). */
TD_INLINE void NAME(max_body)(const T *x, ptrdiff_t row, ptrdiff_t col, ptrdiff_t nr, ptrdiff_t nc, const int64_t code,
                              const int64_t code_row, const int64_t code_col, const td_map *map, T *y, void *codes,
                              ptrdiff_t o, ptrdiff_t C, const int affine, const int relu, const int wide,
                              const int whole, const int coded) {
    for (ptrdiff_t c = 0; c < C; c += LANES) {
        const ptrdiff_t m = C - c;
        const int cut = !whole && m < LANES;
        VT best = (VT){0} - (T)__builtin_inf(), k = {0}, s = {0}, t = {0};
        VI won = NAME(number)(wide ? -1 : 255);
        if (affine) {
            k = NAME(get)((const T *)map->centre + c, m, 0); /* all three padded to whole vectors */
            s = NAME(get)((const T *)map->scale + c, m, 0);
            t = NAME(get)((const T *)map->shift + c, m, 0);
        }
        for (ptrdiff_t i = 0; i < nr; i++) {
            for (ptrdiff_t j = 0; j < nc; j++) {
                VT v = NAME(get)(x + i * row + j * col + c, m, cut);
                if (affine) v = s * (v - k) + t;
                if (relu) v = NAME(choose)((VI)(v < 0), (VT){0}, v);
                const VI here = NAME(number)(code + i * code_row + j * code_col);
                if (i == 0 && j == 0) {
                    best = v;
                    won = here;
                } else {
                    const VI better = (VI)(v > best) | (VI)(v != v);
                    best = NAME(choose)(better, v, best);
                    won = (here & better) | (won & ~better);
                }
            }
        }
        NAME(put)(y + o + c, best, m, cut);
        if (coded) NAME(put_codes)(codes, o + c, won, m, wide, cut);
    }
}

TD_INLINE void NAME(max_row_body)(const T *x, ptrdiff_t row, ptrdiff_t col, ptrdiff_t nr, ptrdiff_t nc,
                                  const td_span *r, const td_span *q, const td_map *map, T *y, void *codes,
                                  ptrdiff_t o, ptrdiff_t C, ptrdiff_t count, ptrdiff_t step, const int affine,
                                  const int relu, const int wide, const int whole, const int coded) {
    for (ptrdiff_t k = 0; k < count; k++)
        NAME(max_body)(x + k * step, row, col, nr, nc, r->code + q->code, r->code_step, q->code_step, map, y, codes,
                       o + k * C, C, affine, relu, wide, whole, coded);
}

/* `count` output positions side by side, whose windows differ by a shift of `step` elements only. r and q are the spans
   of the first. codes may be NULL where nobody asks who won. */
static inline void NAME(max_row)(const T *x, ptrdiff_t row, ptrdiff_t col, const td_span *r, const td_span *q,
                                 const td_map *map, T *y, void *codes, ptrdiff_t o, ptrdiff_t C, ptrdiff_t count,
                                 ptrdiff_t step, int wide, int whole) {
    const ptrdiff_t nr = r->n, nc = q->n;
    const int affine = map->scale != NULL, relu = map->relu != 0;
    const int two = nr == 2 && nc == 2;
    row *= r->step;
    col *= q->step;
#define MAX_ROW(NR, NC, AFFINE, RELU, WIDE, WHOLE)                                                                     \
    NAME(max_row_body)(x, row, col, NR, NC, r, q, map, y, codes, o, C, count, step, AFFINE, RELU, WIDE, WHOLE, 1)
    if (codes == NULL) {
        if (two && whole)
            NAME(max_row_body)(x, row, col, 2, 2, r, q, map, y, NULL, o, C, count, step, 0, relu, 0, 1, 0);
        else
            NAME(max_row_body)(x, row, col, nr, nc, r, q, map, y, NULL, o, C, count, step, 0, relu, 0, whole, 0);
    } else if (whole && !wide && !affine && !relu) {
        if (two) MAX_ROW(2, 2, 0, 0, 0, 1);
        else MAX_ROW(nr, nc, 0, 0, 0, 1);
    } else if (whole && !wide && !affine) {
        if (two) MAX_ROW(2, 2, 0, 1, 0, 1);
        else MAX_ROW(nr, nc, 0, 1, 0, 1);
    } else if (whole && !wide && relu) {
        if (two) MAX_ROW(2, 2, 1, 1, 0, 1);
        else MAX_ROW(nr, nc, 1, 1, 0, 1);
    } else {
        MAX_ROW(nr, nc, affine, relu, wide, whole);
    }
#undef MAX_ROW
}

/* dx [o..o + C) = sum of dy over the windows (nr x nc, from i on) that this position won. */
TD_INLINE void NAME(max_gather_body)(const T *dy, const void *codes, ptrdiff_t i0, ptrdiff_t row, ptrdiff_t col,
                                     ptrdiff_t nr, ptrdiff_t nc, const int64_t code, const int64_t code_row,
                                     const int64_t code_col, T *dx, ptrdiff_t C, const int wide, const int whole) {
    for (ptrdiff_t c = 0; c < C; c += LANES) {
        const ptrdiff_t m = C - c;
        const int cut = !whole && m < LANES;
        VT sum = {0};
        for (ptrdiff_t i = 0; i < nr; i++) {
            for (ptrdiff_t j = 0; j < nc; j++) {
                const ptrdiff_t k = i0 + i * row + j * col + c;
                const VI mine = (VI)(NAME(get_codes)(codes, k, m, wide, cut) ==
                                     NAME(number)(code + i * code_row + j * code_col));
                sum += (VT)((VI)NAME(get)(dy + k, m, cut) & mine);
            }
        }
        NAME(put)(dx + c, sum, m, cut);
    }
}

static inline void NAME(max_gather)(const T *dy, const void *codes, ptrdiff_t i0, ptrdiff_t row, ptrdiff_t col,
                                    const td_span *r, const td_span *q, T *dx, ptrdiff_t C, int wide, int whole) {
    const int64_t code = r->code + q->code, cr = r->code_step, cq = q->code_step;
    row *= r->step;
    col *= q->step;
    if (whole && !wide) {
        if (r->n == 1 && q->n == 1) NAME(max_gather_body)(dy, codes, i0, row, col, 1, 1, code, cr, cq, dx, C, 0, 1);
        else NAME(max_gather_body)(dy, codes, i0, row, col, r->n, q->n, code, cr, cq, dx, C, 0, 1);
    } else {
        NAME(max_gather_body)(dy, codes, i0, row, col, r->n, q->n, code, cr, cq, dx, C, wide, whole);
    }
}

/* y = sum of the window / count; 0 for count 0 */
TD_INLINE void NAME(mean_body)(const T *x, ptrdiff_t row, ptrdiff_t col, ptrdiff_t nr, ptrdiff_t nc, T count, T *y,
                               ptrdiff_t C, const int whole) {
    for (ptrdiff_t c = 0; c < C; c += LANES) {
        const ptrdiff_t m = C - c;
        const int cut = !whole && m < LANES;
        VT sum = {0};
        for (ptrdiff_t i = 0; i < nr; i++)
            for (ptrdiff_t j = 0; j < nc; j++) sum += NAME(get)(x + i * row + j * col + c, m, cut);
        NAME(put)(y + c, sum / count, m, cut);
    }
}

TD_INLINE void NAME(mean_row_body)(const T *x, ptrdiff_t row, ptrdiff_t col, ptrdiff_t nr, ptrdiff_t nc, T divisor,
                                   T *y, ptrdiff_t C, ptrdiff_t n, ptrdiff_t step, const int whole) {
    for (ptrdiff_t k = 0; k < n; k++) NAME(mean_body)(x + k * step, row, col, nr, nc, divisor, y + k * C, C, whole);
}

/* `n` output positions side by side, as in max_row */
static inline void NAME(mean_row)(const T *x, ptrdiff_t row, ptrdiff_t col, const td_span *r, const td_span *q,
                                  ptrdiff_t count, T *y, ptrdiff_t C, ptrdiff_t n, ptrdiff_t step, int whole) {
    const T divisor = (T)(count ? count : 1);
    row *= r->step;
    col *= q->step;
    if (!whole) NAME(mean_row_body)(x, row, col, r->n, q->n, divisor, y, C, n, step, 0);
    else if (r->n == 2 && q->n == 2) NAME(mean_row_body)(x, row, col, 2, 2, divisor, y, C, n, step, 1);
    else NAME(mean_row_body)(x, row, col, r->n, q->n, divisor, y, C, n, step, 1);
}

/* dx = sum over the windows that hold the position of dy * share_row * share_col, the shares being 1 / count of the
   windows, by their number on each axis */
TD_INLINE void NAME(mean_gather_body)(const T *dy, ptrdiff_t row, ptrdiff_t col, ptrdiff_t nr, ptrdiff_t nc,
                                      const T *share_row, ptrdiff_t step_row, const T *share_col, ptrdiff_t step_col,
                                      T *dx, ptrdiff_t C, const int whole) {
    for (ptrdiff_t c = 0; c < C; c += LANES) {
        const ptrdiff_t m = C - c;
        const int cut = !whole && m < LANES;
        VT sum = {0};
        for (ptrdiff_t i = 0; i < nr; i++)
            for (ptrdiff_t j = 0; j < nc; j++)
                sum += NAME(get)(dy + i * row + j * col + c, m, cut) *
                       (share_row[i * step_row] * share_col[j * step_col]);
        NAME(put)(dx + c, sum, m, cut);
    }
}

static inline void NAME(mean_gather)(const T *dy, ptrdiff_t row, ptrdiff_t col, const td_span *r, const td_span *q,
                                     const T *share_row, const T *share_col, T *dx, ptrdiff_t C, int whole) {
    row *= r->step;
    col *= q->step;
    share_row += r->start;
    share_col += q->start;
    if (!whole) NAME(mean_gather_body)(dy, row, col, r->n, q->n, share_row, r->step, share_col, q->step, dx, C, 0);
    else if (r->n == 1 && q->n == 1)
        NAME(mean_gather_body)(dy, row, col, 1, 1, share_row, r->step, share_col, q->step, dx, C, 1);
    else NAME(mean_gather_body)(dy, row, col, r->n, q->n, share_row, r->step, share_col, q->step, dx, C, 1);
}

/* One row of dx under windows that neither overlap nor leave gaps, nor reach into padding: `n` windows of `width`
   positions, whose row of taps has codes from `code` on. */
static inline void NAME(max_tiles)(const T *dy, const void *codes, ptrdiff_t i, int64_t code, T *dx, ptrdiff_t C,
                                   ptrdiff_t n, ptrdiff_t width) {
    for (ptrdiff_t k = 0; k < n; k++) {
        for (ptrdiff_t j = 0; j < width; j++) {
            for (ptrdiff_t c = 0; c < C; c += LANES) {
                const VI mine = (VI)(NAME(get_codes)(codes, i + k * C + c, LANES, 0, 0) == NAME(number)(code + j));
                NAME(put)(dx + (k * width + j) * C + c, (VT)((VI)NAME(get)(dy + i + k * C + c, LANES, 0) & mine), LANES,
                          0);
            }
        }
    }
}

static inline void NAME(mean_tiles)(const T *dy, T share, T *dx, ptrdiff_t C, ptrdiff_t n, ptrdiff_t width) {
    for (ptrdiff_t k = 0; k < n; k++) {
        for (ptrdiff_t j = 0; j < width; j++) {
            for (ptrdiff_t c = 0; c < C; c += LANES)
                NAME(put)(dx + (k * width + j) * C + c, NAME(get)(dy + k * C + c, LANES, 0) * share, LANES, 0);
        }
    }
}

TD_INLINE void NAME(total_body)(const T *x, const T *centre, const T *scale, const T *shift, T *s, ptrdiff_t n,
                                ptrdiff_t L, const int affine, const int relu) {
    for (ptrdiff_t i = 0; i < n; i += L) {
        const ptrdiff_t m = n - i < L ? n - i : L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < m; j++) {
            const T v = affine ? scale[j] * (x[i + j] - centre[j]) + shift[j] : x[i + j];
            s[j] += relu && v < 0 ? 0 : v;
        }
    }
}

/* s += what `map`, repeated to a period of L elements, makes of n elements of x; rows.h says why there is a period */
static inline void NAME(total)(const T *x, const td_map *map, T *s, ptrdiff_t n, ptrdiff_t L) {
    const T *centre = map->centre, *scale = map->scale, *shift = map->shift;
    if (scale == NULL && !map->relu) NAME(total_body)(x, centre, scale, shift, s, n, L, 0, 0);
    else if (scale == NULL) NAME(total_body)(x, centre, scale, shift, s, n, L, 0, 1);
    else if (!map->relu) NAME(total_body)(x, centre, scale, shift, s, n, L, 1, 0);
    else NAME(total_body)(x, centre, scale, shift, s, n, L, 1, 1);
}
