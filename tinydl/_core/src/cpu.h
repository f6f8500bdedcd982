/* Does this CPU, and its operating system, run an ISA level? The levels are those of the x86-64 psABI. Asked of the CPU
   itself: the compilers' own function wants a library that clang-cl does not link. */
#ifndef TINYDL_CPU_H
#define TINYDL_CPU_H

#include <string.h>

#if defined(__x86_64__) || defined(__amd64__)
/* Registers a, b, c, d of a leaf, zeros beyond the last one. */
static inline void td_cpuid(unsigned leaf, unsigned *r) {
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf & 0x80000000u), "c"(0));
    if (r[0] < leaf) {
        memset(r, 0, 4 * sizeof *r);
        return;
    }
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

/* The vector registers that the system keeps for a process: bits of XCR0. */
static inline unsigned td_kept_registers(unsigned features) {
    unsigned low = 0, high;
    if (features & 1u << 27) __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

static inline int td_cpu_supports(const char *level) {
#if defined(__x86_64__) || defined(__amd64__)
    /* SSE3, SSSE3, CX16, SSE4.1, SSE4.2, POPCNT; LAHF */
    const unsigned v2_features = 1u | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23, v2_extended = 1u;
    /* FMA, MOVBE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT */
    const unsigned v3_features = 1u << 12 | 1u << 22 | 1u << 28 | 1u << 29, v3_structured = 1u << 3 | 1u << 5 | 1u << 8;
    const unsigned v3_extended = 1u << 5, v3_kept = 0x6; /* SSE, AVX */
    /* AVX-512 F, DQ, CD, BW, VL */
    const unsigned v4_structured = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
#ifdef __APPLE__
    const unsigned v4_kept = v3_kept; /* a process gets the others when it first uses one */
#else
    const unsigned v4_kept = 0xe6; /* and masks, upper halves, registers 16 to 31 */
#endif
    unsigned basic[4], structured[4], extended[4];
    td_cpuid(1, basic);
    td_cpuid(7, structured);
    td_cpuid(0x80000001u, extended);
    unsigned kept = td_kept_registers(basic[2]);
    int v2 = !(v2_features & ~basic[2]) && !(v2_extended & ~extended[2]);
    int v3 = v2 && !(v3_features & ~basic[2]) && !(v3_structured & ~structured[1]) && !(v3_extended & ~extended[2]) &&
             !(v3_kept & ~kept);
    int v4 = v3 && !(v4_structured & ~structured[1]) && !(v4_kept & ~kept);
    if (strcmp(level, "v2") == 0) return v2;
    if (strcmp(level, "v3") == 0) return v3;
    if (strcmp(level, "v4") == 0) return v4;
    return 0;
#else
    return strcmp(level, "base") == 0;
#endif
}

#endif
