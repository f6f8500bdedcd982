"""Twin of `_core/elementwise.pyx`: activations, addition and dropout, element by element."""

import math

import numpy as np

__all__ = ["add", "dropout_backward", "dropout_forward", "elu_backward", "elu_forward", "gelu_backward", "gelu_forward",
           "leaky_relu_backward", "leaky_relu_forward", "relu_backward", "relu_forward", "sigmoid_backward",
           "sigmoid_forward", "tanh_backward", "tanh_forward"]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _wide(x):
    return np.asarray(x, np.float64)


def relu_forward(x, y, n_threads=1):
    """y = max(x, 0); NaN passes."""
    y[...] = np.where(x < 0, 0, x)


def relu_backward(y, dy, dx, n_threads=1):
    """dx = dy where y > 0 (or NaN), else 0."""
    dx[...] = np.where(y <= 0, 0, dy)


def leaky_relu_forward(x, y, slope, n_threads=1):
    """y = x where x > 0, else slope x."""
    y[...] = np.where(x <= 0, _wide(slope) * x, x)


def leaky_relu_backward(x, dy, dx, slope, n_threads=1):
    """dx = dy where x > 0, else slope dy."""
    dx[...] = np.where(x <= 0, _wide(slope) * dy, dy)


def elu_forward(x, y, alpha, n_threads=1):
    """y = x where x > 0, else alpha (exp(x) - 1)."""
    y[...] = np.where(x <= 0, alpha * np.expm1(np.minimum(_wide(x), 0)), x)


def elu_backward(x, dy, dx, alpha, n_threads=1):
    """dx = dy where x > 0, else alpha exp(x) dy."""
    dx[...] = np.where(x <= 0, alpha * np.exp(np.minimum(_wide(x), 0)) * dy, dy)


def _normal_cdf(x):
    return 0.5 * np.where(x < 0, np.vectorize(math.erfc, otypes=[np.float64])(-x / math.sqrt(2)),
                          1 + _erf(x / math.sqrt(2)))


def gelu_forward(x, y, n_threads=1):
    """y = x Phi(x), Phi the distribution function of the standard normal; 0 at -inf."""
    x = _wide(x)
    with np.errstate(invalid="ignore"):
        y[...] = np.where(x == -np.inf, 0, x * _normal_cdf(x))


def gelu_backward(x, dy, dx, n_threads=1):
    """dx = dy (Phi(x) + x phi(x)), phi the density of the standard normal."""
    x = _wide(x)
    density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    with np.errstate(invalid="ignore"):
        dx[...] = dy * (_normal_cdf(x) + np.where(np.isinf(x), 0, x * density))


def tanh_forward(x, y, n_threads=1):
    """y = tanh x."""
    y[...] = np.tanh(_wide(x))


def tanh_backward(y, dy, dx, n_threads=1):
    """dx = dy (1 - y^2)."""
    dx[...] = dy * (1 - _wide(y) ** 2)


def sigmoid_forward(x, y, n_threads=1):
    """y = 1 / (1 + exp(-x))."""
    with np.errstate(over="ignore"):
        y[...] = 1 / (1 + np.exp(-_wide(x)))


def sigmoid_backward(y, dy, dx, n_threads=1):
    """dx = dy y (1 - y)."""
    dx[...] = dy * (_wide(y) * (1 - _wide(y)))


def add(a, b, y, n_threads=1):
    """y = a + b; y may be a or b."""
    y[...] = a + b


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
