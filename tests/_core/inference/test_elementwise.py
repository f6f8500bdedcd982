"""Activations as steps: literal numbers, the formulas of the twins, cuts and threads, NaN, what is refused."""

import numpy as np
import pytest

from tinydl._core import inference
from tinydl._core.reference.activations import ROWS
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close
from tinydl.testing.guards import exact_integers, laid_out


def test_literal_numbers(variants):
    x = np.array([[-2, 0, 4], [8, -16, 1]], np.float32)
    for name, parameter, expected in (("relu", 0, [[0, 0, 4], [8, 0, 1]]),
                                      ("leaky_relu", 0.25, [[-0.5, 0, 4], [8, -4, 1]])):
        variants(lambda n_tasks, n, a=name, p=parameter: inference.activation_step(a, 3, p), x, np.float32(expected))


@pytest.mark.parametrize("C", [1, 3, 16, 70])
def test_relu_is_exact(C, variants, rng):
    x = exact_integers(rng, (3, C, 4, 8), kind="activation")
    variants(lambda n_tasks, n: inference.activation_step("relu", 32 * C, 0), x, np.maximum(x, 0))


@pytest.mark.parametrize("name", ROWS)
def test_close_to_the_formula(name, single, rng):
    x = laid_out(3 * rng.standard_normal((3, 5, 4, 8)), "activation", np.float32)
    expected = ROWS[name].value(x.astype(np.float64), *ROWS[name].arguments(0.3))
    first = None
    for chunk, n_threads in ((None, 1), (1, 3), (2, 2)):
        y = single(inference.activation_step(name, 160, 0.3), x, x.shape, chunk, n_threads)
        assert_close(y, expected, bound("activation", np.float32))
        first = y if first is None else first
        assert np.array_equal(y, first)


@pytest.mark.parametrize("name", ROWS)
def test_nan_passes(name, single):
    x = np.full((2, 5), np.nan, np.float32)
    assert np.isnan(single(inference.activation_step(name, 5, 0.3), x, x.shape)).all()


@pytest.mark.parametrize("name", ROWS)
def test_refused(name):
    with pytest.raises(ValueError, match="no activation 'none'"):
        inference.activation_step("none", 160, 0)
    with pytest.raises(ValueError, match="-1 elements"):
        inference.activation_step(name, -1, 0)
