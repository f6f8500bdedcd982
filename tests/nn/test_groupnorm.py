"""Group norm."""

import numpy as np
import pytest

from tinydl import nn


def test_worked_values():
    layer = nn.GroupNorm(2, 4, eps=0)  # groups 1, 3 and 5, -5
    layer.weight.data[...], layer.bias.data[...] = [1, 3, 1, 1], [0, 10, 0, 1]
    np.testing.assert_allclose(layer([[1.0, 3.0, 5.0, -5.0]]).data, [[-1, 13, 1, 0]], rtol=1e-6, atol=1e-6)


def test_positions_share_the_statistics_of_their_group():
    layer = nn.GroupNorm(1, 2, eps=0, affine=False)
    assert list(layer.parameters()) == []
    assert layer([[[1.0, 1.0], [3.0, 3.0]]]).data.tolist() == [[[-1, -1], [1, 1]]]


def test_it_is_the_same_in_evaluation_and_for_any_batch():
    layer, x = nn.GroupNorm(2, 4), np.random.default_rng(0).normal(size=(5, 4, 3, 3)).astype(np.float32)
    y = layer(x).data
    assert np.array_equal(y, layer.eval()(x).data)
    assert np.array_equal(y[2:3], layer(x[2:3]).data)


def test_parts():
    assert list(nn.GroupNorm(1, 3).state_dict()) == ["weight", "bias"]
    assert list(nn.GroupNorm(1, 3, affine=False).state_dict()) == []
    assert repr(nn.GroupNorm(3, 6)) == "GroupNorm(3, 6, eps=1e-05, affine=True)"


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.GroupNorm(4, 6), ValueError, "must be a multiple of num_groups, got 6 channels in 4 groups"),
    (lambda: nn.GroupNorm(0, 6), ValueError, "num_groups must be at least 1, got 0"),
    (lambda: nn.GroupNorm(2.0, 6), TypeError, "num_groups must be an integer, got 2.0"),
    (lambda: nn.GroupNorm(2, 4)(np.ones((2, 6, 3))), ValueError,
     r"takes \(N, 4, \*spatial\), got shape \(2, 6, 3\); this input would need GroupNorm\(2, 6\)"),
    (lambda: nn.GroupNorm(2, 4, affine=False)(np.ones((2, 6, 3))), ValueError, r"would need GroupNorm\(2, 6\)"),
    (lambda: nn.GroupNorm(2, 4)(np.ones(4)), ValueError, r"x\[None\], shape \(1, 4\)"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
