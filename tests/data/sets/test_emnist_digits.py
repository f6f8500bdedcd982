import gzip
import hashlib
import struct
import zipfile

import numpy as np
import pytest

from tinydl.data import DataError, load_emnist_digits
from tinydl.data.download import download
from tinydl.data.registry import BY_NAME, File

STEM = "emnist-digits-{}-{}-ubyte"


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def files(n=4):
    """Contents of the four files by name; a picture's row 1 and column 2 is lit, which EMNIST stores the other way."""
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, 2, 1] = 255
    labels = np.arange(n, dtype=np.uint8) % 10
    return {STEM.format(part, kind): idx(array) for part in ("train", "test")
            for kind, array in (("images-idx3", images), ("labels-idx1", labels))}


def archive(path, content, pack=gzip.compress):
    with zipfile.ZipFile(path, "w") as made:
        for name, data in content.items():
            made.writestr(f"gzip/{name}.gz", pack(data))
    return path


@pytest.mark.parametrize("sub", ["", "emnist", "EMNIST", "EMNIST/raw"])
@pytest.mark.parametrize("packed", [True, False])
def test_pictures_stand_upright(tmp_path, sub, packed):
    (tmp_path / sub).mkdir(parents=True, exist_ok=True)
    if packed:
        archive(tmp_path / sub / "gzip.zip", files())
    else:
        for k, (name, data) in enumerate(files().items()):
            (tmp_path / sub / (name + ".gz" * (k % 2))).write_bytes(gzip.compress(data) if k % 2 else data)
    train, test = load_emnist_digits(tmp_path)
    assert np.argwhere(test.images).tolist() == [[k, 0, 1, 2] for k in range(4)]
    assert train.labels.tolist() == [0, 1, 2, 3] and train.class_names == tuple("0123456789")
    assert (train.name, test.name) == ("emnist-digits train", "emnist-digits test")
    share = 1 / 784  # of the pixels, which are 1
    np.testing.assert_allclose([train.mean.item(), train.std.item()], [share, (share * (1 - share))**0.5], rtol=1e-6)
    assert test.mean == train.mean


def test_downloaded_from_a_server(server, tmp_path, monkeypatch):
    url, folder, asked = server
    content = archive(folder / "gzip.zip", files()).read_bytes()
    entry = BY_NAME["emnist-digits"]
    with pytest.raises(DataError, match="another md5"):
        download("emnist-digits", tmp_path / "data", base_url=url)
    source = entry.source._replace(url=url, files=(File("gzip.zip", hashlib.md5(content).hexdigest()),))
    monkeypatch.setitem(BY_NAME, "emnist-digits", entry._replace(source=source))
    assert download("emnist-digits", tmp_path / "data") == str(tmp_path / "data" / "emnist")
    assert len(entry.read(tmp_path / "data", 0)[0]) == 4 and asked == ["/gzip.zip"] * 2


def test_missing_truncated_and_foreign_files(tmp_path):
    with pytest.raises(DataError, match=r"no EMNIST here; expected gzip.zip, .*--download"):
        load_emnist_digits(tmp_path)
    path = archive(tmp_path / "gzip.zip", files())
    whole = path.read_bytes()
    for damaged in (b"", b"hello", whole[:len(whole) // 2], whole[:60] + bytes(60) + whole[120:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"gzip\.zip: "):
            load_emnist_digits(tmp_path)


def test_filters_and_names_that_cannot_be(tmp_path):
    path = archive(tmp_path / "gzip.zip", files())
    whole = bytearray(path.read_bytes())
    first, entry = whole.index(b"PK\x03\x04"), whole.index(b"PK\x01\x02")
    no_text = whole.copy()
    no_text[entry + 9] |= 0x08  # says that the name is UTF-8,
    no_text[entry + 46] = 0xC3  # which must not stand before an ASCII letter
    filtered = whole.copy()
    filtered[first + 8] = filtered[entry + 10] = zipfile.ZIP_LZMA
    for damaged in (no_text, filtered):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"gzip\.zip: "):
            load_emnist_digits(tmp_path)


@pytest.mark.parametrize(("name", "array", "message"), [
    ("images-idx3", np.zeros((4, 28, 27), np.uint8), r"uint8 of shape \(N, 28, 28\)"),
    ("images-idx3", None, "There is no item named"),
    ("labels-idx1", np.zeros(3, np.uint8), "labels-idx1-ubyte: "),
    ("labels-idx1", np.full(4, 11, np.uint8), "labels-idx1-ubyte: "),
])
def test_contents_that_cannot_be(tmp_path, name, array, message):
    content = files()
    del content[STEM.format("train", name)]
    if array is not None:
        content[STEM.format("train", name)] = idx(array)
    archive(tmp_path / "gzip.zip", content)
    with pytest.raises(DataError, match=message):
        load_emnist_digits(tmp_path)


def test_files_packed_twice_are_refused(tmp_path):
    archive(tmp_path / "gzip.zip", files(), pack=lambda data: gzip.compress(gzip.compress(data)))
    with pytest.raises(DataError, match="not an IDX file"):
        load_emnist_digits(tmp_path)
