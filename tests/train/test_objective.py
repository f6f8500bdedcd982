import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.train.objective import Objective, denominator, loss_value

rng = np.random.default_rng(0)
X = rng.normal(size=(6, 3))
Y = np.array([0, 2, 1, 1, 0, 2])
W = np.array([1.0, 0.5, 0.0, 2.0, 3.0, 1.0], np.float32)
LOSSES = np.log(np.exp(X).sum(1)) - X[np.arange(6), Y]  # -log softmax(x)_y in float64


def value(objective, *args):
    loss, total = objective(*args)
    return loss.item(), total


@pytest.mark.parametrize("own", [None, [1.0, 2.0, 4.0]])
def test_weights_of_samples_and_of_the_loss(own):
    v = W * (1 if own is None else np.array(own)[Y])
    got, total = value(Objective(nn.CrossEntropyLoss(own)), td.tensor(X), Y, W)
    assert got == pytest.approx((v * LOSSES).sum() / v.sum(), rel=1e-6) and total == pytest.approx(v.sum())


@pytest.mark.parametrize("class_weight", [{1: 5.0}, [1.0, 5.0, 1.0], np.array([1, 5, 1])])
def test_weights_of_classes(class_weight):
    for weights in (None, W):
        v = np.array([1, 5, 1])[Y] * (1 if weights is None else weights)
        got, total = value(Objective(nn.CrossEntropyLoss(), class_weight), td.tensor(X), Y, weights)
        assert got == pytest.approx((v * LOSSES).sum() / v.sum(), rel=1e-6) and total == v.sum()


def test_balanced_classes_have_one_sum():
    labels = np.array([0, 0, 0, 2])
    weights = Objective(nn.CrossEntropyLoss(), "balanced", labels).class_weight
    assert weights.tolist() == pytest.approx([4 / (2 * 3), 1, 4 / 2])


def test_class_weights_are_those_of_the_loss():
    given, made = nn.CrossEntropyLoss([1, 5, 2]), Objective(nn.CrossEntropyLoss(), [1, 5, 2])
    logits = [td.tensor(X, requires_grad=True) for _ in range(2)]
    given(logits[0], Y).backward()
    made(logits[1], Y)[0].backward()
    np.testing.assert_allclose(logits[1].grad, logits[0].grad, rtol=1e-6)


def test_ignored_labels_have_no_weight():
    y = np.where(Y == 1, -100, Y)
    v = W * (Y != 1)
    got, total = value(Objective(nn.CrossEntropyLoss()), td.tensor(X), y, W)
    assert got == pytest.approx((v * LOSSES).sum() / v.sum(), rel=1e-6) and total == v.sum()
    assert value(Objective(nn.CrossEntropyLoss(), [2, 3, 4]), td.tensor(X), np.full(6, -100))[1] == 0


def test_masks_are_weighted_by_pixel_and_by_picture():
    x, y = rng.normal(size=(2, 2, 1, 3)), np.array([[[0, 1, 1]], [[1, 0, 0]]])
    losses = np.log(np.exp(x).sum(1)) - np.where(y == 1, x[:, 1], x[:, 0])
    v = np.array([1, 3])[y] * np.array([2.0, 0.5])[:, None, None]
    got, _ = value(Objective(nn.CrossEntropyLoss(), {1: 3}), td.tensor(x), y, np.array([2.0, 0.5], np.float32))
    assert got == pytest.approx((v * losses).sum() / v.sum(), rel=1e-6)


def test_other_losses():
    x, t = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    want = (W[:, None] * (x - t) ** 2).sum() / (2 * W.sum())
    assert value(Objective(nn.MSELoss()), td.tensor(x), t, W)[0] == pytest.approx(want, rel=1e-6)
    assert value(Objective(nn.MSELoss("sum")), td.tensor(x), t, W)[0] == pytest.approx(want * 2 * W.sum(), rel=1e-6)
    own = Objective(lambda output, y: ((output - y) ** 2).mean(axis=1))
    assert value(own, td.tensor(x), td.tensor(t).data, W)[0] == pytest.approx(want, rel=1e-6)
    z, y = rng.normal(size=(6, 1)), Y % 2
    bce, v = np.log1p(np.exp(-np.where(y == 1, 1, -1) * z[:, 0])), np.where(y == 1, 4, 1)
    assert value(Objective(nn.BCEWithLogitsLoss(), {1: 4}), td.tensor(z), y)[0] == pytest.approx(
        (v * bce).sum() / v.sum(), rel=1e-6)


def test_weights_of_nothing():
    loss, total = Objective(nn.CrossEntropyLoss())(td.tensor(X), Y, np.zeros(6, np.float32))
    assert loss.item() == 0 and total == 0


def test_without_weights_it_is_the_loss():
    loss = nn.CrossEntropyLoss()
    assert value(Objective(loss), td.tensor(X), Y) == (loss(td.tensor(X), Y).item(), None)
    assert Objective(loss).plan == {} and Objective(loss, {1: 2}).plan == {"class_weight": [1.0, 2.0]}


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: Objective(nn.CrossEntropyLoss([1, 2]), {0: 1}), ValueError, "both weight the classes"),
    (lambda: Objective(nn.CrossEntropyLoss(), "even"), ValueError, "must be 'balanced', a dict or .* got 'even'"),
    (lambda: Objective(nn.CrossEntropyLoss(), {"cat": 1}), ValueError, "class numbers as its keys, got"),
    (lambda: Objective(nn.CrossEntropyLoss(), [1, -2]), ValueError, "class_weight of class 1 must be .*got -2"),
    (lambda: Objective(nn.CrossEntropyLoss(), "balanced", np.zeros(3)), ValueError, "counts class numbers in arrays"),
    (lambda: Objective(nn.CrossEntropyLoss(), [1, 2])(td.tensor(X), Y), ValueError, "a label 2, but 2 class weights"),
    (lambda: Objective(nn.MSELoss(), [1, 2])(td.tensor(X), X), TypeError, "class_weight needs class numbers"),
    (lambda: Objective(lambda o, y: o.mean())(td.tensor(X), Y, W), TypeError, r"the loss of each sample.*gives shape"),
    (lambda: Objective(lambda o, y: 1.0)(td.tensor(X), Y, W), TypeError, r"the loss of each sample.*gives float"),
])
def test_weights_that_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_what_a_loss_was_divided_by():
    assert denominator(nn.MSELoss(), None, np.zeros((5, 2))) == 5
    assert denominator(nn.CrossEntropyLoss([1, 2, 4]), None, Y) == 2 * (1 + 2 + 4)
    assert denominator(nn.CrossEntropyLoss([1, 2, 4], reduction="sum"), None, Y) == 6
    assert denominator(abs, None, ({"a": np.zeros(4)}, np.zeros(4))) == 4


def test_a_loss_as_a_number():
    assert loss_value(2) == loss_value(np.float32(2)) == loss_value(td.tensor([2.0])) == 2.0
    with pytest.raises(TypeError, match=r"one number for a batch, got an array of shape \(2,\)"):
        loss_value(td.tensor([1.0, 2.0]))
