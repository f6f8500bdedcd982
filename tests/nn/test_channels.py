"""Layers on channels: what they pass on, their parameters, what is refused."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn


def test_each_is_its_operation():
    x = td.randn(2, 4, 3, 3)
    assert td.equal(nn.GLU(1)(x), td.ops.glu(x, 1)) and td.equal(nn.PixelShuffle(2)(x), td.ops.pixel_shuffle(x, 2))
    assert td.equal(nn.LocalResponseNorm(2, 0.1)(x), td.ops.local_response_norm(x, 2, 0.1))
    assert td.equal(nn.PReLU(4, 0.5)(x), td.where(x > 0, x, x * 0.5))


def test_parameters():
    slope = nn.PReLU()
    slope(td.tensor([[-2.0, 3.0]])).sum().backward()
    assert slope.weight.tolist() == [0.25] and slope.weight.grad.tolist() == [-2]
    td.manual_seed(0)
    table = nn.Embedding(5, 3, padding_idx=-1)
    assert table.padding_idx == 4 and not table.weight.data[4].any() and table.weight.data[:4].all()
    assert np.array_equal(table([[1, 4]]).data[0, 0], table.weight.data[1]) and table(np.array(2)).shape == (3,)
    assert repr(table) == "Embedding(5, 3, padding_idx=4)"


@pytest.mark.parametrize(("make", "message"), [
    (lambda: nn.Embedding(3, 2, 3), "must name one of 3 rows, got 3"), (lambda: nn.PReLU(0), "num_parameters must be"),
    (lambda: nn.PixelShuffle(1.5), "upscale_factor must be an integer"),
    (lambda: nn.LocalResponseNorm(0), "size must")])
def test_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
