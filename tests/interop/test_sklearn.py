import pickle

import numpy as np
import pytest

import tinydl as td
from tinydl import nn

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tinydl.interop.sklearn import Classifier


def mlp(shape, n_classes):
    return nn.Sequential(nn.Linear(*shape, 16), nn.ReLU(), nn.Linear(16, n_classes))


def points():
    x = np.random.default_rng(0).normal(size=(120, 3))
    return x, np.array(["no", "yes"])[(x[:, 0] > x[:, 1]).astype(int)]


def test_fit_predict_score():
    x, y = points()
    model = Classifier(mlp, lr=0.02, epochs=20, batch_size=16)
    assert model.fit(x, y) is model
    assert model.classes_.tolist() == ["no", "yes"] and model.n_features_in_ == 3
    assert model.score(x, y) > 0.95
    p = model.predict_proba(x)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (model.classes_[p.argmax(axis=1)] == model.predict(x)).all()
    assert ((model.decision_function(x) > 0) == (model.predict(x) == "yes")).all()
    assert len(model.history_["loss"]) == 20


def test_images_in_a_grid_search():
    td.manual_seed(0)  # of the net's first weights: the estimator trains copies of it
    digits = load_digits()
    x, y = digits.images[:300, None] / 16, digits.target[:300]
    search = GridSearchCV(Classifier(td.models.digits_cnn(), lr=0.005, batch_size=32), {"epochs": [1, 6]}, cv=2)
    assert search.fit(x, y).best_params_ == {"epochs": 6}
    assert search.best_score_ > 0.8


def test_pipeline_and_cross_validation():
    x, y = points()
    scores = cross_val_score(make_pipeline(StandardScaler(), Classifier(mlp, lr=0.02, epochs=15, batch_size=16)), x, y,
                             cv=3)
    assert scores.min() > 0.85


def test_same_seed_same_bits_and_the_callers_state_stays():
    x, y = points()
    state = td.random.state()
    first, second = (clone(Classifier(mlp, epochs=2, seed=3)).fit(x, y) for _ in range(2))
    assert td.random.state() == state
    np.testing.assert_array_equal(first.predict_proba(x), second.predict_proba(x))
    net = mlp((3,), 2)
    before = net.state_dict()
    Classifier(net, epochs=1).fit(x, y)
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())


def test_pickle():
    x, y = points()
    model = Classifier(mlp, epochs=1).fit(x, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))


@pytest.mark.parametrize("options,x,y,message", [
    ({"optimizer": "sdg"}, np.zeros((2, 3)), [0, 1], "one of adam|one of sgd"),
    ({}, np.zeros(3), [0, 1, 0], r"shape \(N, ...\), got float64 of shape \(3,\)"),
    ({}, np.zeros((3, 2)), [0, 1], r"3 samples, but the labels have shape \(2,\)")])
def test_bad_arguments(options, x, y, message):
    with pytest.raises(ValueError, match=message):
        Classifier(mlp, **options).fit(x, y)


def test_predict_before_fit():
    with pytest.raises(ValueError, match="not fitted"):
        Classifier(mlp).predict(np.zeros((1, 3)))
