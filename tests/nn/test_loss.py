import numpy as np
import pytest

import tinydl as td
from tinydl import nn


def test_cross_entropy_takes_arrays_and_options():
    logits, labels = np.array([[1.0, 2.0, 3.0]]), np.array([2])
    assert nn.CrossEntropyLoss()(logits, labels).item() == pytest.approx(0.407606, abs=1e-6)
    assert nn.CrossEntropyLoss(reduction="none")(logits, labels).shape == (1,)
    loss = nn.CrossEntropyLoss(weight=[1, 2, 3], ignore_index=0, label_smoothing=0.1)
    expected = td.ops.cross_entropy(td.tensor(logits), labels, [1, 2, 3], 0, "mean", 0.1).item()
    assert loss(logits, labels).item() == expected
    assert list(loss.state_dict()) == ["weight"] and list(nn.CrossEntropyLoss().state_dict()) == []


def test_log_softmax_and_nll_are_cross_entropy():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 4)), rng.integers(0, 4, 5)
    both = nn.NLLLoss()(nn.LogSoftmax()(x), y).item()
    assert both == pytest.approx(nn.CrossEntropyLoss()(x, y).item())


def test_elementwise_losses():
    x, t = np.array([1.0, 3.0]), np.array([0.0, 1.0])
    assert nn.MSELoss()(x, t).item() == 2.5
    assert nn.MSELoss("sum")(x, t).item() == 5
    assert nn.HuberLoss("none", delta=1.0)(x, t).data.tolist() == [0.5, 1.5]
    assert nn.BCEWithLogitsLoss(pos_weight=[1, 3])(np.zeros(2), t).item() == pytest.approx(2 * np.log(2))
    assert nn.BCEWithLogitsLoss(weight=[1, 3])(np.zeros(2), t).item() == pytest.approx(2 * np.log(2))


def test_a_loss_of_a_net_with_softmax_warns():
    net = nn.Sequential(nn.Linear(2, 3), nn.Softmax())
    with pytest.warns(UserWarning, match="remove the softmax"):
        nn.CrossEntropyLoss()(net(np.ones((4, 2))), np.zeros(4, int))
    with pytest.warns(UserWarning, match="remove the softmax"):
        nn.CrossEntropyLoss()(net(np.ones((4, 2))), np.ones((4, 3)) / 3)


# --- soft labels ---------------------------------------------------------------------------------------------------

SOFT = np.array([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0]])


def test_soft_labels_by_hand():
    assert nn.CrossEntropyLoss()(np.zeros((2, 3)), SOFT).item() == pytest.approx(np.log(3), abs=1e-6)
    # log softmax of (0, log 2, log 3) is log of (1, 2, 3)/6.
    logits = np.log([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    want = np.array([0.7 * np.log(6) + 0.3 * np.log(3), np.log(3)])
    np.testing.assert_allclose(nn.CrossEntropyLoss(reduction="none")(logits, SOFT).numpy(), want, rtol=1e-6)
    assert nn.CrossEntropyLoss()(logits, SOFT).item() == pytest.approx(want.mean(), rel=1e-6)
    assert nn.CrossEntropyLoss(reduction="sum")(logits, SOFT).item() == pytest.approx(want.sum(), rel=1e-6)


def test_hard_labels_written_as_soft_ones_give_the_same_loss_and_gradient():
    rng = np.random.default_rng(1)
    labels, data = rng.integers(0, 4, 6), rng.normal(size=(6, 4)).astype("f")
    results = []
    for target in (labels, np.eye(4, dtype="f")[labels], np.eye(4)[labels]):
        x = td.tensor(data, requires_grad=True)
        loss = nn.CrossEntropyLoss(label_smoothing=0.1)(x, target)
        loss.backward()
        results.append((loss.item(), x.grad))
    for value, grad in results[1:]:
        assert value == pytest.approx(results[0][0], rel=1e-6)
        np.testing.assert_allclose(grad, results[0][1], atol=1e-7)


@pytest.mark.parametrize(("bad", "message"), [
    ([1.0, 0.0, 1.0], "row 1 sum to 2. Several classes.*BCEWithLogitsLoss"),
    ([1.5, -0.5, 0.0], "row 1 sum to 1"),
    ([np.nan, 0.0, 1.0], "row 1 sum to nan"),
])
def test_soft_labels_that_are_no_probabilities(bad, message):
    with pytest.raises(ValueError, match="not negative and with sum 1; those of " + message):
        nn.CrossEntropyLoss()(np.zeros((2, 3)), np.array([[0.5, 0.5, 0.0], bad]))


# --- what 'mean' divides by ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nn.CrossEntropyLoss, nn.NLLLoss])
@pytest.mark.parametrize("options", [{}, {"weight": [1, 9, 2]}, {"ignore_index": 1},
                                     {"weight": [1, 9, 2], "ignore_index": 2}])
def test_the_mean_is_the_sum_over_the_denominator(make, options):
    rng = np.random.default_rng(2)
    x, labels = td.tensor(rng.normal(size=(7, 3, 2))), rng.integers(0, 3, (7, 2))
    total, loss = make(reduction="sum", **options)(x, labels).item(), make(**options)
    assert loss(x, labels).item() == pytest.approx(total / loss.denominator(x, labels), rel=1e-6)


def test_denominators_by_hand():
    x = np.zeros((4, 3))
    assert nn.CrossEntropyLoss().denominator(x, [0, 1, 1, 2]) == 4
    assert nn.CrossEntropyLoss(ignore_index=1).denominator(x, [0, 1, 1, 2]) == 2
    assert nn.CrossEntropyLoss([1, 9, 0.5]).denominator(x, [0, 1, 1, 2]) == 19.5
    assert nn.CrossEntropyLoss([1, 9, 0.5]).denominator(x, np.ones((4, 3)) / 3) == 4


# --- binary --------------------------------------------------------------------------------------------------------


def test_class_numbers_are_targets_of_binary_outputs():
    x, labels = np.array([[0.3], [-1.0], [2.0]]), np.array([1, 0, 1])
    want = nn.BCEWithLogitsLoss()(x, labels[:, None].astype(float)).item()
    for outputs, target in ((x, labels), (x[:, 0], labels), (x, labels[:, None]), (x, td.tensor(labels))):
        assert nn.BCEWithLogitsLoss()(outputs, target).item() == want
    mask = np.arange(8).reshape(2, 2, 2) % 2
    assert nn.BCEWithLogitsLoss()(np.zeros((2, 1, 2, 2)), mask).item() == pytest.approx(np.log(2))
    with pytest.raises(ValueError, match=r"class numbers are 0 and 1, got 2 at \(1,\); more classes need"):
        nn.BCEWithLogitsLoss()(x, [0, 2, 1])
    with pytest.raises(ValueError, match="same shape"):
        nn.BCEWithLogitsLoss()(np.zeros((3, 2)), labels)


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: nn.CrossEntropyLoss(ignore_index=0.5), TypeError, "ignore_index must be an integer, got 0.5"),
    (lambda: nn.NLLLoss(ignore_index=np.nan), TypeError, "ignore_index must be an integer, got nan"),
    (lambda: nn.CrossEntropyLoss([1, np.nan]), ValueError, r"weight must be finite .*, got nan at \(1,\)"),
    (lambda: nn.CrossEntropyLoss([1, -1]), ValueError, r"weight must be .*, got -1.0 at \(1,\)"),
    (lambda: nn.NLLLoss([]), ValueError, r"one factor for each class, got shape \(0,\)"),
    (lambda: nn.NLLLoss(2.0), ValueError, r"one factor for each class, got shape \(\)"),
    (lambda: nn.CrossEntropyLoss("ab"), TypeError, "weight must hold numbers, got 'ab'"),
    (lambda: nn.CrossEntropyLoss(np.array([1j])), TypeError, "weight must hold numbers, got array"),
    (lambda: nn.CrossEntropyLoss(label_smoothing=np.nan), ValueError, "finite number >= 0 and <= 1, got nan"),
    (lambda: nn.HuberLoss(delta=np.inf), ValueError, "delta must be a finite number > 0, got inf"),
    (lambda: nn.HuberLoss(delta="1"), TypeError, "delta must be a number, got '1'"),
    (lambda: nn.BCEWithLogitsLoss(pos_weight=np.inf), ValueError, "pos_weight must be finite .*, got inf"),
    (lambda: nn.BCEWithLogitsLoss([np.nan]), ValueError, "weight must be finite"),
])
def test_settings_that_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.CrossEntropyLoss(reduction="avg"), ValueError, "'mean', 'sum' or 'none', got 'avg'"),
    (lambda: nn.CrossEntropyLoss(label_smoothing=2), ValueError, ">= 0 and <= 1, got 2"),
    (lambda: nn.CrossEntropyLoss()(np.ones((2, 3)), np.array([0, 3])), ValueError, "row 1 holds 3"),
    (lambda: nn.HuberLoss(delta=0), ValueError, "delta must be"),
    (lambda: nn.MSELoss()(np.ones((2, 1)), np.ones(2)), ValueError, "reshape the target"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", ["weight", "pos_weight"])
def test_factors_keep_the_digits_of_float64(name):
    loss = nn.BCEWithLogitsLoss(**{name: np.array([0.1])})(td.tensor(np.array([0.3])), np.array([1.0]))
    assert loss.item() == pytest.approx(0.1 * np.log1p(np.exp(-0.3)), rel=1e-14)
