import pytest

from tinydl.data import DataError, load_fashion_mnist
from tinydl.data.sets.fashion_mnist import FASHION_NAMES


@pytest.mark.parametrize("sub", ["", "fashion-mnist", "fashion_mnist", "FashionMNIST", "FashionMNIST/raw", "raw"])
def test_it_has_its_own_names_and_folders(tmp_path, idx_set, sub):
    idx_set(tmp_path / sub)
    train, test = load_fashion_mnist(tmp_path)
    assert train.class_names == FASHION_NAMES
    assert FASHION_NAMES[9] == "ankle boot"
    assert (train.name, test.name) == ("fashion-mnist train", "fashion-mnist test")


def test_missing(tmp_path, idx_set):
    idx_set(tmp_path / "mnist")
    with pytest.raises(DataError, match="no Fashion-MNIST here.*--download"):
        load_fashion_mnist(tmp_path)
