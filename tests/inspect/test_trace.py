import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.inspect.trace import sample_shape, trace


class Twice(nn.Module):
    """A layer called twice, and an operation of the net's own."""

    def __init__(self):
        self.fc = nn.Linear(3, 3)

    def forward(self, x):
        return ops.relu(self.fc(self.fc(x)))


def test_calls_and_their_operations():
    graph = trace(nn.Sequential(Twice(), nn.Flatten()), (3,))
    assert [call.path for call in graph.calls] == ["0.fc", "0.fc", "0", "1", ""]
    assert [[node.name for node in call.nodes] for call in graph.calls] == [["Linear"], ["Linear"], ["ReLU"], [], []]
    assert [node.path for node in graph.nodes] == ["0.fc", "0.fc", "0"]
    assert graph.calls[2].output is graph.calls[3].output is graph.calls[-1].output


def test_neither_gradients_nor_trainable_parameters_are_needed():
    net = Twice().requires_grad_(False)
    assert len(trace(net, 3).nodes) == 3


def test_the_net_stays_as_it_is():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    called = []
    net[0].register_forward_hook(lambda *args: called.append(args))
    net[1].forward = lambda x: x * 2
    before, state = net.state_dict(), td.random.state()
    graph = trace(net, 3)
    assert [node.name for node in graph.nodes] == ["BatchNorm", "Mul"]
    assert not called and net.training and td.random.state() == state
    assert "forward" not in net[0].__dict__ and net[1].forward(1) == 2
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())


def test_shapes_of_samples():
    assert sample_shape(3) == (3,) and sample_shape([3, np.int64(4)]) == (3, 4)
    with pytest.raises(ValueError, match=r"such as \(3, 32, 32\), got \(\)"):
        sample_shape(())
