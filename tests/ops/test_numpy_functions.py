"""NumPy's functions of tensors: operations where there is one, values where no gradient is lost, else refused."""

import numpy as np
import pytest

import tinydl as td
from tinydl import ops
from tinydl.ops.numpy_functions import _UFUNCS

VALUES = np.array([[0.25, 0.5], [0.75, 2.0]])


def result():
    """A tensor in the middle of a graph."""
    x = td.tensor(VALUES, requires_grad=True)
    return x, x * 1.0


@pytest.mark.parametrize(("call", "name"), [
    (lambda x: np.pad(x, 1), "ops.pad"),
    (lambda x: np.concatenate([x, x]), "ops.concatenate"),
    (lambda x: np.stack((VALUES, x)), "ops.stack"),
    (lambda x: np.vstack([x, x]), "ops.concatenate"),
    (lambda x: np.where(VALUES > 0.5, x, 0), "ops.where"),
    (lambda x: np.dot(x, VALUES), "ops.matmul"),
    (lambda x: np.einsum("ij,ij", x, x), "ops.matmul"),
    (lambda x: np.sum(x), "ops.sum"),
    (lambda x: np.mean(x, axis=0), "ops.mean"),
    (lambda x: np.max(x), "ops.max"),
    (lambda x: np.clip(x, 0, 1), "ops.clip"),
    (lambda x: np.reshape(x, 4), "ops.reshape"),
    (lambda x: np.transpose(x), "ops.transpose"),
    (lambda x: np.expand_dims(x, 0), "ops.unsqueeze"),
    (lambda x: np.linalg.norm(x), "ops.norm"),
    (lambda x: np.arctan(x), "operations of td.ops"),
    (lambda x: np.add.reduce(x), "td.ops.add"),
    (lambda x: np.add(VALUES, x, out=np.empty((2, 2))), "td.ops.add"),
])
def test_functions_that_would_lose_the_gradient(call, name):
    x, y = result()
    for z in (x, y):
        with pytest.raises(TypeError, match=f"nothing before it would learn; use .*{name}"):
            call(z)
    with td.no_grad():
        right = call(VALUES)
        assert np.array_equal(call(y), right) and np.array_equal(call(td.tensor(VALUES)), right)
    assert np.array_equal(call(y.detach()), right)


@pytest.mark.parametrize("call", [np.asarray, np.array, np.float32, lambda x: np.asarray([x, x]),
                                  lambda x: np.full((2, 2), x)])
def test_a_tensor_in_a_graph_does_not_become_an_array_by_itself(call):
    x, y = result()
    for z in (x, y):
        with pytest.raises(RuntimeError, match=r"does not become an array by itself.*x.numpy\(\)"):
            call(z)
    assert np.array_equal(np.asarray(y.detach()), VALUES) and np.array_equal(y.numpy(), VALUES)
    with td.no_grad():
        assert np.array_equal(np.asarray(y), VALUES)


# d/dx of each, by hand; the others have truth values or no gradient.
SLOPES = {
    np.absolute: lambda x: 1 + 0 * x, np.cos: lambda x: -np.sin(x), np.exp: np.exp, np.log: lambda x: 1 / x,
    np.negative: lambda x: -1 + 0 * x, np.sin: np.cos, np.sqrt: lambda x: 0.5 / np.sqrt(x),
    np.square: lambda x: 2 * x, np.tanh: lambda x: 1 - np.tanh(x) ** 2,
}
# d/dx and d/dy.
PAIRS = {
    np.add: (lambda x, y: 1 + 0 * x, lambda x, y: 1 + 0 * x),
    np.subtract: (lambda x, y: 1 + 0 * x, lambda x, y: -1 + 0 * x),
    np.multiply: (lambda x, y: y, lambda x, y: x),
    np.divide: (lambda x, y: 1 / y, lambda x, y: -x / y**2),
    np.power: (lambda x, y: y * x ** (y - 1), lambda x, y: x**y * np.log(x)),
    np.maximum: (lambda x, y: 1.0 * (x > y), lambda x, y: 1.0 * (y > x)),
    np.minimum: (lambda x, y: 1.0 * (x < y), lambda x, y: 1.0 * (y < x)),
}


# Refused of what the test takes, floats that record: tests/ops/test_truth.py has them.
WITHOUT_GRADIENT = {np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.remainder}


@pytest.mark.parametrize("ufunc", sorted(_UFUNCS.keys() - WITHOUT_GRADIENT, key=lambda ufunc: ufunc.__name__),
                         ids=lambda ufunc: ufunc.__name__)
def test_ufuncs_are_operations(ufunc):
    others = [np.array([[0.3, 0.4], [1.5, 1.0]])] * (ufunc.nin - 1)
    for order in ("tensor first", "array first")[:ufunc.nin]:
        x, y = result()
        arguments = [y, *others] if order == "tensor first" else [*others, y]
        z = ufunc(*arguments)
        assert isinstance(z, td.Tensor)
        values = [VALUES if a is y else a for a in arguments]
        np.testing.assert_allclose(z.numpy(), ufunc(*values), 1e-14)
        if ufunc in SLOPES or ufunc in PAIRS:
            z.sum().backward()
            slope = SLOPES[ufunc] if ufunc in SLOPES else PAIRS[ufunc][arguments.index(y) if y is arguments[0] else 1]
            np.testing.assert_allclose(x.grad, slope(*values), 1e-14)
        else:
            assert ufunc is np.matmul or not z.requires_grad


def test_operators_of_arrays_and_numpys_numbers():
    x, y = result()
    for z in (VALUES + y, np.float64(2) * y, np.float32(1) - y, VALUES @ y):
        assert isinstance(z, td.Tensor) and z.requires_grad
    assert (np.float64(0.5) >= y).numpy().tolist() == [[True, True], [False, False]]
    (2 * VALUES * y).sum().backward()
    assert np.array_equal(x.grad, 2 * VALUES)


def test_writing_into_an_array():
    total = np.zeros((2, 2))
    total += td.tensor(VALUES)
    assert np.array_equal(total, VALUES)
    with pytest.raises(TypeError, match="numpy.add"):
        total += result()[1]
    assert np.array_equal(total, VALUES)


def test_questions_are_answered():
    x, y = result()
    assert np.shape(y) == (2, 2) and np.ndim(y) == 2 and np.size(y) == 4
    assert np.array_equal(y, VALUES) and np.allclose(y, VALUES) and np.isfinite(y).numpy().all()
    assert np.zeros_like(y).shape == (2, 2) and np.argmax(y) == 3 and np.result_type(y, np.float32) == np.float64


@pytest.mark.parametrize("call", [
    ops.relu, ops.sum, ops.exp, ops.softmax, lambda v: ops.add(v, v), lambda v: ops.mul(td.tensor(VALUES), v),
    lambda v: ops.mse(v, np.ones((2, 2, 2))), lambda v: ops.mse(td.tensor(np.ones((2, 2, 2))), v), td.nn.ReLU(),
    td.nn.Linear(2, 2), td.nn.BatchNorm1d(2), td.nn.Sequential(td.nn.Linear(2, 2)), td.tensor, td.nn.Parameter,
    lambda v: ops.where(VALUES > 0, v, v), lambda v: td.tensor(VALUES) @ v,
])
def test_a_list_of_tensors_is_no_tensor(call):
    _, y = result()
    for several in ([y, y], (y, y), [[y], [y]]):
        with pytest.raises(TypeError, match="whose gradient would be lost; join them with td.ops.stack|unsupported"):
            call(several)


def test_a_list_of_tensors_without_a_graph_is_an_array():
    x = td.tensor(VALUES)
    assert np.array_equal(ops.relu([x, x]).numpy(), [VALUES, VALUES])
    assert td.tensor([x[0, 0], x[0, 1]]).numpy().tolist() == [0.25, 0.5]
