import numpy as np

from tinydl import nn
from tinydl.train.buffers import Buffers


class Counter(nn.Module):
    """Replaces its buffer, where batch norm writes into it."""

    def __init__(self):
        self.register_buffer("total", np.zeros(2))
        self.register_buffer("none", None)

    def forward(self, x):
        self.total = self.total + 1
        return x


def test_values_and_arrays_come_back():
    net = nn.Sequential(nn.BatchNorm1d(3), Counter(), nn.ReLU())
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("f")
    net(x)
    arrays, before = dict(net.named_buffers()), net.state_dict()
    buffers = Buffers(net)
    buffers.restore()  # nothing to undo yet
    buffers.remember()
    net(x)
    net(x)
    assert net[1].total.tolist() == [3, 3] and net[0].num_batches_tracked == 3
    buffers.restore()
    after = net.state_dict()
    assert all(np.array_equal(after[name], before[name]) for name in before)
    assert all(array is arrays[name] for name, array in net.named_buffers())
