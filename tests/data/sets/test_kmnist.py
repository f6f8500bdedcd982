import pytest

from tinydl.data import DataError, load_kmnist


@pytest.mark.parametrize("sub", ["", "kmnist", "KMNIST", "KMNIST/raw", "raw"])
def test_it_has_its_own_names_and_folders(tmp_path, idx_set, sub):
    idx_set(tmp_path / sub)
    train, test = load_kmnist(tmp_path)
    assert train.class_names == ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    assert (train.name, test.name) == ("kmnist train", "kmnist test")


def test_missing(tmp_path):
    with pytest.raises(DataError, match="no KMNIST here.*--download"):
        load_kmnist(tmp_path)
