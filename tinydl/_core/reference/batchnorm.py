"""Twin of `_core/batchnorm.pyx`: statistics per channel, the affine maps they lead to, and their gradients.

Activations are (N, C, *spatial); M = N * prod(spatial) is the number of values of a channel.
"""

import numpy as np

__all__ = ["affine_forward", "backward_apply", "backward_reduce", "finish_statistics", "forward_map", "gradient_map",
           "statistics", "update_running"]


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


def forward_map(mean, var, weight, bias, eps, rstd, scale, shift):
    """rstd = 1 / sqrt(var + eps), scale = weight rstd, shift = bias - mean scale; weight and bias None are 1 and 0."""
    mean, r = np.asarray(mean, np.float64), 1 / np.sqrt(np.asarray(var, np.float64) + eps)
    a = r if weight is None else r * weight
    rstd[...], scale[...] = r, a
    shift[...] = (0 if bias is None else bias) - mean * a


def update_running(mean, var, rows, momentum, running_mean, running_var):
    """Running statistics: (1 - momentum) running + momentum batch, the variance unbiased over `rows` values."""
    mean, var = (np.asarray(v, np.float64) for v in (mean, var))
    running_mean[...] = (1 - momentum) * running_mean + momentum * mean
    running_var[...] = (1 - momentum) * running_var + momentum * rows / (rows - 1) * var


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


def gradient_map(sums, rows, mean, rstd, weight, training, dweight, dbias, a, b, c):
    """dweight = rstd s2, dbias = s1 and the coefficients of `backward_apply`, from partial sums (G, 2, C)."""
    s1, s2 = np.asarray(sums, np.float64).sum(axis=0)
    r = np.asarray(rstd, np.float64)
    if dweight is not None:
        dweight[...] = r * s2
    if dbias is not None:
        dbias[...] = s1
    a[...] = ka = r if weight is None else r * weight
    b[...] = c[...] = 0
    if training and rows:
        b[...] = kb = -ka * r**2 * s2 / rows
        c[...] = -ka * s1 / rows - kb * mean


def backward_apply(dz, x, scale, shift, relu, a, b, c, dx, n_threads=1):
    """dx = a dz' + b x + c with dz' as in `backward_reduce`.

    With r = 1 / sqrt(var + eps), the gradient of batch norm is a = gamma r, b = -gamma r^3 s2 / M,
    c = -a s1 / M - b mean.
    """
    masked = _masked(dz, x, scale, shift, relu)
    dx[...] = _per_channel(a, x) * masked + _per_channel(b, x) * x + _per_channel(c, x)
