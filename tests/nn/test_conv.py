"""Convolution layers: padding in every form, worked cases, bad input."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn


def test_worked_signal():
    layer = nn.Conv1d(1, 2, 2, stride=2, padding=1)
    layer.weight.data[...] = [[[1, 10]], [[-1, 1]]]
    layer.bias.data[...] = [0, 100]
    assert layer(np.array([[[1.0, 2, 3, 4]]])).data.tolist() == [[[10, 32, 4], [101, 101, 96]]]


@pytest.mark.parametrize(("mode", "expected"), [
    ("zeros", [12, 123, 234, 340]), ("reflect", [212, 123, 234, 343]), ("replicate", [112, 123, 234, 344]),
    ("circular", [412, 123, 234, 341])])
def test_what_lies_around_the_input(mode, expected):
    layer = nn.Conv1d(1, 1, 3, padding=1, padding_mode=mode, bias=False)
    layer.weight.data[...] = [[[100, 10, 1]]]
    assert layer(np.array([[[1.0, 2, 3, 4]]])).data.tolist() == [[expected]]


def test_groups_read_their_own_channels():
    layer = nn.Conv2d(4, 2, 1, groups=2, bias=False)
    assert layer.weight.shape == (2, 2, 1, 1)
    layer.weight.data[...] = np.reshape([1, 10, 1, 10], (2, 2, 1, 1))
    assert layer(np.reshape([1.0, 2, 3, 4], (1, 4, 1, 1))).data.tolist() == [[[[21]], [[43]]]]


def test_the_padding_that_is_the_same_for_every_input():
    assert nn.Conv2d(1, 1, 3, padding=(1, 0)).zero_padding() == (1, 0)
    assert nn.Conv2d(1, 1, 5, padding="same", dilation=2).zero_padding() == (4, 4)
    assert nn.Conv2d(1, 1, 4, padding="same").zero_padding() is None
    assert nn.Conv2d(1, 1, 3, padding="same", stride=2).zero_padding() is None
    assert nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular").zero_padding() is None


def test_repr_says_what_differs_from_the_default():
    assert repr(nn.Conv2d(3, 4, 5)) == "Conv2d(3, 4, kernel_size=(5, 5), stride=(1, 1))"
    assert repr(nn.Conv1d(4, 4, 3, 2, "same", 1, 2, False, "reflect")) == (
        "Conv1d(4, 4, kernel_size=(3,), stride=(2,), padding=same, groups=2, bias=False, padding_mode=reflect)")


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


def test_ten_filters_of_5x5():
    layer = nn.Conv2d(3, 10, 5, padding=2)
    assert sum(p.size for p in layer.parameters()) == 760
    assert layer(np.zeros((1, 3, 32, 32))).shape == (1, 10, 32, 32)


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


@pytest.mark.parametrize(("call", "error", "message"), [
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
    (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "groups must divide in_channels and out_channels, got groups=2"),
    (lambda: nn.Conv2d(3, 4, 3, groups=0), ValueError, "groups must be at least 1"),
    (lambda: nn.Conv2d(3, 4, 3, padding="full"), ValueError, "'same' or 'valid', got 'full'"),
    (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), ValueError, "'zeros', 'reflect'"),
    (lambda: nn.Conv2d(3, 4, (3, 3, 3)), ValueError, "an integer or 2 of them"),
    (lambda: nn.Conv1d(3, 4, (3, 3)), ValueError, r"an integer, got \(3, 3\)"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
