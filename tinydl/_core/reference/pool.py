"""Twin of `_core/pool`: windows over (N, C, H, W), written with plain loops over the output positions.

geometry = (N, C, H, W, KH, KW, SH, SW, PH, PW, DH, DW, P, Q). A 1-D pool has H = KH = SH = DH = P = 1, PH = 0, and its
arrays may be (N, C, L).
"""

import math

import numpy as np

from tinydl._core.reference.activations import ROWS

__all__ = ["adaptive_avg_pool_backward", "adaptive_avg_pool_forward", "adaptive_max_pool_backward",
           "adaptive_max_pool_forward", "avg_pool_backward", "avg_pool_forward", "global_avg_pool_backward",
           "global_avg_pool_forward", "max_pool_backward", "max_pool_forward"]


def _four(a, shape):
    """The array as (N, C, H, W), sharing its memory."""
    return a[:, :, None, :] if a.ndim == 3 and len(shape) == 4 else a


def _taps(start, dilation, window, size):
    """Pairs (tap, position) of a window that starts at `start`, those inside [0, size) only."""
    return [(k, start + k * dilation) for k in range(window) if 0 <= start + k * dilation < size]


def _mapped(x, on_x):
    """What the map of an operand makes of x, rounded once; None: x itself."""
    if on_x is None:
        return x
    out, column = np.asarray(x, np.float64), (1, -1, *[1] * (x.ndim - 2))
    if on_x.scale is not None:
        vectors = on_x.centre, on_x.scale, on_x.shift
        centre, scale, shift = (np.asarray(v, np.float64).reshape(column) for v in vectors)
        out = scale * (out - centre) + shift
    return (ROWS[on_x.activation].at(out, on_x.parameter) if on_x.activation else out).astype(x.dtype)


def _max_step(x, h, w, code, best, winner):
    """Let position (h, w) of every image and channel compete for the window; a NaN beats everything, also a NaN."""
    value = x[:, :, h, w]
    better = (value > best) | np.isnan(value) | (winner < 0)
    return np.where(better, value, best), np.where(better, code, winner)


def max_pool_forward(x, y, argmax, geometry, on_x, n_threads=1):
    """y = maximum of the window of on_x(x), argmax = its number kh KW + kw within the window.

    Positions in the padding do not compete. The first maximum wins; NaN beats numbers, and the last NaN wins. A
    window that lies in the padding altogether gives -inf and the number 255 (uint8) or -1 (int32).
    """
    n, c, h, w, kh, kw, sh, sw, ph, pw, dh, dw, p, q = geometry
    x, y, argmax = (_four(a, (n, c, h, w)) for a in (_mapped(x, on_x), y, argmax))
    for i in range(p):
        for j in range(q):
            best, winner = np.full((n, c), -np.inf, x.dtype), np.full((n, c), -1)
            for k, row in _taps(i * sh - ph, dh, kh, h):
                for m, col in _taps(j * sw - pw, dw, kw, w):
                    best, winner = _max_step(x, row, col, k * kw + m, best, winner)
            y[:, :, i, j] = best
            argmax[:, :, i, j] = winner.astype(np.int64).astype(argmax.dtype)


def max_pool_backward(dy, argmax, dx, geometry, n_threads=1):
    """dx = sum of dy over the windows that the element won."""
    n, c, h, w, kh, kw, sh, sw, ph, pw, dh, dw, p, q = geometry
    dy, argmax, dx = (_four(a, (n, c, h, w)) for a in (dy, argmax, dx))
    total = np.zeros((n, c, h, w))
    for i in range(p):
        for j in range(q):
            for k, row in _taps(i * sh - ph, dh, kh, h):
                for m, col in _taps(j * sw - pw, dw, kw, w):
                    total[:, :, row, col] += np.where(argmax[:, :, i, j] == k * kw + m, dy[:, :, i, j], 0)
    dx[...] = total


def _count(index, stride, padding, dilation, window, size, include_pad):
    """Taps of window `index` that count for the mean: within the input, or within the padded input."""
    start = index * stride - padding
    if include_pad:
        return sum(start + k * dilation < size + padding for k in range(window))
    return len(_taps(start, dilation, window, size))


def avg_pool_forward(x, y, count_include_pad, geometry, n_threads=1):
    """y = sum of the window / number of its positions; 0 for a window without positions.

    Positions in the padding count (as zeros) when `count_include_pad`; positions beyond the padding, which a ceil-mode
    window may have, never do.
    """
    n, c, h, w, kh, kw, sh, sw, ph, pw, dh, dw, p, q = geometry
    x, y = _four(x, (n, c, h, w)), _four(y, (n, c, p, q))
    for i in range(p):
        for j in range(q):
            total = np.zeros((n, c))
            for _, row in _taps(i * sh - ph, dh, kh, h):
                for _, col in _taps(j * sw - pw, dw, kw, w):
                    total += x[:, :, row, col]
            count = (_count(i, sh, ph, dh, kh, h, count_include_pad)
                     * _count(j, sw, pw, dw, kw, w, count_include_pad))
            y[:, :, i, j] = total / count if count else 0


def avg_pool_backward(dy, dx, count_include_pad, geometry, n_threads=1):
    """dx = sum over the windows that hold the element of dy / number of positions."""
    n, c, h, w, kh, kw, sh, sw, ph, pw, dh, dw, p, q = geometry
    dy, dx = _four(dy, (n, c, p, q)), _four(dx, (n, c, h, w))
    total = np.zeros((n, c, h, w))
    for i in range(p):
        for j in range(q):
            count = (_count(i, sh, ph, dh, kh, h, count_include_pad)
                     * _count(j, sw, pw, dw, kw, w, count_include_pad))
            for _, row in _taps(i * sh - ph, dh, kh, h):
                for _, col in _taps(j * sw - pw, dw, kw, w):
                    total[:, :, row, col] += dy[:, :, i, j] / np.float64(count)
    dx[...] = total


def _adaptive(size, windows):
    """Window i of `windows` over `size` positions: floor(i size / windows) up to ceil((i + 1) size / windows)."""
    return [(i * size // windows, -(-(i + 1) * size // windows)) for i in range(windows)]


def adaptive_avg_pool_forward(x, y, n_threads=1):
    """y (N, C, P, Q) = mean of x (N, C, H, W) over windows floor(i H / P) .. ceil((i + 1) H / P), and so for W."""
    x, y = _four(x, (0,) * 4), _four(y, (0,) * 4)
    for i, (top, bottom) in enumerate(_adaptive(x.shape[2], y.shape[2])):
        for j, (left, right) in enumerate(_adaptive(x.shape[3], y.shape[3])):
            y[:, :, i, j] = x[:, :, top:bottom, left:right].mean(axis=(2, 3), dtype=np.float64)


def adaptive_avg_pool_backward(dy, dx, n_threads=1):
    """dx = sum over the windows that hold the element of dy / size of the window."""
    dy, dx = _four(dy, (0,) * 4), _four(dx, (0,) * 4)
    total = np.zeros(dx.shape)
    for i, (top, bottom) in enumerate(_adaptive(dx.shape[2], dy.shape[2])):
        for j, (left, right) in enumerate(_adaptive(dx.shape[3], dy.shape[3])):
            area = (bottom - top) * (right - left)
            total[:, :, top:bottom, left:right] += dy[:, :, i, j, None, None] / np.float64(area)
    dx[...] = total


def adaptive_max_pool_forward(x, y, argmax, n_threads=1):
    """y = maximum over the windows of `adaptive_avg_pool_forward`, argmax (int32) = its flat position h W + w."""
    x, y, argmax = _four(x, (0,) * 4), _four(y, (0,) * 4), _four(argmax, (0,) * 4)
    for i, (top, bottom) in enumerate(_adaptive(x.shape[2], y.shape[2])):
        for j, (left, right) in enumerate(_adaptive(x.shape[3], y.shape[3])):
            best, winner = np.full(x.shape[:2], -np.inf, x.dtype), np.full(x.shape[:2], -1)
            for h in range(top, bottom):
                for w in range(left, right):
                    best, winner = _max_step(x, h, w, h * x.shape[3] + w, best, winner)
            y[:, :, i, j], argmax[:, :, i, j] = best, winner


def adaptive_max_pool_backward(dy, argmax, dx, n_threads=1):
    """dx = sum of dy over the windows that the element won."""
    dy, argmax, dx = _four(dy, (0,) * 4), _four(argmax, (0,) * 4), _four(dx, (0,) * 4)
    total = np.zeros(dx.shape)
    n, c, _, w = dx.shape
    image, channel = np.ogrid[:n, :c]
    for i in range(dy.shape[2]):
        for j in range(dy.shape[3]):
            won = argmax[:, :, i, j]
            total[image, channel, won // w, won % w] += dy[:, :, i, j]  # one winner per image and channel
    dx[...] = total


def global_avg_pool_forward(x, y, on_x, n_threads=1):
    """y (N, C) = mean over the positions of on_x(x); y may have trailing axes of length 1."""
    size = math.prod(x.shape[2:])
    mapped = _mapped(x, on_x).reshape(*x.shape[:2], size)
    y[...] = (mapped.sum(axis=2, dtype=np.float64) / np.float64(size)).reshape(y.shape)


def global_avg_pool_backward(dy, dx, n_threads=1):
    """dx = dy / number of positions, at every position."""
    size = math.prod(dx.shape[2:])
    dx[...] = np.asarray(dy, np.float64).reshape(*dx.shape[:2], *[1] * (dx.ndim - 2)) / np.float64(max(size, 1))
