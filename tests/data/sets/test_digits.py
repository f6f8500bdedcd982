import importlib.util

import numpy as np
import pytest

from tinydl.data import DataError, load_digits

datasets = pytest.importorskip("sklearn.datasets")


def test_digits_are_those_of_scikit_learn():
    train, test = load_digits()
    bunch = datasets.load_digits()
    assert len(train) + len(test) == 1797
    assert train.image_shape == (1, 8, 8)
    everything = {(*x.reshape(-1).tolist(), y) for part in (train, test)
                  for x, y in zip(part.images, part.labels, strict=True)}
    assert everything == {(*x.astype(int).tolist(), int(y)) for x, y in zip(bunch.data, bunch.target, strict=True)}


def test_a_fifth_of_every_class_is_held_out():
    train, test = load_digits()
    share = np.bincount(test.labels) / np.bincount(np.concatenate([train.labels, test.labels]))
    assert np.abs(share - 0.2).max() < 0.003
    assert not np.array_equal(test.images, load_digits(seed=1)[1].images)
    assert np.array_equal(test.images, load_digits(seed=0)[1].images)


def test_normalisation_is_that_of_the_data():
    train, _ = load_digits()
    x = train.normalised()
    assert abs(x.mean()) < 0.01
    assert abs(x.std() - 1) < 0.01
    assert train.images.max() == 16


def test_without_scikit_learn_the_error_names_the_cure(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install 'tinydl-cnn\[app\]'"):
        load_digits()


def test_other_layouts_of_scikit_learn_are_read_through_it(monkeypatch):
    want = load_digits()[0].images
    monkeypatch.setattr("os.path.isfile", lambda path: False)
    assert np.array_equal(load_digits()[0].images, want)
