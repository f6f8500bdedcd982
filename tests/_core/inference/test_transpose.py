"""The transposition between memory orders as a step: literal numbers, NumPy's, cuts and threads, NaN, refusals."""

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import inference
from tinydl.testing.guards import exact_integers


def test_literal_numbers(variants):
    x = np.array([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]], np.float32)
    variants(lambda n_tasks, n: inference.transpose_step(2, 3), x,
             np.float32([[1, 4, 2, 5, 3, 6], [7, 10, 8, 11, 9, 12]]))


@pytest.mark.parametrize("C", [1, 3, 16, 70])
def test_row_major_becomes_channels_last(C, single, rng):
    x = exact_integers(rng, (3, C, 4, 8), kind="activation")
    y = single(inference.transpose_step(C, 32), np.ascontiguousarray(x), x.shape, row_major=True)
    assert np.array_equal(y, x) and layout.is_channels_last(y)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (15, 17), (16, 16), (33, 32), (3, 1024)], ids=str)
def test_exact(shape, variants, rng):
    x = exact_integers(rng, (3, *shape), most=1000)
    variants(lambda n_tasks, n: inference.transpose_step(*shape), x.reshape(3, -1),
             x.transpose(0, 2, 1).reshape(3, -1))


def test_nan_and_infinity_are_moved_as_they_are(single):
    x = np.array([[np.nan, np.inf, -0.0, 1]], np.float32)
    y = single(inference.transpose_step(2, 2), x, x.shape)
    assert np.array_equal(y, [[np.nan, 0, np.inf, 1]], equal_nan=True) and np.signbit(y[0, 1])


@pytest.mark.parametrize(("rows", "cols"), [(4, 0), (0, 4), (-1, 4), (4, (1 << 31) + 1)])
def test_refused(rows, cols):
    with pytest.raises(ValueError, match="transpose_step: a matrix of"):
        inference.transpose_step(rows, cols)
