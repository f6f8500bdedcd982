"""Mean over an image: the seven groups of kernel tests, guard cells around outputs in each run."""

import numpy as np
import pytest

from tinydl._core import operands, pool
from tinydl._core.reference import pool as reference
from tinydl.testing.bounds import bound
from tinydl.testing.guards import laid_out

Map = operands.Map
BOTH = pytest.mark.parametrize("kernels", [pool, reference], ids=["kernel", "reference"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
IMAGES = [(3, 5, 7, 9), (2, 64, 8, 8), (4, 10, 33), (3, 1, 6, 6), (2, 130, 4, 5), (5, 16, 1, 1), (3, 7), (0, 3, 4, 4),
          (2, 3, 50, 41)]
EACH_IMAGE = pytest.mark.parametrize("shape", IMAGES, ids=str)


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

@BOTH
def test_literal_global_mean(kernels):
    x, y = laid_out([[[1, 2, 3, 6], [-1, -2, -3, -4]]], "activation", np.float32), np.empty((1, 2), np.float32)
    kernels.global_avg_pool_forward(x, y, None, 1)
    assert y.tolist() == [[3, -2.5]]
    on_x = Map(np.array([1, -1], "f4"), np.array([-1, -2], "f4"), np.array([1, 0], "f4"), "relu")
    kernels.global_avg_pool_forward(x, y, on_x, 1)
    assert y.tolist() == [[1.25, 0.75]]
    dx = np.empty_like(x)
    kernels.global_avg_pool_backward(np.array([[4, 8]], np.float32), dx, 1)
    assert dx.tolist() == [[[1, 1, 1, 1], [2, 2, 2, 2]]]


# --- 2 the reference -------------------------------------------------------------------------------------------------

@EACH_IMAGE
@DTYPES
def test_global_mean_equal_to_reference(shape, dtype, cases):
    case = cases.of_images(shape, dtype)
    cases.check(case.image_mean(pool, 2), case.image_mean(reference), bound("window", dtype))


# --- 3 gradients -----------------------------------------------------------------------------------------------------

@EACH_IMAGE
def test_gradients_by_finite_differences(shape, cases):
    if shape[0] == 0:
        return
    analytic, numeric = cases.directional(lambda x, y: pool.global_avg_pool_forward(x, y, None, 1),
                                          lambda dy, dx: pool.global_avg_pool_backward(dy, dx, 1), shape, shape[:2], 10)
    assert abs(analytic - numeric) <= 1e-6 * np.prod(shape[:2]) ** 0.5


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH_IMAGE
def test_same_bits_for_any_number_of_threads(shape, cases):
    case = cases.of_images(shape, np.float32, exact=False)
    for n_threads in (1, 2, 3, 7):
        cases.check(case.image_mean(n_threads=n_threads), case.image_mean())


# --- 5 arguments -----------------------------------------------------------------------------------------------------

def forward_arguments(cases):
    case = cases.Case((2, 6, 8, 8), (2, 6, 4, 4), np.float32)
    return {"x": case.x, "y": np.ones((2, 6), np.float32), "on_x": case.map(True, "relu")}


def test_refused_arrays(cases):
    values = forward_arguments(cases)
    for name in ("x", "y"):
        cases.refused_arrays(pool.global_avg_pool_forward, values, name, ("y",))
    values = {"dy": values["y"], "dx": np.zeros_like(values["x"])}
    for name in ("dy", "dx"):
        cases.refused_arrays(pool.global_avg_pool_backward, values, name, ("dx",))


@pytest.mark.parametrize("name", ["centre", "scale", "shift"])
def test_refused_maps(name, cases):
    cases.refused_maps(pool.global_avg_pool_forward, forward_arguments(cases), name)


def test_empty_images_are_refused():
    x, flat = np.zeros((2, 3, 0, 4), np.float32), np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match="empty"):
        pool.global_avg_pool_forward(x, flat, None, 1)
    pool.global_avg_pool_backward(flat, x, 1)


def test_one_axis_is_refused():
    with pytest.raises(ValueError, match=r"\(N, C, \*spatial\)"):
        pool.global_avg_pool_forward(np.zeros(3, np.float32), np.zeros(3, np.float32), None, 1)


# --- 6 NaN, inf, large means -----------------------------------------------------------------------------------------

@BOTH
def test_global_mean_with_special_values(kernels):
    x, y = np.ones((2, 3, 5), np.float32).transpose(0, 2, 1), np.empty((2, 5), np.float32)
    x[0, 2, 1], x[1, 3, 0] = np.nan, np.inf
    kernels.global_avg_pool_forward(x, y, Map(activation="relu"), 1)
    assert np.isnan(y).sum() == 1 and np.isnan(y[0, 2]) and np.isinf(y).sum() == 1 and y[1, 3] == np.inf


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 4e-6), (np.float64, 8e-15)])
@pytest.mark.parametrize("activation", ["", "relu"])
def test_a_map_keeps_its_digits_where_the_mean_is_large(dtype, bound, activation, cases):
    """x - centre is exact near the centre: a channel with mean/std = 1e4 is as accurate as one without a mean."""
    case, mapped = cases.far_from_zero((3, 21, 9, 8), (3, 21), dtype, activation)
    y = np.empty((3, 21), dtype)
    pool.global_avg_pool_forward(case.x, y, case.map(True, activation), 2)
    assert np.abs(y - mapped.mean((2, 3))).max() <= bound
