"""The functional names: each is an operation, or hands its arguments to one."""

import numpy as np
import pytest

import tinydl as td
import tinydl.nn.functional as F


def test_every_name_is_an_operation_or_has_a_text():
    for name in F.__all__:
        assert callable(getattr(F, name)) and getattr(F, name).__doc__
    assert F.conv2d is td.ops.conv2d and F.nll_loss is td.ops.nll and F.softmax is td.ops.softmax
    assert td.nn.functional is F


def test_arguments_in_pytorchs_order():
    x = td.randn(4, 3, 6, 6)
    mean, var = np.zeros(3, np.float32), np.ones(3, np.float32)
    weight, bias = td.ones(3) * 2, td.ones(3)
    assert td.equal(F.batch_norm(x, mean, var, weight, bias), td.ops.batch_norm(x, weight, bias, mean, var, False))
    assert td.equal(F.relu(x, inplace=True), td.relu(x)) and td.equal(F.elu(x, 2.0, inplace=False), td.ops.elu(x, 2.0))
    assert td.equal(F.gelu(x, approximate="tanh"), td.ops.gelu_tanh(x)) and td.equal(F.gelu(x), td.ops.gelu(x))
    np.testing.assert_allclose(F.avg_pool2d(x, 2, divisor_override=1).data, F.avg_pool2d(x, 2).data * 4, rtol=1e-6)
    assert td.equal(F.instance_norm(x, eps=1e-3), td.ops.instance_norm(x, eps=1e-3))
    assert F.dropout(x, 0.5, False) is x and F.dropout2d(x, training=False) is x
    assert F.binary_cross_entropy_with_logits(td.zeros(2), [1.0, 0.0]).item() == pytest.approx(np.log(2))


def test_whole_channels_are_dropped():
    y = F.dropout2d(td.ones(40, 5, 3, 3), 0.5)
    assert set(np.unique(y.data)) == {0, 2} and np.array_equal(y.data.min((2, 3)), y.data.max((2, 3)))
    assert 60 < (y.data[:, :, 0, 0] == 0).sum() < 140


@pytest.mark.parametrize(("call", "message"), [
    (lambda x: F.gelu(x, "erf"), "'none' or 'tanh', got 'erf'"),
    (lambda x: F.instance_norm(x, np.zeros(3), np.ones(3)), "leave the running ones out"),
    (lambda x: F.dropout2d(td.ones(2)), r"channel_dropout takes \(N, C, \*spatial\), got shape \(2,\)")])
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(td.ones(2, 3, 4, 4))
