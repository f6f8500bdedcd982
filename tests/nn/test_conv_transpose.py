"""Transposed convolution layers."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn


def test_each_input_paints_its_filter():
    layer = nn.ConvTranspose1d(1, 1, 3, stride=2, bias=False)
    layer.weight.data[...] = [[[1, 10, 100]]]
    assert layer(np.array([[[1.0, 2.0]]])).data.tolist() == [[[1, 10, 102, 20, 200]]]


def test_padding_cuts_and_output_padding_adds():
    layer = nn.ConvTranspose1d(1, 1, 3, stride=2, padding=1, output_padding=1, bias=False)
    layer.weight.data[...] = [[[1, 10, 100]]]
    assert layer(np.array([[[1.0, 2.0]]])).data.tolist() == [[[10, 102, 20, 200]]]


def test_it_is_the_transpose_of_the_convolution():
    """<conv(x), y> = <x, conv_transpose(y)> with the same weight."""
    rng = np.random.default_rng(0)
    forth, back = nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.ConvTranspose2d(4, 3, 3, 2, 1, bias=False)
    forth.weight.data[...] = back.weight.data[...] = rng.integers(-3, 4, (4, 3, 3, 3))
    x, y = rng.integers(-3, 4, (2, 3, 7, 5)).astype(float), rng.integers(-3, 4, (2, 4, 4, 3)).astype(float)
    assert (forth(x).data * y).sum() == (x * back(y).data).sum()


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=1), ValueError, "output_padding must be smaller than stride"),
    (lambda: nn.ConvTranspose2d(3, 4, 3)(td.tensor(np.ones((1, 3, 4, 4)))), TypeError, "x.astype"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_is_the_transpose_of_same(k, stride, dilation):
    """<conv(x), y> = <x, conv_transpose(y)> for the convolution of padding='same', as in Keras."""
    rng = np.random.default_rng(0)
    forth = nn.Conv1d(2, 3, k, stride, "same", dilation, bias=False)
    back = nn.ConvTranspose1d(3, 2, k, stride, "same", dilation=dilation, bias=False)
    forth.weight.data[...] = back.weight.data[...] = rng.integers(-3, 4, (3, 2, k))
    y = rng.integers(-3, 4, (2, 3, 6)).astype(float)
    x = rng.integers(-3, 4, (2, 2, 6 * stride)).astype(float)
    assert back(y).shape == x.shape
    assert (forth(x).data * y).sum() == (x * back(y).data).sum()


@pytest.mark.parametrize(("k", "stride", "extra", "length"), [
    (3, 2, 0, 9), (3, 2, 1, 10), (5, 3, 2, 15), (4, 2, 1, 9), (4, 2, 2, 10), (2, 3, 3, 15), (3, 1, 0, 5)])
def test_output_padding_of_same_counts_as_in_keras(k, stride, extra, length):
    """Keras: (L - 1) S + K - 2 floor(K / 2) + output_padding; the values are those of the whole result, cut evenly."""
    layer = nn.ConvTranspose1d(1, 1, k, stride, "same", extra, bias=False)
    whole = nn.ConvTranspose1d(1, 1, k, stride, bias=False)
    whole.weight.data[...] = layer.weight.data
    x = np.random.default_rng(0).normal(size=(2, 1, 5)).astype(np.float32)
    y, z = layer(x).data, whole(x).data
    assert y.shape[2] == length == (5 - 1) * stride + k - 2 * (k // 2) + extra
    before = max(z.shape[2] - length, 0) // 2
    kept = z[:, :, before:before + length]
    assert np.array_equal(y[:, :, :kept.shape[2]], kept) and not y[:, :, kept.shape[2]:].any()


def test_same_in_two_dimensions():
    layer = nn.ConvTranspose2d(2, 3, (3, 2), stride=(2, 1), padding="same").double()
    x = np.random.default_rng(0).normal(size=(2, 2, 3, 4))
    assert layer(x).shape == (2, 3, 6, 4) and "padding=same" in repr(layer)
    td.testing.gradcheck(layer, x)
    assert nn.ConvTranspose2d(2, 3, 3, padding="valid").padding == (0, 0)
    with pytest.raises(ValueError, match="output_padding must lie between 0 and 1, got 2"):
        nn.ConvTranspose1d(1, 1, 3, 2, "same", 2)
    with pytest.raises(ValueError, match="integers, 'same' or 'valid', got 'full'"):
        nn.ConvTranspose1d(1, 1, 3, 2, "full")
