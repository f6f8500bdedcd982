"""stream: the results of the network, whatever the pieces in which the signal comes."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.export.stream import Stream


class Residual(nn.Module):
    """Valid convolutions, one beside a sum: the rows in the middle are added."""

    def __init__(self):
        self.one, self.two = nn.Conv1d(2, 4, 3, stride=2), nn.Conv1d(4, 4, 3, dilation=2)

    def forward(self, x):
        y = ops.silu(self.one(x))
        return ops.relu(self.two(y) + y[:, :, 4:])


class Product(nn.Module):
    """A linear layer that reads every position."""

    def __init__(self):
        self.conv, self.fc = nn.Conv1d(2, 3, 4, stride=3, groups=1), nn.Linear(3 * 4, 5)

    def forward(self, x):
        return self.fc(ops.flatten(ops.tanh(self.conv(x)), 1))


def causal(c, o, k, dilation=1):
    return nn.Sequential(nn.ZeroPad1d(((k - 1) * dilation, 0)), nn.Conv1d(c, o, k, dilation=dilation),
                         nn.BatchNorm1d(o), nn.ReLU())


# Network, shape of a window, hop, rows that the first result needs. The first ones answer for windows, the others give
# a result for each position.
NETS = {
    "mean": (lambda: nn.Sequential(nn.Conv1d(2, 6, 5, stride=2), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2),
                                   nn.Conv1d(6, 6, 3, groups=6), nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(),
                                   nn.Linear(6, 4), nn.Hardswish(), nn.Linear(4, 3)), (2, 61), 8, 59),
    "maximum": (lambda: nn.Sequential(nn.Conv1d(2, 4, 2, stride=3), nn.AdaptiveMaxPool1d(1), nn.Flatten()), (2, 14), 3,
                14),
    "product": (Product, (2, 13), 3, 13),
    "spectrogram": (lambda: nn.Sequential(nn.Conv2d(1, 4, (5, 3), stride=(2, 1), padding=(0, 1)), nn.ReLU(),
                                          nn.Conv2d(4, 4, 3, groups=4, padding=(0, 1)), nn.Conv2d(4, 6, 1), nn.ReLU(),
                                          nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)), (1, 19, 5), 2, 19),
    "residual": (Residual, (2, 40), 2, 11),
    "causal": (lambda: nn.Sequential(causal(2, 6, 3), causal(6, 6, 3, 2), causal(6, 4, 3, 4), nn.Conv1d(4, 3, 1)),
               (2, 12), 1, 1),
    "planes": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3, padding=(0, 1)), nn.MaxPool2d((1, 2))), (2, 9, 6), 1, 3),
}


def made(name):
    """(network, shape of a window, hop, rows of the first result, signal of 151 rows)."""
    td.manual_seed(0)
    make, shape, hop, first = NETS[name]
    net, rng = make().eval(), np.random.default_rng(0)
    for norm in (module for module in net.modules() if isinstance(module, nn.BatchNorm1d)):
        norm.running_mean[...], norm.running_var[...] = rng.normal(size=(2, norm.num_features))**2
    return net, shape, hop, first, rng.normal(size=(shape[0], 151, *shape[2:])).astype(np.float32)


def in_pieces(listen, signal, sizes):
    """The results of pieces of these lengths."""
    return [listen(signal[:, end - n:end]) for n, end in zip(sizes, np.cumsum(sizes), strict=True)]


@pytest.mark.parametrize("name", NETS)
def test_results_of_the_network(name, evaluated):
    net, shape, hop, first, signal = made(name)
    listen = td.stream(net, shape)
    assert (listen.hop, listen.window) == (hop, first) and isinstance(listen, Stream)
    one = evaluated(net, signal[None, :, :shape[1]])[0]
    if one.ndim == 1:
        windows = [signal[:, k:k + shape[1]] for k in range(0, 151 - shape[1] + 1, hop)]
        axis, expected = 0, evaluated(net, np.stack(windows))
    else:
        axis, expected = 1, evaluated(net, signal[None])[0]
    for sizes in ([151], [1] * 151, [10, 0, 3, 70, 1, 67]):
        parts = in_pieces(listen, signal, sizes)
        counts = np.cumsum([part.shape[axis] for part in parts])
        np.testing.assert_array_equal(counts, [max(0, (end - first) // hop + 1) for end in np.cumsum(sizes)])
        got = np.concatenate(parts, axis)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
        listen.reset()


def test_a_network_for_sound():
    td.manual_seed(0)
    net, signal = td.models.m5(), np.random.default_rng(0).normal(size=(1, 12000)).astype(np.float32)
    listen = td.stream(net, (1, 8000))
    assert listen.hop == 16 * 4**4  # strides of one convolution and four pools
    got = np.concatenate(in_pieces(listen, signal, [160] * 75))
    windows = np.stack([signal[:, k * listen.hop:][:, :8000] for k in range(len(got)) if k * listen.hop <= 4000])
    np.testing.assert_allclose(got[:len(windows)], td.freeze(net)(windows), rtol=1e-5, atol=1e-6)


def pad_then(*layers):
    return nn.Sequential(nn.ZeroPad1d((2, 0)), nn.Conv1d(2, 3, 3), *layers)


WRONG = [
    (nn.Conv1d(2, 3, 3, padding=1), (2, 9), r"step 1 of 1 of Conv1d, a convolution .* pads its input in time"),
    (nn.MaxPool1d(2, ceil_mode=True), (2, 9), "a pool of 18 numbers, pads its input in time"),
    (nn.ZeroPad1d((0, 2)), (2, 9), "pads its input at the end"),
    (pad_then(nn.AdaptiveAvgPool1d(1), nn.ReLU(), nn.Conv1d(3, 3, 1)), (2, 9), "begins with padding"),
    (pad_then(nn.Flatten(), nn.Linear(27, 2)), (2, 9), "reads all positions of a window that begins with padding"),
    (nn.Sequential(nn.Conv1d(2, 3, 3), nn.Flatten()), (2, 9), "moves numbers in another way|7 positions in one vector"),
    (td.models.ds_cnn(), (1, 49, 10), r"put nn.ZeroPad1d\(\(before, 0\)\) in front"),
    (nn.Linear(4, 2), (4,), r"shape of a window, \(C, T\) or \(C, T, W\), got \(4,\)"),
    (nn.Softmax(1), (2, 9), "has no form in steps"),
]


@pytest.mark.parametrize("net, shape, words", WRONG, ids=[str(k) for k in range(len(WRONG))])
def test_what_is_refused(net, shape, words):
    with pytest.raises(ValueError, match=words):
        td.stream(net, shape)


def test_wrong_rows():
    listen = td.stream(nn.Conv1d(2, 3, 3), (2, 9))
    for x in (np.zeros(2), np.zeros((3, 5)), np.zeros((1, 2, 5)), np.array([["a"], ["b"]])):
        with pytest.raises(ValueError, match=r"takes float rows of shape \(2, n\), got"):
            listen(x)
    assert listen(np.zeros((2, 2))).shape == (3, 0)
