"""Mean over windows: the seven groups of kernel tests, guard cells around outputs in each run."""

import numpy as np
import pytest

from tinydl._core import pool
from tinydl._core.reference import pool as reference
from tinydl.testing.bounds import bound
from tinydl.testing.guards import laid_out
from tinydl.testing.problems import POOLS, select

BOTH = pytest.mark.parametrize("kernels", [pool, reference], ids=["kernel", "reference"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
EACH = pytest.mark.parametrize("problem", select(POOLS, "small"), ids=lambda p: p.name)
ADAPTIVE = [((2, 5, 7, 9), (3, 4)), ((3, 16, 8, 8), (2, 2)), ((2, 3, 4, 5), (6, 7)), ((2, 17, 6, 5), (1, 1)),
            ((2, 6, 10), (4,)), ((1, 33, 3), (7,)), ((0, 3, 4, 4), (2, 2)), ((2, 100, 3, 3), (3, 3))]
EACH_ADAPTIVE = pytest.mark.parametrize(("shape", "out"), ADAPTIVE, ids=str)
IMAGE = [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]
TWO_BY_TWO = (1, 1, 4, 4, 2, 2, 2, 2, 0, 0, 1, 1, 2, 2)
GEOMETRY = (2, 6, 8, 8, 2, 2, 2, 2, 0, 0, 1, 1, 4, 4)


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

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
def test_literal_adaptive_windows(kernels):
    # Windows of 5 over 3: 0-1, 1-3, 3-4.
    x, y = np.array([[[1, 2, 6, 4, 8]]], np.float32), np.empty((1, 1, 3), np.float32)
    kernels.adaptive_avg_pool_forward(x, y, 1)
    assert y.ravel().tolist() == [1.5, 4, 6]
    dx, dy = np.empty_like(x), np.array([[[2, 3, 4]]], np.float32)
    kernels.adaptive_avg_pool_backward(dy, dx, 1)
    assert dx.ravel().tolist() == [1, 2, 1, 3, 2]


# --- 2 the reference -------------------------------------------------------------------------------------------------

@EACH
@DTYPES
@pytest.mark.parametrize("include_pad", [True, False])
def test_avg_equal_to_reference(problem, dtype, include_pad, cases):
    case = cases.of(problem, dtype)
    got = case.avg(problem, pool, 2, include_pad)
    cases.check(got, case.avg(problem, reference, 1, include_pad), bound("window", dtype))


@EACH_ADAPTIVE
@DTYPES
def test_adaptive_equal_to_reference(shape, out, dtype, cases):
    case = cases.of_adaptive(shape, out, dtype)
    cases.check(case.adaptive_avg(pool, 2), case.adaptive_avg(reference), bound("window", dtype))


# --- 3 gradients -----------------------------------------------------------------------------------------------------

@EACH
@pytest.mark.parametrize("include_pad", [True, False])
def test_gradients_by_finite_differences(problem, include_pad, cases):
    if problem.N == 0:
        return
    analytic, numeric = cases.directional(
        lambda x, y: pool.avg_pool_forward(x, y, include_pad, problem.geometry, 1),
        lambda dy, dx: pool.avg_pool_backward(dy, dx, include_pad, problem.geometry, 1), problem.x_shape,
        problem.y_shape, 8)
    assert abs(analytic - numeric) <= 1e-6 * np.prod(problem.y_shape) ** 0.5


@EACH_ADAPTIVE
def test_gradients_of_adaptive_windows_by_finite_differences(shape, out, cases):
    if shape[0] == 0:
        return
    y_shape = (*shape[:2], *out)
    analytic, numeric = cases.directional(
        lambda x, y: pool.adaptive_avg_pool_forward(x, y, 1),
        lambda dy, dx: pool.adaptive_avg_pool_backward(dy, dx, 1), shape, y_shape, 9)
    assert abs(analytic - numeric) <= 1e-6 * np.prod(y_shape) ** 0.5


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(problem, dtype, cases):
    case = cases.of(problem, dtype, exact=False)
    first = case.avg(problem)
    for n_threads in (1, 2, 3, 7):
        cases.check(case.avg(problem, n_threads=n_threads), first)


@EACH_ADAPTIVE
def test_same_bits_of_adaptive_windows_for_any_number_of_threads(shape, out, cases):
    case = cases.of_adaptive(shape, out, np.float32, exact=False)
    for n_threads in (1, 2, 3, 7):
        cases.check(case.adaptive_avg(n_threads=n_threads), case.adaptive_avg())


# --- 5 arguments -----------------------------------------------------------------------------------------------------

ARRAYS = {"avg_pool_forward": ("x", "y"), "avg_pool_backward": ("dy", "dx"),
          "adaptive_avg_pool_forward": ("x", "y"), "adaptive_avg_pool_backward": ("dy", "dx")}


@pytest.mark.parametrize(("kernel", "name"), [(kernel, name) for kernel, names in ARRAYS.items() for name in names])
def test_refused_arrays(kernel, name, cases):
    case = cases.Case((2, 6, 8, 8), (2, 6, 4, 4), np.float32)
    arrays = {"x": case.x, "y": np.zeros_like(case.dy), "dy": case.dy, "dx": np.zeros_like(case.x)}
    values = {n: arrays[n] for n in ARRAYS[kernel]}
    if "adaptive" not in kernel:
        values |= {"include": True, "geometry": GEOMETRY}
    cases.refused_arrays(getattr(pool, kernel), values, name, ("y", "dx"))


# --- 6 NaN, inf, ties ------------------------------------------------------------------------------------------------

@BOTH
def test_windows_in_the_padding_are_zero(kernels):
    x, y, dx = np.ones((1, 1, 1), np.float32), np.empty((1, 1, 3), np.float32), np.empty((1, 1, 1), np.float32)
    geometry = (1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 3)
    kernels.avg_pool_forward(x, y, False, geometry, 1)
    assert y.ravel().tolist() == [0, 1, 0]
    kernels.avg_pool_backward(np.array([[[1, 2, 4]]], np.float32), dx, False, geometry, 1)
    assert dx.ravel().tolist() == [2]


@pytest.mark.parametrize("special", [np.nan, np.inf])
@EACH
def test_special_values_reach_exactly_the_windows_that_hold_them(problem, special, cases):
    """Not the neighbouring channels that share a vector, not the neighbouring positions."""
    if problem.N == 0:
        return
    case, rng = cases.of(problem, np.float32), np.random.default_rng(11)
    case.x[tuple(int(rng.integers(n)) for n in problem.x_shape)] = special
    case.dy[tuple(int(rng.integers(n)) for n in problem.y_shape)] = special
    cases.check(case.avg(problem), case.avg(problem, reference), 1e-6)
