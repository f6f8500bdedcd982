"""Binary cross-entropy of probabilities: values, and what it gives at their edges."""

import math

import numpy as np
import pytest

import tinydl as td

RNG = np.random.default_rng(0)
X, T = RNG.uniform(0.05, 0.95, (3, 4)), RNG.uniform(size=(3, 4))
INF = math.inf
# (x, t): (loss, gradient of x, gradient of t), as PyTorch 2.13 has them
EDGES = {(0, 0): (0, 0, INF), (0, 0.25): (25, -0.25e12, INF), (0, 1): (100, -1e12, INF),
         (1, 0): (100, 1e12, -INF), (1, 0.25): (75, 0.75e12, -INF), (1, 1): (0, 0, -INF),
         (1e-30, 0): (1e-30, 1e-18, 69.07755), (1e-30, 1): (69.07755, -1e12, 69.07755),
         (0.25, 1): (math.log(4), -4, math.log(3)), (0.25, 0): (math.log(4 / 3), 4 / 3, math.log(3))}


def test_worked_values():
    losses = td.ops.bce(td.tensor([0.25, 1.0]), [1.0, 0.0], reduction="none")
    np.testing.assert_allclose(losses.data, [math.log(4), 100], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [None, 0.5])
def test_edges(dtype, weight):
    x, t = (td.tensor(np.array(values, dtype), requires_grad=True) for values in zip(*EDGES, strict=True))
    losses = td.ops.bce(x, t, None if weight is None else [weight], "none")
    losses.backward(np.ones(len(EDGES), dtype))
    found = np.stack([losses.numpy(), x.grad, t.grad], 1)
    np.testing.assert_allclose(found, np.array(list(EDGES.values())) * (weight or 1), rtol=1e-6)


def test_a_sigmoid_that_is_exactly_0_or_1_learns_nothing_and_spoils_nothing():
    x = td.tensor(np.float32([200, 200, -200, 1]), requires_grad=True)
    loss = td.ops.bce(td.ops.sigmoid(x), [1, 0, 1, 0], reduction="sum")
    loss.backward()
    assert loss.item() == pytest.approx(200 + math.log(1 + math.e))
    np.testing.assert_allclose(x.grad, [0, 0, 0, 1 / (1 + math.exp(-1))], rtol=1e-6)


def test_small_probabilities_keep_their_digits():
    losses = td.ops.bce(td.tensor(np.array([1e-20])), [0.0], reduction="none")
    assert losses.item() == pytest.approx(1e-20, rel=1e-15)


def test_weights_must_fit():
    with pytest.raises(ValueError, match=r"bce: weight of shape \(3,\) does not broadcast"):
        td.ops.bce(td.tensor(X), T, [1, 2, 3])
    with pytest.raises(TypeError, match="weight has no gradient"):
        td.ops.bce(td.tensor(X), T, td.tensor(np.ones(4), requires_grad=True))


def test_what_is_no_probability():
    with pytest.raises(ValueError, match=r"probabilities from 0 to 1, got 1.5 at \(0,\); put a sigmoid"):
        td.ops.bce(td.tensor([1.5]), [1.0])
    with pytest.raises(ValueError, match=r"got nan at \(1,\)"):
        td.ops.bce(td.tensor([0.5, np.nan]), [1.0, 1.0])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradients(gradcheck, reduction):
    gradcheck(lambda x, t: td.ops.bce(x, t, [1, 2, 3, 4], reduction), X, T)
