"""The worked numbers of docs/4-pooling-normalisation-residuals.md."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.inspect import gradient_flow, jacobian, summary

IMAGE = np.float32([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])[None, None]


@pytest.mark.parametrize("layer,expected", [(nn.MaxPool2d(2, 2), [[6, 8], [3, 4]]),
                                            (nn.AvgPool2d(2, 2), [[3.25, 5.25], [2, 2]])], ids=["max", "average"])
def test_pooling(layer, expected):
    assert layer(IMAGE).data[0, 0].tolist() == expected


def gradient(layer, x, dy):
    x = td.tensor(x, requires_grad=True)
    layer(x).backward(np.float32(dy))
    return x.grad[0, 0].tolist()


def test_gradient_of_pooling():
    dy = [[[[1, 2], [3, 4]]]]
    assert gradient(nn.MaxPool2d(2), IMAGE, dy) == [[0, 0, 0, 0], [0, 1, 0, 2], [3, 0, 0, 0], [0, 0, 0, 4]]
    assert gradient(nn.AvgPool2d(2), IMAGE, dy) == [[0.25, 0.25, 0.5, 0.5]] * 2 + [[0.75, 0.75, 1, 1]] * 2


def test_overlapping_windows_add_up():
    dy = np.ones((1, 1, 3, 3))
    assert gradient(nn.MaxPool2d(2, 1), IMAGE, dy) == [[0, 0, 0, 0], [0, 2, 2, 2], [1, 0, 0, 0], [0, 0, 1, 1]]
    assert gradient(nn.AvgPool2d(2, 1), IMAGE, dy) == [[0.25, 0.5, 0.5, 0.25], [0.5, 1, 1, 0.5], [0.5, 1, 1, 0.5],
                                                       [0.25, 0.5, 0.5, 0.25]]


def test_first_winner_takes_the_gradient():
    assert gradient(nn.MaxPool2d(2), np.full((1, 1, 2, 4), 7.0, np.float32), [[[[1, 2]]]]) == [[1, 0, 2, 0], [0] * 4]


def test_any_window_stride_padding():
    layer = nn.MaxPool2d((1, 3), stride=(2, 1), padding=(0, 1))
    assert layer(IMAGE).data[0, 0].tolist() == [[1, 2, 4, 4], [3, 3, 2, 1]]
    assert nn.AvgPool2d(3, 3, padding=1)(IMAGE * 9).data[0, 0].tolist() == [[13, 21], [8, 8]]


@pytest.mark.parametrize("kind,shape,axes", [(nn.BatchNorm1d, (6, 3), 0), (nn.BatchNorm1d, (4, 3, 5), (0, 2)),
                                             (nn.BatchNorm2d, (4, 3, 5, 2), (0, 2, 3))], ids=["NC", "NCL", "NCHW"])
def test_batch_norm_has_one_mean_and_variance_per_channel(kind, shape, axes):
    x = np.random.default_rng(0).normal(3, 2, size=shape)
    layer = kind(3).double()
    y = layer(x).data
    np.testing.assert_allclose(y.mean(axis=axes), [0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(y.var(axis=axes), [1, 1, 1], rtol=1e-4)
    np.testing.assert_allclose(layer.running_mean, 0.1 * x.mean(axis=axes), rtol=1e-6)
    np.testing.assert_allclose(layer.running_var, 0.9 + 0.1 * x.var(axis=axes, ddof=1), rtol=1e-6)
    assert summary(layer, shape[1:]).parameters == 6  # two per channel


def test_batch_norm_by_hand():
    """Two samples, two channels: training normalises by the batch, evaluation by the running statistics."""
    layer = nn.BatchNorm1d(2)
    layer.eps = 0.0
    x = np.float32([[1, 10], [3, 30]])
    np.testing.assert_allclose(layer(x).data, [[-1, -1], [1, 1]], rtol=1e-6)
    np.testing.assert_allclose(layer.running_mean, [0.2, 2.0], rtol=1e-6)
    np.testing.assert_allclose(layer.running_var, [1.1, 20.9], rtol=1e-6)  # unbiased: 2 and 200
    layer.eval()
    np.testing.assert_allclose(layer(x).data, [[0.762770, 1.749919], [2.669695, 6.124718]], rtol=1e-5)


@pytest.mark.parametrize("block,parameters", [
    (lambda: nn.ResidualBlock(32, norm=False), 18_496), (lambda: nn.ResidualBlock(32, norm=False, bias=False), 18_432),
    (lambda: nn.ResidualBlock(32), 18_432 + 128),
    (lambda: nn.BottleneckBlock(128, 32, norm=False), 17_600),
    (lambda: nn.BottleneckBlock(128, 32, norm=False, bias=False), 17_408),
    (lambda: nn.BottleneckBlock(128, 32), 17_408 + 384)],
    ids=["bias", "no bias", "norm", "bottleneck bias", "bottleneck no bias", "bottleneck norm"])
def test_parameters_of_blocks(block, parameters):
    net = block()
    channels = 32 if isinstance(net, nn.ResidualBlock) else 128
    table = summary(net, (channels, 8, 8))
    assert table.parameters == parameters == sum(row.parameters for row in table.rows)
    assert table.output_shape == (channels, 8, 8)


def test_derivative_of_a_residual_block_is_identity_plus_that_of_f():
    td.manual_seed(0)
    block = nn.ResidualBlock(2, norm=False).double()
    x = np.random.default_rng(0).uniform(5, 6, size=(1, 2, 4, 4))  # so large that the last ReLU passes all

    def f(x):
        return block.conv2(td.ops.relu(block.conv1(x)))

    np.testing.assert_allclose(block(x).data, x + f(x).data, rtol=1e-12)
    np.testing.assert_allclose(jacobian(block, x), np.eye(32) + jacobian(f, x), rtol=1e-12, atol=1e-14)


def test_projection_shortcut():
    block = nn.ResidualBlock(4, 8, stride=2)
    assert block(np.zeros((2, 4, 6, 6))).shape == (2, 8, 3, 3)
    # conv 4*8*9, conv 8*8*9, projection 4*8, three norms of 16
    assert summary(block, (4, 6, 6)).parameters == 288 + 576 + 32 + 48


@pytest.mark.parametrize("start", ["small", "zero", "zero norm"])
def test_identity_start(start):
    block = nn.ResidualBlock(3, norm=start == "zero norm")
    if start == "small":
        nn.init.small_(block.conv2.weight, 0.001)
        nn.init.zeros_(block.conv2.bias)
    elif start == "zero":
        nn.init.zeros_(block.conv2.weight)
        nn.init.zeros_(block.conv2.bias)
    else:
        nn.init.zeros_(block.bn2.weight)
    x = np.random.default_rng(0).uniform(0, 1, size=(2, 3, 5, 5)).astype(np.float32)
    np.testing.assert_allclose(block(x).data, x, atol=0.01 if start == "small" else 0)


def fifty(kind):
    """50 layers: residual blocks that start near the identity, or plain convolutions with equally small weights."""
    if kind == "residual":
        net = nn.Sequential(*[nn.ResidualBlock(4, norm=False) for _ in range(50)])
    else:
        net = nn.Sequential(*[nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()) for _ in range(50)])
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.small_(module.weight, 0.03)
            nn.init.zeros_(module.bias)
    return net


def test_gradient_through_fifty_residual_blocks():
    td.manual_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.5, 1.5, size=(2, 4, 6, 6)), rng.normal(size=(2, 4, 6, 6))
    flow = gradient_flow(fifty("residual"), x, y, nn.MSELoss())
    assert len(flow.layers) == 50 and flow.verdict == "healthy"
    assert 0.9 < flow.ratio < 1.1
    assert all(0.9 < layer.spectral_norm < 1.1 for layer in flow.layers)
    with pytest.warns(RuntimeWarning, match="vanishing"):
        plain = gradient_flow(fifty("plain"), x, y, nn.MSELoss(), spectral=False)
    assert plain.verdict == "vanishing" and plain.ratio < 1e-30
