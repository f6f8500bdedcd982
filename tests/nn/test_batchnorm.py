"""Batch norm layers: buffers, modes, bad input, and what the layer before one sums for it."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.nn.batchnorm import about_of, normalised


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class Own(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) * 2


def test_a_convolution_sums_about_the_running_mean_of_the_norm_that_reads_it():
    conv, norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
    assert about_of(conv, norm) is norm.running_mean
    assert about_of(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4)) is not None
    assert about_of(conv, None) is None and about_of(nn.ReLU(), norm) is None and about_of(conv, nn.ReLU()) is None
    assert about_of(conv, nn.BatchNorm2d(4, track_running_stats=False)) is None
    assert about_of(conv, nn.BatchNorm2d(5)) is None and about_of(conv, nn.BatchNorm2d(4).double()) is None
    assert about_of(conv, nn.BatchNorm2d(4).eval()) is None
    assert about_of(Own(3, 4, 3), norm) is None
    conv.forward = lambda x: x
    assert about_of(conv, norm) is None


@pytest.mark.parametrize("make", [
    lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
    lambda: nn.Sequential(Own(3, 4, 3), nn.BatchNorm2d(4)),
    lambda: nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.BatchNorm2d(6)),
    lambda: nn.Sequential(nn.Conv2d(3, 3, 3, groups=3), nn.BatchNorm2d(3)),
    lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding="same", padding_mode="reflect"), nn.BatchNorm2d(4)),
    lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)),
])
def test_the_moments_of_a_convolution_are_the_statistics_of_its_result(make):
    """Sums that the convolution makes, and sums that batch norm makes, differ by rounding alone."""
    td.manual_seed(0)
    net, apart = make(), make()
    apart.load_state_dict(net.state_dict())
    for seed in range(3):
        x = drawn(4, 3, 7, 7, seed=seed)
        y = net(x).numpy()
        z = td.tensor(x)
        for layer in apart:
            z = layer(z)
        np.testing.assert_allclose(y, z.numpy(), 1e-4, 1e-5)
    for a, b in zip(net.state_dict().values(), apart.state_dict().values(), strict=True):
        np.testing.assert_allclose(a, b, 1e-5, 1e-6)


def test_normalised_without_a_norm():
    conv, x = nn.Conv2d(3, 4, 3), td.tensor(drawn(2, 3, 5, 5))
    np.testing.assert_array_equal(normalised(conv, None, x).numpy(), conv(x).numpy())


def test_two_norms_read_one_convolution():
    """The second one reads the sums after the first has moved its running mean."""
    conv, first, second = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=1.0), nn.BatchNorm2d(4)
    z = conv(td.tensor(drawn(4, 3, 9, 9) + 5), about=first.running_mean)
    assert np.array_equal(first(z).numpy(), second(z).numpy()) and first.running_mean.any()


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


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.BatchNorm1d(3)(np.ones((1, 3))), ValueError,
     "Expected more than 1 value per channel when training.*larger batch"),
    (lambda: nn.BatchNorm2d(3)(np.ones((1, 3, 1, 1))), ValueError, "drop_last"),
    (lambda: nn.BatchNorm2d(3)(np.ones((2, 4, 5, 5))), ValueError,
     r"BatchNorm2d\(3\) takes .* would need BatchNorm2d\(4\)"),
    (lambda: nn.BatchNorm2d(3)(np.ones((4, 3))), ValueError, r"takes \(N, 3, H, W\), got shape \(4, 3\)"),
    (lambda: nn.BatchNorm1d(3)(np.ones((4, 3, 2, 2))), ValueError, r"\(N, 3\) or \(N, 3, L\)"),
    (lambda: nn.BatchNorm1d(3, momentum=2), ValueError, "momentum must be a finite number >= 0 and <= 1, got 2"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_plain_averages_are_left_alone_where_nothing_is_averaged():
    """momentum=None has no number in evaluation, and without running statistics."""
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    y = nn.BatchNorm1d(2, momentum=None, track_running_stats=False)(x).numpy()
    np.testing.assert_allclose(y[:, 0], [-1.2247449, 0, 1.2247449], 1e-5, 1e-6)
    np.testing.assert_allclose(nn.BatchNorm1d(2, momentum=None).eval()(x).numpy(), x, 1e-4)
