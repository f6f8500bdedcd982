/* The register tiles of every ISA level in both element types, and the loops that lay them over the pixels of a strip;
   see pixels_template.h, outer_template.h and channelwise_template.h for the arithmetic.

   The size of the register file is known in tile_table.h, in this file and in their templates, and nowhere else: callers
   name a rectangle of pixels and up to two vectors of channels. */
#ifndef TINYDL_TILE_H
#define TINYDL_TILE_H

#include "src/bend.h"
#include "src/tile_table.h"

/* A walk over a rectangle in tiles. A run is so many neighbours in a row as are addressed from one base. */
typedef struct {
    ptrdiff_t run, per_row; /* pixels of a run; runs of a row */
    ptrdiff_t runs, tiles;  /* that are left */
    ptrdiff_t row, col;     /* the next run */
} td_walk;

/* Rows of an odd number of pixels have no runs but those of one pixel, which leave so few accumulators that the FMAs wait
   for each other where a tile has few runs. */
enum { TD_SPLITS_ODD_ROWS = 2 * TD_MAX_NB < 8 };

/* A rectangle without gaps between its rows, as one row; a column, as a row. */
static inline td_rectangle td_as_row(td_rectangle r) {
    if (r.cols == 1) {
        r.cols = r.rows;
        r.src_col = r.src_row;
        r.dst_col = r.dst_row;
        r.rows = 1;
    } else if (r.src_row == r.cols * r.src_col && r.dst_row == r.cols * r.dst_col) {
        r.cols *= r.rows;
        r.rows = 1;
    }
    return r;
}

static inline td_walk td_begin_walk(const td_rectangle *r, ptrdiff_t vectors) {
    td_walk w = {0};
    /* Two vectors leave registers for at most two pixels a base. */
    w.run = r->cols % 2 ? 1 : r->cols % 4 == 0 && vectors == 1 ? 4 : 2;
    w.per_row = r->cols / w.run;
    w.runs = r->rows * w.per_row;
    w.tiles = (w.runs + TD_MAX_NB - 1) / TD_MAX_NB;
    return w;
}

/* The number of runs of the next tile, and where each begins in src and dst: tiles take even shares. */
static inline ptrdiff_t td_next_tile(td_walk *w, const td_rectangle *r, ptrdiff_t *src, ptrdiff_t *dst) {
    const ptrdiff_t nb = (w->runs + w->tiles - 1) / w->tiles;
    for (ptrdiff_t j = 0; j < nb; j++) {
        src[j] = w->row * r->src_row + w->col * w->run * r->src_col;
        dst[j] = w->row * r->dst_row + w->col * w->run * r->dst_col;
        if (++w->col == w->per_row) {
            w->col = 0;
            w->row++;
        }
    }
    w->runs -= nb;
    w->tiles--;
    return nb;
}

/* Whether outer tiles read a copy of dy, panel by panel: pixels a multiple of 256 bytes apart lie in few sets of an L1
   cache, so that each tile would fetch its panel, one line a pixel, from L2 again. Tiles of AVX-512 take so long for a
   pixel that its lines come in time. */
#define TD_PACKS_PANELS (VB < 64)
enum { TD_PANEL_PIXELS = 256, TD_PANEL_ENTRIES = 96 };
static inline int td_packs_panels(const td_outer_sum *s, size_t itemsize) {
    const ptrdiff_t pixels = s->pixels->n_images * s->pixels->n_rows * s->pixels->n_cols;
    return (size_t)s->pixels->dy_col * itemsize % 256 == 0 && pixels <= TD_PANEL_PIXELS &&
           s->entries->rows * s->entries->n >= TD_PANEL_ENTRIES;
}

/* Few filters over one input channel, float32 only; see there when. */
#include "src/pixel_lanes.h"
#include "src/two_pixels.h"

#define T float
#define FOR_NB TD_FOR_NB
#define FOR_M TD_FOR_M
#define FOR_ROWS TD_FOR_ROWS
#define FEW_FILTERS TD_TWO_PIXELS
#define VT td_vf
#define LANES TD_LANES_F
#define NAME(x) td_##x##_f
#include "src/pixels_template.h"
#include "src/outer_template.h"
#include "src/channelwise_template.h"
#undef T
#undef VT
#undef LANES
#undef NAME
#undef FOR_NB
#undef FOR_M
#undef FOR_ROWS
#undef FEW_FILTERS

#define T double
#define FOR_NB TD_FOR_NB_D
#define FOR_M TD_FOR_M_D
#define FOR_ROWS(F)
#define FEW_FILTERS 0
#define VT td_vd
#define LANES TD_LANES_D
#define NAME(x) td_##x##_d
#include "src/pixels_template.h"
#include "src/outer_template.h"
#include "src/channelwise_template.h"
#undef T
#undef VT
#undef LANES
#undef NAME
#undef FOR_NB
#undef FOR_M
#undef FOR_ROWS
#undef FEW_FILTERS

#endif
