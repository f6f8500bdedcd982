"""Depthwise convolution: literal numbers, the twin, gradients, threads, arguments, NaN, guard cells."""

import numpy as np
import pytest

from tinydl._core import depthwise
from tinydl._core.reference import depthwise as reference
from tinydl._core.reference.conv import geometry
from tinydl.testing.guards import Guards, exact_integers, flawed, laid_out

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
# x shape, window, stride, padding, dilation.
PROBLEMS = [
    ((2, 19, 9, 9), (3, 3), 1, 1, 1), ((3, 16, 8, 11), (3, 3), 2, 1, 1), ((2, 33, 7, 6), (5, 4), (1, 3), (2, 1), 1),
    ((2, 5, 12, 13), (3, 2), 1, 3, (2, 3)), ((1, 64, 20, 20), (7, 7), 1, 3, 1), ((40, 3, 5, 5), (3, 3), 1, 1, 1),
    ((2, 1, 6, 6), (2, 2), 3, 0, 1), ((3, 100, 1, 1), (1, 1), 1, 0, 1), ((2, 4, 3, 3), (2, 2), 1, 2, 1),
    ((0, 8, 5, 5), (3, 3), 1, 1, 1), ((2, 18, 50), (5,), 1, 2, 1), ((2, 7, 33), (3,), 2, 0, 4),
]
EACH = pytest.mark.parametrize("problem", PROBLEMS, ids=str)


class Case:
    def __init__(self, problem, dtype, seed=0, exact=True):
        shape, window, *options = problem
        rng, c = np.random.default_rng(seed), shape[1]
        self.geo = geometry(shape, (c, 1, *window), *options, c)
        self.dtype = dtype

        def make(size, kind="row"):
            if exact:
                return exact_integers(rng, size, dtype, kind)
            return laid_out(rng.standard_normal(size), kind, dtype)

        self.x, self.w = make(shape, "activation"), make((c, 1, *window), "weight")
        self.dy = make((*shape[:2], *self.geo[-len(window):]), "activation")
        self.b, self.b_old, self.w_old = make((c,)), make((c,)), make(self.w.shape, "weight")

    def run(self, kernels, n_threads=1, bias=True):
        guards, inputs = Guards(), (self.x, self.w, self.dy, self.b)
        before = [a.copy() for a in inputs]
        y, dx = (guards.empty(a.shape, self.dtype, "activation") for a in (self.dy, self.x))
        dw, db = guards.copy(self.w_old, "weight"), guards.copy(self.b_old)
        kernels.depthwise_forward(self.x, self.w, self.b if bias else None, y, self.geo, n_threads)
        kernels.depthwise_backward_input(self.dy, self.w, dx, self.geo, n_threads)
        kernels.depthwise_backward_weight(self.x, self.dy, dw, db if bias else None, self.geo, n_threads)
        guards.check()
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, inputs, strict=True))
        return {"y": y, "dx": dx, "dw": dw, "db": db}


def assert_same(got, expected):
    for name, value in expected.items():
        assert np.array_equal(got[name], value), name


def test_literal_numbers():
    # Two channels, each with its own filter of two taps.
    x, w = laid_out([[[1.0, 2, 3], [4, 5, 6]]], "activation"), laid_out([[[1.0, 10]], [[-1, 1]]], "weight")
    y, dx = laid_out(np.empty((1, 2, 2)), "activation"), laid_out(np.empty((1, 2, 3)), "activation")
    dw = np.empty_like(w)
    geo = geometry((1, 2, 3), (2, 1, 2), groups=2)
    depthwise.depthwise_forward(x, w, np.array([0.5, 0]), y, geo, 1)
    assert y.tolist() == [[[21.5, 32.5], [1, 1]]]
    dy = laid_out([[[1.0, 2], [3, 4]]], "activation")
    depthwise.depthwise_backward_input(dy, w, dx, geo, 1)
    assert dx.tolist() == [[[1, 12, 20], [-3, -1, 4]]]
    db = np.empty(2)
    depthwise.depthwise_backward_weight(x, dy, dw, db, geo, 1)
    assert dw.tolist() == [[[5, 8]], [[32, 39]]] and db.tolist() == [3, 7]


@EACH
@DTYPES
def test_exact(problem, dtype):
    case = Case(problem, dtype)
    for bias in (True, False):
        assert_same(case.run(depthwise, bias=bias), case.run(reference, bias=bias))


@DTYPES
def test_exact_for_every_channel_count(dtype):
    for c in range(1, 70):
        case = Case(((2, c, 4, 5), (3, 3), 1, 1, 1), dtype, c)
        assert_same(case.run(depthwise), case.run(reference))


@EACH
def test_gradients_by_finite_differences(problem):
    case = Case(problem, np.float64, exact=False)
    rng = np.random.default_rng(1)
    old = {name: getattr(case, name) for name in ("x", "w", "b")}
    along = {name: rng.standard_normal(a.shape) for name, a in old.items()}

    def value(step):
        for name in old:
            kind = {"x": "activation", "w": "weight", "b": "row"}[name]
            setattr(case, name, laid_out(old[name] + step * along[name], kind))
        return (case.run(depthwise)["y"] * case.dy).sum()

    numeric = value(0.5) - value(-0.5)
    value(0)
    got = case.run(depthwise)
    analytic = sum((got[f"d{name}"] * direction).sum() for name, direction in along.items())
    assert abs(analytic - numeric) <= 1e-11 * (abs(numeric) + np.abs(case.dy).sum() + 1)


@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(problem, dtype):
    case = Case(problem, dtype, exact=False)
    first = case.run(depthwise)
    for n_threads in (1, 2, 3, 7):
        assert_same(case.run(depthwise, n_threads), first)


ARRAYS = [("forward", "x"), ("forward", "w"), ("forward", "b"), ("forward", "y"), ("backward_input", "dy"),
          ("backward_input", "w"), ("backward_input", "dx"), ("backward_weight", "x"), ("backward_weight", "dy"),
          ("backward_weight", "dw"), ("backward_weight", "db")]


def call(kernel, case, **replaced):
    own = {"x": case.x, "w": case.w, "b": case.b, "dy": case.dy, "y": case.dy.copy(order="K"), "geo": case.geo,
           "dx": case.x.copy(order="K"), "dw": case.w_old, "db": case.b_old, **replaced}
    names = {"forward": ("x", "w", "b", "y"), "backward_input": ("dy", "w", "dx"),
             "backward_weight": ("x", "dy", "dw", "db")}[kernel]
    getattr(depthwise, f"depthwise_{kernel}")(*(own[name] for name in names), own["geo"], 1)
    return own


@pytest.mark.parametrize(("kernel", "name"), ARRAYS)
def test_refused_arrays(kernel, name):
    case = Case(((2, 4, 5, 6), (3, 3), 1, 1, 1), np.float32)
    good = call(kernel, case)[name]
    bad = flawed(good)
    if good.ndim == 4:
        bad["row-major"] = (np.ascontiguousarray(good), ValueError)
    if name in ("y", "dx", "dw", "db"):
        bad["read-only"] = (good.copy(order="K"), ValueError)
        bad["read-only"][0].flags.writeable = False
    for what, (array, error) in bad.items():
        with pytest.raises(error):
            call(kernel, case, **{name: array})
            pytest.fail(f"{kernel} took {name}: {what}")


@pytest.mark.parametrize(("position", "value"), [(4, 8), (13, 1), (13, 2), (5, 0), (7, 0), (9, -1), (11, 0), (14, 9),
                                                 (15, -1), (0, 2**62), (0, 2**70)])
def test_refused_geometries(position, value):
    case = Case(((2, 4, 5, 6), (3, 3), 1, 1, 1), np.float32)
    geo = list(case.geo)
    geo[position] = value
    for kernel in ("forward", "backward_input", "backward_weight"):
        with pytest.raises((ValueError, OverflowError)):
            call(kernel, case, geo=tuple(geo))


@EACH
def test_nan_stays_in_its_channel(problem):
    if problem[0][0] == 0:
        pytest.skip("no image")
    for name in ("x", "w", "dy", "b"):
        case = Case(problem, np.float32)
        values = getattr(case, name)
        channel = values.shape[1] // 2 if name in ("x", "dy") else values.shape[0] // 2
        values[(0, channel) if name in ("x", "dy") else channel] = np.nan
        for result, value in case.run(depthwise).items():
            by_channel = np.isnan(np.moveaxis(value, 1, 0) if result in ("y", "dx") else value)
            assert not np.delete(by_channel, channel, axis=0).any(), f"NaN in {name}: {result}"
        expected = {"x": ("y", "dw"), "w": ("y", "dx"), "dy": ("dw", "db"), "b": ("y",)}[name]
        results = case.run(depthwise)
        assert all(np.isnan(results[result]).any() for result in expected)
