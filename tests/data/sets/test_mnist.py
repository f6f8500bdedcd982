import gzip

import numpy as np
import pytest

from tinydl.data import DataError, load_mnist


@pytest.mark.parametrize("sub", ["", "mnist", "MNIST", "MNIST/raw", "raw"])
def test_the_usual_places_are_searched(tmp_path, idx_set, sub):
    idx_set(tmp_path / sub, suffix=".gz", pack=gzip.compress)
    train, test = load_mnist(tmp_path)
    assert (len(train), len(test)) == (20, 10)
    assert (train.name, test.name) == ("mnist train", "mnist test")
    assert train.class_names == tuple("0123456789")


def test_another_folder_is_not_taken(tmp_path, idx_set):
    idx_set(tmp_path / "fashion-mnist")
    with pytest.raises(DataError, match="no MNIST here"):
        load_mnist(tmp_path)


def test_real_mnist(shared_data):
    train, test = load_mnist(shared_data)
    assert (len(train), len(test)) == (60000, 10000)
    assert np.bincount(train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    measured = train.with_statistics()
    assert measured.mean[0] == pytest.approx(train.mean[0], abs=1e-4)
    assert measured.std[0] == pytest.approx(train.std[0], abs=1e-4)
