"""The table of loops that kernels of several rooms share: a number of a map and a name mean the same row."""

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import batchnorm, elementwise
from tinydl._core.operands import Map
from tinydl._core.reference import elementwise as reference
from tinydl.testing.compare import assert_close


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", elementwise.ACTIVATIONS)
def test_a_map_ends_in_the_activation_it_names(name, dtype):
    x = layout.empty((3, 5, 4, 7), dtype)
    x[...] = np.random.default_rng(0).normal(0, 2, x.shape)
    one, zero, y = np.ones(5, dtype), np.zeros(5, dtype), layout.empty_like(x)
    batchnorm.affine_forward(x, Map(one, zero, zero, name, 0.3), None, None, y, 2)
    expected = np.empty(x.shape, np.float64)
    reference.activation_forward(name, x.astype(np.float64), expected, 0.3, 1)
    assert_close(y, expected, 1e-6 if dtype == np.float32 else 1e-13)


def test_the_loops_that_add():
    a, b = np.random.default_rng(1).normal(size=(2, 9)).astype(np.float32)
    y = np.empty_like(a)
    elementwise.add(a, b, y, 1)
    np.testing.assert_array_equal(y, a + b)
