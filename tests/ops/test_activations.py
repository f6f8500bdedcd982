import math
import pickle

import numpy as np
import pytest

import tinydl as td
from tinydl.ops.activations import ROWS

FUNCTIONS = {
    "tanh": (td.ops.tanh, np.tanh),
    "sigmoid": (td.ops.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "leaky_relu": (td.ops.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x)),
    "leaky_relu 0.3": (lambda x: td.ops.leaky_relu(x, 0.3), lambda x: np.where(x > 0, x, 0.3 * x)),
    "elu": (td.ops.elu, lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    "elu 2": (lambda x: td.ops.elu(x, 2.0), lambda x: np.where(x > 0, x, 2 * (np.exp(x) - 1))),
    "gelu": (td.ops.gelu, np.vectorize(lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))))),
    "gelu_tanh": (td.ops.gelu_tanh, lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    "mish": (td.ops.mish, lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "hardswish": (td.ops.hardswish, lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "silu": (td.ops.silu, lambda x: x / (1 + np.exp(-x))),
    "selu": (td.ops.selu, lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1))),
    "relu6": (td.ops.relu6, lambda x: np.clip(x, 0, 6)),
    "hardsigmoid": (td.ops.hardsigmoid, lambda x: np.clip(x + 3, 0, 6) / 6),
    "softplus": (td.ops.softplus, lambda x: np.log(1 + np.exp(x))),
    "softplus 3": (lambda x: td.ops.softplus(x, 3.0), lambda x: np.log(1 + np.exp(3 * x)) / 3),
    "log_sigmoid": (td.ops.log_sigmoid, lambda x: -np.log(1 + np.exp(-x))),
    "softsign": (td.ops.softsign, lambda x: x / (1 + np.abs(x))),
    "relu": (td.ops.relu, lambda x: np.maximum(x, 0)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (2, 3, 5), (2, 3, 4, 5), (0, 3)], ids=str)
def test_formula_and_gradient(gradcheck, name, shape):
    f, expected = FUNCTIONS[name]
    x = np.asarray(np.random.default_rng(0).normal(size=shape)) * 2
    if x.size:
        np.testing.assert_allclose(f(td.tensor(x)).data, expected(x), rtol=1e-6, atol=1e-9)
        gradcheck(f, x)
    assert f(td.tensor(x.astype(np.float32))).dtype == np.float32


@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_memory_order(name):
    f, _ = FUNCTIONS[name]
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    orders = [
        x,
        np.asfortranarray(x),
        x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2),
        np.repeat(x, 2, axis=3)[..., ::2],
    ]
    results = []
    for values in orders:
        t = td.Tensor(values, requires_grad=True)
        y = f(t)
        y.backward(x)
        results.append((y.data, t.grad))
    for y, dx in results[1:]:
        np.testing.assert_array_equal(y, results[0][0])
        np.testing.assert_array_equal(dx, results[0][1])


def test_gradients_that_are_broadcast_views():
    x = td.tensor(np.ones((2, 3, 4, 4)), requires_grad=True)
    td.ops.tanh(x).sum((2, 3)).sum().backward()
    np.testing.assert_allclose(x.grad, 1 - np.tanh(1) ** 2)


def test_sigmoid_gate():
    """dx = dy (1 - z) z, which is 1/4 at the middle."""
    x = td.tensor([0.0], requires_grad=True)
    td.ops.sigmoid(x).backward([2.0])
    assert x.grad.tolist() == [0.5]


def test_tanh_saturates_to_zero_gradient():
    x = td.tensor([20.0], requires_grad=True)
    td.ops.tanh(x).sum().backward()
    assert x.grad.tolist() == [0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nan_passes(name):
    assert np.isnan(FUNCTIONS[name][0](td.tensor([np.nan])).item())


@pytest.mark.parametrize("name", ROWS)
def test_integers_are_refused(name):
    with pytest.raises(TypeError, match=f"{name} needs float32 or float64"):
        getattr(td.ops, name)(np.array([1, 2]))


def test_every_activation_is_tested_here():
    assert {name.split()[0] for name in FUNCTIONS} == set(ROWS)


def test_a_function_is_a_class_of_its_module():
    x = td.tensor([1.0, -2.0], requires_grad=True)
    for name, row in ROWS.items():
        function = getattr(td.ops, name)(x).creator.function
        assert function.__name__ == row.layer and issubclass(function, td.Function)
        assert pickle.loads(pickle.dumps(function)) is function
        assert function.__doc__
    assert td.ops.activations.GELU.mro()[1] is td.ops.activations.Activation


def test_a_saved_result_serves_the_gradient():
    """tanh and sigmoid keep y, the others x: neither is written."""
    for name, row in ROWS.items():
        x = td.tensor([0.5, -2.0], requires_grad=True)
        y = getattr(td.ops, name)(x)
        saved = y.creator.saved_tensors[0]
        saved = saved if isinstance(saved, np.ndarray) else saved.array()
        assert np.array_equal(saved, y.data if row.saves == "y" else x.data)
