/* The inner loops of batch norm and global pooling in both element types; see rows_template.h. */
#ifndef TINYDL_ROWS_H
#define TINYDL_ROWS_H

#include "src/vector.h"

/* Iterations touch only their own element, so y may be x itself. */
#if defined(__clang__)
#define TD_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define TD_INDEPENDENT _Pragma("GCC ivdep")
#endif

#define T float
#define NAME(x) td_##x##_f
#include "src/rows_template.h"
#undef T
#undef NAME

#define T double
#define NAME(x) td_##x##_d
#include "src/rows_template.h"
#undef T
#undef NAME

#endif
