/* Does this CPU (and its operating system) run an ISA level? libgcc's answer includes the XGETBV check. */
#ifndef TINYDL_CPU_H
#define TINYDL_CPU_H

#include <string.h>

static inline int td_cpu_supports(const char *level) {
#if defined(__x86_64__) || defined(__amd64__)
    __builtin_cpu_init();
    int v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
    int v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    int v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
    if (strcmp(level, "v2") == 0) return v2;
    if (strcmp(level, "v3") == 0) return v3;
    if (strcmp(level, "v4") == 0) return v4;
    return 0;
#else
    return strcmp(level, "base") == 0;
#endif
}

#endif
