/* Copies of n pixels of C channels for one element type; included by load.h with T, VT, LANES, NAME(x) defined.
   Pixels lie `step` elements apart in what is read, C in dst: of many channels some may be copied.

   A compiler vectorises the loop over channels only behind checks for overlap that cost more than the few vectors of a
   pixel, so the vectors are written out; where a pixel is one vector the per-channel values stay in registers. */

/* dst[0 .. n - 1] = 0, of borders of a few elements, for which memset is a long way round */
TD_INLINE void NAME(zero)(T *dst, ptrdiff_t n) {
    const VT none = {0};
    for (; n >= LANES; n -= LANES, dst += LANES) NAME(store)(dst, none);
    if (n > 0) NAME(store_n)(dst, none, n);
}

/* dst = [relu](scale*src + shift) */
TD_INLINE void NAME(load_map_body)(const T *src, ptrdiff_t step, T *dst, ptrdiff_t n, ptrdiff_t C, const td_map *m,
                                   const int relu) {
    const T *scale = m->scale, *shift = m->shift;
    if (C == LANES) {
        const VT a = NAME(load)(scale), b = NAME(load)(shift);
        for (ptrdiff_t i = 0; i < n; i++) {
            const VT v = NAME(mapped)(NAME(load)(src + i * step), a, b);
            NAME(store)(dst + i * LANES, relu ? NAME(clamp)(v) : v);
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++, src += step, dst += C) {
        ptrdiff_t c = 0;
        for (; c + LANES <= C; c += LANES) {
            const VT v = NAME(mapped)(NAME(load)(src + c), NAME(load)(scale + c), NAME(load)(shift + c));
            NAME(store)(dst + c, relu ? NAME(clamp)(v) : v);
        }
        if (c < C) {
            const ptrdiff_t k = C - c;
            const VT v = NAME(mapped)(NAME(load_n)(src + c, k), NAME(load_n)(scale + c, k), NAME(load_n)(shift + c, k));
            NAME(store_n)(dst + c, relu ? NAME(clamp)(v) : v, k);
        }
    }
}

/* dst = the map of src */
static void NAME(load_map)(const T *src, ptrdiff_t step, T *dst, ptrdiff_t n, ptrdiff_t C, const td_map *m) {
    if (m->scale && m->relu) {
        NAME(load_map_body)(src, step, dst, n, C, m, 1);
    } else if (m->scale) {
        NAME(load_map_body)(src, step, dst, n, C, m, 0);
    } else {
        const int relu = m->relu != 0;
        if (step == C) { /* one long pixel */
            C *= n;
            n = n > 0;
        }
        for (ptrdiff_t i = 0; i < n; i++, src += step, dst += C) {
            ptrdiff_t c = 0;
            for (; c + LANES <= C; c += LANES) {
                const VT v = NAME(load)(src + c);
                NAME(store)(dst + c, relu ? NAME(clamp)(v) : v);
            }
            if (c < C) {
                const VT v = NAME(load_n)(src + c, C - c);
                NAME(store_n)(dst + c, relu ? NAME(clamp)(v) : v, C - c);
            }
        }
    }
}

/* The gradient with its scale: `relu` of the mask, `map` where there are a, b, c */
TD_INLINE void NAME(load_gradient_body)(const td_pending *p, ptrdiff_t step, T *dst, ptrdiff_t n, ptrdiff_t C,
                                        const int relu, const int map) {
    const T *dz = p->dz, *y = p->y, *scale = p->mask.scale, *shift = p->mask.shift, *a = p->a, *b = p->b, *c = p->c;
    if (C == LANES) {
        const VT s = NAME(load)(scale), t = NAME(load)(shift), zero = {0};
        const VT va = map ? NAME(load)(a) : zero, vb = map ? NAME(load)(b) : zero, vc = map ? NAME(load)(c) : zero;
        for (ptrdiff_t i = 0; i < n; i++) {
            const VT v = NAME(load)(y + i * step);
            VT d = NAME(load)(dz + i * step);
            if (relu) d = NAME(kept)(d, NAME(mapped)(v, s, t));
            NAME(store)(dst + i * LANES, map ? va * d + (vb * v + vc) : d);
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++, dz += step, y += step, dst += C) {
        ptrdiff_t k = 0;
        for (; k + LANES <= C; k += LANES) {
            const VT v = NAME(load)(y + k);
            VT d = NAME(load)(dz + k);
            if (relu) d = NAME(kept)(d, NAME(mapped)(v, NAME(load)(scale + k), NAME(load)(shift + k)));
            if (map) d = NAME(load)(a + k) * d + (NAME(load)(b + k) * v + NAME(load)(c + k));
            NAME(store)(dst + k, d);
        }
        if (k < C) {
            const ptrdiff_t m = C - k;
            const VT v = NAME(load_n)(y + k, m);
            VT d = NAME(load_n)(dz + k, m);
            if (relu) d = NAME(kept)(d, NAME(mapped)(v, NAME(load_n)(scale + k, m), NAME(load_n)(shift + k, m)));
            if (map) d = NAME(load_n)(a + k, m) * d + (NAME(load_n)(b + k, m) * v + NAME(load_n)(c + k, m));
            NAME(store_n)(dst + k, d, m);
        }
    }
}

/* dst = the gradient that waits, from pixel `first` of dz and y on; without scale: dz where y > 0 (or NaN) */
static void NAME(load_gradient)(const td_pending *gradient, ptrdiff_t first, ptrdiff_t step, T *dst, ptrdiff_t n,
                                ptrdiff_t C) {
    const T *dz = (const T *)gradient->dz + first * step, *y = (const T *)gradient->y + first * step;
    td_pending p = *gradient;
    p.dz = dz;
    p.y = y;
    if (p.mask.scale && !p.a) {
        NAME(load_gradient_body)(&p, step, dst, n, C, 1, 0);
    } else if (p.mask.scale && p.mask.relu) {
        NAME(load_gradient_body)(&p, step, dst, n, C, 1, 1);
    } else if (p.mask.scale) {
        NAME(load_gradient_body)(&p, step, dst, n, C, 0, 1);
    } else {
        if (step == C) {
            C *= n;
            n = n > 0;
        }
        for (ptrdiff_t i = 0; i < n; i++, dz += step, y += step, dst += C) {
            ptrdiff_t k = 0;
            for (; k + LANES <= C; k += LANES) {
                NAME(store)(dst + k, NAME(kept)(NAME(load)(dz + k), NAME(load)(y + k)));
            }
            if (k < C) {
                const ptrdiff_t m = C - k;
                NAME(store_n)(dst + k, NAME(kept)(NAME(load_n)(dz + k, m), NAME(load_n)(y + k, m)), m);
            }
        }
    }
}
