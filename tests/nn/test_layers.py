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


def test_same_padding_with_a_stride_as_keras():
    """ceil(L / S) outputs, the odd rest of the padding at the end."""
    layer = nn.Conv1d(1, 1, 3, stride=2, padding="same", bias=False)
    layer.weight.data[...] = [[[1, 10, 100]]]
    assert layer(np.array([[[1.0, 2, 3, 4]]])).data.tolist() == [[[321, 43]]]
    assert layer(np.array([[[1.0, 2, 3, 4, 5]]])).data.tolist() == [[[210, 432, 54]]]


def test_worked_convolution():
    layer = nn.Conv2d(1, 1, 2, bias=False)
    layer.weight.data[...] = np.eye(2)
    assert layer(np.array([[[[1.0, 2, 3], [4, 5, 6], [1, 5, 3]]]])).data.tolist() == [[[[6, 8], [9, 8]]]]


def test_ten_filters_of_the_slides():
    layer = nn.Conv2d(3, 10, 5, padding=2)
    assert sum(p.size for p in layer.parameters()) == 760
    assert layer(np.zeros((1, 3, 32, 32))).shape == (1, 10, 32, 32)


def test_batch_norm_buffers_and_modes():
    layer = nn.BatchNorm1d(2)
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    x = np.array([[1.0, 2.0], [3.0, 6.0]], np.float32)
    y = layer(x)
    np.testing.assert_allclose(y.data, [[-1, -1], [1, 1]], atol=1e-4)
    np.testing.assert_allclose(layer.running_mean, [0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(layer.running_var, [0.9 + 0.2, 0.9 + 0.8], rtol=1e-6)  # the unbiased variance
    assert layer.num_batches_tracked == 1
    layer.eval()
    state = layer.state_dict()
    np.testing.assert_allclose(layer(x).data, (x - layer.running_mean) / np.sqrt(layer.running_var + 1e-5), rtol=1e-5)
    assert all(np.array_equal(v, state[k]) for k, v in layer.state_dict().items())
    layer.reset_parameters()
    assert layer.num_batches_tracked == 0 and layer.running_var.tolist() == [1, 1]


def test_batch_norm_without_statistics_uses_the_batch_always():
    layer = nn.BatchNorm1d(2, track_running_stats=False, affine=False).eval()
    assert list(layer.state_dict()) == []
    np.testing.assert_allclose(layer(np.array([[1.0, 2.0], [3.0, 6.0]])).data, [[-1, -1], [1, 1]], atol=1e-4)


def test_dropout_only_in_training():
    layer = nn.Dropout(0.5)
    x = np.ones((100, 10), np.float32)
    assert (layer(x).data == 0).any()
    assert np.array_equal(layer.eval()(x).data, x)


def test_residual_block_counts():
    def count(net):
        return sum(p.size for p in net.parameters())

    assert count(nn.ResidualBlock(32, norm=False)) == 18_496
    assert count(nn.ResidualBlock(32, norm=False, bias=False)) == 18_432
    assert count(nn.ResidualBlock(32)) == 18_432 + 128
    assert count(nn.BottleneckBlock(128, 32, norm=False)) == 17_600
    assert count(nn.BottleneckBlock(128, 32, norm=False, bias=False)) == 17_408
    assert count(nn.BottleneckBlock(128, 32)) == 17_408 + 384
    assert list(nn.ResidualBlock(2, 4, norm=True).state_dict())[-6:] == [
        "downsample.0.weight",
        "downsample.1.weight",
        "downsample.1.bias",
        "downsample.1.running_mean",
        "downsample.1.running_var",
        "downsample.1.num_batches_tracked",
    ]


def test_residual_block_starts_as_the_identity():
    block = nn.ResidualBlock(4)
    nn.init.zeros_(block.bn2.weight)
    x = np.random.default_rng(0).uniform(size=(2, 4, 5, 5)).astype(np.float32)
    leaf = td.tensor(x, requires_grad=True)
    y = block(leaf)
    np.testing.assert_array_equal(y.data, x)
    y.backward(x)
    np.testing.assert_array_equal(leaf.grad, x)


# --- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: nn.Linear(4, 2)(np.ones((3, 5))),
            ValueError,
            r"Linear takes \(..., 4\), got shape \(3, 5\); .* Linear\(5, 2\)",
        ),
        (lambda: nn.Linear(60, 2)(np.ones((2, 3, 4, 5))), ValueError, r"put nn.Flatten\(\) before it"),
        (
            lambda: nn.Linear(50, 2)(np.ones((2, 3, 4, 5))),
            ValueError,
            r"after nn.Flatten\(\) this input would need Linear\(60, 2\)",
        ),
        (
            lambda: nn.Sequential(nn.Flatten(), nn.Linear(50, 2))(np.ones((2, 3, 4, 5))),
            ValueError,
            r"would need Linear\(60, 2\)",
        ),
        (lambda: nn.Linear(2, 2)(td.tensor(np.ones((1, 2)))), TypeError, "float64.*float32"),
        (lambda: nn.Linear(2, 2)(td.tensor(np.ones((1, 2), int))), TypeError, "int64.*float32"),
        (lambda: nn.Linear(0, 2), ValueError, "in_features must be at least 1, got 0"),
        (lambda: nn.Linear(2.0, 2), TypeError, "in_features must be an integer"),
        (lambda: nn.Conv2d(3, 4, 3)(np.ones((2, 1, 8, 8))), ValueError, "the input has 1 channels"),
        (lambda: nn.Conv2d(3, 4, 3)(np.ones((3, 8, 8))), ValueError, r"batch axis in front: x\[None\]"),
        (lambda: nn.Conv2d(3, 4, 3, padding="same")(np.ones((3, 8, 8))), ValueError, r"batch axis in front: x\[None\]"),
        (lambda: nn.Conv2d(3, 4, 9)(np.ones((2, 3, 8, 8))), ValueError, "larger than the input"),
        (lambda: nn.Conv2d(3, 4, 3)(td.tensor(np.ones((2, 3, 8, 8)))), TypeError, "float64.*float32"),
        (lambda: nn.Conv2d(3, 4, 3, stride=0), ValueError, "stride must be at least 1, got 0"),
        (lambda: nn.Conv2d(3, 4, 3, padding=-1), ValueError, "padding must be at least 0, got -1"),
        (lambda: nn.Conv2d(3, 4, 3, dilation=2**31), ValueError, r"dilation must be below 2\*\*31"),
        (lambda: nn.Conv2d(3, 4, 2**62), ValueError, r"kernel_size must be below 2\*\*31"),
        (lambda: nn.Conv2d(3, 4, 2**30), ValueError, "too large"),
        (
            lambda: nn.Conv2d(3, 4, 3, groups=2),
            ValueError,
            "groups must divide in_channels and out_channels, got groups=2",
        ),
        (lambda: nn.Conv2d(3, 4, 3, groups=0), ValueError, "groups must be at least 1"),
        (lambda: nn.Conv2d(3, 4, 3, padding="full"), ValueError, "'same' or 'valid', got 'full'"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), ValueError, "'zeros', 'reflect'"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), ValueError, "an integer or 2 of them"),
        (lambda: nn.Conv1d(3, 4, (3, 3)), ValueError, r"an integer, got \(3, 3\)"),
        (
            lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=1),
            ValueError,
            "output_padding must be smaller than stride",
        ),
        (lambda: nn.ConvTranspose2d(3, 4, 3)(td.tensor(np.ones((1, 3, 4, 4)))), TypeError, "x.astype"),
        (lambda: nn.MaxPool2d(2, padding=2), ValueError, "padding must be at most half the window"),
        (lambda: nn.MaxPool2d(2)(np.ones((8, 8))), ValueError, r"takes \(N, C, H, W\), got shape \(8, 8\)"),
        (lambda: nn.MaxPool2d(9)(np.ones((1, 1, 8, 8))), ValueError, "does not fit the input"),
        (lambda: nn.AdaptiveAvgPool2d(0), ValueError, "output_size must be at least 1"),
        (
            lambda: nn.BatchNorm1d(3)(np.ones((1, 3))),
            ValueError,
            "Expected more than 1 value per channel when training.*larger batch",
        ),
        (lambda: nn.BatchNorm2d(3)(np.ones((1, 3, 1, 1))), ValueError, "drop_last"),
        (
            lambda: nn.BatchNorm2d(3)(np.ones((2, 4, 5, 5))),
            ValueError,
            r"BatchNorm2d\(3\) takes .* would need BatchNorm2d\(4\)",
        ),
        (lambda: nn.BatchNorm2d(3)(np.ones((4, 3))), ValueError, r"takes \(N, 3, H, W\), got shape \(4, 3\)"),
        (lambda: nn.BatchNorm1d(3)(np.ones((4, 3, 2, 2))), ValueError, r"\(N, 3\) or \(N, 3, L\)"),
        (lambda: nn.BatchNorm1d(3, momentum=2), ValueError, "momentum must lie between 0 and 1"),
        (lambda: nn.LayerNorm(4)(np.ones((2, 3))), ValueError, r"\(..., 4\), got \(2, 3\)"),
        (lambda: nn.Dropout(1.5), ValueError, "probability from 0 to 1, got p=1.5"),
        (lambda: nn.Softmax(3)(np.ones((2, 3))), ValueError, "axis 3 is out of range"),
        (lambda: nn.CrossEntropyLoss(reduction="avg"), ValueError, "'mean', 'sum' or 'none', got 'avg'"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2), ValueError, "between 0 and 1"),
        (lambda: nn.CrossEntropyLoss()(np.ones((2, 3)), np.array([0, 3])), ValueError, "row 1 holds 3"),
        (lambda: nn.HuberLoss(delta=0), ValueError, "positive delta"),
        (lambda: nn.MSELoss()(np.ones((2, 1)), np.ones(2)), ValueError, "reshape the target"),
        (lambda: nn.ReLU()(np.array(["a"])), TypeError, "real numbers"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_layers_read_any_array():
    layer = nn.Conv2d(3, 4, 3)
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    expected = layer(x).data
    read_only = x.copy()
    read_only.flags.writeable = False
    misaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    for values in (
        read_only,
        misaligned,
        x.astype(">f4"),
        np.asfortranarray(x),
        x[:, :, ::-1].copy()[:, :, ::-1],
        x.astype(np.float64),
        np.repeat(x, 2, 0)[::2],
        x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2),
    ):
        np.testing.assert_allclose(layer(values).data, expected, rtol=1e-6)


def test_gradients_kept_behind_a_residual_sum_are_whole():
    """The mask of the sum's ReLU is applied in place; what retain_grad keeps and what other readers get is not."""
    rng = np.random.default_rng(5)
    bn, conv = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, padding=1)
    x0, skip = (rng.standard_normal((2, 4, 5, 5), np.float32) for _ in range(2))

    def run(kept):
        for module in (bn, conv):
            module.zero_grad()
        x, s = td.tensor(x0, requires_grad=True), td.tensor(skip, requires_grad=True)
        z = td.ops.relu(bn(x) + s)
        if kept:
            z.retain_grad()
        loss = (conv(z) * conv(z)).sum()
        loss.backward()
        return z, x.grad, s.grad

    z, dx, ds = run(kept=True)
    other = td.tensor(z.numpy(), requires_grad=True)
    (conv(other) * conv(other)).sum().backward()
    np.testing.assert_allclose(z.grad, other.grad, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(ds, np.where(z.numpy() > 0, z.grad, 0))
    _, dx_again, ds_again = run(kept=False)
    np.testing.assert_allclose(dx, dx_again, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ds, ds_again, rtol=1e-5, atol=1e-6)
