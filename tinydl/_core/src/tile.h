/* The register tiles of every ISA level in both element types; see tile_template.h for the arithmetic. */
#ifndef TINYDL_TILE_H
#define TINYDL_TILE_H

#include "src/partial.h"

#if VB == 64
#define TD_MAX_NB 7
#define TD_FOR_NB(F, G, V) F(1, G, V) F(2, G, V) F(3, G, V) F(4, G, V) F(5, G, V) F(6, G, V) F(7, G, V)
#define TD_FOR_M(F)                                                                                                    \
    F(1, 1) F(2, 1) F(3, 1) F(4, 1) F(5, 1) F(6, 1) F(8, 1) F(9, 1) F(10, 1) F(12, 1) F(14, 1) F(16, 1) F(20, 1)       \
    F(24, 1) F(27, 1) F(28, 1)                                                                                         \
    F(1, 2) F(2, 2) F(3, 2) F(4, 2) F(5, 2) F(6, 2) F(7, 2) F(8, 2) F(9, 2) F(10, 2) F(11, 2) F(12, 2) F(13, 2) F(14, 2)
#define TD_FOR_NB_D(F, G, V) F(1, G, V) F(3, G, V) F(7, G, V)
#define TD_FOR_M_D(F) F(1, 1) F(4, 1) F(14, 1) F(1, 2) F(4, 2) F(14, 2)
#define TD_FOR_ROWS(F) F(3, 3, 1) F(3, 3, 2) F(5, 5, 1) F(3, 9, 1)
#else
#define TD_FOR_NB_D TD_FOR_NB
#define TD_FOR_M_D(F) F(1, 1) F(4, 1) F(12, 1) F(1, 2) F(3, 2) F(6, 2)
#define TD_FOR_ROWS(F) F(3, 3, 1)
#define TD_MAX_NB 3
#define TD_FOR_NB(F, G, V) F(1, G, V) F(2, G, V) F(3, G, V)
#define TD_FOR_M(F)                                                                                                    \
    F(1, 1) F(2, 1) F(3, 1) F(4, 1) F(6, 1) F(8, 1) F(9, 1) F(10, 1) F(12, 1)                                          \
    F(1, 2) F(2, 2) F(3, 2) F(4, 2) F(5, 2) F(6, 2)
#endif

/* Lanes of two vectors, or of one, by an index vector. Clang has only the form with constant indices. */
#define TD_SHUFFLE(a, b, mask) __builtin_shuffle(a, b, mask)
#define TD_PERMUTE(a, mask) __builtin_shuffle(a, mask)

/* float64 is there for gradient checks: it has fewer tiles, and the missing ones are put together from those. */
#define T float
#define FOR_NB TD_FOR_NB
#define FOR_M TD_FOR_M
#define FOR_ROWS TD_FOR_ROWS
#define LANES_C ((int)(VB / sizeof(float)))
#define VT td_vf
#define VU td_vf_u
#define VI td_vi32
#define LANES TD_LANES_F
#define NAME(x) td_##x##_f
#include "src/tile_template.h"
#undef T
#undef VT
#undef VU
#undef VI
#undef LANES
#undef NAME
#undef FOR_NB
#undef FOR_M
#undef FOR_ROWS
#undef LANES_C

#define T double
#define FOR_NB TD_FOR_NB_D
#define FOR_M TD_FOR_M_D
#define FOR_ROWS(F)
#define LANES_C ((int)(VB / sizeof(double)))
#define VT td_vd
#define VU td_vd_u
#define VI td_vi64
#define LANES TD_LANES_D
#define NAME(x) td_##x##_d
#include "src/tile_template.h"
#undef T
#undef VT
#undef VU
#undef VI
#undef LANES
#undef NAME
#undef FOR_NB
#undef FOR_M
#undef FOR_ROWS
#undef LANES_C

#endif
