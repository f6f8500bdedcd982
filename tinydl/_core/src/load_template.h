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

/* dst = the activation `bend` of scale*(src - centre) + shift */
TD_INLINE void NAME(load_map_body)(const T *src, ptrdiff_t step, T *dst, ptrdiff_t n, ptrdiff_t C, const td_map *m,
                                   const int bend) {
    const T slope = (T)m->parameter;
    const T *centre = m->centre, *scale = m->scale, *shift = m->shift;
    if (C == LANES) {
        const VT o = NAME(load)(centre), s = NAME(load)(scale), t = NAME(load)(shift);
        for (ptrdiff_t i = 0; i < n; i++) {
            const VT x = NAME(load)(src + i * step), v = TD_MAPPED(x, o, s, t);
            NAME(store)(dst + i * LANES, NAME(bent)(v, bend, slope));
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++, src += step, dst += C) {
        ptrdiff_t c = 0;
        for (; c + LANES <= C; c += LANES) {
            const VT o = NAME(load)(centre + c), s = NAME(load)(scale + c), t = NAME(load)(shift + c);
            const VT x = NAME(load)(src + c), v = TD_MAPPED(x, o, s, t);
            NAME(store)(dst + c, NAME(bent)(v, bend, slope));
        }
        if (c < C) {
            const ptrdiff_t k = C - c;
            const VT o = NAME(load_n)(centre + c, k), s = NAME(load_n)(scale + c, k), t = NAME(load_n)(shift + c, k);
            const VT x = NAME(load_n)(src + c, k), v = TD_MAPPED(x, o, s, t);
            NAME(store_n)(dst + c, NAME(bent)(v, bend, slope), k);
        }
    }
}

/* The same without scale: dst = the activation of src */
TD_INLINE void NAME(load_bent)(const T *src, ptrdiff_t step, T *dst, ptrdiff_t n, ptrdiff_t C, const int bend,
                               const T slope) {
    if (step == C) { /* one long pixel */
        C *= n;
        n = n > 0;
    }
    for (ptrdiff_t i = 0; i < n; i++, src += step, dst += C) {
        ptrdiff_t c = 0;
        for (; c + LANES <= C; c += LANES) {
            const VT v = NAME(load)(src + c);
            NAME(store)(dst + c, NAME(bent)(v, bend, slope));
        }
        if (c < C) {
            const VT v = NAME(load_n)(src + c, C - c);
            NAME(store_n)(dst + c, NAME(bent)(v, bend, slope), C - c);
        }
    }
}

/* dst = the map of src */
static void NAME(load_map)(const T *src, ptrdiff_t step, T *dst, ptrdiff_t n, ptrdiff_t C, const td_map *m) {
    switch (2 * m->activation + (m->scale != NULL)) {
    case 2 * TD_STRAIGHT: NAME(load_bent)(src, step, dst, n, C, TD_STRAIGHT, 0); break;
    case 2 * TD_STRAIGHT + 1: NAME(load_map_body)(src, step, dst, n, C, m, TD_STRAIGHT); break;
    case 2 * TD_CLAMP: NAME(load_bent)(src, step, dst, n, C, TD_CLAMP, 0); break;
    case 2 * TD_CLAMP + 1: NAME(load_map_body)(src, step, dst, n, C, m, TD_CLAMP); break;
    case 2 * TD_LEAK: NAME(load_bent)(src, step, dst, n, C, TD_LEAK, (T)m->parameter); break;
    default: NAME(load_map_body)(src, step, dst, n, C, m, TD_LEAK);
    }
}

/* a*dz' + b*(y - centre) + c of one vector, or (map 0) dz' */
TD_INLINE VT NAME(gradient)(VT dz, VT y, VT centre, const VT mask[2], const VT abc[3], const int bend, const T slope,
                            const int map) {
    const VT d = bend ? NAME(passed)(dz, TD_MAPPED(y, centre, mask[0], mask[1]), bend, slope) : dz;
    return map ? abc[0] * d + (abc[1] * (y - centre) + abc[2]) : d;
}

/* The gradient with the scale of its mask: `bend` of the mask, `map` where there are a, b, c */
TD_INLINE void NAME(load_gradient_body)(const td_pending *p, ptrdiff_t step, T *dst, ptrdiff_t n, ptrdiff_t C,
                                        const int bend, const int map) {
    const T slope = (T)p->mask.parameter;
    const T *dz = p->dz, *y = p->y, *centre = p->mask.centre, *a = p->a, *b = p->b, *c = p->c;
    const T *scale = p->mask.scale, *shift = p->mask.shift;
    VT mask[2] = {{0}}, abc[3] = {{0}};
    if (C == LANES) {
        const VT o = NAME(load)(centre);
        if (bend) mask[0] = NAME(load)(scale), mask[1] = NAME(load)(shift);
        if (map) abc[0] = NAME(load)(a), abc[1] = NAME(load)(b), abc[2] = NAME(load)(c);
        for (ptrdiff_t i = 0; i < n; i++) {
            const VT d = NAME(load)(dz + i * step), v = NAME(load)(y + i * step);
            NAME(store)(dst + i * LANES, NAME(gradient)(d, v, o, mask, abc, bend, slope, map));
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++, dz += step, y += step, dst += C) {
        ptrdiff_t k = 0;
        for (; k + LANES <= C; k += LANES) {
            if (bend) mask[0] = NAME(load)(scale + k), mask[1] = NAME(load)(shift + k);
            if (map) abc[0] = NAME(load)(a + k), abc[1] = NAME(load)(b + k), abc[2] = NAME(load)(c + k);
            NAME(store)(dst + k, NAME(gradient)(NAME(load)(dz + k), NAME(load)(y + k), NAME(load)(centre + k), mask, abc,
                                                bend, slope, map));
        }
        if (k < C) {
            const ptrdiff_t m = C - k;
            if (bend) mask[0] = NAME(load_n)(scale + k, m), mask[1] = NAME(load_n)(shift + k, m);
            if (map) abc[0] = NAME(load_n)(a + k, m), abc[1] = NAME(load_n)(b + k, m), abc[2] = NAME(load_n)(c + k, m);
            NAME(store_n)(dst + k, NAME(gradient)(NAME(load_n)(dz + k, m), NAME(load_n)(y + k, m),
                                                  NAME(load_n)(centre + k, m), mask, abc, bend, slope, map), m);
        }
    }
}

/* dst = dz times the derivative of the activation at y, of a mask without scale */
TD_INLINE void NAME(load_passed)(const td_pending *p, ptrdiff_t step, T *dst, ptrdiff_t n, ptrdiff_t C,
                                 const int bend) {
    const T *dz = p->dz, *y = p->y, slope = (T)p->mask.parameter;
    if (step == C) {
        C *= n;
        n = n > 0;
    }
    for (ptrdiff_t i = 0; i < n; i++, dz += step, y += step, dst += C) {
        ptrdiff_t k = 0;
        for (; k + LANES <= C; k += LANES) {
            NAME(store)(dst + k, NAME(passed)(NAME(load)(dz + k), NAME(load)(y + k), bend, slope));
        }
        if (k < C) {
            const ptrdiff_t m = C - k;
            NAME(store_n)(dst + k, NAME(passed)(NAME(load_n)(dz + k, m), NAME(load_n)(y + k, m), bend, slope), m);
        }
    }
}

/* dst = the gradient that waits, from pixel `first` of dz and y on */
static void NAME(load_gradient)(const td_pending *gradient, ptrdiff_t first, ptrdiff_t step, T *dst, ptrdiff_t n,
                                ptrdiff_t C) {
    td_pending p = *gradient;
    p.dz = (const T *)p.dz + first * step;
    p.y = (const T *)p.y + first * step;
    const int leak = p.mask.activation == TD_LEAK;
    if (!p.mask.scale) {
        if (leak) NAME(load_passed)(&p, step, dst, n, C, TD_LEAK);
        else NAME(load_passed)(&p, step, dst, n, C, TD_CLAMP);
    } else if (!p.a) {
        if (leak) NAME(load_gradient_body)(&p, step, dst, n, C, TD_LEAK, 0);
        else NAME(load_gradient_body)(&p, step, dst, n, C, TD_CLAMP, 0);
    } else if (p.mask.activation) {
        if (leak) NAME(load_gradient_body)(&p, step, dst, n, C, TD_LEAK, 1);
        else NAME(load_gradient_body)(&p, step, dst, n, C, TD_CLAMP, 1);
    } else {
        NAME(load_gradient_body)(&p, step, dst, n, C, TD_STRAIGHT, 1);
    }
}
