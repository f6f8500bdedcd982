"""What the tests of pooling kernels share: a problem's arrays, run between guard cells, and a numeric derivative."""

import itertools
import math
import sys

import numpy as np
import pytest

from tinydl._core import operands, pool
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.convolutions import LOADED, SLOPE
from tinydl.testing.guards import exact_integers, flawed, guarded, laid_out

Map = operands.Map


@pytest.fixture
def cases():
    """This module, which tests cannot import: there is no package of tests."""
    return sys.modules[__name__]


def codes(problem):
    return np.uint8 if problem.KH * problem.KW <= 255 else np.int32


class Case:
    """All arrays of one problem; each method runs kernels between guard cells and checks that inputs stay."""

    def __init__(self, x_shape, y_shape, dtype, seed=0, exact=True, most=8):
        self.x_shape, self.y_shape, self.dtype, rng = x_shape, y_shape, dtype, np.random.default_rng(seed)

        def make(shape):
            if exact:
                return exact_integers(rng, shape, dtype, "activation", most)
            return laid_out(rng.standard_normal(shape), "activation", dtype)

        self.x, self.dy = make(x_shape), make(y_shape)
        self.scale, self.shift, self.centre = (make(x_shape[1:2]) for _ in range(3))

    def map(self, affine, activation):
        """The map of an operand: with vectors or without, with an activation or without; None for the identity."""
        vectors = (self.scale, self.shift, self.centre) if affine else (None, None, None)
        return Map(*vectors, activation, SLOPE) if affine or activation else None

    def _run(self, call, *outputs):
        arrays = guarded(call, (self.x, self.dy, self.scale, self.shift, self.centre),
                         *((shape, dtype, "activation") for shape, dtype in outputs))
        return arrays if len(arrays) > 1 else arrays[0]

    def max(self, problem, kernels=pool, n_threads=1, affine=False, activation=""):
        on_x = self.map(affine, activation)
        y, argmax = self._run(lambda y, a: kernels.max_pool_forward(self.x, y, a, problem.geometry, on_x, n_threads),
                              (self.y_shape, self.dtype), (self.y_shape, codes(problem)))
        dx = self._run(lambda dx: kernels.max_pool_backward(self.dy, argmax, dx, problem.geometry, n_threads),
                       (self.x_shape, self.dtype))
        return {"y": y, "argmax": argmax, "dx": dx}

    def avg(self, problem, kernels=pool, n_threads=1, include_pad=True):
        return {"y": self._run(lambda y: kernels.avg_pool_forward(self.x, y, include_pad, problem.geometry, n_threads),
                               (self.y_shape, self.dtype)),
                "dx": self._run(lambda dx: kernels.avg_pool_backward(self.dy, dx, include_pad, problem.geometry,
                                                                     n_threads), (self.x_shape, self.dtype))}

    def adaptive_max(self, kernels=pool, n_threads=1):
        y, argmax = self._run(lambda y, a: kernels.adaptive_max_pool_forward(self.x, y, a, n_threads),
                              (self.y_shape, self.dtype), (self.y_shape, np.int32))
        dx = self._run(lambda dx: kernels.adaptive_max_pool_backward(self.dy, argmax, dx, n_threads),
                       (self.x_shape, self.dtype))
        return {"y": y, "argmax": argmax, "dx": dx}

    def adaptive_avg(self, kernels=pool, n_threads=1):
        return {"y": self._run(lambda y: kernels.adaptive_avg_pool_forward(self.x, y, n_threads),
                               (self.y_shape, self.dtype)),
                "dx": self._run(lambda dx: kernels.adaptive_avg_pool_backward(self.dy, dx, n_threads),
                                (self.x_shape, self.dtype))}

    def image_mean(self, kernels=pool, n_threads=1):
        results = {"dx": self._run(lambda dx: kernels.global_avg_pool_backward(self.dy, dx, n_threads),
                                   (self.x_shape, self.dtype))}
        for affine, activation in itertools.product((False, True), LOADED):
            on_x = self.map(affine, activation)
            results[f"y {affine} {activation}"] = self._run(
                lambda y, m=on_x: kernels.global_avg_pool_forward(self.x, y, m, n_threads), (self.y_shape, self.dtype))
        return results


def of(problem, dtype, **options):
    return Case(problem.x_shape, problem.y_shape, dtype, **options)


def of_adaptive(shape, out, dtype, **options):
    return Case(shape, (*shape[:2], *out), dtype, **options)


def of_images(shape, dtype, **options):
    return Case(shape, shape[:2], dtype, **options)


def check(got, expected, rtol=None):
    for name, value in expected.items():
        if rtol is None:
            assert_same(got[name] + 0, value + 0, name)  # + 0: -0 and 0 are the same number
        else:
            assert_close(got[name], value, rtol if value.dtype.kind == "f" else 0, name)


def directional(forward, backward, x_shape, y_shape, seed):
    """Analytic and numeric derivative of <dy, forward(x)> along a random direction; x has distinct values."""
    rng = np.random.default_rng(seed)
    n = math.prod(x_shape)
    x = laid_out(rng.permutation(n).reshape(x_shape) / n - 0.5, "activation")
    u, dy = (laid_out(rng.uniform(-1, 1, s), "activation") for s in (x_shape, y_shape))
    step = 0.2 / n  # below half the distance of two values: winners stay, and the map is linear
    plus, minus, dx = np.empty_like(dy), np.empty_like(dy), np.empty_like(x)
    forward(x + step * u, plus)
    forward(x - step * u, minus)
    forward(x, np.empty_like(dy))
    backward(dy, dx)
    return (dx * u).sum(), ((plus - minus) * dy).sum() / (2 * step)


def refused_arrays(call, values, name, outputs):
    """Hold the call, of named arguments and one thread, to refuse every flawed array in the place of `name`.

    Read-only arrays are refused as outputs only.
    """
    others = " |".join(f"{n}:" for n in values)
    for what, (array, error) in flawed(values[name]).items():
        if what in ("misaligned", "other byte order") and array.itemsize == 1:
            continue
        # Without a geometry sizes and type are read from the first array: a neighbour may then be the one to differ.
        with pytest.raises((error, ValueError, TypeError), match=f"^{name}: |expected|{others}"):
            call(*{**values, name: array}.values(), 1)
            pytest.fail(what)
    if values[name].ndim == 4:
        with pytest.raises(ValueError, match=f"{name}: expected a channels-last array"):
            call(*{**values, name: np.ascontiguousarray(values[name])}.values(), 1)
    frozen = values[name].copy(order="K")
    frozen.flags.writeable = False
    if name in outputs:
        with pytest.raises(ValueError, match=f"{name}: the output array is read-only"):
            call(*{**values, name: frozen}.values(), 1)
    else:
        call(*{**values, name: frozen}.values(), 1)


def refused_maps(call, values, name):
    """Hold the call to refuse every flawed vector `name` of the map on_x, and what is no map."""
    vectors = {n: getattr(values["on_x"], n) for n in ("scale", "shift", "centre")}
    for what, (array, error) in flawed(vectors[name]).items():
        with pytest.raises(error, match=f"^{name}: "):
            call(*{**values, "on_x": Map(**{**vectors, name: array})}.values(), 1)
            pytest.fail(what)
    with pytest.raises(TypeError, match="on_x"):
        call(*{**values, "on_x": vectors[name]}.values(), 1)


def far_from_zero(shape, y_shape, dtype, activation):
    """(a case whose channels have a mean of up to 1e4 standard deviations, what its map makes of x in long double)."""
    case, rng, channels = Case(shape, y_shape, dtype), np.random.default_rng(12), shape[1]
    case.centre = rng.uniform(-1e4, 1e4, channels).astype(dtype)
    case.scale, case.shift = rng.uniform(-2, 2, channels).astype(dtype), rng.uniform(-1, 1, channels).astype(dtype)
    case.x = laid_out(case.centre[:, None, None] + rng.standard_normal(shape), "activation", dtype)
    wide, column = np.longdouble, (-1, 1, 1)
    mapped = (case.scale.reshape(column).astype(wide) * (case.x.astype(wide) - case.centre.reshape(column))
              + case.shift.reshape(column))
    return case, np.maximum(mapped, 0) if activation else mapped
