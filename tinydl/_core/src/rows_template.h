/* Loops over rows of channels for one element type; included by rows.h with T and NAME(x) defined.

   A block of `n` elements is rows x channels, channels fastest. Vectors of per-channel values (scale, shift, ...) are
   given repeated to a period of L elements, L a multiple of C, of at least 256 where that is cheap: the inner loop is
   then long and free of remainders for any number of channels, 3 as well as 64, and its vectors of per-channel values
   stay in L1. Sums have L accumulators, which the caller folds to C. Sums take four periods per step, so that an
   accumulator is loaded and stored once for four values.

   The ReLU mask of the backward loops is written as the forward map is, v = scale x + shift contracted to one FMA
   where there is one: both sides see the same bits and thus the same sign. NaN counts as positive. */

TD_INLINE void NAME(affine_body)(const T *x, const T *scale, const T *shift, const T *r, const T *r_scale,
                                 const T *r_shift, T *y, ptrdiff_t n, ptrdiff_t L, const int relu, const int residual) {
    for (ptrdiff_t i = 0; i < n; i += L) {
        const ptrdiff_t m = n - i < L ? n - i : L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < m; j++) {
            T v = scale[j] * x[i + j] + shift[j];
            if (residual == 1) v += r[i + j];
            if (residual == 2) v += r_scale[j] * r[i + j] + r_shift[j];
            y[i + j] = relu && v < 0 ? 0 : v;
        }
    }
}

/* y = [relu](scale x + shift [+ r] [+ r_scale r + r_shift]); r NULL: no residual, r_scale NULL: plain residual */
static inline void NAME(affine)(const T *x, const T *scale, const T *shift, const T *r, const T *r_scale,
                                const T *r_shift, T *y, ptrdiff_t n, ptrdiff_t L, int relu, int stream) {
    if (stream) {
        /* Past the caches; y then consists of whole aligned vectors, and L is at most TD_MOST. */
        const ptrdiff_t lanes = sizeof(VT) / sizeof(T);
        VT part[TD_MOST / (sizeof(VT) / sizeof(T))];
        for (ptrdiff_t i = 0; i < n; i += L) {
            const ptrdiff_t m = n - i < L ? n - i : L;
            NAME(affine)(x + i, scale, shift, r ? r + i : r, r_scale, r_shift, (T *)part, m, L, relu, 0);
            for (ptrdiff_t j = 0; j < m; j += lanes) NAME(stream)(y + i + j, part[j / lanes]);
        }
        td_stream_fence();
        return;
    }
    const int residual = r == NULL ? 0 : r_scale == NULL ? 1 : 2;
    switch (2 * residual + (relu != 0)) {
    case 0: NAME(affine_body)(x, scale, shift, r, r_scale, r_shift, y, n, L, 0, 0); break;
    case 1: NAME(affine_body)(x, scale, shift, r, r_scale, r_shift, y, n, L, 1, 0); break;
    case 2: NAME(affine_body)(x, scale, shift, r, r_scale, r_shift, y, n, L, 0, 1); break;
    case 3: NAME(affine_body)(x, scale, shift, r, r_scale, r_shift, y, n, L, 1, 1); break;
    case 4: NAME(affine_body)(x, scale, shift, r, r_scale, r_shift, y, n, L, 0, 2); break;
    default: NAME(affine_body)(x, scale, shift, r, r_scale, r_shift, y, n, L, 1, 2);
    }
}

/* s1 += x - origin, s2 += (x - origin)^2 */
static inline void NAME(moments)(const T *x, const T *origin, T *s1, T *s2, ptrdiff_t n, ptrdiff_t L) {
    ptrdiff_t i = 0;
    for (; i + 4 * L <= n; i += 4 * L) {
        const T *x0 = x + i, *x1 = x0 + L, *x2 = x1 + L, *x3 = x2 + L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < L; j++) {
            const T k = origin[j], a = x0[j] - k, b = x1[j] - k, c = x2[j] - k, d = x3[j] - k;
            s1[j] += (a + b) + (c + d);
            s2[j] += (a * a + b * b) + (c * c + d * d);
        }
    }
    for (; i < n; i += L) {
        const ptrdiff_t m = n - i < L ? n - i : L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < m; j++) {
            const T a = x[i + j] - origin[j];
            s1[j] += a;
            s2[j] += a * a;
        }
    }
}

TD_INLINE T NAME(masked)(T dz, T x, T scale, T shift, const int relu) {
    return relu && scale * x + shift <= 0 ? 0 : dz;
}

TD_INLINE void NAME(gradient_sums_body)(const T *dz, const T *x, const T *mean, const T *scale, const T *shift, T *s1,
                                        T *s2, ptrdiff_t n, ptrdiff_t L, const int relu) {
    ptrdiff_t i = 0;
    for (; i + 4 * L <= n; i += 4 * L) {
        const T *x0 = x + i, *x1 = x0 + L, *x2 = x1 + L, *x3 = x2 + L;
        const T *d0 = dz + i, *d1 = d0 + L, *d2 = d1 + L, *d3 = d2 + L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < L; j++) {
            const T s = scale[j], t = shift[j], k = mean[j];
            const T a = NAME(masked)(d0[j], x0[j], s, t, relu), b = NAME(masked)(d1[j], x1[j], s, t, relu);
            const T c = NAME(masked)(d2[j], x2[j], s, t, relu), d = NAME(masked)(d3[j], x3[j], s, t, relu);
            s1[j] += (a + b) + (c + d);
            s2[j] += (a * (x0[j] - k) + b * (x1[j] - k)) + (c * (x2[j] - k) + d * (x3[j] - k));
        }
    }
    for (; i < n; i += L) {
        const ptrdiff_t m = n - i < L ? n - i : L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < m; j++) {
            const T a = NAME(masked)(dz[i + j], x[i + j], scale[j], shift[j], relu);
            s1[j] += a;
            s2[j] += a * (x[i + j] - mean[j]);
        }
    }
}

/* s1 += dz', s2 += dz' (x - mean) */
static inline void NAME(gradient_sums)(const T *dz, const T *x, const T *mean, const T *scale, const T *shift, T *s1,
                                       T *s2, ptrdiff_t n, ptrdiff_t L, int relu) {
    if (relu) NAME(gradient_sums_body)(dz, x, mean, scale, shift, s1, s2, n, L, 1);
    else NAME(gradient_sums_body)(dz, x, mean, scale, shift, s1, s2, n, L, 0);
}

TD_INLINE void NAME(gradient_body)(const T *dz, const T *x, const T *scale, const T *shift, const T *a, const T *b,
                                   const T *c, T *dx, ptrdiff_t n, ptrdiff_t L, const int relu) {
    for (ptrdiff_t i = 0; i < n; i += L) {
        const ptrdiff_t m = n - i < L ? n - i : L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < m; j++)
            dx[i + j] = a[j] * NAME(masked)(dz[i + j], x[i + j], scale[j], shift[j], relu) + (b[j] * x[i + j] + c[j]);
    }
}

/* dx = a dz' + b x + c */
static inline void NAME(gradient)(const T *dz, const T *x, const T *scale, const T *shift, const T *a, const T *b,
                                  const T *c, T *dx, ptrdiff_t n, ptrdiff_t L, int relu) {
    if (relu) NAME(gradient_body)(dz, x, scale, shift, a, b, c, dx, n, L, 1);
    else NAME(gradient_body)(dz, x, scale, shift, a, b, c, dx, n, L, 0);
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
