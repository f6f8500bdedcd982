"""Pooling layers."""

import numpy as np
import pytest

from tinydl import nn

X = np.array([[[1.0, 5.0, 2.0, 2.0, 7.0]]])


@pytest.mark.parametrize(("layer", "expected"), [
    (nn.MaxPool1d(2), [5, 2]), (nn.MaxPool1d(2, ceil_mode=True), [5, 2, 7]), (nn.MaxPool1d(3, 1, 1), [5, 5, 5, 7, 7]),
    (nn.MaxPool1d(2, 1, dilation=2), [2, 5, 7]), (nn.AvgPool1d(2), [3, 2]), (nn.AvgPool1d(2, 2, 1), [0.5, 3.5, 4.5]),
    (nn.AvgPool1d(2, 2, 1, count_include_pad=False), [1, 3.5, 4.5]), (nn.AdaptiveAvgPool1d(1), [3.4]),
    (nn.AdaptiveAvgPool1d(2), [8 / 3, 11 / 3]), (nn.AdaptiveMaxPool1d(3), [5, 5, 7])], ids=repr)
def test_worked_signals(layer, expected):
    np.testing.assert_allclose(layer(X).data, [[expected]], rtol=1e-15)


IMAGE = np.array([[[[1.0, 2, 2, 3], [4, 5, 4, 7], [9, 6, 6, 7], [9, 8, 12, 11]]]])


@pytest.mark.parametrize(("layer", "expected"), [
    (nn.MaxPool2d(2), [[5, 7], [9, 12]]), (nn.AvgPool2d((2, 4)), [[3.5], [8.5]]),
    (nn.AvgPool2d(1, 3), [[1, 3], [9, 11]]),
    (nn.AdaptiveMaxPool2d((1, 2)), [[9, 12]]), (nn.AdaptiveAvgPool2d((None, 1)), [[2], [5], [7], [10]])], ids=repr)
def test_worked_images(layer, expected):
    assert layer(IMAGE).data.tolist() == [[expected]]


def test_repr_says_the_window():
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
    assert repr(nn.AvgPool2d((2, 3), 1, (1, 0))) == "AvgPool2d(kernel_size=(2, 3), stride=1, padding=(1, 0))"
    assert repr(nn.AdaptiveAvgPool2d((None, 2))) == "AdaptiveAvgPool2d(output_size=(None, 2))"


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.MaxPool2d(2, padding=2), ValueError, "padding must be at most half the window"),
    (lambda: nn.MaxPool2d(2)(np.ones((8, 8))), ValueError, r"takes \(N, C, H, W\), got shape \(8, 8\)"),
    (lambda: nn.MaxPool2d(9)(np.ones((1, 1, 8, 8))), ValueError, "does not fit the input"),
    (lambda: nn.AdaptiveAvgPool2d(0), ValueError, "output_size must be at least 1"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
