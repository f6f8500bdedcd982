"""A program in integers: what each step becomes, and the same integers in NumPy.

A store holds int8 numbers q that stand for scale * (q - zero). Weights are int8 with one scale for each output channel,
sums int32. A result is a sum times a positive factor, which is an integer `multiplier` over 2**shift:

    q = clamp(zero + floor((sum * multiplier + 2**(shift - 1)) / 2**shift), low, 127)

All of it is exact, so that any machine that computes these formulas has these numbers.

Source: B. Jacob et al., Quantization and training of neural networks for efficient integer-arithmetic-only inference,
CVPR 2018, arXiv:1712.05877.
"""

import math
from typing import NamedTuple

import numpy as np

from tinydl.export import floats, windows
from tinydl.export.program import Step

__all__ = ["Scale", "integer_step", "run"]

_SHIFT = 62  # the most that sums, multipliers and rounding leave room for in 64 bits


class Scale(NamedTuple):
    """What the integers of a store stand for: scale * (q - zero)."""

    scale: float
    zero: int

    @classmethod
    def of(cls, low, high):
        """For values between low and high, of which 0 is always one."""
        low, high = min(float(low), 0.0), max(float(high), 0.0)
        scale = (high - low) / 255 or 1.0
        return cls(scale, int(np.clip(np.rint(-128 - low / scale), -128, 127)))

    def integers(self, x):
        """The nearest integers of values, NaN as 0."""
        q = np.rint(np.asarray(x, np.float64) / self.scale) + self.zero
        return np.clip(np.where(np.isnan(q), self.zero, q), -128, 127).astype(np.int8)

    def values(self, q):
        """The values of integers."""
        return ((q.astype(np.float64) - self.zero) * self.scale).astype(np.float32)


def _factors(*numbers):
    """Integers and a shift that stand for positive numbers: the largest takes 31 bits."""
    largest = max(numbers)
    shift = max(1, min(_SHIFT, 31 - math.frexp(largest)[1]))
    if largest * 2.0**shift > 2**31 - 1:
        shift -= 1
    integers = [round(number * 2.0**shift) for number in numbers]
    if shift < 1 or max(integers) >= 2**31:
        raise ValueError(f"quantize: a result is {largest:.3g} times the sum before it; the sample's values are too "
                         "small or too large for integers, so show it samples as the network sees them")
    return integers, shift


def integer_step(step, scales):
    """The step of a program in integers.

    Parameters
    ----------
    step : Step
    scales : list of Scale
        Of each store.

    Returns
    -------
    Step
        With `x_zero`, `y_zero`, `low`, and by kind: int8 `weight`, int32 `bias`, `multiplier` (of each channel) and
        `shift`, `residual_zero` and `residual_multiplier`; `multiplier` and `shift`; a `table`; `fill`.
    """
    x, y = scales[step.x], scales[step.y]
    made = Step(step.kind, step.x, step.y, step.residual, step.relu, step.geometry, x_zero=x.zero, y_zero=y.zero,
                low=max(-128, y.zero) if step.relu else -128)
    if step.kind == "conv":
        _convolution(made, step, scales)
    elif step.kind == "mean":
        (made.multiplier,), made.shift = _factors(x.scale / y.scale)
        made.include = step.include
    elif step.kind == "map":
        every = np.arange(-128, 128, dtype=np.int8)
        made.table = y.integers(floats.mapped(x.values(every), step))
    elif step.kind == "copy":
        made.axes, made.x_at, made.y_at = step.axes, step.x_at, step.y_at
        made.fill = None if step.fill is None else int(y.integers(np.float32(step.fill)))
        (made.multiplier,), made.shift = _factors(x.scale / y.scale)
        made.plain = x == y
    return made


def _convolution(made, step, scales):
    x, y = scales[step.x], scales[step.y]
    weight, bias = step.weight.astype(np.float64), step.bias.astype(np.float64)
    by_channel = weight.reshape(len(weight), -1)
    # A channel without weights still has a bias, which must fit 31 bits.
    scale = np.maximum(np.abs(by_channel).max(axis=1) / 127, np.abs(bias) / (x.scale * 2**30))
    scale[scale == 0] = 1.0
    made.weight = np.rint(weight / scale[:, None, None, None]).astype(np.int8)
    made.bias = np.rint(bias / (scale * x.scale)).astype(np.int32)
    widest = max(127 - x.zero, x.zero + 128)
    largest = np.abs(made.weight.reshape(len(weight), -1).astype(np.int64)).sum(axis=1) * widest + np.abs(
        made.bias.astype(np.int64))
    if largest.max() >= 2**31:
        raise ValueError(f"quantize: a layer of {by_channel.shape[1]:,} inputs can sum up to {largest.max():,}, which "
                         "is no int32; make the layer narrower")
    factors = scale * x.scale / y.scale
    if step.residual is None:
        made.multiplier, made.shift = _factors(*factors)
        made.residual_zero, made.residual_multiplier = 0, 0
    else:
        other = scales[step.residual]
        (*made.multiplier, made.residual_multiplier), made.shift = _factors(*factors, other.scale / y.scale)
        made.residual_zero = other.zero
    made.multiplier = np.array(made.multiplier, np.int32)


def _clamped(v, shift, step):
    """The results of sums that have their multiplier: v is int64."""
    return np.clip(((v + (1 << (shift - 1))) >> shift) + step.y_zero, step.low, 127).astype(np.int8)


def run(program, rows):
    """The integers of the result, (N, elements); the stores hold int8, sums are exact in float64.

    Parameters
    ----------
    program : Program
        Of steps in integers.
    rows : numpy.ndarray of int8
    """
    stores = [None] * len(program.sizes)
    stores[program.x] = rows
    for step in program.steps:
        x = stores[step.x]
        if step.kind == "conv":
            total = windows.convolved(x.astype(np.float64) - step.x_zero, step.weight, step.geometry).astype(np.int64)
            v = (total.reshape(len(x), -1, step.geometry.O) + step.bias) * step.multiplier.astype(np.int64)
            v = v.reshape(len(x), -1)
            if step.residual is not None:
                v += (stores[step.residual].astype(np.int64) - step.residual_zero) * step.residual_multiplier
            y = _clamped(v, step.shift, step)
        elif step.kind == "max":
            y = windows.pooled(x, step.geometry, np.max, -128)
        elif step.kind == "mean":
            total = windows.pooled(x.astype(np.int64) - step.x_zero, step.geometry, np.sum, 0)
            n = windows.counts(step.geometry, step.include)
            v = total.reshape(len(x), -1, step.geometry.C) * ((step.multiplier + n // 2) // n)[:, None]
            y = _clamped(v.reshape(len(x), -1), step.shift, step)
        elif step.kind == "map":
            y = step.table[x.astype(np.int64) + 128]
        else:
            y = stores[step.y]
            y = np.zeros((len(x), program.sizes[step.y]), np.int8) if y is None else y
            if step.fill is not None:
                y[:] = step.fill
            if not step.plain:
                x = _clamped((x.astype(np.int64) - step.x_zero) * step.multiplier, step.shift, step)
            windows.copied(x, y, step)
        stores[step.y] = y
    return stores[program.y]
