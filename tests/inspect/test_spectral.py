import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.inspect import jacobian, spectral_norm

RNG = np.random.default_rng(0)
td.manual_seed(0)
X = RNG.normal(size=(2, 3, 6, 6))

LAYERS = [
    nn.Conv2d(3, 4, 3, padding=1), nn.ConvTranspose2d(3, 2, 2), nn.ReLU(), nn.Tanh(), nn.GELU(), nn.MaxPool2d(2),
    nn.MaxPool2d(3, stride=1), nn.AdaptiveMaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3),
    nn.BatchNorm2d(3).eval(), nn.ResidualBlock(3), nn.ResidualBlock(3).eval(), nn.BottleneckBlock(3, 2, 5, stride=2),
    nn.LayerNorm([3, 6, 6]), nn.Softmax(1), nn.Flatten(), nn.Identity(), nn.Linear(6, 5),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: f"{type(layer).__name__}-{layer.training}")
def test_spectral_norm_is_the_largest_singular_value(layer):
    layer.double()
    before = layer.state_dict()
    exact = np.linalg.norm(jacobian(layer, X), 2)
    assert spectral_norm(layer, X, iterations=1000, tolerance=1e-8) == pytest.approx(exact, rel=1e-4)
    assert spectral_norm(layer, X) == pytest.approx(exact, rel=0.02)
    assert all(np.array_equal(before[name], value) for name, value in layer.state_dict().items())


def test_spectral_norm_where_relu_stands_at_zero():
    """A block that is the identity, after a ReLU that left exact zeros: both products see the same derivative."""
    block = nn.ResidualBlock(3)
    nn.init.zeros_(block.bn2.weight)
    block.double()
    x = np.maximum(X, 0)
    assert spectral_norm(block, x, tolerance=1e-8) == pytest.approx(1, abs=1e-6)
    assert np.linalg.norm(jacobian(block, x), 2) == pytest.approx(1)


def test_spectral_norm_of_a_unit_that_stands_at_zero():
    """relu(5 * 0) passes nothing on, as in `backward`; its large weight does not count."""
    block = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU()).double()
    block[0].weight.data = np.array([[5.0, 0], [0, 1]])
    x = np.array([[0.0, 1.0]])
    assert np.linalg.norm(jacobian(block, x), 2) == 1
    assert spectral_norm(block, x) == pytest.approx(1, rel=1e-4)


def test_spectral_norm_of_nothing():
    layer = nn.Linear(2, 2).double()
    layer.weight.data = np.zeros((2, 2))
    assert spectral_norm(layer, np.ones((1, 2))) == 0


def test_spectral_norm_leaves_parameters_trainable():
    layer = nn.Linear(2, 2).double()
    spectral_norm(layer, np.ones((1, 2)))
    assert layer.weight.requires_grad and layer.bias.requires_grad and layer.weight.grad is None


class Lambda(nn.Module):
    def __init__(self, f):
        self.f = f

    def forward(self, x):
        return self.f(x)


FUNCTIONS = {
    "views": lambda x: x.transpose(0, 2, 3, 1).reshape(2, -1)[:, 3:],
    "affine branches": lambda x: x.flatten(1) * 3 - ops.avg_pool2d(x, 1).flatten(1) / 2 + 1,
    "two entry by entry": lambda x: ops.tanh(ops.relu(x).transpose(1, 2)),
    "maxima of maxima": lambda x: ops.max_pool2d(x, 2).max((2, 3)),
    "product with itself": lambda x: x * x,
    "one over": lambda x: 1 / (3 + ops.tanh(x)),
    "mixed": lambda x: ops.relu(x) + x.mean((2, 3), keepdims=True),
    "nothing": lambda x: x,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functional_code_by_what_its_operations_are(name):
    layer = Lambda(FUNCTIONS[name])
    exact = np.linalg.norm(jacobian(layer, X), 2)
    assert spectral_norm(layer, X, iterations=1000, tolerance=1e-8) == pytest.approx(exact, rel=1e-4)
