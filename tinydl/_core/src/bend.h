/* What a map ends in that readers apply as they load: nothing, ReLU, leaky ReLU. On either side of 0 these are straight
   lines, so value and gradient cost a comparison, and need nothing but the value before them. The other activations take
   a polynomial or more an element: they have a pass of their own, in which the map and the sums of its gradient share.

   Loops take the kind as a constant and have a body of their own for each. */
#ifndef TINYDL_BEND_H
#define TINYDL_BEND_H

#include "src/activation_names.h"
#include "src/partial.h"

enum {
    TD_STRAIGHT = 0, /* no activation */
    TD_CLAMP = 1 + TD_ACTIVATION_relu,
    TD_LEAK = 1 + TD_ACTIVATION_leaky_relu
};

/* The value v after the activation, and dz where the value before it was v; NaN counts as positive. */
TD_INLINE td_vf td_bent_f(td_vf v, int bend, float slope) {
    if (bend == TD_CLAMP) return td_clamp_f(v);
    if (bend == TD_LEAK) return td_choose_f((td_vi32)(v <= 0), slope * v, v);
    return v;
}
TD_INLINE td_vd td_bent_d(td_vd v, int bend, double slope) {
    if (bend == TD_CLAMP) return td_clamp_d(v);
    if (bend == TD_LEAK) return td_choose_d((td_vi64)(v <= 0), slope * v, v);
    return v;
}
TD_INLINE td_vf td_passed_f(td_vf dz, td_vf v, int bend, float slope) {
    if (bend == TD_CLAMP) return td_kept_f(dz, v);
    if (bend == TD_LEAK) return td_choose_f((td_vi32)(v <= 0), slope * dz, dz);
    return dz;
}
TD_INLINE td_vd td_passed_d(td_vd dz, td_vd v, int bend, double slope) {
    if (bend == TD_CLAMP) return td_kept_d(dz, v);
    if (bend == TD_LEAK) return td_choose_d((td_vi64)(v <= 0), slope * dz, dz);
    return dz;
}

/* The same of elements, for loops that the compiler vectorises. */
TD_INLINE float td_bent_one_f(float v, int bend, float slope) {
    if (bend == TD_CLAMP) return v < 0 ? 0 : v;
    if (bend == TD_LEAK) return v <= 0 ? slope * v : v;
    return v;
}
TD_INLINE double td_bent_one_d(double v, int bend, double slope) {
    if (bend == TD_CLAMP) return v < 0 ? 0 : v;
    if (bend == TD_LEAK) return v <= 0 ? slope * v : v;
    return v;
}
TD_INLINE float td_passed_one_f(float dz, float v, int bend, float slope) {
    if (bend == TD_CLAMP) return v <= 0 ? 0 : dz;
    if (bend == TD_LEAK) return v <= 0 ? slope * dz : dz;
    return dz;
}
TD_INLINE double td_passed_one_d(double dz, double v, int bend, double slope) {
    if (bend == TD_CLAMP) return v <= 0 ? 0 : dz;
    if (bend == TD_LEAK) return v <= 0 ? slope * dz : dz;
    return dz;
}

#endif
