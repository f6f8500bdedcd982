/* The mean over all positions of an image, and its gradient, in both element types; see image_mean_template.h. */
#ifndef TINYDL_IMAGE_MEAN_H
#define TINYDL_IMAGE_MEAN_H

#include "src/operands.h"
#include "src/channels.h"

/* Forward, src is x (N, size, C) and dst y (N, C); backward, src is dy (N, C) and dst dx (N, size, C). */
typedef struct {
    const void *src;
    void *dst;
    void *sums;             /* forward: L elements an image of working memory */
    td_map on_x;            /* forward: its vectors are repeated to a period of L elements, see channels.h */
    ptrdiff_t C, size, L;
} td_images;

typedef void (*td_image_loop)(const td_images *images, ptrdiff_t n);

#define T float
#define NAME(x) td_##x##_f
#include "src/image_mean_template.h"
#undef T
#undef NAME

#define T double
#define NAME(x) td_##x##_d
#include "src/image_mean_template.h"
#undef T
#undef NAME

/* The loops of float and of double. */
static const td_image_loop td_image_mean[] = {td_image_mean_f, td_image_mean_d};
static const td_image_loop td_image_spread[] = {td_image_spread_f, td_image_spread_d};

#endif
