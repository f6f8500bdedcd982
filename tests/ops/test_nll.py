"""Negative log-likelihood: values, weights, ignored rows, labels that are no classes."""

import math

import numpy as np
import pytest

import tinydl as td

X = np.array([[-1.0, -2.0, -4.0], [-0.5, -3.0, -2.5], [-8.0, -1.0, -0.25]])


@pytest.mark.parametrize(("options", "value", "gradient"), [
    ({}, (2 + 0.5 + 0.25) / 3, [[0, -1 / 3, 0], [-1 / 3, 0, 0], [0, 0, -1 / 3]]),
    ({"reduction": "sum"}, 2.75, [[0, -1, 0], [-1, 0, 0], [0, 0, -1]]),
    ({"weight": [2, 1, 4]}, (2 + 1 + 1) / 7, [[0, -1 / 7, 0], [-2 / 7, 0, 0], [0, 0, -4 / 7]]),
    ({"ignore_index": 0}, (2 + 0.25) / 2, [[0, -0.5, 0], [0, 0, 0], [0, 0, -0.5]])])
def test_worked_values(options, value, gradient):
    x = td.tensor(X, requires_grad=True)
    loss = td.ops.nll(x, [1, 0, 2], **options)
    assert loss.item() == pytest.approx(value, rel=1e-15)
    loss.backward()
    np.testing.assert_allclose(x.grad, gradient, rtol=1e-15)


def test_separate_losses_and_one_row():
    assert td.ops.nll(td.tensor(X), [1, -100, 2], reduction="none").data.tolist() == [2, 0, 0.25]
    assert td.ops.nll(td.tensor(X[0]), 2).item() == 4


def test_positions_of_an_image():
    x = np.stack([X, X[::-1]], axis=-1)
    loss = td.ops.nll(td.tensor(x), [[1, 2], [0, 0], [2, 1]], reduction="none")
    assert loss.data.tolist() == [[2, 0.25], [0.5, 0.5], [0.25, 2]]


def test_nothing_counts():
    assert math.isnan(td.ops.nll(td.tensor(X), [-100] * 3).item())
    assert td.ops.nll(td.tensor(X), [-100] * 3, reduction="sum").item() == 0


def test_a_label_that_is_no_class_is_named():
    with pytest.raises(ValueError, match="row 1 holds 3, expected a class from 0 to 2 or ignore_index"):
        td.ops.nll(td.tensor(X), [0, 3, 1])
    with pytest.raises(ValueError, match="row 2 holds -1"):
        td.ops.nll(td.tensor(X), [0, 1, -1])


def test_gradients(gradcheck):
    gradcheck(lambda x: td.ops.nll(x, [1, 0, 2], [0.5, 2, 3]), X)
    gradcheck(lambda x: td.ops.nll(x, [1, 0, -100], reduction="none"), X)
