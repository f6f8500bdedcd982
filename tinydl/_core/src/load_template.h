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

/* dst = [relu](scale*(src - centre) + shift) */
TD_INLINE void NAME(load_map_body)(const T *src, ptrdiff_t step, T *dst, ptrdiff_t n, ptrdiff_t C, const td_map *m,
                                   const int relu) {
    const T *centre = m->centre, *scale = m->scale, *shift = m->shift;
    if (C == LANES) {
        const VT o = NAME(load)(centre), s = NAME(load)(scale), t = NAME(load)(shift);
        for (ptrdiff_t i = 0; i < n; i++) {
            const VT x = NAME(load)(src + i * step), v = TD_MAPPED(x, o, s, t);
            NAME(store)(dst + i * LANES, relu ? NAME(clamp)(v) : v);
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++, src += step, dst += C) {
        ptrdiff_t c = 0;
        for (; c + LANES <= C; c += LANES) {
            const VT o = NAME(load)(centre + c), s = NAME(load)(scale + c), t = NAME(load)(shift + c);
            const VT x = NAME(load)(src + c), v = TD_MAPPED(x, o, s, t);
            NAME(store)(dst + c, relu ? NAME(clamp)(v) : v);
        }
        if (c < C) {
            const ptrdiff_t k = C - c;
            const VT o = NAME(load_n)(centre + c, k), s = NAME(load_n)(scale + c, k), t = NAME(load_n)(shift + c, k);
            const VT x = NAME(load_n)(src + c, k), v = TD_MAPPED(x, o, s, t);
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

/* a*dz' + b*(y - centre) + c of one vector, or (map 0) dz' */
TD_INLINE VT NAME(gradient)(VT dz, VT y, VT centre, const VT mask[2], const VT abc[3], const int relu, const int map) {
    const VT d = relu ? NAME(kept)(dz, TD_MAPPED(y, centre, mask[0], mask[1])) : dz;
    return map ? abc[0] * d + (abc[1] * (y - centre) + abc[2]) : d;
}

/* The gradient with the scale of its mask: `relu` of the mask, `map` where there are a, b, c */
TD_INLINE void NAME(load_gradient_body)(const td_pending *p, ptrdiff_t step, T *dst, ptrdiff_t n, ptrdiff_t C,
                                        const int relu, const int map) {
    const T *dz = p->dz, *y = p->y, *centre = p->mask.centre, *a = p->a, *b = p->b, *c = p->c;
    const T *scale = p->mask.scale, *shift = p->mask.shift;
    VT mask[2] = {{0}}, abc[3] = {{0}};
    if (C == LANES) {
        const VT o = NAME(load)(centre);
        if (relu) mask[0] = NAME(load)(scale), mask[1] = NAME(load)(shift);
        if (map) abc[0] = NAME(load)(a), abc[1] = NAME(load)(b), abc[2] = NAME(load)(c);
        for (ptrdiff_t i = 0; i < n; i++) {
            const VT d = NAME(load)(dz + i * step), v = NAME(load)(y + i * step);
            NAME(store)(dst + i * LANES, NAME(gradient)(d, v, o, mask, abc, relu, map));
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++, dz += step, y += step, dst += C) {
        ptrdiff_t k = 0;
        for (; k + LANES <= C; k += LANES) {
            if (relu) mask[0] = NAME(load)(scale + k), mask[1] = NAME(load)(shift + k);
            if (map) abc[0] = NAME(load)(a + k), abc[1] = NAME(load)(b + k), abc[2] = NAME(load)(c + k);
            NAME(store)(dst + k, NAME(gradient)(NAME(load)(dz + k), NAME(load)(y + k), NAME(load)(centre + k), mask, abc,
                                                relu, map));
        }
        if (k < C) {
            const ptrdiff_t m = C - k;
            if (relu) mask[0] = NAME(load_n)(scale + k, m), mask[1] = NAME(load_n)(shift + k, m);
            if (map) abc[0] = NAME(load_n)(a + k, m), abc[1] = NAME(load_n)(b + k, m), abc[2] = NAME(load_n)(c + k, m);
            NAME(store_n)(dst + k, NAME(gradient)(NAME(load_n)(dz + k, m), NAME(load_n)(y + k, m),
                                                  NAME(load_n)(centre + k, m), mask, abc, relu, map), m);
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
