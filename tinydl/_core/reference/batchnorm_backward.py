"""Twin of `_core/batchnorm_backward.pyx`: the sums that the gradient of batch norm needs, and the gradient as a map."""

import numpy as np

from tinydl._core.operands import Pending
from tinydl._core.reference.activations import ROWS
from tinydl._core.reference.batchnorm import channel_sum, mapped, per_channel

__all__ = ["backward_apply", "backward_reduce", "gradient_map"]


def _masked(dy):
    """dz' of a gradient in float64: dz times the derivative of its mask's activation at the mask's value of y."""
    if not isinstance(dy, Pending):
        return np.asarray(dy, np.float64)
    dz = np.asarray(dy.dz, np.float64)
    row = ROWS.get(dy.mask.activation)
    return dz if row is None else row.masked(mapped(dy.y, dy.mask), dz, dy.mask.parameter)


def backward_reduce(dy, x, about, sums, masked, n_threads):
    """sums = sum of dz' and of dz' (x - about); masked = dz', or None."""
    dz = _masked(dy)
    sums[0, 0] = channel_sum(dz)
    sums[0, 1] = channel_sum(dz * (x - per_channel(about, x)))
    if masked is not None:
        masked[...] = dz


def gradient_map(sums, rows, mean, rstd, weight, training, dweight, dbias, dy):
    """dweight = rstd S2, dbias = S1 and the coefficients a, b, c of `backward_apply`, from partial sums (G, 2, C)."""
    s1, s2 = np.asarray(sums, np.float64).sum(axis=0)
    off = mean - dy.mask.centre
    s2 = s2 - off * s1
    if dweight is not None:
        dweight[...] = rstd * s2
    if dbias is not None:
        dbias[...] = s1
    a = rstd if weight is None else rstd * weight
    b = -a * rstd**2 * s2 / rows if training and rows else 0 * a
    dy.a[...], dy.b[...] = a, b
    dy.c[...] = -a * s1 / rows - b * off if training and rows else 0


def backward_apply(dy, dx, n_threads):
    """dx = a dz' + b (y - centre) + c, or dz' alone.

    With r = 1 / sqrt(var + eps), the gradient of batch norm is a = gamma r, b = -gamma r^3 S2 / M,
    c = -a S1 / M - b (mean - centre).
    """
    dz = _masked(dy)
    if dy.a is None:
        dx[...] = dz
    else:
        off = dy.y - per_channel(dy.mask.centre, dx)
        dx[...] = per_channel(dy.a, dx) * dz + (per_channel(dy.b, dx) * off + per_channel(dy.c, dx))
