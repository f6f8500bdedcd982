"""Losses that are compositions: literal values, what is refused; beside PyTorch in tests/nn/test_torch_oracle.py."""

import math

import numpy as np
import pytest

import tinydl as td

X, T = [[0.5, -2.0]], [[1.0, 1.0]]


@pytest.mark.parametrize(("loss", "expected"), [
    (lambda: td.ops.l1(td.tensor(X), T), 1.75),
    (lambda: td.ops.smooth_l1(td.tensor(X), T, "none"), [[0.125, 2.5]]),
    (lambda: td.ops.smooth_l1(td.tensor(X), T, "sum", 0.0), 3.5),
    (lambda: td.ops.kl_div(td.tensor(np.log([[0.25, 0.75]])), [[0.5, 0.5]], "batchmean"),
     0.5 * math.log(2) + 0.5 * math.log(2 / 3)),
    (lambda: td.ops.kl_div(td.tensor([[-1.0, -2.0]]), [[0.0, 1.0]], "sum"), 2),
    (lambda: td.ops.cosine_embedding(td.tensor([[3.0, 4.0], [1.0, 0.0]]), td.tensor([[3.0, 4.0], [1.0, 0.0]]), [1, -1],
                                     0.25, "none"), [0, 0.75]),
    (lambda: td.ops.triplet_margin(td.tensor([[0.0, 0.0]]), td.tensor([[3.0, 4.0]]),
     td.tensor([[0.0, 2.0]]), eps=0), 4),
    (lambda: td.ops.multilabel_soft_margin(td.tensor([[0.0, 0.0]]), [[1.0, 0.0]]), math.log(2)),
    # sigmoid(0) = 1/2: 0.25 (1/2)^2 log 2 of a target 1, 0.75 of a target 0
    (lambda: td.ops.focal(td.tensor([0.0, 0.0]), [1.0, 0.0], reduction="none"),
     [0.0625 * math.log(2), 0.1875 * math.log(2)])], ids=range(9))
def test_literal_values(loss, expected):
    np.testing.assert_allclose(loss().data, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("loss", "message"), [
    (lambda: td.ops.l1(td.tensor(X), [1.0, 2.0]), "need a target of the same shape"),
    (lambda: td.ops.kl_div(td.tensor(X), T, "all"), "'mean', 'sum' or 'none', got 'all'"),
    (lambda: td.ops.cosine_embedding(td.tensor(X), td.tensor(X), [0]), "targets 1 and -1"),
    (lambda: td.ops.focal(td.tensor(X), T, gamma=-1), "gamma must be")])
def test_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        loss()


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_kl_div_of_a_negative_probability_is_nan(dtype):
    x = td.tensor(np.log([0.5, 0.25, 0.25]))
    losses = td.ops.kl_div(x, np.array([2, 0, -1], dtype), "none").numpy()
    np.testing.assert_allclose(losses, [4 * np.log(2), 0, np.nan])


def test_kl_div_of_a_probability_of_0_spoils_no_gradient():
    x, t = (td.tensor(np.array(values), requires_grad=True) for values in ([-1.0, -2.0, -np.inf], [0.0, 0.5, 0.0]))
    td.ops.kl_div(x, t, "sum").backward()
    np.testing.assert_allclose(x.grad, [0, -0.5, 0])
    np.testing.assert_allclose(t.grad, [0, np.log(0.5) + 1 + 2, 0])


def test_triplet_margin_has_the_digits_of_its_widest_tensor():
    anchor, positive, negative = np.float16([[0.25, -0.7]]), np.array([[3.58, 0.27]]), np.array([[-0.38, -0.616]])
    near, far = (np.sqrt(((anchor.astype(np.float64) - v + 1e-6) ** 2).sum()) for v in (positive, negative))
    loss = td.ops.triplet_margin(anchor, td.tensor(positive), negative, 0.5)
    assert loss.item() == pytest.approx(near - far + 0.5, rel=1e-14)
