import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops, random
from tinydl.inspect import jacobian


def differences(f, x, h=1e-6):
    columns = []
    for k in range(x.size):
        step = np.zeros(x.size)
        step[k] = h
        step = step.reshape(x.shape)
        columns.append(((f(td.tensor(x + step)).data - f(td.tensor(x - step)).data) / (2 * h)).reshape(-1))
    return np.stack(columns, axis=1)


LAYERS = [nn.Linear(3, 4), nn.Conv2d(3, 2, 3, padding=1), nn.BatchNorm2d(3), nn.ResidualBlock(3), nn.MaxPool2d(2),
          nn.Softmax(1), nn.LayerNorm([3, 3, 3]), nn.Flatten()]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_inputs(layer):
    layer.double()
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 3))
    found = jacobian(layer, x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, differences(layer, x), rtol=1e-6, atol=1e-7)


def test_parameters():
    layer = nn.Conv1d(2, 3, 2, bias=False).double()
    x = td.tensor(np.random.default_rng(0).normal(size=(2, 2, 4)))
    found = jacobian(lambda w: layer(x), layer.weight)
    assert found.shape == (2 * 3 * 3, 12)
    np.testing.assert_allclose(found, differences(lambda w: ops.conv1d(x, w), layer.weight.data), rtol=1e-8, atol=1e-8)


def test_an_output_that_does_not_depend_on_the_input():
    assert jacobian(lambda x: td.tensor([1.0, 2.0]), [3.0]).tolist() == [[0], [0]]
    assert jacobian(lambda x: x, [3.0, 4.0]).tolist() == [[1, 0], [0, 1]]


def test_inside_no_grad_and_of_a_result():
    with td.no_grad():
        assert jacobian(lambda x: x * x, [3.0]).tolist() == [[6]]
    x = td.tensor([1.0], requires_grad=True)
    assert jacobian(lambda y: y * y, 3 * x).tolist() == [[6]]


def test_nothing_of_the_callers_changes():
    td.manual_seed(3)
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    net[0].weight.grad = np.ones((3, 2), np.float32)
    x = td.tensor(np.ones((4, 2), np.float32))
    state, before = random.state(), net.state_dict()
    jacobian(net, x)
    assert random.state() == state
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    assert net[0].weight.grad.tolist() == [[1, 1]] * 3
    assert net[0].bias.grad is None and x.grad is None and not x.requires_grad


@pytest.mark.parametrize("f,x,message", [
    (lambda x: x.data, [1.0], "a function that returns a Tensor, got ndarray"),
    (lambda x: x, td.tensor([1], dtype=np.int64), "needs float32 or float64 values, got int64")])
def test_bad_arguments(f, x, message):
    with pytest.raises(TypeError, match=message):
        jacobian(f, x)
