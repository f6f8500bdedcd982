"""Maximum over windows: the seven groups of kernel tests, guard cells around outputs in each run."""

import itertools

import numpy as np
import pytest

from tinydl._core import operands, pool
from tinydl._core.reference import pool as reference
from tinydl.testing.convolutions import LOADED
from tinydl.testing.guards import laid_out
from tinydl.testing.problems import POOLS, select

Map = operands.Map
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
def test_literal_max(kernels, dtype):
    x, y, argmax = laid_out([[IMAGE]], "activation", dtype), np.empty((1, 1, 2, 2), dtype), np.empty((1, 1, 2, 2), "u1")
    kernels.max_pool_forward(x, y, argmax, TWO_BY_TWO, None, 1)
    assert y.tolist() == [[[[6, 8], [3, 4]]]]
    assert argmax.tolist() == [[[[3, 3], [0, 3]]]]
    dx = np.empty_like(x)
    kernels.max_pool_backward(np.array([[[[10, 20], [30, 40]]]], dtype), argmax, dx, TWO_BY_TWO, 1)
    assert dx[0, 0].tolist() == [[0, 0, 0, 0], [0, 10, 0, 20], [30, 0, 0, 0], [0, 0, 0, 40]]


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
    kernels.max_pool_forward(x, y, argmax, geometry, on_x.followed_by("relu"), 1)
    assert y.ravel().tolist() == [0.5, 0] and argmax.ravel().tolist() == [0, 0]
    kernels.max_pool_forward(x, y, argmax, geometry, on_x, 1)
    assert y.ravel().tolist() == [0.5, -1.5] and argmax.ravel().tolist() == [0, 1]


@BOTH
def test_literal_adaptive_windows(kernels):
    # Windows of 5 over 3: 0-1, 1-3, 3-4.
    x, y, argmax = np.array([[[1, 2, 6, 4, 8]]], np.float32), np.empty((1, 1, 3), np.float32), np.empty((1, 1, 3), "i4")
    kernels.adaptive_max_pool_forward(x, y, argmax, 1)
    assert y.ravel().tolist() == [2, 6, 8] and argmax.ravel().tolist() == [1, 2, 4]
    dx, dy = np.empty_like(x), np.array([[[2, 3, 4]]], np.float32)
    kernels.adaptive_max_pool_backward(dy, argmax, dx, 1)
    assert dx.ravel().tolist() == [0, 2, 3, 0, 4]


# --- 2 the reference -------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_max_equal_to_reference(problem, dtype, cases):
    case = cases.of(problem, dtype)
    for affine, activation in itertools.product((False, True), LOADED):
        cases.check(case.max(problem, pool, 2, affine, activation), case.max(problem, reference, 1, affine, activation))


@EACH_ADAPTIVE
@DTYPES
def test_adaptive_equal_to_reference(shape, out, dtype, cases):
    case = cases.of_adaptive(shape, out, dtype)
    cases.check(case.adaptive_max(pool, 2), case.adaptive_max(reference))


# --- 3 gradients -----------------------------------------------------------------------------------------------------

@EACH
def test_gradients_by_finite_differences(problem, cases):
    if problem.N == 0 or "empty" in problem.name:
        return  # nothing to differentiate, or -inf
    argmax = laid_out(np.zeros(problem.y_shape), "activation", cases.codes(problem))
    analytic, numeric = cases.directional(
        lambda x, y: pool.max_pool_forward(x, y, argmax, problem.geometry, None, 1),
        lambda dy, dx: pool.max_pool_backward(dy, argmax, dx, problem.geometry, 1), problem.x_shape, problem.y_shape, 8)
    assert abs(analytic - numeric) <= 1e-6 * np.prod(problem.y_shape) ** 0.5


@EACH_ADAPTIVE
def test_gradients_of_adaptive_windows_by_finite_differences(shape, out, cases):
    if shape[0] == 0:
        return
    y_shape = (*shape[:2], *out)
    argmax = laid_out(np.zeros(y_shape), "activation", np.int32)
    analytic, numeric = cases.directional(
        lambda x, y: pool.adaptive_max_pool_forward(x, y, argmax, 1),
        lambda dy, dx: pool.adaptive_max_pool_backward(dy, argmax, dx, 1), shape, y_shape, 9)
    assert abs(analytic - numeric) <= 1e-6 * np.prod(y_shape) ** 0.5


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(problem, dtype, cases):
    case = cases.of(problem, dtype, exact=False)
    first = case.max(problem)
    for n_threads in (1, 2, 3, 7):
        cases.check(case.max(problem, n_threads=n_threads), first)


@EACH_ADAPTIVE
def test_same_bits_of_adaptive_windows_for_any_number_of_threads(shape, out, cases):
    case = cases.of_adaptive(shape, out, np.float32, exact=False)
    for n_threads in (1, 2, 3, 7):
        cases.check(case.adaptive_max(n_threads=n_threads), case.adaptive_max())


# --- 5 arguments -----------------------------------------------------------------------------------------------------

ARRAYS = {"max_pool_forward": ("x", "y", "argmax"), "max_pool_backward": ("dy", "argmax", "dx"),
          "adaptive_max_pool_forward": ("x", "y", "argmax"), "adaptive_max_pool_backward": ("dy", "argmax", "dx")}


def arguments(kernel, cases):
    """Good arguments of a kernel by name, in order, but for the number of threads."""
    case = cases.Case((2, 6, 8, 8), (2, 6, 4, 4), np.float32)
    arrays = {"x": case.x, "y": np.zeros_like(case.dy), "dy": case.dy, "dx": np.zeros_like(case.x),
              "argmax": laid_out(np.zeros(case.y_shape), "activation", np.int32 if "adaptive" in kernel else np.uint8)}
    values = {name: arrays[name] for name in ARRAYS[kernel]}
    if "adaptive" not in kernel:
        values["geometry"] = GEOMETRY
    if kernel == "max_pool_forward":
        values["on_x"] = case.map(True, "relu")
    return values


@pytest.mark.parametrize(("kernel", "name"), [(kernel, name) for kernel, names in ARRAYS.items() for name in names])
def test_refused_arrays(kernel, name, cases):
    outputs = ("y", "argmax") if kernel.endswith("forward") else ("dx",)
    cases.refused_arrays(getattr(pool, kernel), arguments(kernel, cases), name, outputs)


@pytest.mark.parametrize("name", ["centre", "scale", "shift"])
def test_refused_maps(name, cases):
    cases.refused_maps(pool.max_pool_forward, arguments("max_pool_forward", cases), name)


def test_argmax_type_follows_the_size_of_the_window():
    for window, right, wrong in ((255, np.uint8, np.int32), (256, np.int32, np.uint8)):
        geometry = (1, 1, 1, 300, 1, window, 1, 1, 0, 0, 1, 1, 1, 1)
        x, y = np.arange(300, dtype=np.float32).reshape(1, 1, 300), np.empty((1, 1, 1), np.float32)
        argmax = np.zeros((1, 1, 1), right)
        pool.max_pool_forward(x, y, argmax, geometry, None, 1)
        assert argmax[0, 0, 0] == window - 1
        with pytest.raises(TypeError, match="argmax"):
            pool.max_pool_forward(x, y, argmax.astype(wrong), geometry, None, 1)


def test_foreign_codes_are_harmless(cases):
    """Backward gathers: a code that names no place of its window changes nothing and reads nothing."""
    for kernel, code in (("max_pool_backward", 200), ("adaptive_max_pool_backward", -(2**31))):
        values = arguments(kernel, cases)
        values["argmax"][...] = code
        getattr(pool, kernel)(*values.values(), 1)
        assert not values["dx"].any()


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
    dx = np.empty_like(x)
    kernels.max_pool_backward(np.array([[[1, 2, 4]]], np.float32), argmax, dx, geometry, 1)
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
    cases.check(case.max(problem), case.max(problem, reference), 0)


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 4e-6), (np.float64, 8e-15)])
@pytest.mark.parametrize("activation", ["", "relu"])
def test_a_map_keeps_its_digits_where_the_mean_is_large(dtype, bound, activation, cases):
    """x - centre is exact near the centre: a channel with mean/std = 1e4 is as accurate as one without a mean."""
    case, mapped = cases.far_from_zero((3, 21, 9, 8), (3, 21, 4, 4), dtype, activation)
    y, argmax = np.empty_like(case.dy), laid_out(np.zeros(case.y_shape), "activation", np.uint8)
    pool.max_pool_forward(case.x, y, argmax, (3, 21, 9, 8, 3, 2, 2, 2, 0, 0, 1, 1, 4, 4), case.map(True, activation), 2)
    windows = np.lib.stride_tricks.sliding_window_view(mapped, (3, 2), (2, 3))[:, :, ::2, ::2]
    assert np.abs(y - windows.max((4, 5))).max() <= bound
