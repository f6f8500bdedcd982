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
