"""The layers of activations, which are made from a table: what a class written by hand would have."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.nn.activation import LAYERS, Activation
from tinydl.ops.activations import ROWS

X = [[-2.0, 0.0, 1.0]]
EACH = pytest.mark.parametrize("name", LAYERS)


def test_every_row_has_a_layer():
    assert {row.layer for row in ROWS.values()} == set(LAYERS)
    assert set(LAYERS) <= set(nn.__all__) and set(ROWS) <= set(td.ops.__all__)


@EACH
def test_a_layer_is_a_class_of_its_module(name):
    layer = getattr(nn, name)
    assert layer.__name__ == layer.__qualname__ == name and layer.__module__ == "tinydl.nn.activation"
    assert issubclass(layer, Activation) and issubclass(layer, nn.Module)
    assert layer.__doc__.startswith("y = ") and "  " not in layer.__doc__.splitlines()[0]
    made = pickle.loads(pickle.dumps(layer()))
    assert type(made) is layer and repr(made) == repr(layer()) == repr(copy.deepcopy(made))


@EACH
def test_a_layer_applies_its_operation(name):
    (row,) = (row for row in ROWS.values() if row.layer == name)
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    operation = getattr(td.ops, row.name)
    assert np.array_equal(getattr(nn, name)()(x).data, operation(x).data)
    if row.parameter:
        layer = getattr(nn, name)(0.25)
        assert np.array_equal(layer(x).data, operation(x, 0.25).data)
        assert not np.array_equal(layer(x).data, operation(x).data)
        by_name = getattr(nn, name)(**{row.parameter: 0.25})
        assert getattr(layer, row.parameter) == getattr(by_name, row.parameter) == 0.25


def arguments(function):
    """Names and defaults, without the annotations."""
    given = inspect.signature(function).parameters.values()
    return str(inspect.Signature([each.replace(annotation=inspect.Parameter.empty) for each in given]))


def test_signatures():
    expected = {"ReLU": "(inplace=False)", "LeakyReLU": "(negative_slope=0.01)", "ELU": "(alpha=1.0)",
                "GELU": "(approximate='none')"}
    assert {name: arguments(getattr(nn, name)) for name in expected} == expected
    assert arguments(td.ops.leaky_relu) == "(x, negative_slope=0.01)"
    assert arguments(td.ops.tanh) == "(x)"


def test_representations():
    shown = [repr(layer) for layer in (nn.ReLU(), nn.Tanh(), nn.LeakyReLU(0.3), nn.ELU(alpha=2), nn.GELU())]
    assert shown == ["ReLU()", "Tanh()", "LeakyReLU(negative_slope=0.3)", "ELU(alpha=2.0)", "GELU(approximate='none')"]


@pytest.mark.parametrize(("make", "message"), [
    (lambda: nn.ELU(1, 2), "elu takes one more argument, alpha: got 1, 2"),
    (lambda: nn.Tanh(3), "tanh takes no other argument: got 3"),
    (lambda: nn.LeakyReLU(slope=2), "leaky_relu takes one more argument, negative_slope: got slope"),
    (lambda: nn.ELU("a"), "elu: alpha must be a number, got 'a'"),
    (lambda: td.ops.elu(np.ones(2), alpha=None), "elu: alpha must be a number, got None")])
def test_refused_arguments(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_documentation_of_operations():
    for name in ROWS:
        text = getattr(td.ops, name).__doc__
        assert text.startswith(text.strip()[:20])
        if name != "relu":
            assert all(f"\n{part}\n{'-' * len(part)}\n" in text for part in ("Parameters", "Returns", "Raises"))
    assert "\nalpha : float\n" in td.ops.elu.__doc__ and "\nalpha : float\n" in nn.ELU.__doc__
    assert "x : Tensor" not in nn.ELU.__doc__


@pytest.mark.parametrize(("layer", "expected"), [
    (nn.ReLU(), [0, 0, 1]), (nn.Tanh(), [-0.9640275800758169, 0, 0.7615941559557649]),
    (nn.Sigmoid(), [0.11920292202211755, 0.5, 0.7310585786300049]), (nn.LeakyReLU(), [-0.02, 0, 1]),
    (nn.LeakyReLU(0.5), [-1, 0, 1]), (nn.ELU(), [-0.8646647167633873, 0, 1]),
    (nn.ELU(2.0), [-1.7293294335267746, 0, 1]),
    (nn.GELU(), [-0.04550026389635842, 0, 0.8413447460685429]),
    (nn.GELU(approximate="none"), [-0.04550026389635842, 0, 0.8413447460685429]),
    (nn.GELU("tanh"), [-0.04540230591222494, 0, 0.8411919906082768]),
    (nn.Softmax(), [0.03511902695933972, 0.2594964603424191, 0.7053845126982411]),
    (nn.LogSoftmax(), [-3.3490122167681296, -1.3490122167681296, -0.34901221676812963])], ids=repr)
def test_worked_values(layer, expected):
    np.testing.assert_allclose(layer(np.array(X)).data, [expected], rtol=1e-12)
    np.testing.assert_allclose(layer(np.array(X, np.float32)).data, [expected], rtol=1e-6)
    assert list(layer.parameters()) == []


def test_softmax_along_another_axis():
    x = np.array([[0.0, 1.0], [0.0, 3.0]])
    np.testing.assert_allclose(nn.Softmax(0)(x).data.sum(0), [1, 1], rtol=1e-15)
    np.testing.assert_allclose(nn.Softmax(0)(x).data[:, 0], [0.5, 0.5], rtol=1e-15)


def test_softmax_says_its_axis():
    assert repr(nn.Softmax(-1)) == "Softmax(dim=-1)"


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.Softmax(3)(np.ones((2, 3))), ValueError, "axis 3 is out of range"),
    (lambda: nn.ReLU()(np.array(["a"])), TypeError, "real numbers"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_gelu_has_two_forms():
    assert repr(nn.GELU("tanh")) == "GELU(approximate='tanh')"
    for layer in (nn.GELU(), nn.GELU("tanh")):
        assert repr(eval("nn." + repr(layer))) == repr(layer)
    with pytest.raises(ValueError, match="approximate must be 'none' or 'tanh', got 'fast'"):
        nn.GELU("fast")


@pytest.mark.parametrize(("layer", "expected", "shown"), [
    (nn.ReLU(True), [0, 2], "ReLU()"), (nn.ReLU(inplace=True), [0, 2], "ReLU()"), (nn.ReLU6(True), [0, 2], "ReLU6()"),
    (nn.LeakyReLU(0.25, True), [-0.25, 2], "LeakyReLU(negative_slope=0.25)"),
    (nn.LeakyReLU(0.25, inplace=True), [-0.25, 2], "LeakyReLU(negative_slope=0.25)")], ids=str)
def test_inplace_is_taken_and_changes_nothing(layer, expected, shown):
    x = np.array([-1.0, 2.0], np.float32)
    assert layer(x).data.tolist() == expected and x.tolist() == [-1, 2] and repr(layer) == shown


def test_functions_take_inplace():
    F, x = nn.functional, np.array([-1.0, 2.0], np.float32)
    assert F.relu(x, True).data.tolist() == F.relu(x, inplace=True).data.tolist() == [0, 2]
    assert F.leaky_relu(x, 0.25, True).data.tolist() == [-0.25, 2] and x.tolist() == [-1, 2]
    with pytest.raises(TypeError, match="negative_slope must be a number, got True"):
        F.leaky_relu(x, True)
