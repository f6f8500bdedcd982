"""Dropout as a layer."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn


def test_what_is_kept_is_scaled_so_that_the_mean_stays():
    td.manual_seed(0)
    y = nn.Dropout(0.75)(np.ones((200, 100), np.float32)).data
    assert set(np.unique(y)) == {0, 4}
    assert abs((y == 0).mean() - 0.75) < 0.01


def test_seeds_repeat_and_calls_differ():
    layer, x = nn.Dropout(0.5), np.ones((50, 50), np.float32)
    td.manual_seed(1)
    first, second = layer(x).data.copy(), layer(x).data.copy()
    td.manual_seed(1)
    assert np.array_equal(layer(x).data, first)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(("p", "value"), [(0.0, 1.0), (1.0, 0.0)])
def test_none_and_all(p, value):
    assert (nn.Dropout(p)(np.ones((3, 4))).data == value).all()


def test_dropout_only_in_training():
    layer = nn.Dropout(0.5)
    x = np.ones((100, 10), np.float32)
    assert (layer(x).data == 0).any()
    assert np.array_equal(layer.eval()(x).data, x)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.Dropout(1.5), ValueError, "p must be a finite number >= 0 and <= 1, got 1.5"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
