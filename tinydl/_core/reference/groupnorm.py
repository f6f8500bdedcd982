"""Twin of `_core/groupnorm.pyx`: a sample's channels in groups, each normalised by its own mean and variance.

Activations are (N, C, *spatial); a group of a sample is K = C / G channels with all their positions.
"""

import numpy as np

__all__ = ["group_norm_backward", "group_norm_forward"]


def grouped(x, G):
    """x in float64 as (N, G, values of a group)."""
    return np.asarray(x, np.float64).reshape(x.shape[0], G, -1 if x.size else 0)


def per_channel(v, x):
    """A vector (C,) in float64, to be broadcast over x; 1 for None."""
    return np.ones(1) if v is None else np.asarray(v, np.float64).reshape(1, -1, *[1] * (x.ndim - 2))


def normal(x, mean, rstd):
    """(x - mean) rstd in float64, in the shape of x."""
    return ((grouped(x, mean.shape[1]) - mean[:, :, None]) * rstd[:, :, None]).reshape(x.shape)


def group_norm_forward(x, weight, bias, y, mean, rstd, eps, n_threads):
    """y = weight (x - mean) rstd + bias, rstd = 1 / sqrt(var + eps), var biased; NaN of groups without values."""
    groups = grouped(x, mean.shape[1])
    if not x.size:
        mean[...] = rstd[...] = np.nan
        return
    with np.errstate(invalid="ignore"):
        # About a mean that is itself rounded: what that takes off the mean is made good in the second pass.
        first = groups.mean(2)
        off = groups - first[:, :, None]
        rest = off.mean(2)
        mean[...] = first + rest
        rstd[...] = 1 / np.sqrt(((off - rest[:, :, None]) ** 2).mean(2) + eps)
        y[...] = per_channel(weight, x) * normal(x, mean, rstd) + (0 if bias is None else per_channel(bias, x))


def group_norm_backward(dy, x, mean, rstd, weight, dx, dweight, dbias, n_threads):
    """dx = rstd (g - m(g) - h m(g h)) with g = weight dy, h the normalised x and m the mean over a group."""
    dy, others = np.asarray(dy, np.float64), (0, *range(2, x.ndim))
    h = normal(x, mean, rstd)
    if dweight is not None:
        dweight[...] = (dy * h).sum(others)
    if dbias is not None:
        dbias[...] = dy.sum(others)
    if dx is not None and x.size:
        g, h = grouped(dy * per_channel(weight, x), mean.shape[1]), grouped(h, mean.shape[1])
        along = (g * h).mean(2, keepdims=True)
        dx[...] = (rstd[:, :, None] * (g - g.mean(2, keepdims=True) - h * along)).reshape(x.shape)
