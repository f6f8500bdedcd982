/* The window loops of pooling in both element types; see pool_template.h. */
#ifndef TINYDL_POOL_H
#define TINYDL_POOL_H

#include "src/vector.h"

/* Winner codes: one integer lane per value lane, stored as uint8 or int32. */
typedef uint8_t td_codes8_f __attribute__((vector_size(VB / 4)));
typedef uint8_t td_codes8_d __attribute__((vector_size(VB / 8)));
typedef int32_t td_codes32_f __attribute__((vector_size(VB)));
typedef int32_t td_codes32_d __attribute__((vector_size(VB / 2)));

/* Which taps one window has along one axis, or which windows one input position lies in: `n` positions from `start` on,
   `step` apart. The i-th has the code `code` + i * `code_step`: codes of both axes add up to the number a winner is
   known by. */
typedef struct {
    ptrdiff_t start, step, n;
    int64_t code, code_step;
} td_span;

#define T float
#define VT td_vf
#define VU td_vf_u
#define VI td_vi32
#define IT int32_t
#define LANES TD_LANES_F
#define NAME(x) td_##x##_f
#include "src/pool_template.h"
#undef T
#undef VT
#undef VU
#undef VI
#undef IT
#undef LANES
#undef NAME

#define T double
#define VT td_vd
#define VU td_vd_u
#define VI td_vi64
#define IT int64_t
#define LANES TD_LANES_D
#define NAME(x) td_##x##_d
#include "src/pool_template.h"
#undef T
#undef VT
#undef VU
#undef VI
#undef IT
#undef LANES
#undef NAME

#endif
