/* Loops over rows of channels for one element type; included by channels.h with T, VT and NAME(x) defined.

   A block of `n` elements is rows x channels, channels fastest. Vectors of per-channel values (scale, shift, ...) are
   given repeated to a period of L elements, L a multiple of C, of at least 256 where that is cheap: the inner loop is
   then long and free of remainders for any number of channels, 3 as well as 64, and its vectors of per-channel values
   stay in L1. Sums have L accumulators, which the caller folds to C. Sums take four periods per step, so that an
   accumulator is loaded and stored once for four values: in vectors, as compilers give each of the four an address of
   its own and have too few registers for them; a period that is no whole number of vectors is left to them.

   Every map is written scale*(x - centre) + shift, contracted to one FMA where there is one: forward and the mask of
   backward, here and where convolutions and pooling load x, see the same bits and thus the same sign. NaN counts as
   positive. */

TD_INLINE T NAME(map_one)(T x, T centre, T scale, T shift) { return scale * (x - centre) + shift; }

TD_INLINE void NAME(affine_body)(const td_residual_sum *sum, ptrdiff_t first, T *y, ptrdiff_t n, ptrdiff_t L,
                                 const int bend, const int residual) {
    const T slope = (T)sum->on_x.parameter;
    const T *x = (const T *)sum->x + first, *r = residual ? (const T *)sum->residual + first : NULL;
    const T *k = sum->on_x.centre, *s = sum->on_x.scale, *t = sum->on_x.shift;
    const T *rk = sum->on_residual.centre, *rs = sum->on_residual.scale, *rt = sum->on_residual.shift;
    const ptrdiff_t near = sum->stretch, lanes = sizeof(VT) / sizeof(T);
    ptrdiff_t i = 0;
    for (; near && i + 2 * near <= n; i += 2 * near) {
        for (ptrdiff_t j = 0; j < near; j += lanes) {
            const T *x0 = x + i + j, *x1 = x0 + near;
            const VT o = NAME(load)(k + j), a = NAME(load)(s + j), b = NAME(load)(t + j);
            VT v = a * (NAME(load)(x0) - o) + b, w = a * (NAME(load)(x1) - o) + b;
            if (residual == 1) v += NAME(load)(r + i + j), w += NAME(load)(r + i + j + near);
            if (residual == 2) {
                const VT ro = NAME(load)(rk + j), ra = NAME(load)(rs + j), rb = NAME(load)(rt + j);
                v += ra * (NAME(load)(r + i + j) - ro) + rb;
                w += ra * (NAME(load)(r + i + j + near) - ro) + rb;
            }
            NAME(store)(y + i + j, NAME(bent)(v, bend, slope));
            NAME(store)(y + i + j + near, NAME(bent)(w, bend, slope));
        }
    }
    for (; i < n; i += L) {
        const ptrdiff_t m = n - i < L ? n - i : L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < m; j++) {
            T v = NAME(map_one)(x[i + j], k[j], s[j], t[j]);
            if (residual == 1) v += r[i + j];
            if (residual == 2) v += NAME(map_one)(r[i + j], rk[j], rs[j], rt[j]);
            y[i + j] = NAME(bent_one)(v, bend, slope);
        }
    }
}

/* y[0 .. n - 1] = scale (x - centre) + shift, without an activation */
static inline void NAME(mapped)(const T *x, const td_map *on_x, T *y, ptrdiff_t n, ptrdiff_t L) {
    const T *k = on_x->centre, *s = on_x->scale, *t = on_x->shift;
    for (ptrdiff_t i = 0; i < n; i += L) {
        const ptrdiff_t m = n - i < L ? n - i : L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < m; j++) y[i + j] = NAME(map_one)(x[i + j], k[j], s[j], t[j]);
    }
}

/* y[0 .. n - 1] = f(on_x of x [+ residual] [+ on_residual of it]) from element `first` on, f the activation of on_x */
static inline void NAME(affine_cached)(const td_residual_sum *sum, ptrdiff_t first, T *y, ptrdiff_t n, ptrdiff_t L) {
    const int residual = sum->residual == NULL ? 0 : sum->on_residual.scale == NULL ? 1 : 2;
    switch (3 * residual + sum->on_x.activation) {
#define TD_AFFINE_BODY(residual, bend)                                                                                 \
    case 3 * residual + bend: NAME(affine_body)(sum, first, y, n, L, bend, residual); break
        TD_AFFINE_BODY(0, TD_STRAIGHT);
        TD_AFFINE_BODY(0, TD_CLAMP);
        TD_AFFINE_BODY(0, TD_LEAK);
        TD_AFFINE_BODY(1, TD_STRAIGHT);
        TD_AFFINE_BODY(1, TD_CLAMP);
        TD_AFFINE_BODY(1, TD_LEAK);
        TD_AFFINE_BODY(2, TD_STRAIGHT);
        TD_AFFINE_BODY(2, TD_CLAMP);
        TD_AFFINE_BODY(2, TD_LEAK);
#undef TD_AFFINE_BODY
    }
}

/* The same past the caches if `stream`: y then consists of whole aligned vectors, and L is at most TD_MOST. */
static inline void NAME(affine)(const td_residual_sum *sum, ptrdiff_t first, T *y, ptrdiff_t n, ptrdiff_t L,
                                int stream) {
    const ptrdiff_t lanes = sizeof(VT) / sizeof(T), most = stream ? L : n;
    VT part[TD_MOST / (sizeof(VT) / sizeof(T))];
    for (ptrdiff_t i = 0; i < n; i += most) {
        const ptrdiff_t m = n - i < most ? n - i : most;
        NAME(affine_cached)(sum, first + i, stream ? (T *)part : y, m, L);
        for (ptrdiff_t j = 0; stream && j < m; j += lanes) NAME(stream)(y + i + j, part[j / lanes]);
    }
    if (stream) td_stream_fence();
}

/* s1 += x - about, s2 += (x - about)^2 */
static inline void NAME(moments)(const T *x, const T *about, T *s1, T *s2, ptrdiff_t n, ptrdiff_t L) {
    const ptrdiff_t lanes = sizeof(VT) / sizeof(T);
    ptrdiff_t i = 0;
    for (; L % lanes == 0 && i + 4 * L <= n; i += 4 * L) {
        for (ptrdiff_t j = 0; j < L; j += lanes) {
            const VT k = NAME(load)(about + j);
            VT v[4];
            for (int q = 0; q < 4; q++) v[q] = NAME(load)(x + i + j + q * L) - k;
            NAME(store)(s1 + j, NAME(load)(s1 + j) + ((v[0] + v[1]) + (v[2] + v[3])));
            NAME(store)(s2 + j, NAME(load)(s2 + j) + (NAME(fma)(v[0], v[0], v[1] * v[1]) +
                                                      NAME(fma)(v[2], v[2], v[3] * v[3])));
        }
    }
    for (; i + 4 * L <= n; i += 4 * L) {
        const T *x0 = x + i, *x1 = x0 + L, *x2 = x1 + L, *x3 = x2 + L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < L; j++) {
            const T k = about[j], a = x0[j] - k, b = x1[j] - k, c = x2[j] - k, d = x3[j] - k;
            s1[j] += (a + b) + (c + d);
            s2[j] += NAME(fma_one)(a, a, b * b) + NAME(fma_one)(c, c, d * d);
        }
    }
    for (; i < n; i += L) {
        const ptrdiff_t m = n - i < L ? n - i : L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < m; j++) {
            const T a = x[i + j] - about[j];
            s1[j] += a;
            s2[j] = NAME(fma_one)(a, a, s2[j]);
        }
    }
}

TD_INLINE T NAME(masked)(T dz, T y, T centre, T scale, T shift, T slope, const int mask) {
    const T v = TD_READS_MAP(mask) ? NAME(map_one)(y, centre, scale, shift) : y;
    return NAME(passed_one)(dz, v, TD_BEND_OF(mask), slope);
}

/* The sums of four periods at a time, where a period is whole vectors; how many of the n elements they are of. */
TD_INLINE ptrdiff_t NAME(gradient_sums_vectors)(const td_reduction *r, ptrdiff_t first, T *s1, ptrdiff_t n, ptrdiff_t L,
                                                const int mask, const int at_centre) {
    const T *x = (const T *)r->x + first, *dz = (const T *)r->dy.dz + first, *about = r->about;
    const T *y = mask == TD_OPEN || TD_READS_MAP(mask) ? x : (const T *)r->dy.y + first, p = (T)r->dy.mask.parameter;
    const T *centre = r->dy.mask.centre, *scale = r->dy.mask.scale, *shift = r->dy.mask.shift;
    T *s2 = s1 + L;
    const ptrdiff_t lanes = sizeof(VT) / sizeof(T);
    ptrdiff_t i = 0;
    for (; L % lanes == 0 && i + 4 * L <= n; i += 4 * L) {
        for (ptrdiff_t j = 0; j < L; j += lanes) {
            const VT none = {0}, k = NAME(load)(about + j), o = TD_READS_MAP(mask) ? NAME(load)(centre + j) : none;
            const VT s = TD_READS_MAP(mask) ? NAME(load)(scale + j) : none;
            const VT t = TD_READS_MAP(mask) ? NAME(load)(shift + j) : none;
            VT d[4], off[4];
            for (int q = 0; q < 4; q++) {
                const ptrdiff_t at = i + j + q * L;
                const VT v = NAME(load)(x + at);
                off[q] = v - k;
                const VT z = TD_READS_MAP(mask) ? s * (at_centre ? off[q] : v - o) + t
                                                : mask == TD_OPEN ? none : NAME(load)(y + at);
                d[q] = NAME(passed)(NAME(load)(dz + at), z, TD_BEND_OF(mask), p);
            }
            NAME(store)(s1 + j, NAME(load)(s1 + j) + ((d[0] + d[1]) + (d[2] + d[3])));
            NAME(store)(s2 + j, NAME(load)(s2 + j) + (NAME(fma)(d[0], off[0], d[1] * off[1]) +
                                                      NAME(fma)(d[2], off[2], d[3] * off[3])));
        }
    }
    return i;
}

/* The sums of elements i to n - 1, which the vectors left. */
TD_INLINE void NAME(gradient_sums_rest)(const td_reduction *r, ptrdiff_t first, T *s1, ptrdiff_t i, ptrdiff_t n,
                                        ptrdiff_t L, const int mask) {
    const T *x = (const T *)r->x + first, *dz = (const T *)r->dy.dz + first, *about = r->about;
    const T *y = mask == TD_OPEN || TD_READS_MAP(mask) ? x : (const T *)r->dy.y + first, p = (T)r->dy.mask.parameter;
    const T *centre = r->dy.mask.centre, *scale = r->dy.mask.scale, *shift = r->dy.mask.shift;
    T *s2 = s1 + L;
    for (; i + 4 * L <= n; i += 4 * L) {
        const T *x0 = x + i, *x1 = x0 + L, *x2 = x1 + L, *x3 = x2 + L;
        const T *y0 = y + i, *y1 = y0 + L, *y2 = y1 + L, *y3 = y2 + L;
        const T *d0 = dz + i, *d1 = d0 + L, *d2 = d1 + L, *d3 = d2 + L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < L; j++) {
            const T k = about[j];
            const T o = TD_READS_MAP(mask) ? centre[j] : 0, s = TD_READS_MAP(mask) ? scale[j] : 0;
            const T t = TD_READS_MAP(mask) ? shift[j] : 0;
            const T a = NAME(masked)(d0[j], y0[j], o, s, t, p, mask), b = NAME(masked)(d1[j], y1[j], o, s, t, p, mask);
            const T c = NAME(masked)(d2[j], y2[j], o, s, t, p, mask), d = NAME(masked)(d3[j], y3[j], o, s, t, p, mask);
            s1[j] += (a + b) + (c + d);
            s2[j] += NAME(fma_one)(a, x0[j] - k, b * (x1[j] - k)) + NAME(fma_one)(c, x2[j] - k, d * (x3[j] - k));
        }
    }
    for (; i < n; i += L) {
        const ptrdiff_t m = n - i < L ? n - i : L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < m; j++) {
            const T o = TD_READS_MAP(mask) ? centre[j] : 0, s = TD_READS_MAP(mask) ? scale[j] : 0;
            const T a = NAME(masked)(dz[i + j], y[i + j], o, s, TD_READS_MAP(mask) ? shift[j] : 0, p, mask);
            s1[j] += a;
            s2[j] = NAME(fma_one)(a, x[i + j] - about[j], s2[j]);
        }
    }
}

/* sums (2, L) += dz' and dz' (x - about) of n elements from `first` on */
static inline void NAME(gradient_sums)(const td_reduction *r, ptrdiff_t first, T *sums, ptrdiff_t n, ptrdiff_t L) {
    const int kind = td_mask_of(&r->dy);
    ptrdiff_t done = 0;
    /* Usually a map's centre is what the sums are about: x less it is then computed once. */
    switch (2 * kind + (TD_READS_MAP(kind) && r->about == r->dy.mask.centre)) {
#define TD_SUMS(mask, at_centre)                                                                                       \
    case 2 * mask + at_centre: done = NAME(gradient_sums_vectors)(r, first, sums, n, L, mask, at_centre); break
        TD_SUMS(TD_OPEN, 0);
        TD_SUMS(TD_BY_MAP, 0);
        TD_SUMS(TD_BY_MAP, 1);
        TD_SUMS(TD_BY_SIGN, 0);
        TD_SUMS(TD_LEAK_BY_MAP, 0);
        TD_SUMS(TD_LEAK_BY_MAP, 1);
        TD_SUMS(TD_LEAK_BY_SIGN, 0);
#undef TD_SUMS
    }
    switch (kind) {
#define TD_REST(mask)                                                                                                  \
    case mask: NAME(gradient_sums_rest)(r, first, sums, done, n, L, mask); break
        TD_REST(TD_OPEN);
        TD_REST(TD_BY_MAP);
        TD_REST(TD_BY_SIGN);
        TD_REST(TD_LEAK_BY_MAP);
        TD_REST(TD_LEAK_BY_SIGN);
#undef TD_REST
    }
}

/* sums (2, L) += dz and dz (x - about) of n elements, dz as it is */
static inline void NAME(product_sums)(const T *dz, const T *x, const T *about, T *sums, ptrdiff_t n, ptrdiff_t L) {
    const td_reduction r = {.dy = {.dz = dz}, .x = x, .about = about};
    const ptrdiff_t done = NAME(gradient_sums_vectors)(&r, 0, sums, n, L, TD_OPEN, 0);
    NAME(gradient_sums_rest)(&r, 0, sums, done, n, L, TD_OPEN);
}

TD_INLINE void NAME(gradient_body)(const td_pending *dy, T *dx, ptrdiff_t n, ptrdiff_t L, ptrdiff_t near,
                                   const int mask, const int map) {
    const T *dz = dy->dz, *y = dy->y, *a = dy->a, *b = dy->b, *c = dy->c;
    const T *centre = dy->mask.centre, *scale = dy->mask.scale, *shift = dy->mask.shift, p = (T)dy->mask.parameter;
    const ptrdiff_t lanes = sizeof(VT) / sizeof(T);
    ptrdiff_t i = 0;
    for (; near && i + 2 * near <= n; i += 2 * near) {
        for (ptrdiff_t j = 0; j < near; j += lanes) {
            const VT none = {0}, o = map || TD_READS_MAP(mask) ? NAME(load)(centre + j) : none;
            const VT s = TD_READS_MAP(mask) ? NAME(load)(scale + j) : none;
            const VT t = TD_READS_MAP(mask) ? NAME(load)(shift + j) : none;
            const VT ka = map ? NAME(load)(a + j) : none, kb = map ? NAME(load)(b + j) : none;
            const VT kc = map ? NAME(load)(c + j) : none;
            for (ptrdiff_t q = i + j; q <= i + j + near; q += near) {
                const VT v = NAME(load)(y + q);
                const VT z = TD_READS_MAP(mask) ? s * (v - o) + t : v;
                const VT d = NAME(passed)(NAME(load)(dz + q), z, TD_BEND_OF(mask), p);
                NAME(store)(dx + q, map ? ka * d + (kb * (v - o) + kc) : d);
            }
        }
    }
    for (; i < n; i += L) {
        const ptrdiff_t m = n - i < L ? n - i : L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < m; j++) {
            const T o = map || TD_READS_MAP(mask) ? centre[j] : 0, s = TD_READS_MAP(mask) ? scale[j] : 0;
            const T d = NAME(masked)(dz[i + j], y[i + j], o, s, TD_READS_MAP(mask) ? shift[j] : 0, p, mask);
            dx[i + j] = map ? a[j] * d + (b[j] * (y[i + j] - o) + c[j]) : d;
        }
    }
}

/* dx = a*dz' + b*(y - centre) + c, or dz' alone where a is NULL; without y dz itself. near: see td_stretch */
static inline void NAME(gradient)(const td_pending *dy, T *dx, ptrdiff_t n, ptrdiff_t L, ptrdiff_t near) {
    if (dy->y == NULL) {
        memmove(dx, dy->dz, (size_t)n * sizeof(T));
        return;
    }
    switch (2 * td_mask_of(dy) + (dy->a != NULL)) {
    case 2 * TD_OPEN: NAME(gradient_body)(dy, dx, n, L, near, TD_OPEN, 0); break;
    case 2 * TD_OPEN + 1: NAME(gradient_body)(dy, dx, n, L, near, TD_OPEN, 1); break;
    case 2 * TD_BY_MAP: NAME(gradient_body)(dy, dx, n, L, near, TD_BY_MAP, 0); break;
    case 2 * TD_BY_MAP + 1: NAME(gradient_body)(dy, dx, n, L, near, TD_BY_MAP, 1); break;
    case 2 * TD_BY_SIGN: NAME(gradient_body)(dy, dx, n, L, near, TD_BY_SIGN, 0); break;
    case 2 * TD_LEAK_BY_MAP: NAME(gradient_body)(dy, dx, n, L, near, TD_LEAK_BY_MAP, 0); break;
    case 2 * TD_LEAK_BY_MAP + 1: NAME(gradient_body)(dy, dx, n, L, near, TD_LEAK_BY_MAP, 1); break;
    default: NAME(gradient_body)(dy, dx, n, L, near, TD_LEAK_BY_SIGN, 0); /* with a, b, c the mask has a scale */
    }
}

/* s[c] = sum over the period of s[c], s[c + C], ...; halves are added while their number of rows is even, which keeps
   the loops long */
static inline void NAME(fold)(T *s, ptrdiff_t C, ptrdiff_t L) {
    for (; L / C % 2 == 0; L /= 2) {
        TD_INDEPENDENT for (ptrdiff_t i = 0; i < L / 2; i++) s[i] += s[i + L / 2];
    }
    for (ptrdiff_t i = C; i < L; i += C) {
        TD_INDEPENDENT for (ptrdiff_t c = 0; c < C; c++) s[c] += s[i + c];
    }
}

/* out (L) = v (C) again and again */
static inline void NAME(repeat)(const T *v, T *out, ptrdiff_t C, ptrdiff_t L) {
    for (ptrdiff_t i = 0; i < L; i += C) memcpy(out + i, v, (size_t)C * sizeof(T));
}
