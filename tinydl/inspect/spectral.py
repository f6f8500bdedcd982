"""The largest singular value of a layer's Jacobian."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import random
from tinydl.config import enable_grad, no_grad
from tinydl.graph import recording
from tinydl.inspect.jacobian import kept_state, vjp
from tinydl.ops.checks import as_input
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from tinydl._types import ArrayLike
    from tinydl.nn.module import Module

__all__ = ["spectral_norm"]


def spectral_norm(layer: Module, x: ArrayLike, iterations: int = 100, tolerance: float = 1e-4) -> float:
    r"""Largest singular value of the Jacobian of a layer at `x`, by power iteration on J'J.

    From a random unit vector v: u = J v, v = J'u / norm(J'u), sigma = norm(J v). J'u is a backward pass. J v is exact
    for linear layers, f(v) - f(0); for others it is the central difference (f(x + h v) - f(x - h v)) / 2h in float64,
    right to about eight digits. Where the operations of the layer act entry by entry the Jacobian is diagonal, and
    max-pooling's selects, so that sigma follows from one backward pass without iteration.

    Parameters
    ----------
    layer : nn.Module
        In float64; parameters and running statistics stay as they are.
    x : Tensor or array_like
        A batch of inputs.
    iterations : int
    tolerance : float
        Relative change of a step at which the iteration stops. The value grows towards the limit; with 1e-4 it stays
        below it by at most about one per cent.

    Returns
    -------
    float

    Notes
    -----
    Blocks and other modules with kinks are differentiated at x - d with a tiny positive d, so that entries that are
    exactly 0 after a ReLU, where the derivative jumps, count as cut off in both directions, as `backward` takes them.

    Examples
    --------
    >>> import tinydl as td
    >>> layer = td.nn.Linear(2, 2, bias=False).double()
    >>> layer.weight.data = np.array([[3.0, 0.0], [0.0, 1.0]])
    >>> round(spectral_norm(layer, np.ones((1, 2))), 2)
    3.0
    """
    state = random.state()

    def run(point):
        random.set_state(state)  # the same dropout every time
        return layer(point)

    trainable = [p for p in layer.parameters() if p.requires_grad]
    try:
        for p in trainable:  # only the input's gradient is wanted
            p.requires_grad = False
        with kept_state(layer), enable_grad():
            return _spectral_norm(run, np.array(as_input(x).data, np.float64), iterations, tolerance)
    finally:
        for p in trainable:
            p.requires_grad = True


def _spectral_norm(run, x, iterations, tolerance):
    point = Tensor(x, requires_grad=True)
    with recording(point) as graph:
        y = run(point)
    kind = _kind(graph)
    if kind == "diagonal":
        return float(np.abs(vjp(y, point, np.ones(y.shape))).max(initial=0))
    if kind == "selection":
        return math.sqrt(float(vjp(y, point, np.ones(y.shape)).max(initial=0)))

    def value(array):
        with no_grad():
            return np.array(run(Tensor(array)).data)

    if kind == "affine":
        origin = value(np.zeros_like(x))

        def forward(v):
            return value(v) - origin
    else:
        size = float(np.sqrt(np.mean(np.square(x)))) or 1.0
        x = x - 1e-5 * size
        point = Tensor(x, requires_grad=True)
        y = run(point)

        def forward(v):
            return (value(x + 1e-6 * size * v) - value(x - 1e-6 * size * v)) / (2e-6 * size)

    v = np.random.default_rng(0).standard_normal(x.shape)
    v /= np.linalg.norm(v)
    sigma = 0.0
    for _ in range(iterations):
        u = forward(v)
        last, sigma = sigma, float(np.linalg.norm(u))
        if not sigma > 0 or not math.isfinite(sigma):
            return sigma
        if abs(sigma - last) <= tolerance * sigma:
            break
        v = vjp(y, point, u)
        size_of_v = float(np.linalg.norm(v))
        if not size_of_v > 0:
            break
        v /= size_of_v
    return sigma


def _kind(graph):
    """What all operations on the way of the input are: 'affine', 'diagonal', 'selection', or '' for a mixture."""
    kinds = set()
    for node in graph.nodes:
        if node.varying:
            kind = node.describe().kind
            if kind == "multilinear":
                kind = "affine" if len(node.varying) == 1 else ""
            kinds.add(kind)
    kinds.discard("permutation")  # leaves each of the others what it is
    if len(kinds) > 1:
        return ""
    return kinds.pop() if kinds else "affine"
