"""CIFAR's binary form; its files, archives and damages: tests/data/sets/test_cifar10.py."""

import os

import numpy as np
import pytest

from tinydl.data import DataError
from tinydl.data.records import Form, load_records

FORM = Form("CIFAR-7", ("a", "b"), 3, r"part_\d\.bin", r"last\.bin", "part_*.bin", "cifar-7-binary", (0, 0, 0),
            (1, 1, 1))


def test_the_last_label_byte_counts(tmp_path):
    record = np.zeros((2, 3 + 3072), np.uint8)
    record[:, :3] = [[9, 9, 0], [9, 9, 1]]
    record[1, 3 + 1024] = 7  # the first green pixel
    for name in ("part_1.bin", "part_2.bin", "last.bin"):
        (tmp_path / name).write_bytes(record.tobytes())
    train, test = load_records(tmp_path, FORM)
    assert (train.name, test.name) == ("cifar7 train", "cifar7 test")
    assert train.labels.tolist() == [0, 1, 0, 1] and test.images[1, 1, 0, 0] == 7 and test.images.sum() == 7
    record[0, 2] = 2
    (tmp_path / "part_1.bin").write_bytes(record.tobytes())
    with pytest.raises(DataError, match=r"part_1\.bin: label 2 of image 0 is not in 0\.\.1"):
        load_records(tmp_path, FORM)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no CIFAR-7 here; expected part_\*\.bin and last\.bin, a folder cifar-7-bin"):
        load_records(tmp_path, FORM)
    (tmp_path / "last.bin").write_bytes(bytes(3075))
    with pytest.raises(DataError, match=r"CIFAR-7 is incomplete, no part_\*\.bin"):
        load_records(tmp_path, FORM)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX's")
def test_a_pipe_is_named_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "part_1.bin")
    with pytest.raises(DataError, match=r"part_1\.bin: is a named pipe, not a file"):
        load_records(tmp_path, FORM)
