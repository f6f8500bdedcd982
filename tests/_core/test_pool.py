"""Pooling kernels: the seven groups of kernel tests."""

import itertools
import math

import numpy as np
import pytest

from tinydl._core import operands, pool
from tinydl._core.reference import pool as reference
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import Guards, exact_integers, flawed, laid_out
from tinydl.testing.problems import POOLS, select

Map = operands.Map
BOTH = pytest.mark.parametrize("kernels", [pool, reference], ids=["kernel", "reference"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
PROBLEMS = select(POOLS, "small")
EACH = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
ADAPTIVE = [((2, 5, 7, 9), (3, 4)), ((3, 16, 8, 8), (2, 2)), ((2, 3, 4, 5), (6, 7)), ((2, 17, 6, 5), (1, 1)),
            ((2, 6, 10), (4,)), ((1, 33, 3), (7,)), ((0, 3, 4, 4), (2, 2)), ((2, 100, 3, 3), (3, 3))]
EACH_ADAPTIVE = pytest.mark.parametrize(("shape", "out"), ADAPTIVE, ids=str)
IMAGES = [(3, 5, 7, 9), (2, 64, 8, 8), (4, 10, 33), (3, 1, 6, 6), (2, 130, 4, 5), (5, 16, 1, 1), (3, 7), (0, 3, 4, 4),
          (2, 3, 50, 41)]
EACH_IMAGE = pytest.mark.parametrize("shape", IMAGES, ids=str)


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

    def map(self, affine, relu):
        """The map of an operand: with vectors or without, with ReLU or without; None for the identity."""
        return Map(self.scale, self.shift, self.centre, relu) if affine else Map(relu=True) if relu else None

    def _run(self, call, *outputs):
        guards = Guards()
        arrays = [guards.empty(shape, dtype, "activation") for shape, dtype in outputs]
        inputs = self.x, self.dy, self.scale, self.shift, self.centre
        before = [a.copy() for a in inputs]
        call(*arrays)
        guards.check()
        for old, new in zip(before, inputs, strict=True):
            assert_same(new, old, "an input")
        return arrays if len(arrays) > 1 else arrays[0]

    def max(self, problem, kernels=pool, n_threads=1, affine=False, relu=False):
        on_x = self.map(affine, relu)
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

    def adaptive(self, kernels=pool, n_threads=1):
        y, argmax = self._run(lambda y, a: kernels.adaptive_max_pool_forward(self.x, y, a, n_threads),
                              (self.y_shape, self.dtype), (self.y_shape, np.int32))
        return {"max y": y, "argmax": argmax,
                "max dx": self._run(lambda dx: kernels.adaptive_max_pool_backward(self.dy, argmax, dx, n_threads),
                                    (self.x_shape, self.dtype)),
                "avg y": self._run(lambda y: kernels.adaptive_avg_pool_forward(self.x, y, n_threads),
                                   (self.y_shape, self.dtype)),
                "avg dx": self._run(lambda dx: kernels.adaptive_avg_pool_backward(self.dy, dx, n_threads),
                                    (self.x_shape, self.dtype))}

    def mean(self, kernels=pool, n_threads=1):
        results = {"dx": self._run(lambda dx: kernels.global_avg_pool_backward(self.dy, dx, n_threads),
                                   (self.x_shape, self.dtype))}
        for affine, relu in itertools.product((False, True), repeat=2):
            on_x = self.map(affine, relu)
            results[f"y {affine} {relu}"] = self._run(
                lambda y, m=on_x: kernels.global_avg_pool_forward(self.x, y, m, n_threads), (self.y_shape, self.dtype))
        return results


def of(problem, dtype, **options):
    return Case(problem.x_shape, problem.y_shape, dtype, **options)


def of_adaptive(shape, out, dtype, **options):
    return Case(shape, (*shape[:2], *out), dtype, **options)


def of_mean(shape, dtype, **options):
    return Case(shape, shape[:2], dtype, **options)


def check(got, expected, rtol=None):
    for name, value in expected.items():
        if rtol is None:
            assert_same(got[name] + 0, value + 0, name)  # + 0: -0 and 0 are the same number
        else:
            assert_close(got[name], value, rtol if value.dtype.kind == "f" else 0, name)


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

IMAGE = [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]
TWO_BY_TWO = (1, 1, 4, 4, 2, 2, 2, 2, 0, 0, 1, 1, 2, 2)


@BOTH
@DTYPES
def test_literal_max(kernels, dtype):
    x, y, argmax = laid_out([[IMAGE]], "activation", dtype), np.empty((1, 1, 2, 2), dtype), np.empty((1, 1, 2, 2), "u1")
    kernels.max_pool_forward(x, y, argmax, TWO_BY_TWO, None, 1)
    assert y.tolist() == [[[[6, 8], [3, 4]]]]
    assert argmax.tolist() == [[[[3, 3], [0, 3]]]]
    dx = np.empty_like(x)
    kernels.max_pool_backward(np.array([[[[10, 20], [30, 40]]]], dtype), argmax, dx, TWO_BY_TWO, 1)
    assert dx[0, 0].tolist() == [[0, 0, 0, 0], [0, 10, 0, 20], [30, 0, 0, 0], [0, 0, 0, 40]]


@BOTH
@DTYPES
def test_literal_mean(kernels, dtype):
    x, y = laid_out([[IMAGE]], "activation", dtype), np.empty((1, 1, 2, 2), dtype)
    kernels.avg_pool_forward(x, y, True, TWO_BY_TWO, 1)
    assert y.tolist() == [[[[3.25, 5.25], [2, 2]]]]
    dx = np.empty_like(x)
    kernels.avg_pool_backward(np.array([[[[4, 8], [12, 16]]]], dtype), dx, True, TWO_BY_TWO, 1)
    assert dx[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


@BOTH
@pytest.mark.parametrize(("include", "expected"), [(True, [1, 2.75, 1.5]), (False, [2, 2.75, 3])])
def test_literal_mean_of_padded_windows(kernels, include, expected):
    # One row 1 3 2 6 3 0 with a padding of 2, windows of 4, stride 3: (. . 1 3) (3 2 6 0) (0 4 | . .)
    x, y = np.array([[[1, 3, 2, 6, 0, 6]]], np.float32), np.empty((1, 1, 3), np.float32)
    kernels.avg_pool_forward(x, y, include, (1, 1, 1, 6, 1, 4, 1, 3, 0, 2, 1, 1, 1, 3), 1)
    assert y.ravel().tolist() == expected


@BOTH
def test_literal_overlapping_windows_add(kernels):
    x, y, argmax = np.array([[[1, 5, 2, 5, 5]]], np.float32), np.empty((1, 1, 3), np.float32), np.empty((1, 1, 3), "u1")
    geometry = (1, 1, 1, 5, 1, 3, 1, 1, 0, 0, 1, 1, 1, 3)
    kernels.max_pool_forward(x, y, argmax, geometry, None, 1)
    assert y.ravel().tolist() == [5, 5, 5] and argmax.ravel().tolist() == [1, 0, 1]  # ties: the first
    dx = np.empty_like(x)
    kernels.max_pool_backward(np.array([[[1, 10, 100]]], np.float32), argmax, dx, geometry, 1)
    assert dx.ravel().tolist() == [0, 11, 0, 100, 0]


@BOTH
def test_literal_affine_and_relu_come_before_the_maximum(kernels):
    x = np.array([[[1, 2]], [[4, 3]]], np.float32)
    y, argmax = np.empty((2, 1, 1), np.float32), np.empty((2, 1, 1), np.uint8)
    geometry = (2, 1, 1, 2, 1, 2, 1, 2, 0, 0, 1, 1, 1, 1)
    scale, shift = np.array([-1], np.float32), np.array([1.5], np.float32)
    on_x = Map(scale, shift, np.zeros(1, np.float32))
    kernels.max_pool_forward(x, y, argmax, geometry, on_x.with_relu(), 1)
    assert y.ravel().tolist() == [0.5, 0] and argmax.ravel().tolist() == [0, 0]
    kernels.max_pool_forward(x, y, argmax, geometry, on_x, 1)
    assert y.ravel().tolist() == [0.5, -1.5] and argmax.ravel().tolist() == [0, 1]


@BOTH
def test_literal_adaptive_windows(kernels):
    # Windows of 5 over 3: 0-1, 1-3, 3-4.
    x, y, argmax = np.array([[[1, 2, 6, 4, 8]]], np.float32), np.empty((1, 1, 3), np.float32), np.empty((1, 1, 3), "i4")
    kernels.adaptive_avg_pool_forward(x, y, 1)
    assert y.ravel().tolist() == [1.5, 4, 6]
    kernels.adaptive_max_pool_forward(x, y, argmax, 1)
    assert y.ravel().tolist() == [2, 6, 8] and argmax.ravel().tolist() == [1, 2, 4]
    dx, dy = np.empty_like(x), np.array([[[2, 3, 4]]], np.float32)
    kernels.adaptive_avg_pool_backward(dy, dx, 1)
    assert dx.ravel().tolist() == [1, 2, 1, 3, 2]
    kernels.adaptive_max_pool_backward(dy, argmax, dx, 1)
    assert dx.ravel().tolist() == [0, 2, 3, 0, 4]


@BOTH
def test_literal_global_mean(kernels):
    x, y = laid_out([[[1, 2, 3, 6], [-1, -2, -3, -4]]], "activation", np.float32), np.empty((1, 2), np.float32)
    kernels.global_avg_pool_forward(x, y, None, 1)
    assert y.tolist() == [[3, -2.5]]
    on_x = Map(np.array([1, -1], "f4"), np.array([-1, -2], "f4"), np.array([1, 0], "f4"), True)
    kernels.global_avg_pool_forward(x, y, on_x, 1)
    assert y.tolist() == [[1.25, 0.75]]
    dx = np.empty_like(x)
    kernels.global_avg_pool_backward(np.array([[4, 8]], np.float32), dx, 1)
    assert dx.tolist() == [[[1, 1, 1, 1], [2, 2, 2, 2]]]


# --- 2 the reference -------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_max_equal_to_reference(problem, dtype):
    case = of(problem, dtype)
    for affine, relu in ((False, False), (True, True), (True, False), (False, True)):
        check(case.max(problem, pool, 2, affine, relu), case.max(problem, reference, 1, affine, relu))


@EACH
@DTYPES
@pytest.mark.parametrize("include_pad", [True, False])
def test_avg_equal_to_reference(problem, dtype, include_pad):
    case = of(problem, dtype)
    got = case.avg(problem, pool, 2, include_pad)
    check(got, case.avg(problem, reference, 1, include_pad), 2e-7 if dtype == np.float32 else 4e-16)


@EACH_ADAPTIVE
@DTYPES
def test_adaptive_equal_to_reference(shape, out, dtype):
    case = of_adaptive(shape, out, dtype)
    check(case.adaptive(pool, 2), case.adaptive(reference), 2e-7 if dtype == np.float32 else 4e-16)


@EACH_IMAGE
@DTYPES
def test_global_mean_equal_to_reference(shape, dtype):
    case = of_mean(shape, dtype)
    check(case.mean(pool, 2), case.mean(reference), 2e-7 if dtype == np.float32 else 4e-16)


@pytest.mark.parametrize("channels", range(1, 70))
def test_every_number_of_channels(channels):
    for p in PROBLEMS:
        if p.name in ("overlapping", "stride_over_window", "line"):
            case = Case((p.N, channels, *p.x_shape[2:]), (p.N, channels, *p.y_shape[2:]), np.float32)
            geometry = (p.N, channels, *p.geometry[2:])
            for name in ("max", "avg"):
                results = []
                for kernels in (pool, reference):
                    guards = Guards()
                    y, dx = (guards.empty(shape, np.float32, "activation") for shape in (case.y_shape, case.x_shape))
                    if name == "max":
                        argmax = guards.empty(case.y_shape, np.uint8, "activation")
                        kernels.max_pool_forward(case.x, y, argmax, geometry, case.map(True, True), 1)
                        kernels.max_pool_backward(case.dy, argmax, dx, geometry, 1)
                    else:
                        kernels.avg_pool_forward(case.x, y, True, geometry, 1)
                        kernels.avg_pool_backward(case.dy, dx, True, geometry, 1)
                    guards.check()
                    results.append({"y": y, "dx": dx})
                check(*results, 2e-7)


def test_random_geometries():
    rng = np.random.default_rng(7)
    for _ in range(150):
        n, c, h, w = (int(v) for v in rng.integers(1, [4, 20, 12, 12]))
        kh, kw, sh, sw, dh, dw = (int(v) for v in rng.integers(1, [5, 5, 5, 5, 4, 4]))
        ph, pw = int(rng.integers(0, 4)), int(rng.integers(0, 4))
        p, q = (max((size + 2 * pad - dil * (k - 1) - 1) // stride + 1 + int(rng.integers(0, 2)), 0)
                for size, pad, dil, k, stride in ((h, ph, dh, kh, sh), (w, pw, dw, kw, sw)))
        geometry = (n, c, h, w, kh, kw, sh, sw, ph, pw, dh, dw, p, q)
        case = Case((n, c, h, w), (n, c, p, q), np.float32, int(rng.integers(1000)))

        class Problem:
            KH, KW = kh, kw

        Problem.geometry = geometry
        check(case.max(Problem, pool, 2), case.max(Problem, reference))
        for include_pad in (True, False):
            check(case.avg(Problem, pool, 2, include_pad), case.avg(Problem, reference, 1, include_pad), 1e-6)


# --- 3 gradients -----------------------------------------------------------------------------------------------------

def _directional(forward, backward, x_shape, y_shape, seed):
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


@EACH
def test_gradients_by_finite_differences(problem):
    if problem.N == 0 or "empty" in problem.name:
        pytest.skip("nothing to differentiate, or -inf")
    argmax = laid_out(np.zeros(problem.y_shape), "activation", codes(problem))
    g = problem.geometry
    for forward, backward in (
            (lambda x, y: pool.max_pool_forward(x, y, argmax, g, None, 1),
             lambda dy, dx: pool.max_pool_backward(dy, argmax, dx, g, 1)),
            (lambda x, y: pool.avg_pool_forward(x, y, True, g, 1),
             lambda dy, dx: pool.avg_pool_backward(dy, dx, True, g, 1)),
            (lambda x, y: pool.avg_pool_forward(x, y, False, g, 1),
             lambda dy, dx: pool.avg_pool_backward(dy, dx, False, g, 1))):
        analytic, numeric = _directional(forward, backward, problem.x_shape, problem.y_shape, 8)
        assert abs(analytic - numeric) <= 1e-6 * math.sqrt(math.prod(problem.y_shape))


@EACH_ADAPTIVE
def test_gradients_of_adaptive_pools_by_finite_differences(shape, out):
    if shape[0] == 0:
        return
    y_shape = (*shape[:2], *out)
    argmax = laid_out(np.zeros(y_shape), "activation", np.int32)
    for forward, backward in (
            (lambda x, y: pool.adaptive_max_pool_forward(x, y, argmax, 1),
             lambda dy, dx: pool.adaptive_max_pool_backward(dy, argmax, dx, 1)),
            (lambda x, y: pool.adaptive_avg_pool_forward(x, y, 1),
             lambda dy, dx: pool.adaptive_avg_pool_backward(dy, dx, 1))):
        analytic, numeric = _directional(forward, backward, shape, y_shape, 9)
        assert abs(analytic - numeric) <= 1e-6 * math.sqrt(math.prod(y_shape))


@EACH_IMAGE
def test_gradient_of_the_global_mean_by_finite_differences(shape):
    if shape[0] == 0:
        return
    analytic, numeric = _directional(lambda x, y: pool.global_avg_pool_forward(x, y, None, 1),
                                     lambda dy, dx: pool.global_avg_pool_backward(dy, dx, 1), shape, shape[:2], 10)
    assert abs(analytic - numeric) <= 1e-6 * math.sqrt(math.prod(shape[:2]))


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(problem, dtype):
    case = of(problem, dtype, exact=False)
    first = case.max(problem), case.avg(problem)
    for n_threads in (1, 2, 3, 7):
        check(case.max(problem, n_threads=n_threads), first[0])
        check(case.avg(problem, n_threads=n_threads), first[1])


@EACH_ADAPTIVE
def test_same_bits_of_adaptive_pools_for_any_number_of_threads(shape, out):
    case = of_adaptive(shape, out, np.float32, exact=False)
    for n_threads in (1, 2, 3, 7):
        check(case.adaptive(n_threads=n_threads), case.adaptive())


@EACH_IMAGE
def test_same_bits_of_the_global_mean_for_any_number_of_threads(shape):
    case = of_mean(shape, np.float32, exact=False)
    for n_threads in (1, 2, 3, 7):
        check(case.mean(n_threads=n_threads), case.mean())


# --- 5 arguments -----------------------------------------------------------------------------------------------------

GEOMETRY = (2, 6, 8, 8, 2, 2, 2, 2, 0, 0, 1, 1, 4, 4)


def arguments():
    """kernel -> its named arguments in order."""
    case = Case((2, 6, 8, 8), (2, 6, 4, 4), np.float32)
    argmax = laid_out(np.zeros(case.y_shape), "activation", np.uint8)
    y, dx, flat = np.zeros_like(case.dy), np.zeros_like(case.x), np.ones((2, 6), np.float32)
    return {
        "max_pool_forward": {"x": case.x, "y": y, "argmax": argmax, "geometry": GEOMETRY,
                             "on_x": case.map(True, True)},
        "max_pool_backward": {"dy": case.dy, "argmax": argmax, "dx": dx, "geometry": GEOMETRY},
        "avg_pool_forward": {"x": case.x, "y": y, "include": True, "geometry": GEOMETRY},
        "avg_pool_backward": {"dy": case.dy, "dx": dx, "include": True, "geometry": GEOMETRY},
        "adaptive_avg_pool_forward": {"x": case.x, "y": y},
        "adaptive_avg_pool_backward": {"dy": case.dy, "dx": dx},
        "adaptive_max_pool_forward": {"x": case.x, "y": y, "argmax": argmax.astype(np.int32)},
        "adaptive_max_pool_backward": {"dy": case.dy, "argmax": argmax.astype(np.int32), "dx": dx},
        "global_avg_pool_forward": {"x": case.x, "y": flat, "on_x": case.map(True, True)},
        "global_avg_pool_backward": {"dy": flat, "dx": dx},
    }


PAIRS = [(kernel, name) for kernel, values in arguments().items() for name, v in values.items()
         if isinstance(v, np.ndarray)]


@pytest.mark.parametrize(("kernel", "name"), PAIRS)
def test_refused_arrays(kernel, name):
    values = arguments()[kernel]
    call = getattr(pool, kernel)
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
    if name in (("y", "argmax") if kernel.endswith("forward") else ("dx",)):
        with pytest.raises(ValueError, match=f"{name}: the output array is read-only"):
            call(*{**values, name: frozen}.values(), 1)
    else:
        call(*{**values, name: frozen}.values(), 1)


@pytest.mark.parametrize("kernel", ["max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward"])
@pytest.mark.parametrize(("place", "value", "error"), [
    (0, -1, ValueError), (2, 7, ValueError), (4, 0, ValueError), (5, 2**31, ValueError), (6, 0, ValueError),
    (7, -2, ValueError), (8, -1, ValueError), (9, 2**62, ValueError), (10, 0, ValueError), (12, 5, ValueError),
    (13, 2**70, ValueError), (4, 1.5, TypeError), (4, "a", TypeError)])
def test_refused_geometries(kernel, place, value, error):
    values = arguments()[kernel]
    geometry = list(GEOMETRY)
    geometry[place] = value
    with pytest.raises(error):
        getattr(pool, kernel)(*{**values, "geometry": tuple(geometry)}.values(), 1)
    with pytest.raises(ValueError, match="geometry"):
        getattr(pool, kernel)(*{**values, "geometry": GEOMETRY[:-1]}.values(), 1)


def test_large_but_legal_geometries():
    """Windows, strides and paddings up to 2^31 - 1 neither overflow nor take long."""
    big = 2**31 - 1
    x, y, argmax = np.ones((1, 1, 3), np.float32), np.empty((1, 1, 1), np.float32), np.empty((1, 1, 1), np.int32)
    for window, stride, padding, dilation in ((big, 1, 0, 1), (big, big, big, 1), (3, big, 0, big), (2, 1, big, big)):
        geometry = (1, 1, 1, 3, 1, window, 1, stride, 0, padding, 1, dilation, 1, 1)
        codes_ = argmax if window > 255 else argmax.astype(np.uint8)
        pool.max_pool_forward(x, y, codes_, geometry, None, 1)
        pool.max_pool_backward(y, codes_, np.empty_like(x), geometry, 1)
        pool.avg_pool_forward(x, y, True, geometry, 1)
        pool.avg_pool_backward(y, np.empty_like(x), True, geometry, 1)


def test_argmax_type_follows_the_size_of_the_window():
    for window, right, wrong in ((255, np.uint8, np.int32), (256, np.int32, np.uint8)):
        geometry = (1, 1, 1, 300, 1, window, 1, 1, 0, 0, 1, 1, 1, 1)
        x, y = np.arange(300, dtype=np.float32).reshape(1, 1, 300), np.empty((1, 1, 1), np.float32)
        argmax = np.zeros((1, 1, 1), right)
        pool.max_pool_forward(x, y, argmax, geometry, None, 1)
        assert argmax[0, 0, 0] == window - 1
        with pytest.raises(TypeError, match="argmax"):
            pool.max_pool_forward(x, y, argmax.astype(wrong), geometry, None, 1)


def test_foreign_codes_are_harmless():
    """Backward gathers: a code that names no place of its window changes nothing and reads nothing."""
    values = arguments()["max_pool_backward"]
    values["argmax"][...] = 200
    pool.max_pool_backward(*values.values(), 1)
    assert not values["dx"].any()
    values = arguments()["adaptive_max_pool_backward"]
    values["argmax"][...] = -(2**31)
    pool.adaptive_max_pool_backward(*values.values(), 1)
    assert not values["dx"].any()


@pytest.mark.parametrize("kernel", ["max_pool_forward", "global_avg_pool_forward"])
@pytest.mark.parametrize("name", ["centre", "scale", "shift"])
def test_refused_maps(kernel, name):
    values = arguments()[kernel]
    vectors = {n: getattr(values["on_x"], n) for n in ("scale", "shift", "centre")}
    for what, (array, error) in flawed(vectors[name]).items():
        with pytest.raises(error, match=f"^{name}: "):
            getattr(pool, kernel)(*{**values, "on_x": Map(**{**vectors, name: array})}.values(), 1)
            pytest.fail(what)
    with pytest.raises(TypeError, match="on_x"):
        getattr(pool, kernel)(*{**values, "on_x": vectors[name]}.values(), 1)


def test_empty_images_are_refused_where_a_mean_needs_them():
    x, flat = np.zeros((2, 3, 0, 4), np.float32), np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match="empty"):
        pool.global_avg_pool_forward(x, flat, None, 1)
    with pytest.raises(ValueError, match="empty"):
        pool.adaptive_avg_pool_forward(x, flat.reshape(2, 3, 1, 1), 1)
    pool.global_avg_pool_backward(flat, x, 1)


def test_one_axis_is_refused():
    with pytest.raises(ValueError, match=r"\(N, C, \*spatial\)"):
        pool.global_avg_pool_forward(np.zeros(3, np.float32), np.zeros(3, np.float32), None, 1)
    with pytest.raises(ValueError, match="expected x and y"):
        pool.adaptive_avg_pool_forward(np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32), 1)


# --- 6 NaN, inf, ties ------------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_nan_beats_all_and_the_last_nan_wins(kernels, dtype):
    nan, inf = np.nan, np.inf
    x = np.array([[[1, nan, 3], [nan, 2, nan], [5, 4, nan], [inf, nan, inf]]], dtype).transpose(1, 0, 2)
    y, argmax = np.empty((4, 1, 1), dtype), np.empty((4, 1, 1), np.uint8)
    geometry = (4, 1, 1, 3, 1, 3, 1, 3, 0, 0, 1, 1, 1, 1)
    kernels.max_pool_forward(np.ascontiguousarray(x), y, argmax, geometry, None, 1)
    assert np.isnan(y).all()
    assert argmax.ravel().tolist() == [1, 2, 2, 1]


@BOTH
@DTYPES
def test_windows_of_minus_infinity_have_a_winner(kernels, dtype):
    x, y, argmax = np.full((1, 1, 4), -np.inf, dtype), np.empty((1, 1, 2), dtype), np.empty((1, 1, 2), np.uint8)
    kernels.max_pool_forward(x, y, argmax, (1, 1, 1, 4, 1, 2, 1, 2, 0, 0, 1, 1, 1, 2), None, 1)
    assert y.ravel().tolist() == [-np.inf, -np.inf] and argmax.ravel().tolist() == [0, 0]


@BOTH
def test_windows_in_the_padding_have_none(kernels):
    x, y = np.ones((1, 1, 1), np.float32), np.empty((1, 1, 3), np.float32)
    geometry = (1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 3)
    argmax = np.empty((1, 1, 3), np.uint8)
    kernels.max_pool_forward(x, y, argmax, geometry, None, 1)
    assert y.ravel().tolist() == [-np.inf, 1, -np.inf] and argmax.ravel().tolist() == [255, 0, 255]
    kernels.avg_pool_forward(x, y, False, geometry, 1)
    assert y.ravel().tolist() == [0, 1, 0]
    dx = np.empty_like(x)
    kernels.max_pool_backward(np.array([[[1, 2, 4]]], np.float32), argmax, dx, geometry, 1)
    assert dx.ravel().tolist() == [2]
    kernels.avg_pool_backward(np.array([[[1, 2, 4]]], np.float32), dx, False, geometry, 1)
    assert dx.ravel().tolist() == [2]


@pytest.mark.parametrize("special", [np.nan, np.inf])
@EACH
def test_special_values_reach_exactly_the_windows_that_hold_them(problem, special):
    """Not the neighbouring channels that share a vector, not the neighbouring positions."""
    if problem.N == 0:
        return
    case, rng = of(problem, np.float32), np.random.default_rng(11)
    case.x[tuple(int(rng.integers(n)) for n in problem.x_shape)] = special
    case.dy[tuple(int(rng.integers(n)) for n in problem.y_shape)] = special
    check(case.max(problem), case.max(problem, reference), 0)
    check(case.avg(problem), case.avg(problem, reference), 1e-6)


@BOTH
def test_global_mean_with_special_values(kernels):
    x, y = np.ones((2, 3, 5), np.float32).transpose(0, 2, 1), np.empty((2, 5), np.float32)
    x[0, 2, 1], x[1, 3, 0] = np.nan, np.inf
    kernels.global_avg_pool_forward(x, y, Map(relu=True), 1)
    assert np.isnan(y).sum() == 1 and np.isnan(y[0, 2]) and np.isinf(y).sum() == 1 and y[1, 3] == np.inf


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 4e-6), (np.float64, 8e-15)])
@pytest.mark.parametrize("relu", [False, True])
def test_a_map_keeps_its_digits_where_the_mean_is_large(dtype, bound, relu):
    """x - centre is exact near the centre: a channel with mean/std = 1e4 is as accurate as one without a mean."""
    case, rng = Case((3, 21, 9, 8), (3, 21, 4, 4), dtype), np.random.default_rng(12)
    case.centre = rng.uniform(-1e4, 1e4, 21).astype(dtype)
    case.scale, case.shift = rng.uniform(-2, 2, 21).astype(dtype), rng.uniform(-1, 1, 21).astype(dtype)
    case.x = laid_out(case.centre[:, None, None] + rng.standard_normal(case.x_shape), "activation", dtype)
    wide, column = np.longdouble, (-1, 1, 1)
    mapped = (case.scale.reshape(column).astype(wide) * (case.x.astype(wide) - case.centre.reshape(column))
              + case.shift.reshape(column))
    mapped = np.maximum(mapped, 0) if relu else mapped
    geometry = (3, 21, 9, 8, 3, 2, 2, 2, 0, 0, 1, 1, 4, 4)
    y, argmax = np.empty_like(case.dy), laid_out(np.zeros(case.y_shape), "activation", np.uint8)
    pool.max_pool_forward(case.x, y, argmax, geometry, case.map(True, relu), 2)
    windows = np.lib.stride_tricks.sliding_window_view(mapped, (3, 2), (2, 3))[:, :, ::2, ::2]
    assert np.abs(y - windows.max((4, 5))).max() <= bound
    mean = np.empty((3, 21), dtype)
    pool.global_avg_pool_forward(case.x, mean, case.map(True, relu), 2)
    assert np.abs(mean - mapped.mean((2, 3))).max() <= bound


# Group 7, guard cells around outputs and inputs unchanged, is part of every run of `Case`.
