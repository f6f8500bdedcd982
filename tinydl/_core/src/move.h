/* Transposed blocks and gathered rows, in both element types; see move_template.h. */
#ifndef TINYDL_MOVE_H
#define TINYDL_MOVE_H

#include "src/partial.h"
#include "src/shuffle.h"

#define T float
#define VT td_vf
#define LANES TD_LANES_F
#define LANES_C ((int)(VB / sizeof(float)))
#define NAME(x) td_##x##_f
#include "src/move_template.h"
#undef T
#undef VT
#undef LANES
#undef LANES_C
#undef NAME

#define T double
#define VT td_vd
#define LANES TD_LANES_D
#define LANES_C ((int)(VB / sizeof(double)))
#define NAME(x) td_##x##_d
#include "src/move_template.h"
#undef T
#undef VT
#undef LANES
#undef LANES_C
#undef NAME

#endif
