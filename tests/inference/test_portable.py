"""portable: what it keeps of a model, and code that is more than a graph."""

import numpy as np
import pytest

from tinydl import nn, ops
from tinydl.inference.portable import portable, snapshot


class Rows(nn.Module):
    """Takes images apart and leaves something unused."""

    def __init__(self):
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        ops.exp(x)
        return self.fc(x.reshape(len(x) * 3, 4)).reshape(-1, 6)


def test_what_scales_with_the_batch():
    graph = portable(Rows(), (3, 4), "test")
    assert [node.name for node in graph.nodes] == ["Reshape", "Linear", "Reshape"]
    first, linear, last = graph.nodes
    assert graph.factors(first, "shape") == {0: 3} and graph.factors(last, "shape") == {0: 1}
    assert graph.scaled(linear) == {} and graph.free(linear.output) == {0: 3} and graph.free(graph.x) == {0: 1}
    assert graph.where(linear) == "Linear (fc)" and graph.result.shape == (2, 6)


def test_arrays_and_numbers_that_scale():
    class Scaled(nn.Module):
        def forward(self, x):
            return (x * np.ones((len(x), 1), np.float32))[:, :len(x)]

    graph = portable(Scaled(), (4,), "test")
    assert [graph.scaled(node) for node in graph.nodes] == [{"y": {None: 1}}, {"key": {None: 1}}]


def test_what_a_module_keeps_at_its_first_call_is_no_state():
    class Lazy(nn.Module):
        def forward(self, x):
            if not hasattr(self, "gain"):
                self.gain = np.float32(2)
            return x * self.gain

    model = Lazy()
    assert len(portable(model, (4,), "test").nodes) == 1 and not hasattr(model, "gain")


def test_counting_is_refused():
    class Counting(nn.Module):
        def __init__(self):
            self.n = 0

        def forward(self, x):
            self.n += 1
            return x + 1

    with pytest.raises(ValueError, match="test: Counting changes its state at every call"):
        portable(Counting(), (4,), "test")


def test_a_snapshot_is_frozen_and_evaluates():
    model = nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.5))
    copy = snapshot(model, "test")
    assert model.training and not copy.training and not any(p.requires_grad for p in copy.parameters())
    model[0].register_forward_hook(lambda *a: None)
    with pytest.raises(TypeError, match=r"test: Linear \(0\) has a forward hook"):
        snapshot(model, "test")
    with pytest.raises(TypeError, match="test: Module defines no forward"):
        snapshot(nn.Module(), "test")
