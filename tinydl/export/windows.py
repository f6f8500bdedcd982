"""The arithmetic of a program's steps in NumPy, on any numbers: rows hold images channels-last."""

import numpy as np

__all__ = ["convolved", "copied", "counts", "pooled"]


def _windows(rows, geometry, fill):
    """The windows of images as a view (N, P, Q, C, KH, KW)."""
    g = geometry
    x = rows.reshape(len(rows), g.H, g.W, g.C)
    after = [max((count - 1) * stride + reach - size - pad, 0) for count, stride, reach, size, pad in
             zip((g.P, g.Q), g.stride, g.reach, (g.H, g.W), (g.PH, g.PW), strict=True)]
    x = np.pad(x, ((0, 0), (g.PH, after[0]), (g.PW, after[1]), (0, 0)), constant_values=fill)
    found = np.lib.stride_tricks.sliding_window_view(x, g.reach, axis=(1, 2))
    return found[:, :(g.P - 1) * g.SH + 1:g.SH, :(g.Q - 1) * g.SW + 1:g.SW, :, ::g.DH, ::g.DW]


def convolved(rows, weight, geometry):
    """Sums over windows, without bias, (N, P * Q * O); exact for integers as long as every sum is below 2**53.

    Parameters
    ----------
    rows : numpy.ndarray, shape (N, H * W * C)
        float32 or float64; padding is 0.
    weight : numpy.ndarray, shape (O, KH, KW, C / G)
    geometry : ConvGeometry
    """
    g = geometry
    windows, each, out = _windows(rows, g, 0), g.O // g.G, g.C // g.G
    if g.G == g.C == g.O:
        y = np.einsum("npqcij,cij->npqc", windows, weight[..., 0].astype(rows.dtype))
        return y.reshape(len(rows), -1)
    parts = []
    for k in range(g.G):
        taken = windows[:, :, :, k * out:(k + 1) * out].transpose(0, 1, 2, 4, 5, 3)
        matrix = np.ascontiguousarray(taken).reshape(len(rows) * g.P * g.Q, -1)
        parts.append(matrix @ weight[k * each:(k + 1) * each].reshape(each, -1).T.astype(rows.dtype))
    return np.concatenate(parts, axis=1).reshape(len(rows), -1)


def pooled(rows, geometry, reduce, fill):
    """`reduce`, np.max or np.sum, of each window, (N, P * Q * C)."""
    return reduce(_windows(rows, geometry, fill), axis=(4, 5)).reshape(len(rows), -1)


def counts(geometry, include):
    """How many entries count in each window of an average pool, (P * Q,)."""
    g = geometry
    found = []
    for count, k, stride, size, pad in ((g.P, g.KH, g.SH, g.H, g.PH), (g.Q, g.KW, g.SW, g.W, g.PW)):
        first = np.arange(count) * stride - pad
        if include:
            found.append(np.minimum(first + k, size + pad) - first)
        else:
            found.append(np.minimum(first + k, size) - np.maximum(first, 0))
    return np.outer(*found).reshape(-1)


def copied(x, y, step):
    """Entries of the rows `x` into those of `y`, as a step of kind 'copy' says."""
    sources, places = np.array([step.x_at]), np.array([step.y_at])
    for n, s, t in step.axes:
        sources = (sources[:, None] + np.arange(n) * s).reshape(-1)
        places = (places[:, None] + np.arange(n) * t).reshape(-1)
    y[:, places] = x[:, sources]
