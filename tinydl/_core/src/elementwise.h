/* Loops over elements in both element types, and the table of activations; see elementwise_template.h. */
#ifndef TINYDL_ELEMENTWISE_H
#define TINYDL_ELEMENTWISE_H

#include "src/activation_names.h"
#include "src/special.h"

/* out [0..n) from a and, if the loop takes two operands, b */
typedef void (*td_element_loop)(const void *a, const void *b, void *out, ptrdiff_t n, double parameter);

#define T float
#define NAME(x) td_##x##_f
#include "src/elementwise_template.h"
#undef T
#undef NAME

#define T double
#define NAME(x) td_##x##_d
#include "src/elementwise_template.h"
#undef T
#undef NAME

/* Loops come in pairs, float's and double's. */
typedef struct {
    td_element_loop value[2], gradient[2]; /* y from x; dx from what it reads and dy */
    int gradient_reads_y;                  /* and not x */
} td_activation;

#define ACTIVATION(name, READS, VALUE, GRADIENT)                                                                       \
    {{td_##name##_value_f, td_##name##_value_d}, {td_##name##_gradient_f, td_##name##_gradient_d}, #READS[0] == 'y'},
static const td_activation td_activations[] = {
#include "src/activations.h"
};
#undef ACTIVATION

static const td_element_loop td_sum[] = {td_sum_f, td_sum_d};

#endif
