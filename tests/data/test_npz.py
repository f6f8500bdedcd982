import contextlib
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from tinydl.data import DataError, load_npz
from tinydl.data.npz import as_images, read_arrays


def save(path, compressed=False, **arrays):
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_x_and_y_are_split(tmp_path, compressed):
    x = np.random.default_rng(0).integers(0, 256, (50, 6, 5), dtype=np.uint8)
    path = save(tmp_path / "mine.npz", compressed, x=x, y=np.arange(50) % 5)
    train, test = load_npz(path)
    assert (len(train), len(test)) == (40, 10)
    assert np.bincount(test.labels).tolist() == [2] * 5
    assert train.image_shape == (1, 6, 5)
    assert train.name == "mine train"
    assert test.mean.tolist() == train.mean.tolist()
    assert abs(train.normalised().mean()) < 1e-5
    assert np.array_equal(load_npz(path)[1].images, test.images)
    assert not np.array_equal(load_npz(path, seed=1)[1].images, test.images)


def test_given_split_is_kept(tmp_path):
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((20, 3, 8, 8)), rng.standard_normal((6, 3, 8, 8))
    path = save(tmp_path / "a.npz", x_train=x, y_train=np.arange(20) % 4, x_test=t, extra=np.zeros(3),
                y_test=[[0], [1], [2], [3], [0], [1]])
    train, test = load_npz(path)
    assert np.array_equal(train.images, x)
    assert np.array_equal(test.images, t)
    assert test.labels.tolist() == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(("shape", "logical"), [
    ((7, 28, 28), (7, 1, 28, 28)), ((7, 1, 50), (7, 1, 50)), ((7, 3, 9, 8), (7, 3, 9, 8)), ((7, 9, 8, 3), (7, 3, 9, 8)),
    ((7, 9, 8, 1), (7, 1, 9, 8)), ((7, 1, 9, 1), (7, 1, 9, 1)), ((7, 12), (7, 12)), ((7, 16, 9, 8), (7, 16, 9, 8)),
])
def test_where_the_channels_are(shape, logical):
    assert as_images(np.zeros(shape)).shape == logical


def test_channels_last_values():
    x = np.arange(2 * 6 * 5 * 3).reshape(2, 6, 5, 3)
    assert np.array_equal(as_images(x)[1, 2], x[1, :, :, 2])


@pytest.mark.parametrize(("arrays", "message"), [
    ({"x": np.zeros((4, 2, 2))}, "needs arrays x and y.*it holds x"),
    ({}, "it holds nothing"),
    ({"x_train": np.zeros((4, 2, 2)), "y_train": np.zeros(4, int)}, "no array x_test or y_test"),
    ({"x": np.zeros((4, 2, 2)), "y": np.zeros(3, int)}, "4 images but 3 labels"),
    ({"x": np.zeros((4, 2, 2)), "y": np.array([0, 1, -2, 1])}, "label -2 of image 2"),
    ({"x": np.zeros((4, 2, 2)), "y": np.zeros(4)}, "save integer class numbers, y.astype"),
    ({"x": np.zeros((4, 2, 2)), "y": np.zeros((4, 3), int)}, "y must be integer class numbers"),
    ({"x": np.zeros(4), "y": np.zeros(4, int)}, r"got \(4,\)"),
    ({"x": np.full((4, 2, 2), np.nan), "y": np.zeros(4, int)}, "image 0 of x holds nan"),
    ({"x": np.zeros((4, 2, 2)), "y": np.arange(4)}, "too few to hold out 20%"),
    ({"x_train": np.zeros((4, 2, 2)), "y_train": np.arange(4), "x_test": np.zeros((4, 3, 3)),
      "y_test": np.zeros(4, int)}, r"images of \(1, 2, 2\), x_test of \(1, 3, 3\)"),
    ({"x_train": np.zeros((4, 2, 2)), "y_train": np.arange(4) % 2, "x_test": np.zeros((4, 2, 2)),
      "y_test": np.full(4, 3)}, r"label 3 of image 0 is not among the classes 0, 1"),
])
def test_contents_that_cannot_be(tmp_path, arrays, message):
    path = save(tmp_path / "bad.npz", **arrays)
    with pytest.raises(DataError, match=message) as caught:
        load_npz(path)
    assert str(path) in str(caught.value)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was run",))


def test_pickles_are_never_run(tmp_path):
    path = tmp_path / "a.npz"
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([Bomb()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", buffer.getvalue())
    with pytest.raises(DataError, match="Python objects"):
        load_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="not a NumPy array"):
        load_npz(path)
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="not an .npz file"):
        load_npz(path)


def test_huge_shape_is_refused_before_memory_is_taken(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000, 1000), }"
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 80
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(DataError, match="needs 32,000,000,000,000 bytes"):
        load_npz(path)


@pytest.mark.parametrize("descr, shape", [("<f8", f"(0, {2**62}, {2**62})"), ("|S0", "(3,)"), ("|V0", "(2, 2)")])
def test_shapes_that_no_array_has(tmp_path, descr, shape):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(DataError, match=str(path)):
        read_arrays(path)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("text", [
    "{'descr': '<f8', 'shape': '''", "{'descr': (", "", "3", "{'descr': '<f8", "\t {", "{'a': 1, \\", "\0"])
def test_headers_that_end_early(tmp_path, version, text):
    header = text.encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY" + bytes([version, 0]) + size + header + bytes(8))
    with pytest.raises(DataError, match="is not a NumPy array"):
        read_arrays(path)


def test_truncated_at_many_lengths(tmp_path):
    path = save(tmp_path / "a.npz", x=np.zeros((4, 2, 2)), y=np.zeros(4, int))
    whole = path.read_bytes()
    for n in range(0, len(whole), 17):
        path.write_bytes(whole[:n])
        with pytest.raises(DataError, match=str(path)):
            load_npz(path)


def test_flipped_bytes_never_crash(tmp_path):
    path = save(tmp_path / "a.npz", x=np.zeros((4, 2, 2)), y=np.zeros(4, int))
    whole = path.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 0x41
        path.write_bytes(changed)
        with contextlib.suppress(DataError):
            read_arrays(path)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        load_npz(tmp_path / "none.npz")


def test_npy_is_read_as_x(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(np.arange(6).reshape(2, 3)))
    assert read_arrays(tmp_path / "a.npy")["x"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_name_that_is_no_text_is_damage(tmp_path):
    path = tmp_path / "names.npz"
    np.savez(path, x_train=np.zeros((2, 1, 4, 4), np.uint8), y_train=np.arange(2))
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")  # the first name in the archive's directory
    data[entry + 9] |= 0x08             # says that it is UTF-8
    data[entry + 46] = 0xC3             # which must not stand before an ASCII letter
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged or truncated"):
        load_npz(path)


def test_what_is_cut_short_or_never_ends(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((4, 8, 8)), y=np.arange(4))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"a\.npz: an \.npz file that ends early, after 300 bytes"):
        read_arrays(path)
    path.unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        with pytest.raises(DataError, match=r"a\.npz: is a named pipe, not a file"):
            read_arrays(path)
