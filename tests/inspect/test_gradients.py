import numpy as np
import pytest

import tinydl as td
from tinydl import models, nn, random
from tinydl.inspect import gradient_flow
from tinydl.inspect.gradients import layers_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 6, 6))


def test_gradients_are_those_of_backward():
    td.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)).double()
    flow = gradient_flow(net, X, [0, 2], spectral=False)
    loss = nn.CrossEntropyLoss()
    x = td.tensor(X, requires_grad=True)
    loss(net(x), [0, 2]).backward()
    assert flow.input_gradient == pytest.approx(np.linalg.norm(x.grad))
    first = np.sqrt((net[0].weight.grad**2).sum() + (net[0].bias.grad**2).sum())
    assert flow.layers[0].weight_gradient == pytest.approx(first)
    assert [np.isnan(layer.weight_gradient) for layer in flow.layers] == [False, False, True, True, False]
    # dL/d(output of ReLU) passes only where the ReLU is open, so the norm does not grow downwards
    assert flow.layers[1].activation_gradient <= flow.layers[2].activation_gradient
    assert np.isnan(flow.product)
    logits = net(X).data
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p[[0, 1], [0, 2]] -= 1
    assert flow.layers[-1].activation_gradient == pytest.approx(np.linalg.norm(p / 2))


def test_the_net_stays_as_it_is():
    td.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    net[0].weight.grad = np.ones((4, 3), np.float32)
    before, state = net.state_dict(), random.state()
    gradient_flow(net, RNG.normal(size=(6, 3)), [0, 1] * 3, warn=False)
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    assert net[0].weight.dtype == np.float32 and net[0].weight.grad.tolist() == [[1, 1, 1]] * 4
    assert net[3].weight.grad is None and random.state() == state and not net[0]._forward_hooks


def test_layers_of_nets():
    names = [name for name, _ in layers_of(models.resnet20())]
    assert names[:4] == ["conv1", "bn1", "relu", "layer1.0"] and names[-2:] == ["flatten", "fc"]
    assert [name for name, _ in layers_of(nn.Linear(2, 2))] == ["(net)"]
    flow = gradient_flow(nn.Linear(2, 2), np.ones((1, 2)), [0], warn=False)
    assert [layer.name for layer in flow.layers] == ["(net)"]


def test_chosen_layers():
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), nn.Linear(3, 2))
    flow = gradient_flow(net, np.ones((1, 2)), [0], layers=["0", "1"], warn=False)
    assert [(layer.name, layer.kind) for layer in flow.layers] == [("0", "Sequential"), ("1", "Linear")]
    with pytest.raises(ValueError, match="has no module '7'; it has 0, 0.0, 0.1, 1"):
        gradient_flow(net, np.ones((1, 2)), [0], layers=["7"])


def test_labels_are_needed():
    with pytest.raises(ValueError, match="needs labels"):
        gradient_flow(nn.Linear(2, 2), np.ones((1, 2)))
