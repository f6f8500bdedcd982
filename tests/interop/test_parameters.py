"""Arguments of the network as parameters of an estimator."""

import pickle

import numpy as np
import pytest

from tinydl import nn

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from tinydl.sklearn import CNNClassifier, CNNRegressor

X, Y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2


def make(shape, n_outputs, width=4, *, bias=True):
    return nn.Sequential(nn.Linear(*shape, width, bias=bias), nn.ReLU(), nn.Linear(width, n_outputs))


def test_get_and_set():
    model = CNNClassifier(make, epochs=1).set_params(net__width=7)
    assert model.get_params()["net__width"] == 7 and model.get_params()["net__bias"] is True
    assert not any(name.startswith("net__") for name in model.get_params(deep=False))  # as of parts of a pipeline
    assert model.set_params(net__bias=False, epochs=2) is model and model.epochs == 2
    for other in (model, clone(model), pickle.loads(pickle.dumps(model))):
        net = other.fit(X, Y).net_
        assert net[0].weight.shape == (7, 3) and net[0].bias is None
    assert "CNNClassifier(epochs=2" in repr(model) and "epochs" in model._repr_html_()
    assert CNNRegressor(epochs=1).set_params(net=make, net__width=3).fit(X, X[:, 0]).net_[2].weight.shape == (1, 3)


def test_search():
    search = GridSearchCV(CNNClassifier(make, epochs=2, random_state=0), {"net__width": [2, 5]}, cv=2).fit(X, Y)
    width = search.best_params_["net__width"]
    assert search.best_estimator_.net_[0].weight.shape == (width, 3)


def test_any_names_and_a_new_net():
    model = CNNClassifier().set_params(net=lambda shape, n, **more: make(shape, n, **more), net__width=6)
    assert model.set_params(epochs=1).fit(X, Y).net_[0].weight.shape == (6, 3)


@pytest.mark.parametrize(("net", "words"), [
    (make, "Invalid parameter 'net__widht' for estimator CNNClassifier: net takes width, bias"),
    (None, r"net takes none; net__ names arguments of a function net\(sample_shape"),
    (nn.Linear(3, 2), "net takes none")])
def test_names_that_the_net_does_not_take(net, words):
    with pytest.raises(ValueError, match=words):
        CNNClassifier(net).set_params(net__widht=3)
    model = CNNClassifier(lambda shape, n, widht: make(shape, n)).set_params(net__widht=3)
    with pytest.raises(ValueError, match=words):
        model.set_params(net=net).fit(X, Y)
    with pytest.raises(ValueError, match="Invalid parameter 'epoch'"):
        CNNClassifier(net).set_params(epoch=3)
