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
        assert vars(layer) == vars(getattr(nn, name)(**{row.parameter: 0.25})) == {row.parameter: 0.25}


def test_signatures():
    expected = {"ReLU": "()", "LeakyReLU": "(negative_slope=0.01)", "ELU": "(alpha=1.0)", "GELU": "()"}
    assert {name: str(inspect.signature(getattr(nn, name))) for name in expected} == expected
    assert str(inspect.signature(td.ops.leaky_relu)) == "(x, negative_slope=0.01)"
    assert str(inspect.signature(td.ops.tanh)) == "(x)"


def test_representations():
    shown = [repr(layer) for layer in (nn.ReLU(), nn.Tanh(), nn.LeakyReLU(0.3), nn.ELU(alpha=2), nn.GELU())]
    assert shown == ["ReLU()", "Tanh()", "LeakyReLU(negative_slope=0.3)", "ELU(alpha=2.0)", "GELU(approximate='none')"]


@pytest.mark.parametrize(("make", "message"), [
    (lambda: nn.ELU(1, 2), "elu takes one more argument, alpha: got 1, 2"),
    (lambda: nn.Tanh(3), "tanh takes no other argument: got 3"), (lambda: nn.ReLU(1), "takes 1 positional argument"),
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
