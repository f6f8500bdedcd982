/* What kernels do on the way while they load an operand or store a result; oneDNN calls such work post-ops.

   The structs hold no element type: a kernel casts their pointers to its own. Every pointer but those named first may be
   NULL, which switches its part off. C is the number of channels of the operand. */
#ifndef TINYDL_OPERANDS_H
#define TINYDL_OPERANDS_H

#include <stddef.h>

/* f(scale*(x - centre) + shift), per channel, f the activation. The batch's mean is the centre of a batch norm: x - centre is exact for
   x near it, where scale*x + shift would lose what the two products have in common. scale NULL: f(x). */
typedef struct {
    const void *centre, *scale, *shift; /* (C), all or none */
    ptrdiff_t activation; /* 0: none; else 1 + the number of its row in activations.h */
    double parameter;     /* of the activation */
} td_map;

/* The value of a map before its activation, of elements or of vectors: forward passes and the masks of gradients all take this
   one expression, which is contracted to one FMA where there is one, so that they see the same bits and the same sign. */
#define TD_MAPPED(x, centre, scale, shift) ((scale) * ((x) - (centre)) + (shift))

/* A gradient that waits for its map: a*dz' + b*(y - centre) + c, with dz' = dz times the derivative of the mask's
   activation at the mask's value of y. a NULL: dz' alone. */
typedef struct {
    const void *dz, *y; /* y: what the batch norm read; NULL: there is nothing to apply, the gradient is dz */
    td_map mask;
    const void *a, *b, *c; /* (C) */
} td_pending;

/* Sums per channel over the results v of a kernel: out[c] += v - about, out[stride + c] += (v - about)^2, or, with saved_x
   (laid out as the result), out[c] += v', out[stride + c] += v' * (saved_x - about), v' being v times
   the derivative of the mask's activation at the mask's value of saved_x. out NULL: no sums. */
typedef struct {
    const void *about, *saved_x;
    td_map mask;
    void *out;
    ptrdiff_t stride;
} td_moments;

/* What happens to a finished tile besides the store, in this order. */
typedef struct {
    const void *bias;     /* (C) added */
    const void *residual; /* added, laid out as the result */
    ptrdiff_t relu;       /* results below 0 become 0 */
    td_moments moments;   /* of the results */
    ptrdiff_t stream;     /* store past the caches: whole aligned vectors only, and a fence at the end */
} td_epilogue;

/* The same operands seen from a later channel, or pixel of the result, on: pointers move by `bytes`, what is NULL stays. */
static inline const void *td_at(const void *p, ptrdiff_t bytes) { return p ? (const char *)p + bytes : p; }

static inline td_map td_map_from_channel(td_map m, ptrdiff_t bytes) {
    m.centre = td_at(m.centre, bytes);
    m.scale = td_at(m.scale, bytes);
    m.shift = td_at(m.shift, bytes);
    return m;
}

static inline td_pending td_pending_from_channel(td_pending p, ptrdiff_t bytes) {
    p.dz = td_at(p.dz, bytes);
    p.y = td_at(p.y, bytes);
    p.mask = td_map_from_channel(p.mask, bytes);
    p.a = td_at(p.a, bytes);
    p.b = td_at(p.b, bytes);
    p.c = td_at(p.c, bytes);
    return p;
}

static inline td_epilogue td_epilogue_from_pixel(td_epilogue e, ptrdiff_t bytes) {
    e.residual = td_at(e.residual, bytes);
    e.moments.saved_x = td_at(e.moments.saved_x, bytes);
    return e;
}

static inline td_epilogue td_epilogue_from_channel(td_epilogue e, ptrdiff_t bytes) {
    e = td_epilogue_from_pixel(e, bytes);
    e.bias = td_at(e.bias, bytes);
    e.moments.about = td_at(e.moments.about, bytes);
    e.moments.mask = td_map_from_channel(e.moments.mask, bytes);
    e.moments.out = e.moments.out ? (char *)e.moments.out + bytes : NULL;
    return e;
}

#endif
