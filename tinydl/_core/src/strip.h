/* What the loops over register tiles take: which pixels they sum, in elements of the operands; see tile.h. */
#ifndef TINYDL_STRIP_H
#define TINYDL_STRIP_H

#include "src/operands.h"

/* A rectangle of output pixels, all summed alike. Pixel (r, q) reads from src + r*src_row + q*src_col on, K contiguous
   elements for each tap at that tap's offset, and is written to dst + r*dst_row + q*dst_col. A matrix is one row of
   such pixels with one tap: td_matrix. */
typedef struct {
    ptrdiff_t rows, cols;
    ptrdiff_t src_row, src_col, dst_row, dst_col;
    const ptrdiff_t *taps;
    ptrdiff_t n_taps, K;
} td_rectangle;

static inline td_rectangle td_matrix(ptrdiff_t n_rows, ptrdiff_t K, ptrdiff_t ld_src, ptrdiff_t ld_dst) {
    static const ptrdiff_t here[1] = {0};
    const td_rectangle r = {1, n_rows, 0, ld_src, 0, ld_dst, here, 1, K};
    return r;
}

/* The pixels a weight gradient sums over, and their strides in x and dy: images, rows, columns. */
typedef struct {
    ptrdiff_t n_images, n_rows, n_cols;
    ptrdiff_t x_image, x_row, x_col;
    ptrdiff_t dy_image, dy_row, dy_col;
} td_pixel_range;

/* Filter entries: `rows` of n each. An entry follows the other in x and lies dw_entry elements after it in dw; a row
   follows the other x_row and dw_row elements later. */
typedef struct {
    ptrdiff_t rows, n;
    ptrdiff_t x_row, dw_row, dw_entry;
} td_entries;

#endif
