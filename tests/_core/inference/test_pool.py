"""Pooling as steps: literal numbers, the twin, cuts and threads, NaN, what is refused."""

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import inference
from tinydl._core.reference import pool as reference
from tinydl.testing.guards import exact_integers, laid_out
from tinydl.testing.problems import POOLS, select

PAIRS = (1, 1, 2, 4, 2, 2, 2, 2, 0, 0, 1, 1, 1, 2)      # windows 2x2 side by side on an image of 2x4


def test_literal_numbers(variants):
    x = laid_out([[[[1, 5, 2, 0], [3, -1, 8, 6]]]], "activation", np.float32)
    for step, expected in ((inference.max_pool_step(PAIRS), [[[[5, 8]]]]),
                           (inference.avg_pool_step(PAIRS, False), [[[[2, 4]]]]),
                           (inference.global_avg_pool_step(1, 8), [[3]])):
        variants(lambda n_tasks, n, s=step: s, x, np.float32(expected))


@pytest.mark.parametrize("problem", select(POOLS, "small"), ids=lambda p: p.name)
def test_exact(problem, variants, rng):
    x, y = exact_integers(rng, problem.x_shape, kind="activation", most=50), layout.empty(problem.y_shape)
    codes = layout.empty(y.shape, np.uint8 if problem.KH * problem.KW <= 255 else np.int32)
    reference.max_pool_forward(x, y, codes, problem.geometry, None)
    variants(lambda n_tasks, n: inference.max_pool_step(problem.geometry), x, y)
    if (problem.DH, problem.DW) == (1, 1):
        for padded in (False, True):
            reference.avg_pool_forward(x, y, padded, problem.geometry)
            variants(lambda n_tasks, n, p=padded: inference.avg_pool_step(problem.geometry, p), x, y)


@pytest.mark.parametrize("C", [1, 3, 16, 70])
def test_global_mean(C, variants, rng):
    x = exact_integers(rng, (3, C, 4, 8), kind="activation")
    variants(lambda n_tasks, n: inference.global_avg_pool_step(C, 32), x, x.mean(axis=(2, 3)))


def test_nan_passes(single):
    x = laid_out([[[[1, np.nan, 2, 0], [3, -1, 8, 6]]]], "activation", np.float32)
    assert np.array_equal(single(inference.max_pool_step(PAIRS), x, (1, 1, 1, 2)), [[[[np.nan, 8]]]], equal_nan=True)
    assert np.array_equal(single(inference.avg_pool_step(PAIRS, True), x, (1, 1, 1, 2)), [[[[np.nan, 4]]]],
                          equal_nan=True)
    assert np.isnan(single(inference.global_avg_pool_step(1, 8), x, (1, 1))).all()


def test_refused():
    for make in (lambda: inference.max_pool_step((1, 4, 6, 6, 0, 3, 1, 1, 0, 0, 1, 1, 4, 4)),
                 lambda: inference.avg_pool_step(PAIRS[:-1], False),
                 lambda: inference.global_avg_pool_step(0, 4), lambda: inference.global_avg_pool_step(4, 0)):
        with pytest.raises(ValueError):
            make()
