/* Random words for dropout: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3,
   SC11). The word of an element depends on the keys and on the element's number alone, so the backward pass makes the
   mask again and no thread's progress matters.

   Elements go in blocks of 256; lane l < 64 of block b has the counter 64 b + l, and its word w goes to element
   256 b + 64 w + l, which keeps every loop contiguous. */
#ifndef TINYDL_DROPOUT_H
#define TINYDL_DROPOUT_H

#include "src/vector.h"

#define TD_DROPOUT_BLOCK 256

static inline void td_dropout_words(uint64_t block, uint64_t key0, uint64_t key1, uint32_t *words) {
    uint32_t *c0 = words, *c1 = words + 64, *c2 = words + 128, *c3 = words + 192;
    uint32_t k0 = (uint32_t)key0, k1 = (uint32_t)(key0 >> 32);
    for (int l = 0; l < 64; l++) {
        uint64_t counter = 64 * block + (uint64_t)l;
        c0[l] = (uint32_t)counter;
        c1[l] = (uint32_t)(counter >> 32);
        c2[l] = (uint32_t)key1;
        c3[l] = (uint32_t)(key1 >> 32);
    }
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < 64; l++) {
            uint64_t p = (uint64_t)c0[l] * 0xD2511F53u, q = (uint64_t)c2[l] * 0xCD9E8D57u;
            uint32_t a = (uint32_t)(q >> 32) ^ c1[l] ^ k0, b = (uint32_t)(p >> 32) ^ c3[l] ^ k1;
            c0[l] = a;
            c1[l] = (uint32_t)q;
            c2[l] = b;
            c3[l] = (uint32_t)p;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

#endif
