"""Twin of `_core/pool`: windows over (N, C, H, W), each tap of the window at all output positions at once.

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


def _taps(stride, padding, dilation, window, size, outputs):
    """(tap, which outputs it lies inside [0, size) for, the positions it has there) along one axis."""
    for k in range(window):
        start = k * dilation - padding
        first, last = max(0, -(start // stride)), min(outputs, (size - 1 - start) // stride + 1)
        if first < last:
            yield k, slice(first, last), slice(start + first * stride, start + (last - 1) * stride + 1, stride)


def _positions(geometry):
    """(number within the window, outputs, inputs) of every tap, both as indices of (N, C, rows, columns)."""
    _, _, h, w, kh, kw, sh, sw, ph, pw, dh, dw, p, q = geometry
    for k, i, row in _taps(sh, ph, dh, kh, h, p):
        for m, j, col in _taps(sw, pw, dw, kw, w, q):
            yield k * kw + m, np.s_[:, :, i, j], np.s_[:, :, row, col]


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


def _max_step(value, code, best, winner):
    """Let `value` compete for its windows; a NaN beats everything, also a NaN."""
    better = (value > best) | np.isnan(value) | (winner < 0)
    return np.where(better, value, best), np.where(better, code, winner)


def max_pool_forward(x, y, argmax, geometry, on_x, n_threads=1):
    """y = maximum of the window of on_x(x), argmax = its number kh KW + kw within the window.

    Positions in the padding do not compete. The first maximum wins; NaN beats numbers, and the last NaN wins. A
    window that lies in the padding altogether gives -inf and the number 255 (uint8) or -1 (int32).
    """
    x, y, argmax = (_four(a, geometry[:4]) for a in (_mapped(x, on_x), y, argmax))
    best, winner = np.full(y.shape, -np.inf, x.dtype), np.full(y.shape, -1)
    for code, outputs, inputs in _positions(geometry):
        best[outputs], winner[outputs] = _max_step(x[inputs], code, best[outputs], winner[outputs])
    y[...] = best
    argmax[...] = winner.astype(np.int64).astype(argmax.dtype)


def max_pool_backward(dy, argmax, dx, geometry, n_threads=1):
    """dx = sum of dy over the windows that the element won."""
    dy, argmax, dx = (_four(a, geometry[:4]) for a in (dy, argmax, dx))
    total = np.zeros(dx.shape)
    for code, outputs, inputs in _positions(geometry):
        total[inputs] += np.where(argmax[outputs] == code, dy[outputs], 0)
    dx[...] = total


def _counts(geometry, include_pad):
    """Positions of each window (P, Q) that count for its mean: within the input, or within the padded input."""
    _, _, h, w, kh, kw, sh, sw, ph, pw, dh, dw, p, q = geometry
    rows, columns = (np.arange(outputs)[:, None] * stride - padding + np.arange(window) * dilation
                     for outputs, stride, padding, window, dilation in ((p, sh, ph, kh, dh), (q, sw, pw, kw, dw)))
    if include_pad:
        inside = rows < h + ph, columns < w + pw
    else:
        inside = (rows >= 0) & (rows < h), (columns >= 0) & (columns < w)
    return inside[0].sum(1)[:, None] * inside[1].sum(1)


def avg_pool_forward(x, y, count_include_pad, geometry, n_threads=1):
    """y = sum of the window / number of its positions; 0 for a window without positions.

    Positions in the padding count (as zeros) when `count_include_pad`; positions beyond the padding, which a ceil-mode
    window may have, never do.
    """
    x, y = _four(x, geometry[:4]), _four(y, geometry[:4])
    total, counts = np.zeros(y.shape), _counts(geometry, count_include_pad)
    for _, outputs, inputs in _positions(geometry):
        total[outputs] += x[inputs]
    y[...] = np.where(counts, total / np.maximum(counts, 1), 0)


def avg_pool_backward(dy, dx, count_include_pad, geometry, n_threads=1):
    """dx = sum over the windows that hold the element of dy / number of positions."""
    dy, dx = _four(dy, geometry[:4]), _four(dx, geometry[:4])
    total, share = np.zeros(dx.shape), dy / np.maximum(_counts(geometry, count_include_pad), 1).astype(np.float64)
    for _, outputs, inputs in _positions(geometry):
        total[inputs] += share[outputs]
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
                    best, winner = _max_step(x[:, :, h, w], h * x.shape[3] + w, best, winner)
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
