"""The checker of these tests must itself fail on a wrong gradient."""

import numpy as np
import pytest

import tinydl as td


class Planted(td.Function):
    error = 0.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * dy * (1 + Planted.error)


def test_planted_errors_are_found(gradcheck):
    x = np.random.default_rng(0).normal(size=(3, 4))
    gradcheck(Planted.apply, x)
    for error in (1e-3, -1e-3, np.nan):
        Planted.error = error
        with pytest.raises(AssertionError):
            gradcheck(Planted.apply, x)
    Planted.error = 0.0
