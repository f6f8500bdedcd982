"""A Linear layer as a step: literal numbers, the twin, cuts and threads, NaN and infinity, what is refused."""

import numpy as np
import pytest

from tinydl._core import inference
from tinydl._core.reference import gemm as reference
from tinydl.testing.guards import exact_integers
from tinydl.testing.problems import LINEARS, select


def test_literal_numbers(variants):
    x, w = np.array([[1, 2, 3], [4, 5, 6]], np.float32), np.array([[1, 2], [0, 1], [-1, 0]], np.float32)
    b = np.array([1, -20], np.float32)
    for bias, relu, expected in ((None, False, [[-2, 4], [-2, 13]]), (b, False, [[-1, -16], [-1, -7]]),
                                 (None, True, [[0, 4], [0, 13]])):
        filters = inference.linear_filters(w, bias)
        variants(lambda n_tasks, n, f=filters, c=relu: inference.linear_step(f, c), x, np.float32(expected))


@pytest.mark.parametrize("N", [0, 1, 2, 31, 33, 64, 77])
@pytest.mark.parametrize(("K", "O"), [(1, 1), (5, 10), (400, 120), (784, 256), (33, 200), (1000, 17), (64, 48)])
def test_exact(N, K, O, variants, rng):
    x, w, b = exact_integers(rng, (N, K)), exact_integers(rng, (K, O)), exact_integers(rng, (O,))
    y = np.empty((N, O), np.float32)
    for bias, clamp in ((b, False), (None, True)):
        reference.linear_forward(x, w.T, bias, y, 1)
        filters = inference.linear_filters(w, bias)
        variants(lambda n_tasks, n, f=filters, c=clamp: inference.linear_step(f, c), x,
                 np.maximum(y, 0) if clamp else y)


def test_layers_of_the_networks(single, rng):
    for problem in select(LINEARS, "bench"):
        x, w = exact_integers(rng, (2, problem.K)), exact_integers(rng, (problem.K, problem.O))
        y = single(inference.linear_step(inference.linear_filters(w, None), False), x, (2, problem.O))
        assert np.array_equal(y, x.astype(np.float64) @ w)


@pytest.mark.parametrize("rows", [1, 2])
def test_nan_passes_the_clamp(rows, single):
    step = inference.linear_step(inference.linear_filters(np.ones((1024, 40), np.float32), None), True)
    assert np.isnan(single(step, np.full((rows, 1024), np.nan, np.float32), (rows, 40))).all()


@pytest.mark.parametrize("rows", [1, 5])
def test_infinity_and_zero_are_no_nan_beyond_the_channels(rows, single):
    # The lanes that fill a vector hold zeros: they must not reach a result.
    step = inference.linear_step(inference.linear_filters(np.ones((3, 3), np.float32), None), True)
    assert np.isposinf(single(step, np.full((rows, 3), np.inf, np.float32), (rows, 3))).all()


def test_refused():
    with pytest.raises(ValueError, match="channels-last"):
        inference.linear_filters(np.ones((3, 4), np.float32).T, None)
    with pytest.raises(ValueError, match="matrix"):
        inference.linear_filters(np.ones(3, np.float32), None)
    with pytest.raises(ValueError, match="bias"):
        inference.linear_filters(np.ones((3, 4), np.float32), np.ones(3, np.float32))
    with pytest.raises(ValueError, match="filters of shape"):
        inference.linear_step(inference.linear_filters(np.ones((0, 4), np.float32), None), False)
    with pytest.raises(TypeError, match="float32"):
        inference.linear_filters(np.ones((3, 4)), None)
