"""Operators and methods of tensors are the operations of tinydl.ops under Python's and NumPy's names."""

import operator

import numpy as np
import pytest

import tinydl as td

X = np.array([[1.0, 4.0], [9.0, 0.25]])


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "pow"])
@pytest.mark.parametrize("other", [2, 0.5, np.float64(3), np.array([1.0, 2.0])], ids=str)
def test_operators_with_numbers_and_arrays_on_either_side(name, other):
    f = getattr(operator, name)
    for result, expected in ((f(td.tensor(X), other), f(X, other)), (f(other, td.tensor(X)), f(other, X))):
        assert isinstance(result, td.Tensor)
        np.testing.assert_allclose(result.data, expected, rtol=1e-12)


def test_matrix_product_on_either_side():
    for result in (td.tensor(X) @ X, X @ td.tensor(X), td.tensor(X) @ td.tensor(X)):
        np.testing.assert_allclose(result.data, X @ X, rtol=1e-15)


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_comparisons_give_booleans_without_gradient(name):
    f = getattr(operator, name)
    x = td.tensor(X, requires_grad=True)
    for result, expected in ((f(x, 1), f(X, 1)), (f(x, td.tensor(X.T)), f(X, X.T))):
        assert result.dtype == bool and not result.requires_grad
        assert np.array_equal(result.data, expected)


@pytest.mark.parametrize("f", [
    lambda x: x.sum(), lambda x: x.sum(0), lambda x: x.mean(1), lambda x: x.max(), lambda x: x.min(axis=1),
    lambda x: x.T,
    lambda x: x.reshape(4), lambda x: x.reshape((4, 1)), lambda x: x.transpose(), lambda x: x.flatten(),
    lambda x: abs(-x), lambda x: x[1], lambda x: x[:, 0], lambda x: x.argmax(1), lambda x: x.clip(1, 5),
    lambda x: x.squeeze(), lambda x: x.astype("float32")], ids=range(17))
def test_methods_named_as_in_numpy_do_the_same(f):
    result, expected = f(td.tensor(X)), f(X)
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result.data, expected, rtol=1e-12)


def test_variance_divides_by_one_less_as_in_pytorch():
    np.testing.assert_allclose(td.tensor(X).var().data, X.var(ddof=1), rtol=1e-12)
    np.testing.assert_allclose(td.tensor(X).std(0).data, X.std(0, ddof=1), rtol=1e-12)


def test_methods_named_as_in_pytorch():
    x = td.tensor(X)
    assert np.array_equal(x.permute(1, 0).data, X.T) and np.array_equal(x.permute((1, 0)).data, X.T)
    assert x.unsqueeze(0).shape == (1, 2, 2)
    assert np.array_equal(x.relu().data, X)
    for name in ("exp", "log", "sqrt", "abs", "tanh"):
        np.testing.assert_allclose(getattr(x, name)().data, getattr(np, name)(X), rtol=1e-12)
    np.testing.assert_allclose(x.softmax(1).data.sum(1), [1, 1], rtol=1e-15)
    np.testing.assert_allclose(np.exp(x.log_softmax(1).data), x.softmax(1).data, rtol=1e-12)
    np.testing.assert_allclose(x.sigmoid().data, 1 / (1 + np.exp(-X)), rtol=1e-12)


def test_iteration_gives_the_rows():
    rows = list(td.tensor(X))
    assert [row.data.tolist() for row in rows] == X.tolist()


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "pow", "matmul", "lt", "ge"])
@pytest.mark.parametrize("other", ["a", None, [1, 2], object()], ids=str)
def test_other_operands_are_pythons_own_error(name, other):
    with pytest.raises(TypeError, match="unsupported operand|not supported between|only a tensor with one integer"):
        getattr(operator, name)(td.tensor(X), other)
