"""Twin of `_core/batchnorm.pyx`: statistics per channel, the map they lead to, and the affine map itself.

Activations are (N, C, *spatial); M = N * prod(spatial) is the number of values of a channel.
"""

import numpy as np

from tinydl._core.reference.activations import ROWS

__all__ = ["affine_forward", "finish_statistics", "forward_map", "statistics", "update_running"]


def per_channel(v, x):
    """A vector (C,) in float64, to be broadcast over x."""
    return np.asarray(v, np.float64).reshape(1, -1, *[1] * (x.ndim - 2))


def channel_sum(x):
    """Sum over all axes but the second, in float64."""
    return x.sum(axis=(0, *range(2, x.ndim)), dtype=np.float64)


def mapped(x, on_x):
    """scale*(x - centre) + shift in float64; x itself where there is no scale."""
    if on_x is None or on_x.scale is None:
        return np.asarray(x, np.float64)
    return per_channel(on_x.scale, x) * (x - per_channel(on_x.centre, x)) + per_channel(on_x.shift, x)


def statistics(x, about, mean, var, n_threads):
    """mean = sum(x) / M, var = sum((x - mean)^2) / M (biased); NaN when M = 0.

    `about` is a value near the mean; it changes the rounding of the kernel, not the result.
    """
    M = x.size // x.shape[1] if x.shape[1] else 0
    if M == 0:
        mean[...] = var[...] = np.nan
        return
    with np.errstate(invalid="ignore"):
        # About a mean that is itself rounded: what that takes off the mean is made good in the second pass.
        first = channel_sum(x) / M
        off = x - per_channel(first, x)
        rest = channel_sum(off) / M
        mean[...] = first + rest
        var[...] = channel_sum((off - per_channel(rest, x)) ** 2) / M


def finish_statistics(x, moments, mean, var, n_threads):
    """The statistics of x; the sums say the same of it."""
    statistics(x, moments.about, mean, var, n_threads)


def forward_map(mean, var, weight, bias, eps, rstd, on_x):
    """rstd = 1 / sqrt(var + eps), scale = weight rstd, centre = rounded mean, shift = bias - scale (mean - centre)."""
    rstd[...] = 1 / np.sqrt(var + eps)
    scale = rstd if weight is None else rstd * weight
    on_x.centre[...] = mean
    on_x.scale[...] = scale
    off = np.multiply(scale, mean - on_x.centre, out=np.zeros_like(scale), where=np.isfinite(scale))
    on_x.shift[...] = (0 if bias is None else bias) - off


def update_running(mean, var, rows, momentum, running_mean, running_var):
    """Running statistics: (1 - momentum) running + momentum batch, the variance unbiased over `rows` values."""
    if rows < 2:
        raise ValueError(f"the unbiased variance divides by rows - 1: rows must be at least 2, got {rows}")
    running_mean[...] = (1 - momentum) * running_mean.astype(np.float64) + momentum * mean
    running_var[...] = (1 - momentum) * running_var.astype(np.float64) + momentum * rows / (rows - 1) * var


def affine_forward(x, on_x, residual, on_residual, y, n_threads):
    """y = f(on_x of x [+ residual, or on_residual of it]), f the activation of on_x."""
    with np.errstate(invalid="ignore"):
        out = mapped(x, on_x)
        if residual is not None:
            out = out + mapped(residual, on_residual)
        y[...] = ROWS[on_x.activation].at(out, on_x.parameter) if on_x.activation else out
