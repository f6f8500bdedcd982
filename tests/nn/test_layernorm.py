"""Layer norm."""

import numpy as np
import pytest

from tinydl import nn


def test_worked_values():
    layer = nn.LayerNorm(2, eps=0)
    layer.weight.data[...], layer.bias.data[...] = [1, 3], [0, 10]
    assert layer([[1.0, 3.0], [5.0, -5.0]]).data.tolist() == [[-1, 13], [1, 7]]


def test_several_axes_share_their_statistics():
    layer = nn.LayerNorm((2, 2), eps=0, elementwise_affine=False)
    assert list(layer.parameters()) == []
    assert layer([[[1.0, 1.0], [3.0, 3.0]]]).data.tolist() == [[[-1, -1], [1, 1]]]


def test_it_is_the_same_in_evaluation():
    layer, x = nn.LayerNorm(3), np.array([[1.0, 2.0, 6.0]], np.float32)
    assert np.array_equal(layer(x).data, layer.eval()(x).data)


def test_parts():
    assert list(nn.LayerNorm(3, bias=False).state_dict()) == ["weight"]
    assert repr(nn.LayerNorm((3, 4))) == "LayerNorm((3, 4), eps=1e-05, elementwise_affine=True, bias=True)"


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.LayerNorm(4)(np.ones((2, 3))), ValueError, r"\(..., 4\), got \(2, 3\)"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
