"""CNNClassifier and CNNRegressor; scikit-learn's own checks: tests/slow/test_sklearn.py."""

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

from tinydl.sklearn import CNNClassifier, CNNRegressor


def mlp(shape, n_outputs):
    return nn.Sequential(nn.Linear(*shape, 16), nn.ReLU(), nn.Linear(16, n_outputs))


def points():
    x = np.random.default_rng(0).normal(size=(120, 3))
    return x, np.array(["no", "yes"])[(x[:, 0] > x[:, 1]).astype(int)]


FAST = {"lr": 0.02, "batch_size": 16, "epochs": 20, "random_state": 0}


def test_fit_predict_score():
    x, y = points()
    model = CNNClassifier(mlp, **FAST)
    assert model.fit(x, y) is model
    assert model.classes_.tolist() == ["no", "yes"] and model.n_features_in_ == 3
    assert model.score(x, y) > 0.95
    p = model.predict_proba(x)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(model.predict_log_proba(x), np.log(p))
    assert (model.classes_[p.argmax(axis=1)] == model.predict(x)).all()
    assert ((model.decision_function(x) > 0) == (model.predict(x) == "yes")).all()
    assert len(model.loss_curve_) == model.n_iter_ == 20


def test_images_in_a_grid_search():
    td.manual_seed(0)  # of the net's first weights: the estimator trains copies of it
    digits = load_digits()
    x, y = digits.images[:300, None] / 16, digits.target[:300]
    search = GridSearchCV(CNNClassifier(td.models.digits_cnn(), lr=0.005, batch_size=32, random_state=0),
                          {"epochs": [1, 6]}, cv=2)
    assert search.fit(x, y).best_params_ == {"epochs": 6}
    assert search.best_score_ > 0.8


def test_pipeline_and_cross_validation():
    x, y = points()
    scores = cross_val_score(make_pipeline(StandardScaler(), CNNClassifier(mlp, **FAST)), x, y, cv=3)
    assert scores.min() > 0.85


def test_numbers():
    x = np.random.default_rng(0).normal(size=(120, 3))
    y = 1000 + 50 * x[:, 0] - 20 * x[:, 1] * x[:, 2]
    model = CNNRegressor(mlp, **{**FAST, "epochs": 40}).fit(x, y)
    assert model.score(x, y) > 0.8 and model.predict(x[:2]).shape == (2,)
    both = CNNRegressor(mlp, **FAST).fit(x, np.stack([y, x[:, 0]], axis=1))
    assert both.predict(x[:2]).shape == (2, 2) and both.score(x, np.stack([y, x[:, 0]], axis=1)) > 0.6
    with pytest.raises(ValueError, match=r"targets of shape \(2,\), the first fit had \(\)"):
        model.partial_fit(x, np.stack([y, y], axis=1))


def test_same_random_state_same_bits_and_the_callers_state_stays():
    x, y = points()
    state = td.random.state()
    first, second = (clone(CNNClassifier(mlp, epochs=2, random_state=3)).fit(x, y) for _ in range(2))
    assert td.random.state() == state
    np.testing.assert_array_equal(first.predict_proba(x), second.predict_proba(x))
    net = mlp((3,), 2)
    before = net.state_dict()
    CNNClassifier(net, epochs=1).fit(x, y)
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())


def test_partial_fit_and_warm_start():
    x, y = points()
    model = CNNClassifier(mlp, **FAST)
    with pytest.raises(ValueError, match="first call of partial_fit needs classes"):
        model.partial_fit(x, y)
    for _ in range(3):
        model.partial_fit(x, y, classes=["no", "yes"])
    assert model.n_iter_ == 3
    with pytest.raises(ValueError, match="not among the classes"):
        model.partial_fit(x[:1], ["maybe"])
    warm = CNNClassifier(mlp, **{**FAST, "epochs": 3}, warm_start=True)
    assert warm.fit(x, y).fit(x, y).n_iter_ == 6
    with pytest.raises(ValueError, match="warm_start: the classes .* are not those of the last fit"):
        warm.fit(x[:2], ["maybe", "no"])


def test_weights():
    x = np.zeros((90, 2))
    y = np.array([0] * 60 + [1] * 30)
    plain, balanced = (CNNClassifier(mlp, **FAST, class_weight=w).fit(x, y) for w in (None, "balanced"))
    np.testing.assert_allclose(plain.predict_proba(x[:1]), [[2 / 3, 1 / 3]], atol=0.05)
    np.testing.assert_allclose(balanced.predict_proba(x[:1]), [[1 / 2, 1 / 2]], atol=0.05)
    turned = CNNClassifier(mlp, **FAST).fit(x, y, sample_weight=np.where(y == 1, 6.0, 1.0))
    np.testing.assert_allclose(turned.predict_proba(x[:1]), [[1 / 4, 3 / 4]], atol=0.05)
    with pytest.raises(ValueError, match="is 0 for every sample|at least one non-zero"):
        CNNClassifier(mlp).fit(x, y, sample_weight=np.zeros(90))
    with pytest.raises(ValueError, match=r"sample_weight must be at least 0, got -1\.0"):
        CNNClassifier(mlp).fit(x, y, sample_weight=np.linspace(-1, 1, 90))


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    x, y = points()
    frame = pandas.DataFrame(x, columns=["a", "b", "c"])
    model = CNNClassifier(mlp, **FAST).fit(frame, pandas.Series(y))
    assert model.feature_names_in_.tolist() == ["a", "b", "c"] and model.score(frame, y) > 0.95
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c"]])


@pytest.mark.parametrize("form", ["csr_array", "csc_matrix", "coo_array"])
def test_sparse_rows_are_those_of_the_array(form):
    sparse = pytest.importorskip("scipy.sparse")
    x, y = points()
    x = np.where(np.abs(x) > 0.5, x, 0)
    of_array, of_sparse = CNNClassifier(mlp, **FAST).fit(x, y), CNNClassifier(mlp, **FAST)
    of_sparse.fit(getattr(sparse, form)(x), y)
    np.testing.assert_array_equal(of_sparse.predict_proba(getattr(sparse, form)(x)), of_array.predict_proba(x))
    numbers = CNNRegressor(mlp, epochs=1, random_state=0)
    np.testing.assert_array_equal(numbers.fit(getattr(sparse, form)(x), x[:, 0]).predict(x),
                                  numbers.fit(x, x[:, 0]).predict(x))


def test_pickle():
    x, y = points()
    model = CNNClassifier(mlp, epochs=1).fit(x, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))


def test_predict_before_fit():
    with pytest.raises(ValueError, match="not fitted"):
        CNNClassifier(mlp).predict(np.zeros((1, 3)))
