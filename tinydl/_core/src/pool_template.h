/* Runs of positions of a pooling kernel for one element type; included by pool.h with T (element), VT/VU
   (aligned/unaligned vector), VI (integers as wide, of type IT), LANES and NAME(x) defined.

   Lanes are channels. The last vector of a position may reach beyond its channels: it then reads and writes lanes of
   the next position. That is harmless where the caller knows all these lanes to lie inside the arrays and inside the
   task's own part of the output (`whole`), as the next position is written later; elsewhere the vector is cut. So 6 or
   10 channels run at vector speed.

   Bodies take structs by value and are inlined: calls below name the common cases with constants in them, from which
   the compiler makes a loop of its own for each. */

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

/* y, codes [o..o + C) = maximum of what on_x makes of x and the code of the winner: the first maximum, or the last NaN.
   No taps: -inf and -1 (255 in 8 bits). */
TD_INLINE void NAME(max_body)(const td_pool p, const T *x, const td_taps t, ptrdiff_t o, const int how) {
    const T *centre = p.on_x.centre, *scale = p.on_x.scale, *shift = p.on_x.shift;
    for (ptrdiff_t c = 0; c < p.C; c += LANES) {
        const ptrdiff_t m = p.C - c;
        const int cut = !(how & TD_WHOLE) && m < LANES;
        VT best = (VT){0} - (T)__builtin_inf(), k = {0}, a = {0}, b = {0};
        VI won = NAME(number)(how & TD_WIDE ? -1 : 255);
        if (how & TD_AFFINE) {
            k = NAME(get)(centre + c, m, 0);
            a = NAME(get)(scale + c, m, 0);
            b = NAME(get)(shift + c, m, 0);
        }
        for (ptrdiff_t i = 0; i < t.nr; i++) {
            for (ptrdiff_t j = 0; j < t.nc; j++) {
                VT v = NAME(get)(x + i * t.row + j * t.col + c, m, cut);
                if (how & TD_AFFINE) v = a * (v - k) + b;
                if (how & TD_RELU) v = NAME(clamp)(v);
                if (how & TD_LEAKY) v = NAME(bent)(v, TD_LEAK, (T)p.on_x.parameter);
                const VI here = NAME(number)(t.code + i * t.code_row + j * t.code_col);
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
        NAME(put)((T *)p.dst + o + c, best, m, cut);
        if (how & TD_CODED) NAME(put_codes)(p.codes, o + c, won, m, how & TD_WIDE, cut);
    }
}

TD_INLINE void NAME(max_run)(const td_pool p, const td_pool_run run, const td_taps t, const int how) {
    const T *x = (const T *)p.src + run.src;
    for (ptrdiff_t k = 0; k < run.count; k++) NAME(max_body)(p, x + k * p.step, t, run.dst + k * p.C, how);
}

static void NAME(max_row)(const td_pool *pool, const td_pool_run *positions) {
    const td_pool p = *pool;
    const td_pool_run run = *positions;
    const td_taps t = td_taps_of(&p, &run), small = td_taps_known(t, 2, 2);
    const int how = (p.on_x.scale ? TD_AFFINE : 0) | (p.on_x.activation == TD_CLAMP ? TD_RELU : 0) |
                    (p.on_x.activation == TD_LEAK ? TD_LEAKY : 0) | (p.wide ? TD_WIDE : 0) |
                    (run.whole ? TD_WHOLE : 0) | (p.codes ? TD_CODED : 0);
#define MAX_RUN(HOW)                                                                                                   \
    case HOW:                                                                                                          \
        if (t.nr == 2 && t.nc == 2) NAME(max_run)(p, run, small, HOW);                                                 \
        else NAME(max_run)(p, run, t, HOW);                                                                            \
        break
    switch (how) {
        MAX_RUN(TD_WHOLE);
        MAX_RUN(TD_WHOLE | TD_CODED);
        MAX_RUN(TD_WHOLE | TD_CODED | TD_RELU);
        MAX_RUN(TD_WHOLE | TD_CODED | TD_RELU | TD_AFFINE);
    default: NAME(max_run)(p, run, t, how);
    }
#undef MAX_RUN
}

/* dx [o..o + C) = sum of dy over the windows, from element i on, that this position won. */
TD_INLINE void NAME(max_gather_body)(const td_pool p, ptrdiff_t i0, const td_taps t, ptrdiff_t o, const int how) {
    for (ptrdiff_t c = 0; c < p.C; c += LANES) {
        const ptrdiff_t m = p.C - c;
        const int cut = !(how & TD_WHOLE) && m < LANES;
        VT sum = {0};
        for (ptrdiff_t i = 0; i < t.nr; i++) {
            for (ptrdiff_t j = 0; j < t.nc; j++) {
                const ptrdiff_t k = i0 + i * t.row + j * t.col + c;
                const VI mine = (VI)(NAME(get_codes)(p.codes, k, m, how & TD_WIDE, cut) ==
                                     NAME(number)(t.code + i * t.code_row + j * t.code_col));
                sum += (VT)((VI)NAME(get)((const T *)p.src + k, m, cut) & mine);
            }
        }
        NAME(put)((T *)p.dst + o + c, sum, m, cut);
    }
}

static void NAME(max_gather)(const td_pool *pool, const td_pool_run *position) {
    const td_pool p = *pool;
    const td_pool_run run = *position;
    const td_taps t = td_taps_of(&p, &run);
    if (run.whole && !p.wide) {
        if (t.nr == 1 && t.nc == 1)
            NAME(max_gather_body)(p, run.src, td_taps_known(t, 1, 1), run.dst, TD_WHOLE);
        else NAME(max_gather_body)(p, run.src, t, run.dst, TD_WHOLE);
    } else {
        NAME(max_gather_body)(p, run.src, t, run.dst, (p.wide ? TD_WIDE : 0) | (run.whole ? TD_WHOLE : 0));
    }
}

/* y [o..o + C) = sum of the window / count; 0 for count 0 */
TD_INLINE void NAME(mean_body)(const td_pool p, const T *x, const td_taps t, T count, T *y, const int how) {
    for (ptrdiff_t c = 0; c < p.C; c += LANES) {
        const ptrdiff_t m = p.C - c;
        const int cut = !(how & TD_WHOLE) && m < LANES;
        VT sum = {0};
        for (ptrdiff_t i = 0; i < t.nr; i++)
            for (ptrdiff_t j = 0; j < t.nc; j++) sum += NAME(get)(x + i * t.row + j * t.col + c, m, cut);
        NAME(put)(y + c, sum / count, m, cut);
    }
}

TD_INLINE void NAME(mean_run)(const td_pool p, const td_pool_run run, const td_taps t, T count, const int how) {
    const T *x = (const T *)p.src + run.src;
    T *y = (T *)p.dst + run.dst;
    for (ptrdiff_t k = 0; k < run.count; k++) NAME(mean_body)(p, x + k * p.step, t, count, y + k * p.C, how);
}

static void NAME(mean_row)(const td_pool *pool, const td_pool_run *positions) {
    const td_pool p = *pool;
    const td_pool_run run = *positions;
    const td_taps t = td_taps_of(&p, &run);
    const ptrdiff_t n = run.rows->count * run.cols->count;
    const T count = (T)(n ? n : 1);
    if (!run.whole) NAME(mean_run)(p, run, t, count, 0);
    else if (t.nr == 2 && t.nc == 2) NAME(mean_run)(p, run, td_taps_known(t, 2, 2), count, TD_WHOLE);
    else NAME(mean_run)(p, run, t, count, TD_WHOLE);
}

/* dx [o..o + C) = sum over the windows that hold the position of dy * row_share * col_share, the shares being known by
   the numbers of the windows on each axis. */
TD_INLINE void NAME(mean_gather_body)(const td_pool p, const td_pool_run run, const td_taps t, const int how) {
    const T *dy = (const T *)p.src + run.src;
    const T *row_share = (const T *)p.row_share + run.rows->start;
    const T *col_share = (const T *)p.col_share + run.cols->start;
    const ptrdiff_t row_step = run.rows->step, col_step = run.cols->step;
    for (ptrdiff_t c = 0; c < p.C; c += LANES) {
        const ptrdiff_t m = p.C - c;
        const int cut = !(how & TD_WHOLE) && m < LANES;
        VT sum = {0};
        for (ptrdiff_t i = 0; i < t.nr; i++)
            for (ptrdiff_t j = 0; j < t.nc; j++)
                sum += NAME(get)(dy + i * t.row + j * t.col + c, m, cut) *
                       (row_share[i * row_step] * col_share[j * col_step]);
        NAME(put)((T *)p.dst + run.dst + c, sum, m, cut);
    }
}

static void NAME(mean_gather)(const td_pool *pool, const td_pool_run *position) {
    const td_pool p = *pool;
    const td_pool_run run = *position;
    const td_taps t = td_taps_of(&p, &run);
    if (!run.whole) NAME(mean_gather_body)(p, run, t, 0);
    else if (t.nr == 1 && t.nc == 1) NAME(mean_gather_body)(p, run, td_taps_known(t, 1, 1), TD_WHOLE);
    else NAME(mean_gather_body)(p, run, t, TD_WHOLE);
}

/* One row of dx under windows that neither overlap nor leave gaps, nor reach into padding: `count` windows of p.tile
   positions, whose row of taps has codes from the row's on. */
static void NAME(max_tiles)(const td_pool *pool, const td_pool_run *windows) {
    const td_pool p = *pool;
    const td_pool_run run = *windows;
    const int64_t code = run.rows->code;
    for (ptrdiff_t k = 0; k < run.count; k++) {
        for (ptrdiff_t j = 0; j < p.tile; j++) {
            T *dx = (T *)p.dst + run.dst + (k * p.tile + j) * p.C;
            for (ptrdiff_t c = 0; c < p.C; c += LANES) {
                const ptrdiff_t i = run.src + k * p.C + c;
                const VI mine = (VI)(NAME(get_codes)(p.codes, i, LANES, 0, 0) == NAME(number)(code + j));
                NAME(put)(dx + c, (VT)((VI)NAME(get)((const T *)p.src + i, LANES, 0) & mine), LANES, 0);
            }
        }
    }
}

static void NAME(mean_tiles)(const td_pool *pool, const td_pool_run *windows) {
    const td_pool p = *pool;
    const td_pool_run run = *windows;
    const T share = ((const T *)p.row_share)[0] * ((const T *)p.col_share)[0]; /* of all windows the same */
    for (ptrdiff_t k = 0; k < run.count; k++) {
        const T *dy = (const T *)p.src + run.src + k * p.C;
        for (ptrdiff_t j = 0; j < p.tile; j++) {
            T *dx = (T *)p.dst + run.dst + (k * p.tile + j) * p.C;
            for (ptrdiff_t c = 0; c < p.C; c += LANES) NAME(put)(dx + c, NAME(get)(dy + c, LANES, 0) * share, LANES, 0);
        }
    }
}
