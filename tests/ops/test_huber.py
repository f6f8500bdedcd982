"""Huber loss: a parabola near 0, a line beyond delta."""

import math

import numpy as np
import pytest

import tinydl as td

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("delta", "losses", "gradients"), [
    (1.0, [0.125, 0.5, 2.5, 2.5], [0.5, 1, 1, -1]), (0.25, [0.09375, 0.21875, 0.71875, 0.71875], [0.25] * 3 + [-0.25]),
    (10.0, [0.125, 0.5, 4.5, 4.5], [0.5, 1, 3, -3])])
def test_worked_values(delta, losses, gradients):
    x = td.tensor([0.5, 1.0, 3.0, -3.0], requires_grad=True)
    loss = td.ops.huber(x, np.zeros(4), "none", delta)
    assert loss.data.tolist() == losses
    loss.backward(np.ones(4))
    assert x.grad.tolist() == gradients


def test_infinity_and_nan():
    x = td.tensor([math.inf, -math.inf, math.nan], requires_grad=True)
    loss = td.ops.huber(x, np.zeros(3), "none")
    assert loss.data[:2].tolist() == [math.inf, math.inf]
    assert math.isnan(loss.data[2])
    loss.backward(np.ones(3))
    assert x.grad[:2].tolist() == [1, -1]


def test_delta_must_be_positive():
    for delta in (0, -1, math.nan):
        with pytest.raises(ValueError, match=f"huber: delta must be a finite number > 0, got {delta}"):
            td.ops.huber(td.tensor([1.0]), [0.0], delta=delta)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradients(gradcheck, reduction):
    gradcheck(lambda x, t: td.ops.huber(x, t, reduction, 0.7), 2 * RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4)))
