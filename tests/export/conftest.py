"""What the tests of exports share: networks with every kind of step."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops


class Branches(nn.Module):
    """Residual sums, a joined store, padding, a transpose and an activation."""

    def __init__(self):
        self.one = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.two = nn.Conv2d(4, 4, (3, 1), padding=(1, 0), groups=2)
        self.gelu = nn.GELU()
        self.fc = nn.Linear(8 * 5 * 4, 3)

    def forward(self, x):
        y = self.gelu(self.one(x))
        z = ops.relu(self.two(y) + y)
        y = ops.pad(ops.concatenate([y, z], axis=1), (1, 0, 0, 1))
        return self.fc(ops.flatten(y.transpose(0, 1, 3, 2), 1))


NETS = {
    "branches": (lambda: Branches(), (3, 8, 6)),
    "signal": (lambda: nn.Sequential(nn.Conv1d(2, 4, 5, stride=2, padding=3, dilation=2), nn.ReLU(),
                                     nn.MaxPool1d(3, 2, 1), nn.AvgPool1d(2, ceil_mode=True), nn.Conv1d(4, 6, 1),
                                     nn.AdaptiveAvgPool1d(1), nn.Flatten()), (2, 33)),
    "depthwise": (lambda: nn.Sequential(nn.Conv2d(2, 2, 3, groups=2, padding=1), nn.BatchNorm2d(2), nn.SiLU(),
                                        nn.AvgPool2d(3, 2, padding=1), nn.AvgPool2d(2, 1, 1, count_include_pad=False)),
                  (2, 7, 6)),
    "shift": (lambda: nn.Sequential(nn.MaxPool2d(2), nn.BatchNorm2d(2)), (2, 4, 4)),
}


@pytest.fixture(params=NETS)
def case(request):
    """(network in evaluation mode, shape of a sample, samples)."""
    return made(request.param)


@pytest.fixture
def cases():
    """All of them."""
    return [made(name) for name in NETS]


def made(name):
    td.manual_seed(0)
    make, shape = NETS[name]
    rng = np.random.default_rng(0)
    net = make().eval()
    for module in net.modules():
        if getattr(module, "running_mean", None) is not None:
            n = module.num_features
            module.running_mean[...], module.running_var[...] = rng.normal(size=n), rng.uniform(0.5, 2, n)
    return net, shape, rng.normal(size=(20, *shape)).astype(np.float32)


@pytest.fixture
def evaluated():
    """What a network computes in evaluation mode."""
    def run(net, x):
        with td.no_grad():
            return net(td.tensor(x)).numpy()
    return run
