/* Copies of pixels with a pending map applied on the way, in both element types; see load_template.h. */
#ifndef TINYDL_LOAD_H
#define TINYDL_LOAD_H

#include "src/bend.h"
#include "src/operands.h"

#define T float
#define VT td_vf
#define LANES TD_LANES_F
#define NAME(x) td_##x##_f
#include "src/load_template.h"
#undef T
#undef VT
#undef LANES
#undef NAME

#define T double
#define VT td_vd
#define LANES TD_LANES_D
#define NAME(x) td_##x##_d
#include "src/load_template.h"
#undef T
#undef VT
#undef LANES
#undef NAME

#endif
