import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.inspect import receptive_field
from tinydl.inspect.receptive_field import Extent


@pytest.mark.parametrize("L", [1, 2, 5])
@pytest.mark.parametrize("K", [1, 3, 5])
def test_stride_1_layers(L, K):
    assert receptive_field(nn.Sequential(*[nn.Conv1d(1, 1, K) for _ in range(L)]), (1, 40)) == 1 + L * (K - 1)


CASES = {
    "strides": (lambda: [nn.Conv2d(1, 2, 3, stride=2), nn.Conv2d(2, 2, 3, stride=2), nn.Conv2d(2, 1, 3)], 15),
    "dilation": (lambda: [nn.Conv2d(1, 2, 3, dilation=2), nn.Conv2d(2, 1, 3, dilation=4)], 13),
    "pools": (lambda: [nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3), nn.AvgPool2d(3, 2)], 12),
    "depthwise": (lambda: [nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 5, groups=2)], 5),
    "batch norm and ReLU": (lambda: [nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 1, 3)], 5),
    "transposed": (lambda: [nn.Conv2d(1, 2, 3), nn.ConvTranspose2d(2, 1, 4, stride=2)], 4),
    "residual": (lambda: [nn.Conv2d(1, 2, 3), nn.ResidualBlock(2, 4, stride=2), nn.ResidualBlock(4)], 17),
    "bottleneck": (lambda: [nn.BottleneckBlock(1, 2, 4)], 3),
}


@pytest.mark.parametrize("name", CASES)
def test_against_the_gradient(name):
    """The number, and the pieces of the input on which an entry in the middle really depends."""
    td.manual_seed(0)
    make, expected = CASES[name]
    net = nn.Sequential(*make()).double().eval()
    for p in net.parameters():
        p.data = np.abs(p.data) + 0.1  # no cancellation
    size = 33
    assert receptive_field(net, (1, size, size)) == expected
    x = td.tensor(np.random.default_rng(0).uniform(1, 2, size=(1, 1, size, size)), requires_grad=True)
    y = net(x)
    reach = []
    for shift in (0, 1):  # a transposed convolution's entries differ
        dy = np.zeros(y.shape)
        dy[0, :, y.shape[2] // 2 + shift, y.shape[3] // 2 + shift] = 1
        x.grad = None
        y.backward(dy, retain_graph=True)
        rows, columns = np.nonzero(np.abs(x.grad[0, 0]) > 0)
        reach.append(max(np.ptp(rows), np.ptp(columns)) + 1)
    if "pool" in name:  # the maximum sends the gradient to one place of its window
        assert expected - 2 <= max(reach) <= expected
    else:
        assert max(reach) == expected


def test_axes_may_differ():
    field = receptive_field(nn.Sequential(nn.Conv2d(1, 1, (3, 1), stride=(2, 1)), nn.Conv2d(1, 1, (3, 5))), (1, 20, 20))
    assert field == (7, 5) and field != 7 and str(field) == "7x5"


@pytest.mark.parametrize("head", [
    lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), lambda: nn.AdaptiveMaxPool2d(1),
    lambda: nn.Sequential(nn.Flatten(), nn.Linear(2 * 81, 3)), lambda: nn.LayerNorm([2, 9, 9]),
    lambda: nn.GroupNorm(1, 2)], ids=["average", "maximum", "linear", "layer norm", "group norm"])
def test_layers_that_see_everything(head):
    assert receptive_field(nn.Sequential(nn.Conv2d(1, 2, 2), head()), (1, 10, 10)) == 10


class Mean(nn.Module):
    def __init__(self, axes):
        self.axes = axes

    def forward(self, x):
        return ops.mean(x, self.axes)


@pytest.mark.parametrize("axes,expected", [((2, 3), (10, 10)), (3, (1, 10)), (1, (1, 1))])
def test_reductions(axes, expected):
    assert receptive_field(Mean(axes), (2, 10, 10)) == expected


def test_adaptive_pooling():
    assert receptive_field(nn.AdaptiveAvgPool1d(3), (1, 10)) == 4      # windows of 4, 4 and 4 entries
    assert receptive_field(nn.AdaptiveAvgPool1d(5), (1, 10)) == 2


def test_without_spatial_axes():
    assert receptive_field(nn.Linear(3, 2), (3,)) == ()
    assert str(Extent(())) == "-" and Extent(()) != 1


def test_extent_compares_with_numbers_and_tuples():
    assert Extent((5, 5)) == 5 == Extent((5,)) and Extent((5, 5)) == (5, 5)
    assert Extent((5, 3)) != 5 and len({Extent((1,)), Extent((1,))}) == 1


class Of(nn.Module):
    def __init__(self, f):
        self.f, self.conv = f, nn.Conv2d(1, 1, 3)

    def forward(self, x):
        return self.f(self.conv, x)


@pytest.mark.parametrize(("f", "expected"), [
    (lambda conv, x: conv(conv(x)[:, :, ::2, ::3]), (7, 9)), (lambda conv, x: conv(conv(x))[:, :, 1:, 2:], 5),
    (lambda conv, x: ops.softmax(conv(x), 2), (20, 3)), (lambda conv, x: ops.softmax(conv(x), 1), 3),
    (lambda conv, x: ops.concatenate([conv(x), x[:, :, 1:-1, 1:-1]], 1), 3),
    (lambda conv, x: ops.softmax(conv(x).flatten(2), 2), 20)])
def test_functional_code(f, expected):
    assert receptive_field(Of(f), (1, 20, 20)) == expected
