"""What the estimators share: parameters, default networks, early stopping, schedules, threads."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn

pytest.importorskip("sklearn")

from tinydl.interop.estimator import default_net
from tinydl.sklearn import CNNClassifier

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(60, 3)), np.arange(60) % 2


@pytest.mark.parametrize("shape", [(5,), (2, 20), (1, 3), (3, 8, 8)])
def test_default_networks(shape):
    y = default_net(shape, 4).eval()(td.tensor(np.zeros((2, *shape), np.float32)))
    assert y.shape == (2, 4)
    with pytest.raises(ValueError, match=r"samples of shape \(1, 2, 3, 4\) have no network"):
        default_net((1, 2, 3, 4), 2)


WRONG = [
    ({"epochs": 0}, "epochs must be an integer >= 1, got 0"), ({"batch_size": 2.5}, "batch_size must be an integer"),
    ({"optimizer": "sdg"}, "the optimizer must be one of .*, got 'sdg'"),
    ({"schedule": 1}, "the schedule must be None"),
    ({"validation_fraction": 1}, "validation_fraction must be between 0 and 1"),
    ({"lr": 1e30, "optimizer": "sgd"}, "the loss is .* use a smaller lr"),
]


@pytest.mark.parametrize("options, words", WRONG, ids=[words for _, words in WRONG])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_wrong_parameters(options, words):
    with pytest.raises(ValueError, match=words):
        CNNClassifier(**options).fit(X, Y)


def test_a_function_that_returns_no_module():
    with pytest.raises(TypeError, match="net must be a module or a function that returns one, got int"):
        CNNClassifier(lambda shape, n: 3).fit(X, Y)


def test_samples_of_another_shape():
    model = CNNClassifier(epochs=1).fit(np.zeros((4, 1, 8, 8)), [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"samples of shape \(1, 9, 9\), but CNNClassifier was fitted with \(1, 8"):
        model.predict(np.zeros((4, 1, 9, 9)))


def test_early_stopping_keeps_the_best_weights():
    """Labels without a pattern: the loss on what is held back soon rises."""
    model = CNNClassifier(early_stopping=True, validation_fraction=0.3, patience=3, epochs=200, lr=0.05, batch_size=8,
                          random_state=0).fit(rng.normal(size=(80, 3)), rng.integers(0, 2, 80))
    assert model.n_iter_ < 200 and len(model.validation_curve_) == model.n_iter_
    assert np.argmin(model.validation_curve_) == model.n_iter_ - 4


@pytest.mark.parametrize("schedule", ["cosine", "onecycle"])
def test_schedules(schedule):
    model = CNNClassifier(schedule=schedule, epochs=3, batch_size=20, lr=0.01, random_state=0).fit(X, Y)
    assert model.optimizer_.param_groups[0]["lr"] < 0.005


def test_threads_and_words(capsys):
    before = td.get_num_threads()
    CNNClassifier(n_threads=1, verbose=True, epochs=2, early_stopping=True, random_state=0).fit(X, Y).predict(X)
    assert td.get_num_threads() == before
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith("epoch 1: loss ") and "held out" in lines[0]


def test_repeated_samples_are_weights():
    repeated = CNNClassifier(epochs=5, random_state=0).fit(np.repeat(X[:10], 3, axis=0), np.repeat(Y[:10], 3))
    weighted = CNNClassifier(epochs=5, random_state=0).fit(X[:10], Y[:10], sample_weight=np.full(10, 3.0))
    assert np.array_equal(repeated.predict_proba(X), weighted.predict_proba(X))


def test_a_batch_of_one_is_left_out_for_batch_norms():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    assert CNNClassifier(net, epochs=1, batch_size=59).fit(X, Y).n_iter_ == 1
