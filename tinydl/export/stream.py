"""stream: a network that scans a signal, row by row as the signal comes, without computing anything twice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl.export.program import program
from tinydl.export.rows import Map, Shift, Windows
from tinydl.ops.geometry import ConvGeometry
from tinydl.tensor import Tensor, array_of

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import Array, ArrayLike
    from tinydl.nn.module import Module

__all__ = ["Stream", "stream"]

_CURE = ("A stream has no end to pad at; for zeros before its beginning put nn.ZeroPad1d((before, 0)) in front of a "
         "layer without padding")


# --- from a program --------------------------------------------------------------------------------------------------

class _Rows:
    """What is known of the rows of a store: how many a window has, how many of the input come for one of them, how
    many of the input the first one needs, and whether zeros stand before the first."""

    def __init__(self, length, hop=1, needs=1, padded=False):
        self.length, self.hop, self.needs, self.padded = length, hop, needs, padded


def _along_time(step, length, size):
    """The geometry of a step with time along H: it is W of a signal, and positions of a product or mean are rows."""
    g = step.geometry
    if length in (1, g.H):
        return g
    if isinstance(g, ConvGeometry) and g.H == g.W == 1:  # a product with everything there is
        return g._replace(C=size // length, H=length, KH=length)
    if step.kind == "mean" and g.H == 1 and g.KW == g.W != length:  # over all positions of an image
        return g._replace(H=length, W=g.W // length, KH=length, KW=g.W // length)
    if length == g.W and g.H == 1:
        return g._replace(H=g.W, W=1, KH=g.KW, KW=1, SH=g.SW, SW=1, PH=g.PW, PW=0, DH=g.DW, DW=1, P=g.Q, Q=1)
    return None


def _windowed(step, known, steps, refused):
    """The streaming step of a convolution or pool, and what is known of its rows."""
    x = known[step.x]
    g = _along_time(step, x.length, steps.sizes[step.x])
    if g is None:
        raise refused(step, "mixes time with other axes")
    if g.PH or (g.P - 1) * g.SH + g.reach[0] > g.H:
        raise refused(step, f"pads its input in time. {_CURE}")
    product = step.geometry.H == step.geometry.W == 1
    whole = g.P == 1 and g.KH == g.H > 1 and (step.kind != "conv" or g.SH > 1 or product)
    if whole and x.padded:
        raise refused(step, "reads all positions of a window that begins with padding, and in a stream other rows are "
                            "there; leave out the padding, or what reads all positions")
    stride = 1 if whole or x.length == 1 else g.SH
    rows = _Rows(g.P, x.hop * stride, x.needs + (g.reach[0] - 1) * x.hop, x.padded)
    if step.residual is not None:
        other = known[step.residual]
        if other.hop != rows.hop:
            raise refused(step, f"adds results that come every {other.hop} and every {rows.hop} rows")
        rows.needs, rows.padded = max(rows.needs, other.needs), rows.padded or other.padded
    return Windows(step, g, stride), rows


def _shifted(step, known, steps, refused):
    """The streaming step of a copy that moves whole rows in time."""
    x, size = known[step.x], steps.sizes[step.x]
    width, n = size // x.length, math.prod(length for length, _, _ in step.axes)
    in_order = all(s == t for _, s, t in step.axes) and sorted(_places(step.axes)) == list(range(n))
    alone = sum(other.y == step.y for other in steps.steps) == 1
    length, odd = divmod(steps.sizes[step.y], width)
    if not in_order or not alone or odd or step.x_at % width or step.y_at % width or n % width:
        raise refused(step, "moves numbers in another way than in time")
    before, after = step.y_at // width, step.x_at // width
    if before + n // width != length:
        raise refused(step, f"pads its input at the end. {_CURE}")
    rows = _Rows(length, x.hop, x.needs + (after - before) * x.hop, x.padded or before > 0)
    return Shift(before, after, step.fill or 0.0, width), rows


def _places(axes):
    found = np.zeros(1, np.int64)
    for n, stride, _ in axes:
        found = (found[:, None] + np.arange(n) * stride).reshape(-1)
    return found.tolist()


class Stream:
    """What `stream` returns: a function of the rows that are new. One stream is one signal; threads need one each.

    Attributes
    ----------
    input_shape : tuple of int
        Shape of a window.
    hop : int
        How many rows of the input come for one result.
    window : int
        How many the first result needs.
    """

    def __init__(self, steps: Any) -> None:
        def refused(step, why):
            what = {"conv": "a convolution or product", "max": "a pool", "mean": "a mean", "copy": "a copy"}[step.kind]
            return ValueError(f"stream: step {steps.steps.index(step) + 1} of {len(steps.steps)} of {steps.name}, "
                              f"{what} of {steps.sizes[step.x]:,} numbers, {why}")

        self.input_shape, self._output_shape, self._name = steps.input_shape, steps.output_shape, steps.name
        self._x, self._y, self._steps = steps.x, steps.y, []
        known = {steps.x: _Rows(steps.input_shape[1])}
        for step in steps.steps:
            if step.kind == "map":
                made, known[step.y] = Map(step), known[step.x]
            else:
                make = _shifted if step.kind == "copy" else _windowed
                made, known[step.y] = make(step, known, steps, refused)
            self._steps.append((step, made))
        last = known[steps.y]
        self.hop, self.window = last.hop, max(1, last.needs)
        if last.padded and len(self._output_shape) == 1:
            raise ValueError(f"stream: {steps.name} makes one result of a window that begins with padding, and in a "
                             "stream other rows are there; leave out the padding, or let it return (channels, "
                             "positions)")
        if last.length > 1 and len(self._output_shape) == 1:
            raise ValueError(f"stream: {steps.name} returns {last.length} positions in one vector; let it return "
                             "(channels, positions)")

    def __call__(self, x: ArrayLike) -> Array:
        """The results that are complete with the rows in `x`.

        Parameters
        ----------
        x : array_like, shape (C, n) or (C, n, W)
            The next n rows, any number, in the network's layout: the first axis after the channels is time.

        Returns
        -------
        numpy.ndarray of float32
            m results, which may be 0: (m, K) where the network makes (K,) of a window, (K, m) where it makes (K, T).
        """
        x = np.asarray(array_of(x.data if isinstance(x, Tensor) else x))
        C, _, *rest = self.input_shape
        if x.dtype.kind not in "fib" or x.ndim != len(self.input_shape) or [x.shape[0], *x.shape[2:]] != [C, *rest]:
            raise ValueError(f"a stream of windows {self.input_shape} takes float rows of shape "
                             f"({', '.join(map(str, (C, 'n', *rest)))}), got {x.dtype} {x.shape}")
        rows = np.moveaxis(x, 0, -1).astype(np.float32).reshape(x.shape[1], math.prod((C, *rest)))
        new = {self._x: rows}
        with np.errstate(over="ignore", invalid="ignore"):
            for step, made in self._steps:
                new[step.y] = made(new[step.x], None if step.residual is None else new[step.residual])
        y = new[self._y]
        if len(self._output_shape) == 1:
            return y
        K, _, *rest = self._output_shape
        return np.moveaxis(y.reshape(len(y), *rest, K), -1, 0)

    def reset(self) -> None:
        """Forget the signal: the next rows are the first ones."""
        for _, made in self._steps:
            made.reset()

    def __repr__(self) -> str:
        return (f"Stream({self._name}, windows {self.input_shape}, the first result after {self.window:,} rows, then "
                f"one every {self.hop:,})")


def stream(model: Module, input_shape: tuple[int, ...]) -> Stream:
    """A network that scans a signal, computed as the signal comes: each convolution keeps the rows that it still needs.

    Result number i is what the network makes of the window that begins ``i * hop`` rows after the first one. With
    nothing but convolutions (no global pool or linear layer), results are those of the network on the whole signal,
    however long; ``hop`` is the product of all strides.

    Parameters
    ----------
    model : Module
        With float32 parameters, of operations that `freeze` knows; a snapshot is taken of it.
    input_shape : tuple of int
        Shape of a window, (C, T) of a signal or (C, T, W) of a spectrogram; time is the second axis.

    Returns
    -------
    Stream

    Raises
    ------
    TypeError
        If the model is no module, or has parameters of another type.
    ValueError
        If a layer pads in time, which a window in the middle of a signal has not, or mixes time with other axes; or the
        model's code is more than a graph of operations.

    Notes
    -----
    Zeros may stand before the beginning (``nn.ZeroPad1d((before, 0))`` in front of a convolution, which makes it
    causal) as long as no layer reads all positions: a result then depends on nothing that comes later and is there with
    its own row. Results equal those of the network to rounding.

    Examples
    --------
    >>> import numpy as np
    >>> import tinydl as td
    >>> net = td.nn.Sequential(td.nn.Conv1d(1, 4, 5, stride=2), td.nn.ReLU(), td.nn.AdaptiveAvgPool1d(1),
    ...                        td.nn.Flatten(), td.nn.Linear(4, 3)).eval()
    >>> listen = td.stream(net, (1, 25))
    >>> listen
    Stream(Sequential, windows (1, 25), the first result after 25 rows, then one every 2)
    >>> signal = np.random.default_rng(0).random((1, 100), np.float32)
    >>> scores = np.concatenate([listen(signal[:, k:k + 10]) for k in range(0, 100, 10)])
    >>> scores.shape
    (38, 3)
    >>> with td.no_grad():
    ...     bool(np.allclose(scores[5], net(td.tensor(signal[None, :, 10:35])).numpy()[0], atol=1e-5))
    True
    """
    shape = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else ()
    if not 2 <= len(shape) <= 3:
        raise ValueError(f"stream: input_shape is the shape of a window, (C, T) or (C, T, W), got {input_shape!r}")
    return Stream(program(model, shape, "stream"))
