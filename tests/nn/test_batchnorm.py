"""Batch norm layers: buffers, modes, bad input."""

import numpy as np
import pytest

from tinydl import nn


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
    (lambda: nn.BatchNorm1d(3, momentum=2), ValueError, "momentum must lie between 0 and 1"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
