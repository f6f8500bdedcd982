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


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: nn.CrossEntropyLoss(reduction="avg"), ValueError, "'mean', 'sum' or 'none', got 'avg'"),
    (lambda: nn.CrossEntropyLoss(label_smoothing=2), ValueError, "between 0 and 1"),
    (lambda: nn.CrossEntropyLoss()(np.ones((2, 3)), np.array([0, 3])), ValueError, "row 1 holds 3"),
    (lambda: nn.HuberLoss(delta=0), ValueError, "positive delta"),
    (lambda: nn.MSELoss()(np.ones((2, 1)), np.ones(2)), ValueError, "reshape the target"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
