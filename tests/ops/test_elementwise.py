import numpy as np
import pytest

import tinydl as td

X = np.random.default_rng(0).uniform(0.3, 2, (3, 4))


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "abs", "sin", "cos"])
def test_as_numpy_and_gradients(gradcheck, name):
    f = getattr(td.ops, name)
    np.testing.assert_allclose(f(X).data, getattr(np, name)(X))
    gradcheck(f, X)
    if name in ("abs", "sin", "cos"):
        gradcheck(f, -X)


def test_edges():
    x = td.tensor([-1.0, 0.0], requires_grad=True)
    assert np.isnan(td.ops.log(x).data[0]) and td.ops.log(x).data[1] == -np.inf
    assert np.isnan(td.ops.sqrt(x).data[0])
    td.ops.sqrt(x)[1:].sum().backward()
    assert x.grad[1] == np.inf
    x.grad = None
    abs(x).sum().backward()
    assert x.grad.tolist() == [-1, 0]


def test_clip():
    x = td.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, np.nan], requires_grad=True)
    y = x.clip(0, 1)
    assert y.data[:5].tolist() == [0, 0, 0.5, 1, 1] and np.isnan(y.data[5])
    y.backward(np.ones(6))
    assert x.grad.tolist() == [0, 1, 1, 1, 0, 1]
    assert td.ops.clip(x, max=0.5).data[4] == 0.5
    with pytest.raises(ValueError, match="min <= max, got 2.0 and 1.0"):
        x.clip(2, 1)
    with pytest.raises(ValueError, match="at least one"):
        x.clip()


def test_maximum_minimum_where(gradcheck):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 4)), rng.normal(size=4)
    for name in ("maximum", "minimum"):
        np.testing.assert_array_equal(getattr(td.ops, name)(td.tensor(x), y).data, getattr(np, name)(x, y))
        gradcheck(getattr(td.ops, name), x, y)
    gradcheck(lambda a, b: td.ops.where(x > 0, a, b), x, y)
    assert td.ops.where(td.tensor(x) > 0, td.tensor(x), 0.0).data.min() == 0
    with pytest.raises(TypeError, match="booleans, got float64; compare first"):
        td.ops.where(x, x, td.tensor(y))


def test_ties_share_the_gradient():
    x, y = td.tensor([1.0, 2.0], requires_grad=True), td.tensor([1.0, 0.0], requires_grad=True)
    td.ops.maximum(x, y).sum().backward()
    assert x.grad.tolist() == [0.5, 1] and y.grad.tolist() == [0.5, 0]


def test_integers_are_refused():
    with pytest.raises(TypeError, match="exp needs float32 or float64 values, got int64"):
        td.ops.exp(np.array([1, 2]))


def test_limits_that_are_tensors(gradcheck):
    """By hand: 0 below [1, 1], 2 inside; a limit takes the gradient of what lies beyond it."""
    x, low = td.tensor([0.0, 2.0, 1.0], requires_grad=True), td.tensor([1.0, 1.0, 1.0], requires_grad=True)
    high = td.tensor(1.5, requires_grad=True)
    y = td.ops.clip(x, low, high)
    assert y.data.tolist() == [1, 1.5, 1]
    y.backward([1, 10, 100])
    assert x.grad.tolist() == [0, 0, 100] and low.grad.tolist() == [1, 0, 0] and high.grad == 10
    rng = np.random.default_rng(0)
    gradcheck(td.ops.clip, rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(3, 1)))
    assert td.ops.clip(td.tensor([5.0, np.nan]), np.array([6.0, 0.0])).data.tolist()[0] == 6
    assert np.isnan(td.ops.clip(td.tensor([5.0, np.nan]), max=td.tensor([6.0, 0.0])).data[1])
    assert td.ops.clip(td.tensor([1.0]), td.tensor(3.0), td.tensor(2.0)).item() == 2  # as NumPy: high goes last
