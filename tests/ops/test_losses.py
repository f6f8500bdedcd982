import numpy as np
import pytest

import tinydl as td

RNG = np.random.default_rng(0)
X, T = 2 * RNG.normal(size=(3, 4)), RNG.uniform(size=(3, 4))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradients_of_prediction_and_target(gradcheck, reduction):
    gradcheck(lambda x, t: td.ops.mse(x, t, reduction), X, T)
    gradcheck(lambda x, t: td.ops.huber(x, t, reduction, 0.7), X, T)
    gradcheck(lambda x, t: td.ops.bce_with_logits(x, t, [1, 2, 3, 4], reduction, [0.5, 1, 2, 4]), X, T)


def test_values():
    assert td.ops.mse(td.tensor([1.0, 2.0]), [0.0, 4.0]).item() == 2.5
    assert td.ops.mse(td.tensor([1.0, 2.0]), [0.0, 4.0], "sum").item() == 5
    assert td.ops.huber(td.tensor([0.5, 3.0]), [0.0, 0.0], "none").data.tolist() == [0.125, 2.5]
    assert td.ops.bce_with_logits(td.tensor([0.0]), [1.0]).item() == pytest.approx(np.log(2), rel=1e-6)


def test_course_squared_error():
    """E = 1/2 sum (x - t)^2 has the gradient x - t."""
    x = td.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (0.5 * td.ops.mse(x, [0.0, 4.0, 3.0], reduction="sum")).backward()
    assert x.grad.tolist() == [1, -2, 0]


def test_bce_is_stable():
    x = td.tensor([1e4, -1e4, 1e38], requires_grad=True)
    loss = td.ops.bce_with_logits(x, [1.0, 1.0, 0.0], reduction="none")
    assert loss.data.tolist() == [0, 1e4, np.float32(1e38)]
    loss.sum().backward()
    assert x.grad.tolist() == [0, -1, 1]


@pytest.mark.parametrize("loss", [td.ops.mse, td.ops.huber, td.ops.bce_with_logits])
def test_bad_arguments(loss):
    x = td.tensor(np.zeros((4, 1)))
    with pytest.raises(ValueError, match=r"\(4, 1\) need a target of the same shape, got \(4,\); reshape the target"):
        loss(x, np.zeros(4))
    with pytest.raises(ValueError, match=r"same shape, got \(3, 1\)$"):
        loss(x, np.zeros((3, 1)))
    with pytest.raises(TypeError, match="predictions are float64, the target is float32; convert"):
        loss(x, td.tensor(np.zeros((4, 1), np.float32)))
    with pytest.raises(ValueError, match="'mean', 'sum' or 'none'"):
        loss(x, np.zeros((4, 1)), reduction="max")
    with pytest.raises(TypeError, match="float32 or float64"):
        loss(td.tensor(np.zeros(2, int)), np.zeros(2))


def test_huber_needs_a_positive_delta():
    for delta in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="positive delta"):
            td.ops.huber(td.tensor([1.0]), [0.0], delta=delta)


def test_weights_must_fit():
    with pytest.raises(ValueError, match=r"pos_weight of shape \(3,\) does not broadcast"):
        td.ops.bce_with_logits(td.tensor(X), T, pos_weight=[1, 2, 3])
    with pytest.raises(ValueError, match="weight of shape"):
        td.ops.bce_with_logits(td.tensor(X), T, weight=np.ones((2, 3, 4)))
