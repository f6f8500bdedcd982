/* What kernels do on the way while they load an operand or store a result; oneDNN calls such work post-ops.

   The structs hold no element type: a kernel casts their pointers to its own. Every pointer but those named first may be
   NULL, which switches its part off. C is the number of channels of the operand. */
#ifndef TINYDL_OPERANDS_H
#define TINYDL_OPERANDS_H

#include <stddef.h>

/* [relu](scale*(x - centre) + shift), per channel. The batch's mean is the centre of a batch norm: x - centre is exact for
   x near it, where scale*x + shift would lose what the two products have in common. scale NULL: [relu](x). */
typedef struct {
    const void *centre, *scale, *shift; /* (C), all or none */
    ptrdiff_t relu;
} td_map;

/* A gradient that waits for its map: a*dz' + b*(y - centre) + c, with dz' = dz where the mask's value is above 0 (if
   mask.relu), else dz. a NULL: dz' alone. */
typedef struct {
    const void *dz, *y; /* y: what the batch norm read; NULL: there is nothing to apply, the gradient is dz */
    td_map mask;
    const void *a, *b, *c; /* (C) */
} td_pending;

/* Sums per channel over the results v of a kernel: out[c] += v - about, out[stride + c] += (v - about)^2, or, with saved_x
   (laid out as the result), out[c] += v', out[stride + c] += v' * (saved_x - about), v' being v where the mask's value of
   saved_x is above 0 (if mask.relu). out NULL: no sums. */
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

#endif
