"""Layers: shapes, initial values, repr, and what they say to bad input. Their mathematics is tested in tests/ops."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn

LAYERS = [
    (lambda: nn.Linear(3, 2), (5, 3), (5, 2)),
    (lambda: nn.Linear(3, 2), (3,), (2,)),
    (lambda: nn.Linear(3, 2), (5, 4, 3), (5, 4, 2)),
    (lambda: nn.Conv2d(3, 4, 3), (2, 3, 8, 7), (2, 4, 6, 5)),
    (lambda: nn.Conv2d(4, 4, (3, 2), (2, 1), (1, 0), groups=4), (2, 4, 8, 7), (2, 4, 4, 6)),
    (lambda: nn.Conv2d(3, 4, 4, padding="same"), (2, 3, 8, 7), (2, 4, 8, 7)),
    (lambda: nn.Conv2d(3, 4, 3, stride=2, padding="same"), (2, 3, 8, 7), (2, 4, 4, 4)),
    (lambda: nn.Conv2d(3, 4, 3, padding="valid", bias=False), (2, 3, 8, 7), (2, 4, 6, 5)),
    (lambda: nn.Conv1d(3, 4, 5, dilation=2), (2, 3, 20), (2, 4, 12)),
    (lambda: nn.Conv1d(3, 4, 80, 16), (2, 3, 800), (2, 4, 46)),
    (lambda: nn.ConvTranspose2d(4, 3, 3, 2, 1, 1), (2, 4, 5, 5), (2, 3, 10, 10)),
    (lambda: nn.ConvTranspose1d(4, 3, 4, 2, 1), (2, 4, 5), (2, 3, 10)),
    (lambda: nn.MaxPool2d(2), (2, 3, 8, 7), (2, 3, 4, 3)),
    (lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True), (2, 3, 8, 8), (2, 3, 5, 5)),
    (lambda: nn.MaxPool1d(4), (2, 3, 9), (2, 3, 2)),
    (lambda: nn.AvgPool2d((2, 1)), (2, 3, 8, 7), (2, 3, 4, 7)),
    (lambda: nn.AvgPool1d(2, 1), (2, 3, 8), (2, 3, 7)),
    (lambda: nn.AdaptiveAvgPool2d(1), (2, 3, 8, 7), (2, 3, 1, 1)),
    (lambda: nn.AdaptiveAvgPool2d((None, 2)), (2, 3, 8, 7), (2, 3, 8, 2)),
    (lambda: nn.AdaptiveAvgPool1d(3), (2, 3, 8), (2, 3, 3)),
    (lambda: nn.AdaptiveMaxPool2d(2), (2, 3, 8, 7), (2, 3, 2, 2)),
    (lambda: nn.AdaptiveMaxPool1d(1), (2, 3, 8), (2, 3, 1)),
    (lambda: nn.BatchNorm2d(3), (2, 3, 4, 5), (2, 3, 4, 5)),
    (lambda: nn.BatchNorm1d(3), (4, 3), (4, 3)),
    (lambda: nn.BatchNorm1d(3), (2, 3, 4), (2, 3, 4)),
    (lambda: nn.GroupNorm(3, 6), (2, 6, 4, 5), (2, 6, 4, 5)),
    (lambda: nn.GroupNorm(2, 4, affine=False), (3, 4), (3, 4)),
    (lambda: nn.GroupNorm(1, 4), (2, 4, 3, 2, 5), (2, 4, 3, 2, 5)),
    (lambda: nn.LayerNorm((3, 4)), (2, 3, 4), (2, 3, 4)),
    (lambda: nn.Flatten(), (2, 3, 4, 5), (2, 60)),
    (lambda: nn.Unflatten(1, (3, 4)), (2, 12), (2, 3, 4)),
    (lambda: nn.Dropout(), (2, 3), (2, 3)),
    (lambda: nn.Identity(1, a=2), (2, 3), (2, 3)),
    (lambda: nn.ResidualBlock(3), (2, 3, 4, 5), (2, 3, 4, 5)),
    (lambda: nn.ResidualBlock(3, 6, 2), (2, 3, 5, 5), (2, 6, 3, 3)),
    (lambda: nn.BottleneckBlock(8, 2), (2, 8, 4, 4), (2, 8, 4, 4)),
    (lambda: nn.BottleneckBlock(8, 4, 16, 2, norm=False), (2, 8, 4, 4), (2, 16, 2, 2)),
    *[
        (lambda name=name: getattr(nn, name)(), (2, 3, 4), (2, 3, 4))
        for name in (*nn.activation.LAYERS, "Softmax", "LogSoftmax")
    ],
]


@pytest.mark.parametrize(
    "layer, shape, out", LAYERS, ids=[f"{k}-{f()!r}".split("(")[0] for k, (f, *_) in enumerate(LAYERS)]
)
def test_shapes_types_and_gradients(layer, shape, out):
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    before = x.copy()
    net = layer()
    y = net(x)
    assert y.shape == out and y.dtype == np.float32
    assert np.array_equal(x, before)
    leaf = td.tensor(x, requires_grad=True)
    layer()(leaf).backward(np.ones(out))
    assert leaf.grad.shape == shape and leaf.grad.dtype == np.float32
    net.eval()
    with td.no_grad():
        assert net(x).shape == out
    assert net.double()(x.astype(np.float64)).dtype == np.float64


@pytest.mark.parametrize("layer, shape, out", [case for case in LAYERS if len(case[1]) > 2])
def test_empty_batch(layer, shape, out):
    if "BatchNorm" in repr(layer()):
        return
    assert layer()(np.ones((0, *shape[1:]), np.float32)).shape == (0, *out[1:])


def test_default_initial_values():
    td.manual_seed(0)
    for layer, fan_in in (
        (nn.Linear(50, 40), 50),
        (nn.Conv2d(8, 16, 3, groups=2), 36),
        (nn.Conv1d(4, 64, 5), 20),
        (nn.ConvTranspose2d(8, 16, 3), 144),
    ):
        bound = 1 / np.sqrt(fan_in)
        for p in layer.parameters():
            assert np.abs(p.data).max() <= bound and p.data.std() > 0.4 * bound
    td.manual_seed(3)
    a = nn.Linear(4, 4)
    td.manual_seed(3)
    b = nn.Linear(4, 4)
    assert np.array_equal(a.weight.data, b.weight.data) and not np.array_equal(
        a.weight.data, nn.Linear(4, 4).weight.data
    )
