"""Squared error."""

import numpy as np
import pytest

import tinydl as td

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("reduction", "value", "gradient"), [
    ("mean", 2.5, [1, -2]), ("sum", 5, [2, -4]), ("none", [1, 4], [2, -4])])
def test_worked_values(reduction, value, gradient):
    x = td.tensor([1.0, 2.0], requires_grad=True)
    loss = td.ops.mse(x, [0.0, 4.0], reduction)
    assert loss.data.tolist() == value
    loss.backward(np.ones(loss.shape))
    assert x.grad.tolist() == gradient


def test_course_squared_error():
    """E = 1/2 sum (x - t)^2 has the gradient x - t."""
    x = td.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (0.5 * td.ops.mse(x, [0.0, 4.0, 3.0], reduction="sum")).backward()
    assert x.grad.tolist() == [1, -2, 0]


def test_the_target_may_take_a_gradient():
    x, t = td.tensor([1.0, 5.0], requires_grad=True), td.tensor([3.0, 1.0], requires_grad=True)
    td.ops.mse(x, t, "sum").backward()
    assert x.grad.tolist() == [-4, 8]
    assert t.grad.tolist() == [4, -8]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradients(gradcheck, reduction):
    gradcheck(lambda x, t: td.ops.mse(x, t, reduction), RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4)))


def test_numbers_and_a_target_that_takes_a_gradient():
    """0-d: l = (2 - 1)^2 has the gradients 2 and -2, Huber's 1 and -1."""
    for loss, slope in ((td.ops.mse, 2), (td.ops.huber, 1)):
        x, t = td.tensor(2.0, requires_grad=True), td.tensor(1.0, requires_grad=True)
        loss(x, t).backward()
        assert (x.grad, t.grad) == (slope, -slope)
        assert x.grad.shape == t.grad.shape == ()
