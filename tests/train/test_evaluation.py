"""Evaluation and prediction: literal figures, whatever the batches; the net keeps its mode."""

import math

import numpy as np
import pytest

import tinydl as td
from tinydl.train import evaluate, predict
from tinydl.train.evaluation import evaluation_mode

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
    with pytest.raises(KeyError), evaluation_mode(net):
        assert not td.is_grad_enabled()
        raise KeyError
    assert td.is_grad_enabled()
    assert [module.training for module in (net, net[0], net[1])] == [True, True, False]
    predict(net, X)
    assert [module.training for module in (net, net[0], net[1])] == [True, True, False]
