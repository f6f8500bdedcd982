/* The inner loops of batch norm and global pooling in both element types; see channels_template.h. */
#ifndef TINYDL_CHANNELS_H
#define TINYDL_CHANNELS_H

#include "src/bend.h"
#include "src/fma.h"
#include "src/operands.h"

/* Period of the per-channel vectors for C channels: a multiple of C, also of 16 (the most lanes) where that costs
   little, and at least 256 elements; 0 for no channels. */
static inline ptrdiff_t td_period(ptrdiff_t C) {
    if (C == 0) return 0;
    ptrdiff_t base = C;
    while (base % 16 != 0) base += C;
    if (base > 1024) base = C;
    return base < 256 ? (255 / base + 1) * base : base;
}

enum { TD_MOST = 1024 }; /* elements that are gathered in L1 before they are stored past the caches */

/* What cuts dz: nothing, the sign of the map of y, the sign of y itself; and below 0 by a slope in place of 0. */
enum { TD_OPEN, TD_BY_MAP, TD_BY_SIGN, TD_LEAK_BY_MAP, TD_LEAK_BY_SIGN };

static inline int td_mask_of(const td_pending *dy) {
    if (!dy->y || !dy->mask.activation) return TD_OPEN;
    return (dy->mask.scale ? TD_BY_MAP : TD_BY_SIGN) + 2 * (dy->mask.activation == TD_LEAK);
}
#define TD_READS_MAP(mask) ((mask) == TD_BY_MAP || (mask) == TD_LEAK_BY_MAP)
#define TD_BEND_OF(mask) ((mask) == TD_OPEN ? TD_STRAIGHT : (mask) < TD_LEAK_BY_MAP ? TD_CLAMP : TD_LEAK)

/* A value and what a residual block adds to it, each by its map. residual NULL: none; on_residual.scale NULL: as it is.
   stretch: of C channels, see td_stretch. */
typedef struct {
    const void *x, *residual;
    td_map on_x, on_residual;
    ptrdiff_t stretch;
} td_residual_sum;

/* Elements to the neighbour that shares the constants of its channel: a multiple of C and of 64 bytes, at most 256
   bytes, beyond which two streams cost more at the prefetchers than is saved at the load ports; 0 for none. */
static inline ptrdiff_t td_stretch(ptrdiff_t C, ptrdiff_t size) {
    for (ptrdiff_t n = 256 / size; C > 0 && n > 0; n -= 64 / size) {
        if (n % C == 0) return n;
    }
    return 0;
}

/* A gradient dz' and the batch norm's input x that it is summed with, about a value per channel. A map that masks dz
   reads x, whatever dy.y. */
typedef struct {
    td_pending dy;
    const void *x, *about;
} td_reduction;

#define T float
#define VT td_vf
#define NAME(x) td_##x##_f
#include "src/channels_template.h"
#undef T
#undef VT
#undef NAME

#define T double
#define VT td_vd
#define NAME(x) td_##x##_d
#include "src/channels_template.h"
#undef T
#undef VT
#undef NAME

#endif
