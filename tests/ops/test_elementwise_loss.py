"""What the losses of two equally shaped arrays share: the pair they take and the ways to reduce."""

import numpy as np
import pytest

import tinydl as td

LOSSES = [td.ops.mse, td.ops.huber, td.ops.bce_with_logits]


@pytest.mark.parametrize("loss", LOSSES)
def test_reductions(loss):
    x, t = td.tensor(np.array([[1.0, -2.0], [0.5, 4.0]])), np.array([[0.0, 1.0], [1.0, 0.5]])
    each = loss(x, t, reduction="none")
    assert each.shape == (2, 2)
    assert loss(x, t, reduction="sum").item() == pytest.approx(each.data.sum(), rel=1e-15)
    assert loss(x, t).item() == pytest.approx(each.data.mean(), rel=1e-15)
    assert loss(td.tensor(np.zeros((0, 2))), np.zeros((0, 2)), reduction="sum").item() == 0
    assert np.isnan(loss(td.tensor(np.zeros((0, 2))), np.zeros((0, 2))).item())


@pytest.mark.parametrize("loss", LOSSES)
def test_targets_take_the_type_of_the_prediction(loss):
    x = td.tensor(np.zeros(3, np.float32))
    for target in ([0, 1, 1], np.array([0, 1, 1]), np.array([False, True, True]), np.array([0.0, 1.0, 1.0])):
        assert loss(x, target).dtype == np.float32


@pytest.mark.parametrize("loss", LOSSES)
def test_long_sums_are_made_in_float64(loss):
    x = td.tensor(np.full(1 << 20, 0.1, np.float32))
    one = loss(x[:1], np.zeros(1), reduction="sum").item()
    assert loss(x, np.zeros(1 << 20), reduction="sum").item() == pytest.approx((1 << 20) * one, rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_bad_arguments(loss):
    x = td.tensor(np.zeros((4, 1)))
    with pytest.raises(ValueError, match=r"\(4, 1\) need a target of the same shape, got \(4,\); reshape the target"):
        loss(x, np.zeros(4))
    with pytest.raises(ValueError, match=r"same shape, got \(3, 1\)$"):
        loss(x, np.zeros((3, 1)))
    with pytest.raises(TypeError, match="predictions are float64, the target is float32; convert"):
        loss(x, td.tensor(np.zeros((4, 1), np.float32)))
    with pytest.raises(TypeError, match="a target of numbers, got <U1"):
        loss(x, np.array([["a"]] * 4))
    with pytest.raises(ValueError, match="'mean', 'sum' or 'none'"):
        loss(x, np.zeros((4, 1)), reduction="max")
    with pytest.raises(TypeError, match="float32 or float64"):
        loss(td.tensor(np.zeros(2, int)), np.zeros(2))
