"""Instance norm: literal values, parameters, what is refused."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn


def test_each_channel_of_each_sample_by_itself():
    x = td.tensor([[[1.0, 3.0], [0.0, 8.0]], [[2.0, 2.0], [-1.0, 1.0]]])
    y = nn.InstanceNorm1d(2, eps=1e-12)(x)
    np.testing.assert_allclose(y.data, [[[-1, 1], [-1, 1]], [[0, 0], [-1, 1]]], atol=1e-5)
    net = nn.InstanceNorm2d(2, affine=True)
    assert [name for name, _ in net.named_parameters()] == ["weight", "bias"]
    assert net.eval()(x.unsqueeze(3)).shape == (2, 2, 2, 1)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: nn.InstanceNorm2d(3, track_running_stats=True), "leave track_running_stats out"),
    (lambda: nn.InstanceNorm2d(3)(td.zeros(1, 2, 4, 4)), r"would need InstanceNorm2d\(2\)"),
    (lambda: nn.InstanceNorm1d(3)(td.zeros(1, 3, 4, 4)), r"InstanceNorm1d takes \(N, 3, L\)"),
    (lambda: nn.InstanceNorm1d(3)(td.zeros(1, 3, 1)), "more than 1 spatial element")])
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
