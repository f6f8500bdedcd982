"""Softmax and log-softmax: literal numbers, the twin, gradients, threads, arguments, extremes, guard cells."""

import math

import numpy as np
import pytest

from tinydl._core import loss
from tinydl._core.reference import loss as reference
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import Guards, flawed

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BOTH = pytest.mark.parametrize("kernels", [loss, reference], ids=["kernel", "reference"])
SHAPES = [(1, 1), (128, 10), (64, 10), (7, 3), (8, 31), (9, 32), (17, 33), (3, 100), (33, 1000), (2, 20000), (2000, 10),
          (0, 5), (3, 0), (5000, 7)]
EACH = pytest.mark.parametrize("shape", SHAPES, ids=str)
ARRAYS = {"softmax_forward": 2, "softmax_backward": 3, "log_softmax_forward": 2, "log_softmax_backward": 3}


class Case:
    """Logits and an upstream gradient."""

    def __init__(self, shape, dtype, seed=0, scale=3):
        rng = np.random.default_rng(seed)
        self.x = (scale * rng.standard_normal(shape)).astype(dtype)
        self.dy = rng.standard_normal(shape).astype(dtype)

    def run(self, kernels, n_threads=1):
        guards = Guards()
        before = self.x.copy(), self.dy.copy()
        y, dx, log_y, log_dx = (guards.empty(self.x.shape, self.x.dtype) for _ in range(4))
        kernels.softmax_forward(self.x, y, n_threads)
        kernels.softmax_backward(y, self.dy, dx, n_threads)
        kernels.log_softmax_forward(self.x, log_y, n_threads)
        kernels.log_softmax_backward(log_y, self.dy, log_dx, n_threads)
        guards.check()
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, (self.x, self.dy), strict=True))
        return {"y": y, "dx": dx, "log_y": log_y, "log_dx": log_dx}


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_by_hand(kernels, dtype):
    # exp(log k) / (1 + 2 + 5); dx = y (dy - 1/2), as the mean of dy is 0*1/8 + 2*2/8 + 0*5/8 = 1/2.
    x, y, log_y = (np.log(np.array([[1, 2, 5]], dtype)), np.empty((1, 3), dtype), np.empty((1, 3), dtype))
    kernels.softmax_forward(x, y)
    kernels.log_softmax_forward(x, log_y)
    np.testing.assert_allclose(y, [[0.125, 0.25, 0.625]], rtol=1e-6)
    np.testing.assert_allclose(log_y, [[-math.log(8), -math.log(4), math.log(0.625)]], rtol=1e-6)
    dy, dx = np.array([[0, 2, 0]], dtype), np.empty((1, 3), dtype)
    kernels.softmax_backward(y, dy, dx)
    np.testing.assert_allclose(dx, [[-0.0625, 0.375, -0.3125]], rtol=1e-6)
    kernels.log_softmax_backward(log_y, dy, dx)  # dy - y * 2
    np.testing.assert_allclose(dx, [[-0.25, 1.5, -1.25]], rtol=1e-6)


def test_rows_sum_to_one():
    y = Case((500, 300), np.float32, scale=30).run(loss)["y"]
    assert np.abs(y.astype(np.float64).sum(1) - 1).max() < 2e-6


# --- 2 equal to the reference ----------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_close_to_the_reference(shape, dtype):
    case = Case(shape, dtype)
    got, expected = case.run(loss), case.run(reference)
    for name, value in expected.items():
        assert_close(got[name], value, bound("softmax", dtype), name)


# --- 3 gradients -----------------------------------------------------------------------------------------------------

def test_gradients_by_finite_differences():
    case = Case((6, 5), np.float64, seed=3, scale=1)
    along, eps = np.random.default_rng(4).standard_normal((6, 5)), 1e-5
    base = case.x

    def values(step):
        case.x = base + step * along
        got = case.run(loss)
        return np.array([(got["y"] * case.dy).sum(), (got["log_y"] * case.dy).sum()])

    numeric = (values(eps) - values(-eps)) / (2 * eps)
    case.x = base
    got = case.run(loss)
    analytic = [(got[name] * along).sum() for name in ("dx", "log_dx")]
    np.testing.assert_allclose(analytic, numeric, rtol=1e-7, atol=1e-9)


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(shape, dtype):
    case = Case(shape, dtype)
    first = case.run(loss)
    for n_threads in (1, 2, 3, 7):
        for name, value in case.run(loss, n_threads).items():
            assert_same(value, first[name], name)


# --- 5 arguments -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("kernel", "which"), [(kernel, which) for kernel, n in ARRAYS.items() for which in range(n)])
def test_refused_arrays(kernel, which):
    n = ARRAYS[kernel]
    good = Case((4, 5), np.float32).x
    bad = flawed(good)
    bad["other axes"] = (good.reshape(2, -1, 2), ValueError)
    bad["column-major"] = (np.asfortranarray(good), ValueError)
    bad["transposed"] = (np.ascontiguousarray(good.T), ValueError)
    bad["none"] = (None, TypeError)
    if which == n - 1:
        frozen = good.copy()
        frozen.flags.writeable = False
        bad["read-only"] = (frozen, ValueError)
    for what, (array, error) in bad.items():
        arrays = [good.copy() for _ in range(n)]
        arrays[which] = array
        with pytest.raises(error):
            getattr(loss, kernel)(*arrays)
            pytest.fail(what)


@pytest.mark.parametrize("kernel", ARRAYS)
@pytest.mark.parametrize("n_threads", [0, -1, 1025, 2**31 - 1])
def test_teams_that_cannot_be(kernel, n_threads):
    with pytest.raises(ValueError, match=f"n_threads must be between 1 and 1024, got {n_threads}"):
        getattr(loss, kernel)(*(np.ones((2, 3)) for _ in range(ARRAYS[kernel])), n_threads)


def test_read_only_inputs_are_accepted():
    case = Case((30, 10), np.float32)
    case.x.flags.writeable = case.dy.flags.writeable = False
    case.run(loss)


# --- 6 extremes ------------------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_large_and_infinite_logits(kernels, dtype):
    inf = np.inf
    x = np.array([[1e4, 0], [1e38, 1e38], [-inf, 0], [inf, 0], [-inf, -inf]], dtype)
    y, log_y = np.empty_like(x), np.empty_like(x)
    kernels.softmax_forward(x, y)
    kernels.log_softmax_forward(x, log_y)
    assert y[:3].tolist() == [[1, 0], [0.5, 0.5], [0, 1]] and np.isnan(y[3:]).all()
    assert log_y[0].tolist() == [0, -1e4] and log_y[2].tolist() == [-inf, 0] and np.isnan(log_y[3:]).all()
    np.testing.assert_allclose(log_y[1], -np.log(2), rtol=1e-6)


@BOTH
@pytest.mark.parametrize("shape", [(9, 3), (20, 10), (3, 200)])
def test_nan_spoils_its_own_row_only(kernels, shape):
    for column in (0, 1, shape[1] - 1):
        case = Case(shape, np.float32)
        case.x[2, column] = np.nan
        for name, value in case.run(kernels).items():
            bad = np.isnan(value)
            assert bad[2].all() and bad.sum() == bad[2].size, name
