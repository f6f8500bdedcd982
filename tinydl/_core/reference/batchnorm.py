"""Twin of `_core/batchnorm.pyx`: statistics per channel, the affine maps they lead to, and their gradients.

Activations are (N, C, *spatial); M = N * prod(spatial) is the number of values of a channel.
"""

import numpy as np

__all__ = ["affine_forward", "backward_apply", "backward_reduce", "finish_statistics", "statistics"]


def _per_channel(v, x):
    return np.asarray(v, np.float64).reshape(1, -1, *[1] * (x.ndim - 2))


def _sum(x):
    return x.sum(axis=(0, *range(2, x.ndim)), dtype=np.float64)


def statistics(x, origin, mean, var, n_threads=1):
    """mean = sum(x) / M, var = sum((x - mean)^2) / M (biased); NaN when M = 0.

    `origin` is a value near the mean; it changes the rounding of the kernel, not the result.
    """
    rows = x.size // x.shape[1] if x.shape[1] else 0
    if rows == 0:
        mean[...] = var[...] = np.nan
        return
    with np.errstate(invalid="ignore"):
        exact = _sum(x) / rows
        mean[...] = exact
        var[...] = _sum((x - _per_channel(exact, x)) ** 2) / rows


def finish_statistics(sums, rows, origin, mean, var):
    """Mean and biased variance from sums (G, 2, C) of (x - origin) and (x - origin)^2 over `rows` values."""
    if rows == 0:
        mean[...] = var[...] = np.nan
        return
    with np.errstate(invalid="ignore"):
        first, second = np.asarray(sums, np.float64).sum(axis=0) / rows
        mean[...] = origin + first
        spread = second - first**2
        var[...] = np.where(spread < 0, 0, spread)


def affine_forward(x, scale, shift, residual, residual_scale, residual_shift, relu, y, n_threads=1):
    """y = [max 0] (scale x + shift [+ [residual_scale] residual [+ residual_shift]])."""
    with np.errstate(invalid="ignore"):
        out = _per_channel(scale, x) * x + _per_channel(shift, x)
        if residual is not None:
            other = np.asarray(residual, np.float64)
            if residual_scale is not None:
                other = _per_channel(residual_scale, x) * other
            if residual_shift is not None:
                other = other + _per_channel(residual_shift, x)
            out = out + other
        y[...] = np.where(out < 0, 0, out) if relu else out


def _masked(dz, x, scale, shift, relu):
    if not relu:
        return np.asarray(dz, np.float64)
    return np.where(_per_channel(scale, x) * x + _per_channel(shift, x) <= 0, 0, np.asarray(dz, np.float64))


def backward_reduce(dz, x, mean, scale, shift, relu, s1, s2, n_threads=1, z=None, masked=None):
    """s1 = sum dz', s2 = sum dz' (x - mean), with dz' = dz where scale x + shift > 0 if `relu`, else dz.

    With `z` dz' is dz where z > 0, and is written to `masked`.
    """
    if z is not None:
        masked[...] = np.where(z <= 0, 0, dz)
        dz = masked
    dz = _masked(dz, x, scale, shift, relu)
    s1[...] = _sum(dz)
    s2[...] = _sum(dz * (x - _per_channel(mean, x)))


def backward_apply(dz, x, scale, shift, relu, a, b, c, dx, n_threads=1):
    """dx = a dz' + b x + c with dz' as in `backward_reduce`.

    With r = 1 / sqrt(var + eps), the gradient of batch norm is a = gamma r, b = -gamma r^3 s2 / M,
    c = -a s1 / M - b mean.
    """
    masked = _masked(dz, x, scale, shift, relu)
    dx[...] = _per_channel(a, x) * masked + _per_channel(b, x) * x + _per_channel(c, x)
