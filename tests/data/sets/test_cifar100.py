import io
import tarfile

import numpy as np
import pytest

from tinydl.data import DataError, load_cifar100
from tinydl.data.sets.cifar100 import CIFAR100_NAMES


def test_the_archive_as_it_is_published(tmp_path):
    """A record is the coarse label, the fine label, and the pixels."""
    record = np.zeros((2, 2 + 3072), np.uint8)
    record[:, :2] = [[4, 0], [19, 99]]
    with tarfile.open(tmp_path / "cifar-100-binary.tar.gz", "w:gz") as tar:
        for name in ("train.bin", "test.bin", "fine_label_names.txt"):
            info = tarfile.TarInfo(f"cifar-100-binary/{name}")
            info.size = record.nbytes
            tar.addfile(info, io.BytesIO(record.tobytes()))
    train, test = load_cifar100(tmp_path)
    assert train.labels.tolist() == [0, 99] and train.image_shape == (3, 32, 32) and len(test) == 2
    assert [train.class_names[k] for k in train.labels] == ["apple", "worm"]


def test_a_hundred_names_in_order():
    assert len(CIFAR100_NAMES) == 100 == len(set(CIFAR100_NAMES)) and list(CIFAR100_NAMES) == sorted(CIFAR100_NAMES)


def test_missing(tmp_path):
    with pytest.raises(DataError, match=r"no CIFAR-100 here; expected train\.bin and test\.bin.*--download"):
        load_cifar100(tmp_path)
