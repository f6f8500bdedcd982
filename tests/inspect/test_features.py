import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.inspect import feature_maps, saliency

X = np.random.default_rng(0).normal(size=(3, 1, 6, 6)).astype(np.float32)


def small():
    td.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ResidualBlock(4), nn.Dropout(0.5), nn.Flatten(),
                         nn.Linear(64, 5))


def test_feature_maps_by_name_in_order():
    net = small()
    maps = feature_maps(net, X)
    assert list(maps) == ["0", "1", "2.conv1", "2.bn1", "2.conv2", "2.bn2", "2", "3", "4", "5"]
    np.testing.assert_array_equal(maps["5"], net.eval()(X).data)
    np.testing.assert_array_equal(feature_maps(net, X, "2"), maps["2"])
    np.testing.assert_array_equal(maps["3"], maps["2"])  # evaluation mode


def test_the_net_stays_as_it_is():
    net = small()
    net[3].eval()
    before = net.state_dict()
    feature_maps(net, X)
    saliency(net, X)
    assert net.training and not net[3].training and not net[0]._forward_hooks
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())


def test_missing_layers():
    with pytest.raises(ValueError, match="has no module 'conv'; it has 0, 1"):
        feature_maps(small(), X, "conv")
    with pytest.raises(ValueError, match=r"'1\.spare' did not run"):
        feature_maps(nn.Sequential(nn.Flatten(), Holder()), X, "1.spare")


class Holder(nn.Module):
    def __init__(self):
        self.spare = nn.Linear(2, 2)

    def forward(self, x):
        return x


@pytest.mark.parametrize("target", [None, 3, [0, 4, 2]])
def test_saliency_against_differences(target):
    net = small().double().eval()
    x = X.astype(np.float64)
    classes = net(x).data.argmax(axis=1) if target is None else np.broadcast_to(target, 3)
    found = saliency(net, x, target)
    assert found.shape == x.shape
    step = np.random.default_rng(1).normal(size=x.shape)
    change = (net(x + 1e-6 * step).data - net(x - 1e-6 * step).data)[np.arange(3), classes] / 2e-6
    np.testing.assert_allclose((found * step).sum(axis=(1, 2, 3)), change, rtol=1e-6)


@pytest.mark.parametrize("target,message", [(5, "from 0 to 4, got 5"), (-1, "from 0 to 4"), (0.5, "from 0 to 4")])
def test_bad_targets(target, message):
    net = small()
    with pytest.raises(ValueError, match=message):
        saliency(net, X, target)
    assert net.training and net[0].weight.requires_grad


def test_saliency_needs_scores():
    with pytest.raises(ValueError, match=r"needs a net with outputs \(N, classes\)"):
        saliency(nn.Conv2d(1, 2, 3), X)
