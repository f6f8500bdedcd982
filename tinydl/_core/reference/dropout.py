"""Twin of `_core/dropout.pyx`: random words as Philox makes them, element by element."""

import numpy as np

__all__ = ["dropout_backward", "dropout_forward", "dropout_words", "memory_order"]


def _philox(counter, key):
    """Philox4x32-10 (Salmon et al., SC11): four 32-bit words from four counter words and two key words."""
    c = [np.asarray(word, np.uint64) for word in counter]
    k = [np.uint64(word) for word in key]
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        p = c[0] * np.uint64(0xD2511F53)
        q = c[2] * np.uint64(0xCD9E8D57)
        c = [(q >> shift) ^ c[1] ^ k[0], q & low, (p >> shift) ^ c[3] ^ k[1], p & low]
        k = [(k[0] + np.uint64(0x9E3779B9)) & low, (k[1] + np.uint64(0xBB67AE85)) & low]
    return c


def dropout_words(n, key0, key1):
    """The 32-bit random words of elements 0..n-1 in memory order.

    Elements go in blocks of 256. Lane l of block b has the counter 64 b + l; its word w belongs to element
    256 b + 64 w + l. The 64-bit counter and `key1` fill the counter words of Philox, `key0` is its key.
    """
    n_blocks = -(-n // 256)
    counter = np.arange(64 * n_blocks, dtype=np.uint64)
    low, high = counter & np.uint64(0xFFFFFFFF), counter >> np.uint64(32)
    words = _philox((low, high, np.full_like(low, key1 & 0xFFFFFFFF), np.full_like(low, key1 >> 32)),
                    (key0 & 0xFFFFFFFF, key0 >> 32))
    return np.stack([word.reshape(n_blocks, 64) for word in words], axis=1).ravel()[:n]


def dropout_forward(x, key0, key1, p, y, n_threads=1):
    """y = x / (1 - p) where the element's random word is >= p 2^32, else 0.

    An element's number is its place in memory, so x and y are read in memory order.
    """
    flat_x, flat_y = memory_order(x), memory_order(y)
    keep = dropout_words(x.size, key0, key1) >= np.uint64(min(round(p * 2**32), 2**32))
    scale = x.dtype.type(1 / (1 - p)) if p < 1 else x.dtype.type(0)
    with np.errstate(invalid="ignore"):
        flat_y[...] = np.where(keep, flat_x * scale, 0)


def dropout_backward(dy, key0, key1, p, dx, n_threads=1):
    """dx = dy / (1 - p) where the element was kept, else 0: the forward map once more."""
    dropout_forward(dy, key0, key1, p, dx)


def memory_order(x):
    """A dense array as a flat view in the order of its memory."""
    axes = sorted(range(x.ndim), key=lambda axis: (-x.strides[axis], -x.shape[axis]))
    flat = x.transpose(axes).reshape(-1)
    if x.size and not np.shares_memory(flat, x):
        raise ValueError(f"expected a dense array, got shape {x.shape} with strides {x.strides}")
    return flat
