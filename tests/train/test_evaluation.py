import math
import threading

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.data import ArrayDataset
from tinydl.train import evaluate, predict
from tinydl.train.evaluation import evaluation_mode


def identity(x):
    return x


class Forward(nn.Module):
    """A net given as a function."""

    def __init__(self, function):
        self.function = function

    def forward(self, x):
        return self.function(td.tensor(x))


def points(n=101, classes=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, classes)).astype("f"), (rng.random(n) < 0.2).astype(int)


def cross_entropy(x, y):
    """-log softmax(x)_y in float64, row by row."""
    x = x.astype(float)
    return np.log(np.exp(x).sum(1)) - x[np.arange(len(y)), y]


# --- losses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 100, 101])
def test_weighted_and_ignoring_losses_do_not_depend_on_the_batch_size(size):
    x, y = points()
    rows, weight = cross_entropy(x, y), np.array([1.0, 9.0])[y]
    want = {
        "plain": (nn.CrossEntropyLoss(), rows.mean()),
        "weighted": (nn.CrossEntropyLoss([1, 9]), (rows * weight).sum() / weight.sum()),
        "ignoring": (nn.CrossEntropyLoss(ignore_index=1), rows[y == 0].mean()),
        "both": (nn.CrossEntropyLoss([2, 9], ignore_index=1), rows[y == 0].mean()),
        "sum": (nn.CrossEntropyLoss(reduction="sum"), rows.mean()),
        "weighted sum": (nn.CrossEntropyLoss([1, 9], reduction="sum"), (rows * weight).mean()),
    }
    for name, (loss, value) in want.items():
        assert evaluate(Forward(identity), (x, y), loss, size)["loss"] == pytest.approx(value, rel=1e-6), name
    log_p = x - np.log(np.exp(x).sum(1, keepdims=True))
    got = evaluate(Forward(identity), (log_p, y), nn.NLLLoss([1, 9]), size)
    assert got["loss"] == pytest.approx((rows * weight).sum() / weight.sum(), rel=1e-6)


def test_weighted_masks():
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(5, 3, 2, 4)).astype("f"), rng.integers(0, 3, (5, 2, 4))
    flat = x.transpose(0, 2, 3, 1).reshape(-1, 3)
    weight = np.array([1.0, 2.0, 5.0])[mask.reshape(-1)]
    want = (cross_entropy(flat, mask.reshape(-1)) * weight).sum() / weight.sum()
    for size in (1, 2, 5):
        got = evaluate(Forward(identity), (x, mask), nn.CrossEntropyLoss([1, 2, 5]), size)
        assert got["loss"] == pytest.approx(want, rel=1e-6)
        assert got["accuracy"] == np.mean(flat.argmax(1) == mask.reshape(-1))


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(reduction="none"), lambda o, y: None, lambda o, y: o])
def test_a_loss_that_is_no_number_is_refused(loss):
    with pytest.raises(TypeError, match="the loss must be one number for a batch, got .*reduction='mean'"):
        evaluate(Forward(identity), points(), loss)


@pytest.mark.parametrize("loss", [lambda o, y: 2.5, lambda o, y: np.float64(2.5), lambda o, y: td.tensor([2.5])])
def test_numbers_of_other_types_are_losses(loss):
    assert evaluate(Forward(identity), points(), loss)["loss"] == 2.5


# --- accuracy ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_accuracy_of_a_net_with_one_output(shape):
    logits = td.tensor(np.array([-3.0, 2.0, 4.0], "f").reshape(shape))
    data = np.zeros((3, 1)), [0, 1, 1]
    got = evaluate(Forward(lambda x: logits), data, nn.BCEWithLogitsLoss())
    assert got == {"loss": pytest.approx(np.log1p(np.exp([-3, -2, -4])).mean(), rel=1e-6), "accuracy": 1.0}
    # Another loss does not say what one number means.
    assert set(evaluate(Forward(lambda x: logits), data, lambda o, y: o.mean())) == {"loss"}


def test_pixel_accuracy_leaves_out_ignored_pixels():
    mask = np.array([[[0, 255], [1, 1]]])
    scores = np.zeros((1, 2, 2, 2), "f")
    scores[0, 1, 1] = 1  # says class 1 in the lower row
    data = ArrayDataset(scores, mask, ignore_index=255)
    assert evaluate(Forward(identity), data, nn.CrossEntropyLoss(ignore_index=255))["accuracy"] == 1.0
    data = ArrayDataset(scores, 1 - mask % 255, ignore_index=1)
    assert evaluate(Forward(identity), data, nn.CrossEntropyLoss(ignore_index=1))["accuracy"] == 0.0


def test_outputs_of_another_form_have_no_accuracy():
    x, y = points(6)
    pair = Forward(lambda x: (x, x))
    assert evaluate(pair, (x, y), lambda o, y: nn.CrossEntropyLoss()(o[0], y)).keys() == {"loss"}


# --- predict -------------------------------------------------------------------------------------------------------


def test_a_list_of_images_is_a_batch():
    net = Forward(lambda x: x.flatten(1) * 2)
    a, b = np.full((1, 2, 2), 1.0, "f"), np.full((1, 2, 2), 3.0, "f")
    assert predict(net, [a, b]).tolist() == [[2.0] * 4, [6.0] * 4]
    assert predict(net, [td.tensor(a), td.tensor(b)]).tolist() == [[2.0] * 4, [6.0] * 4]
    assert predict(net, [[1, 2], [3, 4], [5, 6]]).tolist() == [[2, 4], [6, 8], [10, 12]]


@pytest.mark.parametrize(("x", "error", "message"), [
    ((np.zeros((2, 1, 4, 4)), np.zeros((2, 1, 4, 4))), TypeError, r"a tuple of 2, which Forward.forward\(x\) does"),
    ((np.zeros((2, 1, 4, 4)), np.zeros(2, int)), TypeError, r"of a pair \(x, y\) pass x alone"),
    ([np.zeros((2, 1, 4, 4)), np.zeros((2, 1, 4, 4))], ValueError, "a list of single images, got arrays of shape"),
    ([np.zeros((1, 4, 4)), np.zeros((1, 5, 4))], ValueError, r"images of one shape, got \(1, 4, 4\), \(1, 5, 4\)"),
    ([], ValueError, "images must have shape"),
    (np.zeros((0, 2)), ValueError, "no images to predict"),
])
def test_what_is_no_batch_of_images(x, error, message):
    with pytest.raises(error, match=message):
        predict(Forward(lambda x: x), x)


def test_nets_that_return_several_tensors():
    x = np.arange(10, dtype="f").reshape(5, 2)
    first, second = predict(Forward(lambda x: (x, x.sum(1))), x, batch_size=2)
    assert first.tolist() == x.tolist() and second.tolist() == x.sum(1).tolist()
    named = predict(Forward(lambda x: {"a": x, "b": [x[:, 0]]}), x, batch_size=2)
    assert named["a"].tolist() == x.tolist() and named["b"][0].tolist() == x[:, 0].tolist()
    with pytest.raises(TypeError, match="a net returns a Tensor, or a tuple or dict of them, got str"):
        predict(Forward(lambda x: "no"), x)


def test_evaluation_mode_records_nothing_and_stays_in_its_thread():
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    with evaluation_mode():
        assert not net.training and not td.is_grad_enabled()
        assert not net(np.ones((1, 2))).requires_grad
        seen = []
        thread = threading.Thread(target=lambda: seen.append((net.training, td.is_grad_enabled())))
        thread.start()
        thread.join()
    assert seen == [(True, True)]
    assert net.training and td.is_grad_enabled()


def test_stop_gives_up():
    calls = iter([False, True])
    assert evaluate(Forward(identity), points(4), nn.CrossEntropyLoss(), 2, stop=lambda: next(calls)) is None


def test_all_labels_ignored_is_nan():
    got = evaluate(Forward(identity), (np.zeros((3, 2)), [1, 1, 1]), nn.CrossEntropyLoss(ignore_index=1))
    assert math.isnan(got["loss"]) and "accuracy" not in got


# --- literal figures -----------------------------------------------------------------------------------------------

# Two classes; the net passes its input on as logits.
X = np.array([[0, 0], [3, 0], [0, 3], [math.log(3), 0]], np.float32)
LABELS = np.array([0, 0, 0, 1])
LOSSES = [math.log(2), math.log1p(math.exp(-3)), math.log1p(math.exp(3)), math.log(4)]


@pytest.fixture
def net():
    layer = td.nn.Linear(2, 2, bias=False)
    layer.weight.data[...] = np.eye(2)
    return td.nn.Sequential(td.nn.Dropout(0.5), layer)


@pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
def test_mean_loss_and_accuracy_do_not_depend_on_the_batches(net, batch_size):
    result = evaluate(net, (X, LABELS), td.nn.CrossEntropyLoss(), batch_size)
    assert result["accuracy"] == 0.5
    assert result["loss"] == pytest.approx(sum(LOSSES) / 4, rel=1e-6)
    np.testing.assert_allclose(predict(net, X, batch_size), X, rtol=1e-6)


def test_other_targets_have_a_loss_and_no_accuracy(net):
    assert evaluate(net, (X, np.zeros((4, 2), np.float32)), td.nn.MSELoss()) == {
        "loss": pytest.approx((9 + 9 + math.log(3) ** 2) / 8, rel=1e-6)}


def test_it_can_be_stopped_between_batches(net):
    answers = iter([False, False, True])
    assert evaluate(net, (X, LABELS), td.nn.CrossEntropyLoss(), 1, stop=lambda: next(answers)) is None
    assert list(answers) == []


def test_no_data_is_an_error(net):
    with pytest.raises(ValueError, match="needs labels and at least one sample to be evaluated, it has 0 samples"):
        evaluate(net, (X[:0], LABELS[:0]), td.nn.CrossEntropyLoss())
    with pytest.raises(ValueError, match="no images to predict"):
        predict(net, X[:0])


def test_modes_come_back_also_after_an_error(net):
    net[1].eval()
    with pytest.raises(KeyError), evaluation_mode():
        assert not td.is_grad_enabled()
        raise KeyError
    assert td.is_grad_enabled()
    assert [module.training for module in (net, net[0], net[1])] == [True, True, False]
    predict(net, X)
    assert [module.training for module in (net, net[0], net[1])] == [True, True, False]
