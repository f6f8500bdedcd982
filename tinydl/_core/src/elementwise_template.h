/* Loops over n elements for one element type; included by elementwise.h with T and NAME(x) defined.

   Iterations touch only their own element, so the result may be one of the operands. */

#define ACTIVATION(name, READS, VALUE, GRADIENT)                                                                       \
    static void NAME(name##_value)(const void *a, const void *b, void *out, ptrdiff_t n, double parameter) {           \
        const T p = (T)parameter;                                                                                      \
        TD_INDEPENDENT for (ptrdiff_t i = 0; i < n; i++) {                                                             \
            const T x = ((const T *)a)[i];                                                                             \
            T y;                                                                                                       \
            VALUE;                                                                                                     \
            ((T *)out)[i] = y;                                                                                         \
        }                                                                                                              \
        (void)p;                                                                                                       \
        (void)b;                                                                                                       \
    }                                                                                                                  \
    static void NAME(name##_gradient)(const void *a, const void *b, void *out, ptrdiff_t n, double parameter) {        \
        const T p = (T)parameter;                                                                                      \
        TD_INDEPENDENT for (ptrdiff_t i = 0; i < n; i++) {                                                             \
            const T s = ((const T *)a)[i], dy = ((const T *)b)[i];                                                     \
            T dx;                                                                                                      \
            GRADIENT;                                                                                                  \
            ((T *)out)[i] = dx;                                                                                        \
        }                                                                                                              \
        (void)p;                                                                                                       \
    }
#include "src/activations.h"
#undef ACTIVATION

static void NAME(sum)(const void *a, const void *b, void *out, ptrdiff_t n, double parameter) {
    TD_INDEPENDENT for (ptrdiff_t i = 0; i < n; i++) ((T *)out)[i] = ((const T *)a)[i] + ((const T *)b)[i];
    (void)parameter;
}
