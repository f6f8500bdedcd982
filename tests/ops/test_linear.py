"""The matrix product of a fully connected layer."""

import numpy as np
import pytest

import tinydl as td

RNG = np.random.default_rng(0)


def test_worked_values():
    x, w, b = (td.tensor(v, requires_grad=True) for v in ([[1.0, 2.0]], [[1.0, 10.0], [3.0, 0.0]], [100.0, 200.0]))
    y = td.ops.linear(x, w, b)
    assert y.data.tolist() == [[121, 203]]
    y.backward([[1.0, 1000.0]])
    assert x.grad.tolist() == [[3001, 10]]
    assert w.grad.tolist() == [[1, 2], [1000, 2000]]
    assert b.grad.tolist() == [1, 1000]


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5), (2, 1, 3, 5), (0, 5), (2, 0, 5)], ids=str)
def test_leading_axes(gradcheck, shape):
    x, w, b = RNG.normal(size=shape), RNG.normal(size=(4, 5)), RNG.normal(size=4)
    y = td.ops.linear(td.tensor(x), td.tensor(w), td.tensor(b))
    assert y.shape == (*shape[:-1], 4)
    np.testing.assert_allclose(y.data, x @ w.T + b, rtol=1e-12)
    gradcheck(td.ops.linear, x, w, b)
    gradcheck(lambda a, v: td.ops.linear(a, v), x, w)


def test_any_memory_order():
    x, w = RNG.integers(-3, 4, (6, 5)).astype(np.float32), RNG.integers(-3, 4, (4, 5)).astype(np.float32)
    for values in (np.asfortranarray(x), np.repeat(x, 2, 1)[:, ::2], x[::-1].copy()[::-1]):
        for weight in (w, np.asfortranarray(w), np.repeat(w, 2, 0)[::2]):
            assert np.array_equal(td.ops.linear(td.Tensor(values), td.Tensor(weight)).data, x @ w.T)


def test_what_takes_no_gradient_gets_none():
    x, w = td.tensor(RNG.normal(size=(2, 3))), td.tensor(RNG.normal(size=(4, 3)), requires_grad=True)
    td.ops.linear(x, w).sum().backward()
    assert x.grad is None
    np.testing.assert_allclose(w.grad, np.tile(x.data.sum(0), (4, 1)))


@pytest.mark.parametrize(("shape", "message"), [
    ((2, 4), r"\(..., 3\), got shape \(2, 4\); .* Linear\(4, 4\)$"), ((2, 3, 1), r"put nn.Flatten\(\) before it"),
    ((2, 3, 4), r"after nn.Flatten\(\) this input would need Linear\(12, 4\)"), ((), r"got shape \(\)")])
def test_shapes_that_do_not_fit(shape, message):
    with pytest.raises(ValueError, match=message):
        td.ops.linear(np.ones(shape), td.tensor(np.ones((4, 3))))


def test_types_that_do_not_meet():
    with pytest.raises(TypeError, match="linear got float64 input and a float32 weight; convert one with .astype"):
        td.ops.linear(td.tensor(np.ones((1, 3))), td.tensor(np.ones((4, 3), np.float32)))


def test_rows_without_entries():
    """The sum over no features is 0, and the bias is left."""
    y = td.ops.linear(np.ones((2, 3, 0), "f4"), np.ones((2, 0), "f4"), np.array([1, -2], "f4"))
    assert y.shape == (2, 3, 2) and (y.numpy() == [1, -2]).all()
