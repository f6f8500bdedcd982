import gzip
import struct

import numpy as np
import pytest

from tinydl.data import DataError, load_fashion_mnist, load_mnist, read_idx
from tinydl.data.idx import FASHION_NAMES

CODES = {np.uint8: 8, np.int8: 9, np.int16: 11, np.int32: 12, np.float32: 13, np.float64: 14}


def idx_bytes(array):
    code = CODES[array.dtype.type]
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_set(folder, n_train=20, n_test=10, suffix="", pack=lambda b: b, labels=None):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", n_train), ("t10k", n_test)):
        x = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        y = (np.arange(n) % 10).astype(np.uint8) if labels is None else labels(n)
        (folder / f"{part}-images-idx3-ubyte{suffix}").write_bytes(pack(idx_bytes(x)))
        (folder / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx_bytes(y)))


@pytest.mark.parametrize("dtype", list(CODES))
@pytest.mark.parametrize("zipped", [False, True])
def test_read_idx_round_trip(tmp_path, dtype, zipped):
    array = (np.arange(24).reshape(2, 3, 4) - 5).astype(dtype)
    content = idx_bytes(array)
    path = tmp_path / "a.idx"  # the name does not tell what is inside
    path.write_bytes(gzip.compress(content) if zipped else content)
    got = read_idx(path)
    assert got.dtype == dtype
    assert got.dtype.isnative
    assert np.array_equal(got, array)


def test_read_idx_literal_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes([0, 0, 11, 1, 0, 0, 0, 2, 0x01, 0x02, 0xFF, 0xFE]))
    assert read_idx(path).tolist() == [258, -2]


@pytest.mark.parametrize("zipped", [False, True])
def test_truncated_at_every_length(tmp_path, zipped):
    content = idx_bytes(np.arange(6, dtype=np.uint8).reshape(2, 3))
    content = gzip.compress(content) if zipped else content
    path = tmp_path / "a"
    for n in range(len(content)):
        path.write_bytes(content[:n])
        with pytest.raises(DataError, match=str(path)):
            read_idx(path)


def test_foreign_files(tmp_path):
    path = tmp_path / "a"
    cases = {b"": "nothing", b"\x89PNG\r\n\x1a\n": "89 50 4e 47", b"\0\0\x07\x01aaaa": "not an IDX",
             b"\x1f\x8bnonsense": "damaged", idx_bytes(np.zeros(3, np.uint8)) + b"x": "left over"}
    for content, message in cases.items():
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_idx(path)


def test_huge_sizes_are_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "a"
    head = bytes([0, 0, 14, 3]) + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1)
    for content in (head, gzip.compress(head)):
        path.write_bytes(content)
        with pytest.raises(DataError, match="more than the file can hold"):
            read_idx(path)


def test_every_header_byte_flipped_is_an_error_or_another_array(tmp_path):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    content = bytearray(idx_bytes(array))
    path = tmp_path / "a"
    for position in range(12):
        for bit in range(8):
            changed = bytearray(content)
            changed[position] ^= 1 << bit
            path.write_bytes(changed)
            try:
                got = read_idx(path)
            except DataError:
                continue
            assert got.shape != array.shape or got.dtype != array.dtype


@pytest.mark.parametrize(("sub", "suffix", "pack"), [
    ("", "", lambda b: b), ("", ".gz", gzip.compress), ("mnist", ".gz", gzip.compress), ("MNIST/raw", "", lambda b: b),
])
def test_load_mnist_searches_the_usual_places(tmp_path, sub, suffix, pack):
    write_set(tmp_path / sub, suffix=suffix, pack=pack)
    train, test = load_mnist(tmp_path)
    assert (len(train), len(test)) == (20, 10)
    assert train.image_shape == (1, 28, 28)
    assert train.images.dtype == np.uint8
    assert train.class_names == tuple("0123456789")
    assert train.labels.tolist() == [i % 10 for i in range(20)]


def test_load_fashion_mnist_has_its_own_names_and_folder(tmp_path):
    write_set(tmp_path / "fashion-mnist")
    train, _ = load_fashion_mnist(tmp_path)
    assert train.class_names == FASHION_NAMES
    with pytest.raises(DataError, match="no MNIST here"):
        load_mnist(tmp_path)


def test_missing_folder_and_files(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        load_mnist(tmp_path / "none")
    with pytest.raises(DataError, match="--download"):
        load_mnist(tmp_path)
    write_set(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="incomplete, missing t10k-labels-idx1-ubyte"):
        load_mnist(tmp_path)


def test_labels_out_of_range_name_file_row_and_value(tmp_path):
    write_set(tmp_path, labels=lambda n: np.array([3] * (n - 1) + [10], np.uint8))
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte: label 10 of image 19 is not in 0\.\.9"):
        load_mnist(tmp_path)


def test_files_that_do_not_fit_together(tmp_path):
    write_set(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(19, np.uint8)))
    with pytest.raises(DataError, match="20 images but 19 labels"):
        load_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros((20, 28, 28), np.uint8)))
    with pytest.raises(DataError, match=r"labels are uint8 of shape \(N,\)"):
        load_mnist(tmp_path)
    write_set(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((20, 32, 32), np.uint8)))
    with pytest.raises(DataError, match=r"\(N, 28, 28\), this file holds uint8 of shape \(20, 32, 32\)"):
        load_mnist(tmp_path)


def test_real_mnist(shared_data):
    train, test = load_mnist(shared_data)
    assert (len(train), len(test)) == (60000, 10000)
    assert np.bincount(train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    measured = train.with_statistics()
    assert measured.mean[0] == pytest.approx(train.mean[0], abs=1e-4)
    assert measured.std[0] == pytest.approx(train.std[0], abs=1e-4)
