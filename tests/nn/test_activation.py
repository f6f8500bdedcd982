"""Activations as layers."""

import numpy as np
import pytest

from tinydl import nn

X = [[-2.0, 0.0, 1.0]]


@pytest.mark.parametrize(("layer", "expected"), [
    (nn.ReLU(), [0, 0, 1]), (nn.Tanh(), [-0.9640275800758169, 0, 0.7615941559557649]),
    (nn.Sigmoid(), [0.11920292202211755, 0.5, 0.7310585786300049]), (nn.LeakyReLU(), [-0.02, 0, 1]),
    (nn.LeakyReLU(0.5), [-1, 0, 1]), (nn.ELU(), [-0.8646647167633873, 0, 1]),
    (nn.ELU(2.0), [-1.7293294335267746, 0, 1]),
    (nn.GELU(), [-0.04550026389635842, 0, 0.8413447460685429]),
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


def test_repr_says_the_settings():
    assert [repr(layer) for layer in (nn.LeakyReLU(0.2), nn.ELU(), nn.Softmax(-1), nn.Tanh())] == [
        "LeakyReLU(negative_slope=0.2)", "ELU(alpha=1.0)", "Softmax(dim=-1)", "Tanh()"]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.Softmax(3)(np.ones((2, 3))), ValueError, "axis 3 is out of range"),
    (lambda: nn.ReLU()(np.array(["a"])), TypeError, "real numbers"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
