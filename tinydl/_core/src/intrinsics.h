/* The instructions of x86 that vector extensions have no words for.

   GCC's <immintrin.h> has seventy thousand lines, which each kernel would read for each level, a tenth of the build, for
   ten functions. They are called by the names that header itself calls, as long as GCC says it has them; other compilers
   read their header. TD_X86(gcc, intel) is the one or the other; a mask of -1 is all lanes. */
#ifndef TINYDL_INTRINSICS_H
#define TINYDL_INTRINSICS_H

#if defined(__SSE4_1__)
#include <smmintrin.h>
#endif

#if !defined(__GNUC__) || defined(__clang__)
#define TD_KNOWS_GCC 0
#elif defined(__AVX512F__)
#define TD_KNOWS_GCC                                                                                                   \
    (__has_builtin(__builtin_ia32_vfmaddps512_mask) && __has_builtin(__builtin_ia32_movntps512) &&                     \
     __has_builtin(__builtin_ia32_loadups512_mask) && __has_builtin(__builtin_ia32_storeups512_mask) &&                \
     __has_builtin(__builtin_ia32_pmovzxbd512_mask) && __has_builtin(__builtin_ia32_pmovdb512_mask))
#else
#define TD_KNOWS_GCC                                                                                                   \
    (__has_builtin(__builtin_ia32_vfmaddps256) && __has_builtin(__builtin_ia32_movntps256) &&                          \
     __has_builtin(__builtin_ia32_maskloadps256) && __has_builtin(__builtin_ia32_pmovzxbd256) &&                       \
     __has_builtin(__builtin_ia32_ps_ps256) && __has_builtin(__builtin_ia32_vextractf128_ps256) &&                     \
     __has_builtin(__builtin_ia32_si_si256) && __has_builtin(__builtin_ia32_extract128i256))
#endif

#if TD_KNOWS_GCC
#define TD_ROUNDING 4 /* as the thread has it */
#define TD_X86(gcc, intel) gcc
#else
#define TD_X86(gcc, intel) intel
#if defined(__AVX2__)
#include <immintrin.h>
#endif
#endif

#endif
