import numpy as np
import pytest

from tinydl._core.operands import Map, Pending
from tinydl.deferred import switched_off
from tinydl.gradient import Gradient
from tinydl.testing.guards import laid_out


def pending():
    """2 dz' + 3 (y - 1) + 4 where y > 0 lets dz pass."""
    y = laid_out(np.array([[[1.0, -2.0]], [[3.0, 0.0]]]), "activation")
    dz = laid_out(np.array([[[5.0, 6.0]], [[7.0, 8.0]]]), "activation")
    vectors = [np.array([v]) for v in (1.0, 0.0, 0.0, 2.0, 3.0, 4.0)]
    return Pending(dz, y, Map(vectors[0], vectors[2], vectors[1], "relu"), *[*vectors[3:5], np.array([1.0])])


EXPECTED = [[[14.0, -5.0]], [[24.0, 1.0]]]  # 2 dz' + 3 y + 1


def test_what_waits_is_computed_once():
    gradient = Gradient.waiting(pending())
    assert gradient.pending is not None and gradient.operand() is gradient.pending
    assert (gradient.shape, gradient.dtype) == ((2, 1, 2), np.float64)
    array = gradient.array()
    assert array.tolist() == EXPECTED
    assert gradient.array() is array and gradient.operand() is array and gradient.pending is None
    with switched_off():
        assert Gradient.waiting(pending()).pending is None


def test_a_sum_is_made_in_memory_that_nobody_else_holds():
    x, y = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    assert Gradient(x).plus(Gradient(y)).array() is x and x.tolist() == [11, 22]
    assert Gradient(x, owned=False).plus(Gradient(y)).array() is y and y.tolist() == [21, 42]
    total = Gradient(x).shared().plus(Gradient(y, owned=False))
    assert total.owned and total.array().tolist() == [32, 64]
    assert x.tolist() == [11, 22] and y.tolist() == [21, 42]
    x.flags.writeable = False
    assert Gradient(x).plus(Gradient(y, owned=False)).array().tolist() == [32, 64]


@pytest.mark.parametrize("order", ["C", "F"])
def test_sums_of_any_layout(order):
    x, y = np.arange(6.0).reshape(2, 3), np.array(np.arange(6.0).reshape(2, 3), order=order)
    assert Gradient(x[:, ::-1]).plus(Gradient(y)).array().tolist() == [[2, 2, 2], [8, 8, 8]]
    assert Gradient(x).plus(Gradient(y)).array().tolist() == [[0, 2, 4], [6, 8, 10]]
    assert Gradient(np.float32([1, 2])).plus(Gradient(np.array([0.5, 0.5]))).dtype == np.float64


def test_what_waits_can_be_added_to():
    assert Gradient.waiting(pending()).plus(Gradient.waiting(pending())).array().tolist() == (
        2 * np.array(EXPECTED)).tolist()
