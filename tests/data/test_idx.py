import gzip
import struct

import numpy as np
import pytest

from tinydl.data import DataError, read_idx
from tinydl.data.idx import load_images

CODES = {np.uint8: 8, np.int8: 9, np.int16: 11, np.int32: 12, np.float32: 13, np.float64: 14}


def idx_bytes(array):
    code = CODES[array.dtype.type]
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


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


@pytest.mark.parametrize("zipped", [False, True])
def test_huge_sizes_beside_an_empty_one(tmp_path, zipped):
    path, sizes = tmp_path / "a", (0, 2**31, 2**31, 2**31)
    content = bytes([0, 0, 8, len(sizes)]) + b"".join(n.to_bytes(4, "big") for n in sizes)
    path.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(DataError, match=f"{path}: .*no array has shape"):
        read_idx(path)
    content = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (0, 28, 28))
    path.write_bytes(gzip.compress(content) if zipped else content)
    assert read_idx(path).shape == (0, 28, 28)


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


# --- data sets in four files ---------------------------------------------------------------------------------------

def load(folder):
    return load_images(folder, ("inner", "inner/raw"), "Shapes", class_names="0123456789", mean=0.25, std=0.5)


@pytest.mark.parametrize(("sub", "suffix", "pack"), [
    ("", "", lambda b: b), ("", ".gz", gzip.compress), ("inner", ".gz", gzip.compress), ("inner/raw", "", lambda b: b),
])
def test_the_usual_places_are_searched(tmp_path, idx_set, sub, suffix, pack):
    idx_set(tmp_path / sub, suffix=suffix, pack=pack)
    train, test = load(tmp_path)
    assert (train.name, test.name) == ("shapes train", "shapes test")
    assert (len(train), len(test)) == (20, 10)
    assert train.image_shape == (1, 28, 28)
    assert train.images.dtype == np.uint8
    assert train.class_names == tuple("0123456789")
    assert (train.mean.tolist(), train.std.tolist()) == ([0.25], [0.5])
    assert train.labels.tolist() == [i % 10 for i in range(20)]


def test_missing_folder_and_files(tmp_path, idx_set):
    with pytest.raises(DataError, match="no such folder"):
        load(tmp_path / "none")
    with pytest.raises(DataError, match="--download"):
        load(tmp_path)
    idx_set(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="incomplete, missing t10k-labels-idx1-ubyte"):
        load(tmp_path)


def test_labels_out_of_range_name_file_row_and_value(tmp_path, idx_set):
    idx_set(tmp_path, labels=lambda n: np.array([3] * (n - 1) + [10], np.uint8))
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte: label 10 of image 19 is not in 0\.\.9"):
        load(tmp_path)


def test_files_that_do_not_fit_together(tmp_path, idx_set):
    idx_set(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(19, np.uint8)))
    with pytest.raises(DataError, match="20 images but 19 labels"):
        load(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros((20, 28, 28), np.uint8)))
    with pytest.raises(DataError, match=r"labels are uint8 of shape \(N,\)"):
        load(tmp_path)
    idx_set(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((20, 32, 32), np.uint8)))
    with pytest.raises(DataError, match=r"\(N, 28, 28\), this file holds uint8 of shape \(20, 32, 32\)"):
        load(tmp_path)
