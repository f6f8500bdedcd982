"""quantize: a network in 8-bit integers."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from tinydl.export import floats, integers
from tinydl.export.integers import Scale, integer_step
from tinydl.export.program import laid, program, seen
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import Array, ArrayLike
    from tinydl.nn.module import Module

__all__ = ["Quantized", "quantize"]

_CHUNK = 1 << 24  # bytes of windows that are made at once


class Quantized:
    """What `quantize` returns: a function of an array of inputs that computes in integers.

    Attributes
    ----------
    input_scale, output_scale : Scale
        What the integers that go in and come out stand for: ``scale * (q - zero)``.
    input_shape, output_shape : tuple of int
        Of one sample.
    program : Program
        The steps, which `to_c` writes.
    """

    def __init__(self, steps: Any, scales: Any) -> None:
        self.program = steps
        self.input_scale, self.output_scale = scales[steps.x], scales[steps.y]
        self.input_shape, self.output_shape = steps.input_shape, steps.output_shape

    def __call__(self, x: ArrayLike) -> Array:
        """The network's outputs for `x`.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
            What the network takes, in floats.

        Returns
        -------
        numpy.ndarray of float32, shape (N, *output_shape)
            What the integers stand for.
        """
        return self.output_scale.values(self.integers(self.input_integers(x)))

    def input_integers(self, x: ArrayLike) -> Array:
        """The integers for `x`, numpy.ndarray of int8 of the same shape: the nearest ones; what lies beyond the range
        of the sample is cut off, NaN is 0."""
        return self.input_scale.integers(_samples(x, self.input_shape, "a quantised network"))

    def integers(self, q: Array) -> Array:
        """The integers of the outputs.

        Parameters
        ----------
        q : numpy.ndarray of int8, shape (N, *input_shape)

        Returns
        -------
        numpy.ndarray of int8, shape (N, *output_shape)
            Those that the C file of this network computes, bit for bit.
        """
        q = np.asarray(q)
        if q.dtype != np.int8:
            raise TypeError(f"integers() takes int8, got {q.dtype}; input_integers(x) makes them of floats")
        _fits(q, self.input_shape, "a quantised network")
        rows = laid(q)
        n = max(1, _CHUNK // (8 * _widest(self.program)))
        parts = [integers.run(self.program, rows[k:k + n]) for k in range(0, len(rows), n)]
        out = np.concatenate(parts) if parts else np.empty((0, self.program.sizes[self.program.y]), np.int8)
        return seen(out, self.output_shape)

    def __repr__(self) -> str:
        sizes = [step.weight.nbytes + step.bias.nbytes + step.multiplier.nbytes for step in self.program.steps
                 if step.kind == "conv"]
        return (f"Quantized({self.program.name}, {sum(sizes):,} bytes of constants, {self.program.places()[1]:,} bytes "
                f"of memory, {self.program.macs:,} multiply-adds)")


def _widest(steps):
    """Elements of the windows of the widest step, for one image."""
    return max(step.geometry.P * step.geometry.Q * step.geometry.C * step.geometry.KH * step.geometry.KW
               if step.geometry is not None else steps.sizes[step.x] for step in steps.steps)


def _fits(x, shape, what):
    if x.shape[1:] != shape or not x.ndim:
        raise ValueError(f"{what} of input_shape {shape} takes (N, {', '.join(map(str, shape))}), got shape {x.shape}"
                         + ("; a single sample needs a batch axis in front: x[None]" if x.shape == shape else ""))


def _samples(x: Any, shape: Any, what: str) -> Array:
    """float32 of an array of samples."""
    x = array_of(x.data if isinstance(x, Tensor) else x)
    if x.dtype == np.uint8:
        raise TypeError(f"{what} takes no uint8: a data set scales such images (by 1/255 unless it says otherwise), a "
                        "network does not; pass x.astype('float32') as the network was trained on it")
    if x.dtype.kind not in "fib":
        raise TypeError(f"{what} takes real numbers, got {x.dtype}")
    if shape is not None:
        _fits(x, shape, what)
    return x.astype(np.float32, copy=False)


def quantize(model: Module, sample: ArrayLike) -> Quantized:
    """A network in 8-bit integers, with one scale for each channel of weights and one for each activation.

    The ranges of the activations are those that the sample shows. ``q(x)`` computes the very integers of the C file
    that `to_c` writes of it, so that a device answers as Python does, bit for bit.

    Parameters
    ----------
    model : Module
        With float32 parameters, of operations that `freeze` knows; it stays as it is.
    sample : array_like, shape (N, ...)
        Typical inputs, as the network was trained on them: a hundred or more. No labels are needed.

    Returns
    -------
    Quantized

    Raises
    ------
    TypeError
        If the model is no module or has parameters of another type, or the sample holds no real numbers.
    ValueError
        If the sample is empty or not finite, an operation has no form in integers, or the model's code is more than a
        graph of operations.

    See Also
    --------
    to_c : The network as a C file.

    Notes
    -----
    Weights w of a channel become round(127 w / max |w|), activations between a and b become 256 steps from a to b, 0
    being one of them. Sums are int32, and a result is its sum times an integer, shifted right and rounded half up.

    Source: B. Jacob et al., Quantization and training of neural networks for efficient integer-arithmetic-only
    inference, CVPR 2018, arXiv:1712.05877.

    Examples
    --------
    >>> import numpy as np
    >>> import tinydl as td
    >>> td.manual_seed(0)
    >>> x = np.random.default_rng(0).random((100, 1, 8, 8), np.float32)
    >>> net = td.models.digits_cnn().eval()
    >>> q = td.quantize(net, x)
    >>> q.integers(q.input_integers(x)).dtype
    dtype('int8')
    >>> with td.no_grad():
    ...     bool(abs(q(x) - net(td.tensor(x)).numpy()).max() < 0.05)
    True
    """
    sample = _samples(sample, None, "quantize")
    if sample.ndim < 2 or not len(sample):
        raise ValueError(f"quantize takes a sample of inputs (N, ...), got shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError("quantize: the sample holds NaN or infinity, which have no range; leave these inputs out")
    steps = program(model, sample.shape[1:], "quantize")
    scales = [Scale.of(*limits) for limits in _ranges(steps, laid(sample))]
    for step in steps.steps:  # what only moves numbers keeps their scale
        if step.kind == "max" or step.kind == "copy" and _alone(step, steps.steps):
            scales[step.y] = scales[step.x]
    made = copy.copy(steps)
    made.steps = [integer_step(step, scales) for step in steps.steps]
    return Quantized(made, scales)


def _alone(step, steps):
    """Whether a copy alone fills its store, with nothing but 0 around."""
    return step.fill in (None, 0.0) and sum(other.y == step.y for other in steps) == 1


def _ranges(steps, rows):
    """The smallest and the largest value of each store over the sample."""
    low, high = np.zeros(len(steps.sizes)), np.zeros(len(steps.sizes))
    n = max(1, _CHUNK // (4 * _widest(steps)))
    for k in range(0, len(rows), n):
        with np.errstate(over="ignore", invalid="ignore"):
            stores = floats.run(steps, rows[k:k + n])
        for store, values in enumerate(stores):
            if values is None:
                continue
            if not np.isfinite(values).all():
                raise ValueError("quantize: the network computes NaN or infinity of the sample")
            low[store], high[store] = min(low[store], values.min()), max(high[store], values.max())
    return zip(low, high, strict=True)
