/* Which register tiles there are at an ISA level, and what a tile is told to sum.

   Arithmetic of a tile of M x V accumulators: M*V FMAs need M + V loads. Two FMAs and two loads start per cycle, so
   (M + V) / (M*V) <= 1 keeps the FMA units fed and M*V >= 2 * latency (8) hides their latency. With 32 registers 14 x 2
   uses 28 + 2 + 1; with 16 registers 6 x 2 uses 12 + 2 + 1. Every loop over accumulators is unrolled, initialisation
   and stores included, or GCC keeps them on the stack. */
#ifndef TINYDL_TILE_TABLE_H
#define TINYDL_TILE_TABLE_H

#include "src/strip.h"
#include "src/vector.h"

/* Tiles there are: FOR_NB(F, G, V) of NB runs of G pixels and V vectors, FOR_M of M filter entries and V vectors,
   FOR_ROWS of NB filter rows of M entries each and V vectors. float64 is there for gradient checks: it has fewer tiles,
   and the missing ones are put together from those. */
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

/* What the tiles of a strip have in common: its pixels, one panel of filters of up to two vectors (`ld` elements from one
   of its rows to the next), the n channels of dst that exist, what happens on the way. The panel and the bias are whole
   vectors. */
typedef struct {
    const td_rectangle *pixels;
    const void *src, *panel;
    void *dst;
    ptrdiff_t ld, n;
    const td_epilogue *epilogue;
} td_panel_sum;

/* A vector of channels of a pixel: the C of them that lie between two pixels, and the n of the vector that exist. */
typedef struct {
    ptrdiff_t C, n;
} td_channel_run;

/* Where the results of a tile belong: runs at d[j] of pixels `ds` apart, n channels of the vector. */
typedef struct {
    const ptrdiff_t *d;
    ptrdiff_t ds, n;
} td_result_runs;

/* What an outer tile sums: n channels of dy, up to two vectors, times some entries of x; `adds` to what is in dw. */
typedef struct {
    const td_pixel_range *pixels;
    const td_entries *entries;
    const void *x, *dy;
    void *dw;
    ptrdiff_t n, adds;
} td_outer_sum;

#endif
