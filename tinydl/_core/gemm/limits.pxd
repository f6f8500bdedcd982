# Sizes from which products of matrices go another way, whoever multiplies.

cdef enum:
    # Rows of a multiple of so many elements lie in the same few cache sets and throw each other out: kernels copy them.
    SHARED = 512
    # Multiply-adds below which a parallel region costs more than it gains.
    SMALL = 65536
