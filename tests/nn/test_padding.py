"""Padding layers: literal values, reprs, what is refused."""

import pytest

import tinydl as td
from tinydl import nn


@pytest.mark.parametrize(("layer", "expected"), [
    (nn.ZeroPad1d(1), [0, 1, 2, 3, 0]), (nn.ConstantPad1d((0, 2), 7), [1, 2, 3, 7, 7]),
    (nn.ReflectionPad1d((2, 0)), [3, 2, 1, 2, 3]), (nn.ReplicationPad1d((1, 2)), [1, 1, 2, 3, 3, 3])], ids=repr)
def test_signals(layer, expected):
    assert layer(td.tensor([[[1.0, 2.0, 3.0]]])).tolist() == [[expected]]


@pytest.mark.parametrize(("layer", "rows", "text"), [
    (nn.ZeroPad2d((1, 0, 0, 1)), [[0, 1, 2], [0, 3, 4], [0, 0, 0]], "ZeroPad2d((1, 0, 0, 1))"),
    (nn.ConstantPad2d((0, 0, 1, 0), 5.0), [[5, 5], [1, 2], [3, 4]], "ConstantPad2d(padding=(0, 0, 1, 0), value=5)"),
    (nn.ReflectionPad2d((0, 1, 0, 0)), [[1, 2, 1], [3, 4, 3]], "ReflectionPad2d((0, 1, 0, 0))"),
    (nn.ReplicationPad2d((0, 0, 0, 1)), [[1, 2], [3, 4], [3, 4]], "ReplicationPad2d((0, 0, 0, 1))")], ids=range(4))
def test_images(layer, rows, text):
    assert layer(td.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])).tolist() == [[rows]] and repr(layer) == text


def test_refused():
    with pytest.raises(ValueError, match=r"ZeroPad2d takes \(N, C, H, W\), got shape \(1, 2, 3\)"):
        nn.ZeroPad2d(1)(td.zeros(1, 2, 3))
    with pytest.raises(ValueError, match="padding must be an integer or 4 of them"):
        nn.ZeroPad2d((1, 2))


def test_booleans_are_padded_with_booleans():
    mask = td.tensor([[[True, False]]])
    assert nn.ConstantPad1d((1, 0), True)(mask).tolist() == [[[True, True, False]]]
    assert nn.ConstantPad1d(1, 0)(mask).tolist() == [[[False, True, False, False]]]
    assert repr(nn.ConstantPad1d(1, True)) == "ConstantPad1d(padding=(1, 1), value=True)"
    with pytest.raises(ValueError, match="pad: an array of bool holds no 0.5"):
        nn.ConstantPad1d(1, 0.5)(mask)
    with pytest.raises(TypeError, match="value must be a number, got True"):
        nn.ConstantPad1d(1, True)(td.tensor([[[1.0]]]))
