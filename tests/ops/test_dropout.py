import numpy as np
import pytest

import tinydl as td


def test_share_and_scale():
    td.manual_seed(0)
    y = td.ops.dropout(np.ones(100_000, np.float32), 0.3).data
    assert set(np.unique(y)) == {0, np.float32(1 / 0.7)}
    assert abs((y == 0).mean() - 0.3) < 0.01


def test_gradient_has_the_same_mask():
    x = td.tensor(np.ones((64, 33)), requires_grad=True)
    y = td.ops.dropout(x, 0.5)
    y.backward(np.full(x.shape, 3.0))
    np.testing.assert_array_equal(x.grad, 3 * y.data)


def test_masks_differ_by_call_and_repeat_with_the_seed():
    x = np.ones(1000)
    td.manual_seed(1)
    a, b = td.ops.dropout(x).data, td.ops.dropout(x).data
    assert not np.array_equal(a, b)
    td.manual_seed(1)
    np.testing.assert_array_equal(td.ops.dropout(x).data, a)
    td.manual_seed(2)
    assert not np.array_equal(td.ops.dropout(x).data, a)


def test_edges():
    x = td.tensor(np.ones((3, 4)), requires_grad=True)
    assert td.ops.dropout(x, 0.5, training=False) is x
    assert td.ops.dropout(x, 0) is x
    y = td.ops.dropout(x, 1)
    y.backward(np.ones((3, 4)))
    assert not y.data.any() and not x.grad.any()
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="p must be a finite number >= 0 and <= 1"):
            td.ops.dropout(x, p)
