import numpy as np
import pytest

import tinydl as td
from tinydl.backward import walk
from tinydl.gradient import Gradient


def test_a_node_waits_for_all_that_read_it():
    """y = x^2, z = (y + 1) y: dz/dx = (2 y + 1) 2 x, whatever the order of the readers."""
    for turned in (False, True):
        x = td.tensor([3.0], dtype=np.float64, requires_grad=True)
        y = x * x
        z = y * (y + 1) if turned else (y + 1) * y
        walk([(z.creator, Gradient(np.ones(1)))], False)
        assert x.grad.tolist() == [2 * 3 * (2 * 9 + 1)]


def test_what_was_released_is_not_walked_again():
    x = td.tensor([3.0], requires_grad=True)
    y = x * x
    walk([(y.creator, Gradient(np.ones(1, np.float32)))], False)
    with pytest.raises(RuntimeError, match="ran through Mul before"):
        walk([(y.creator, Gradient(np.ones(1, np.float32)))], False)


def test_a_failure_leaves_no_gradient_waiting():
    class Fails(td.Function):
        @staticmethod
        def forward(ctx, x):
            return x + 0

        @staticmethod
        def backward(ctx, dy):
            if Fails.failing:
                raise ZeroDivisionError
            return dy

    x = td.tensor([3.0], requires_grad=True)
    h = x * 2
    y = Fails.apply(h) + h
    Fails.failing = True
    with pytest.raises(ZeroDivisionError):
        y.backward(retain_graph=True)
    Fails.failing = False
    y.backward()
    assert x.grad.tolist() == [4]
