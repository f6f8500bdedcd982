"""Binary cross-entropy of logits: values, stability, weights."""

import math

import numpy as np
import pytest

import tinydl as td

RNG = np.random.default_rng(0)
X, T = 2 * RNG.normal(size=(3, 4)), RNG.uniform(size=(3, 4))


def test_worked_values():
    # sigmoid(log 3) = 3/4
    x = td.tensor(np.array([0.0, math.log(3), math.log(3)]), requires_grad=True)
    loss = td.ops.bce_with_logits(x, [1.0, 1.0, 0.0], reduction="none")
    np.testing.assert_allclose(loss.data, [math.log(2), math.log(4 / 3), math.log(4)], rtol=1e-15)
    loss.backward(np.ones(3))
    np.testing.assert_allclose(x.grad, [-0.5, -0.25, 0.75], rtol=1e-15)


def test_it_is_stable():
    x = td.tensor([1e4, -1e4, 1e38], requires_grad=True)
    loss = td.ops.bce_with_logits(x, [1.0, 1.0, 0.0], reduction="none")
    assert loss.data.tolist() == [0, 1e4, np.float32(1e38)]
    loss.sum().backward()
    assert x.grad.tolist() == [0, -1, 1]


def test_weights_count_all_or_the_positive_part():
    x, t = td.tensor(np.zeros(2)), [1.0, 0.0]
    plain = td.ops.bce_with_logits(x, t, reduction="none").data
    np.testing.assert_allclose(td.ops.bce_with_logits(x, t, [3, 5], "none").data, plain * [3, 5], rtol=1e-15)
    np.testing.assert_allclose(td.ops.bce_with_logits(x, t, None, "none", [3, 5]).data, plain * [3, 1], rtol=1e-15)


def test_weights_must_fit():
    with pytest.raises(ValueError, match=r"pos_weight of shape \(3,\) does not broadcast"):
        td.ops.bce_with_logits(td.tensor(X), T, pos_weight=[1, 2, 3])
    with pytest.raises(ValueError, match="weight of shape"):
        td.ops.bce_with_logits(td.tensor(X), T, weight=np.ones((2, 3, 4)))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradients(gradcheck, reduction):
    gradcheck(lambda x, t: td.ops.bce_with_logits(x, t, [1, 2, 3, 4], reduction, [0.5, 1, 2, 4]), X, T)
