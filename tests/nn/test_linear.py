"""Fully connected layers: initial values and what they say to bad input."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn


def test_worked_values():
    layer = nn.Linear(3, 2)
    layer.weight.data[...] = [[1, 0, -1], [0.5, 0.5, 0.5]]
    layer.bias.data[...] = [10, 0]
    assert layer([[1.0, 2.0, 3.0]]).data.tolist() == [[8, 3]]
    assert layer([[[1.0, 2.0, 3.0]], [[0.0, 0.0, 1.0]]]).data.tolist() == [[[8, 3]], [[9, 0.5]]]


def test_without_bias():
    layer = nn.Linear(3, 2, bias=False)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    assert layer(np.zeros((1, 3))).data.tolist() == [[0, 0]]
    assert repr(layer) == "Linear(in_features=3, out_features=2, bias=False)"


def test_identity_stands_in_for_any_layer():
    x = td.tensor([1.0, 2.0])
    layer = nn.Identity(3, kernel_size=2)
    assert layer(x) is x
    assert list(layer.parameters()) == []


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.Linear(4, 2)(np.ones((3, 5))), ValueError,
     r"Linear takes \(..., 4\), got shape \(3, 5\); .* Linear\(5, 2\)"),
    (lambda: nn.Linear(60, 2)(np.ones((2, 3, 4, 5))), ValueError, r"put nn.Flatten\(\) before it"),
    (lambda: nn.Linear(50, 2)(np.ones((2, 3, 4, 5))), ValueError,
     r"after nn.Flatten\(\) this input would need Linear\(60, 2\)"),
    (lambda: nn.Sequential(nn.Flatten(), nn.Linear(50, 2))(np.ones((2, 3, 4, 5))), ValueError,
     r"would need Linear\(60, 2\)"),
    (lambda: nn.Linear(2, 2)(td.tensor(np.ones((1, 2)))), TypeError, "float64.*float32"),
    (lambda: nn.Linear(2, 2)(td.tensor(np.ones((1, 2), int))), TypeError, "int64.*float32"),
    (lambda: nn.Linear(0, 2), ValueError, "in_features must be at least 1, got 0"),
    (lambda: nn.Linear(2.0, 2), TypeError, "in_features must be an integer"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
