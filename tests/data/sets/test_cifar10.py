import io
import tarfile

import numpy as np
import pytest

from tinydl.data import DataError, load_cifar10


def records(n, seed=0, label=None):
    rng = np.random.default_rng(seed)
    out = rng.integers(0, 256, (n, 3073), dtype=np.uint8)
    out[:, 0] = np.arange(n) % 10 if label is None else label
    return out


def archive(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def test_folder_with_some_of_the_batches(tmp_path):
    a, b, t = records(4, 1), records(3, 2), records(2, 3)
    (tmp_path / "data_batch_2.bin").write_bytes(b.tobytes())
    (tmp_path / "data_batch_1.bin").write_bytes(a.tobytes())
    (tmp_path / "test_batch.bin").write_bytes(t.tobytes())
    train, test = load_cifar10(tmp_path)
    both = np.concatenate([a, b])
    assert np.array_equal(train.images.reshape(7, -1), both[:, 1:])
    assert train.images.shape == (7, 3, 32, 32)
    assert train.images.transpose(0, 2, 3, 1).flags.c_contiguous
    assert train.labels.tolist() == both[:, 0].tolist()
    assert len(test) == 2
    assert train.class_names[3] == "cat"


def test_pixel_order_is_red_rows_first(tmp_path):
    row = np.zeros((1, 3073), np.uint8)
    row[0, 1 + 1024 + 32 * 2 + 5] = 9  # green, row 2, column 5
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (tmp_path / name).write_bytes(row.tobytes())
    train, _ = load_cifar10(tmp_path)
    assert np.argwhere(train.images == 9).tolist() == [[0, 1, 2, 5]]


@pytest.mark.parametrize("name", ["cifar-10-binary.tar.gz", "cifar-10-binary-part.tar.gz", "cifar-10-binary.tar"])
def test_archive_in_a_folder_and_as_a_file(tmp_path, name):
    members = {"cifar-10-batches-bin/data_batch_1.bin": records(3).tobytes(),
               "cifar-10-batches-bin/test_batch.bin": records(2).tobytes(), "cifar-10-batches-bin/readme.html": b"hi"}
    archive(tmp_path / name, members, "w:gz" if name.endswith("gz") else "w")
    for place in (tmp_path, tmp_path / name):
        train, test = load_cifar10(place)
        assert (len(train), len(test)) == (3, 2)


def test_subfolders(tmp_path):
    inner = tmp_path / "cifar10" / "cifar-10-batches-bin"
    inner.mkdir(parents=True)
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (inner / name).write_bytes(records(2).tobytes())
    for place in (tmp_path, tmp_path / "cifar10", inner):
        assert len(load_cifar10(place)[0]) == 2


@pytest.mark.parametrize(("content", "message"), [
    (b"", "truncated or foreign: 0 bytes"),
    (records(2).tobytes()[:-1], "6,145 bytes are not a whole number of 3073-byte records"),
    (records(3, label=[1, 10, 0]).tobytes(), r"data_batch_1\.bin: label 10 of image 1 is not in 0\.\.9"),
])
def test_bad_batches(tmp_path, content, message):
    (tmp_path / "test_batch.bin").write_bytes(records(2).tobytes())
    (tmp_path / "data_batch_1.bin").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_cifar10(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    archive(other / "cifar-10-binary.tar.gz", {"data_batch_1.bin": content, "test_batch.bin": records(1).tobytes()})
    with pytest.raises(DataError, match=message):
        load_cifar10(other)


def test_truncated_and_foreign_archives(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    archive(path, {"data_batch_1.bin": records(2).tobytes(), "test_batch.bin": records(1).tobytes()})
    whole = path.read_bytes()
    for n in (0, 5, 100, len(whole) // 2, len(whole) - 3000):
        path.write_bytes(whole[:n])
        with pytest.raises(DataError, match="cifar-10-binary"):
            load_cifar10(tmp_path)
    path.write_bytes(b"no archive at all" * 1000)
    with pytest.raises(DataError, match="damaged or truncated archive"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("mode", ["gz", "bz2", "xz"])
def test_every_flipped_bit_of_an_archive_is_found(tmp_path, mode):
    path = tmp_path / "cifar-10-binary.tar"
    # Random pixels do not compress: most flipped bits change a pixel and nothing else that could be seen.
    archive(path, {"data_batch_1.bin": records(4, 1).tobytes(), "test_batch.bin": records(1, 2).tobytes()},
            f"w:{mode}")
    whole = path.read_bytes()
    want = [part.images.tobytes() for part in load_cifar10(path)]
    for place in np.random.default_rng(0).integers(0, 8 * len(whole), 60):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            got = [part.images.tobytes() for part in load_cifar10(path)]
        except DataError as error:
            assert str(path) in str(error)
        else:
            assert got == want, f"bit {place} of {8 * len(whole)}"  # a time or a name in a header


@pytest.mark.parametrize("mode", ["bz2", "xz"])
def test_other_compressions_that_are_damaged(tmp_path, mode):
    path = tmp_path / "cifar-10-binary.tar"
    archive(path, {"data_batch_1.bin": records(4).tobytes(), "test_batch.bin": records(1).tobytes()}, f"w:{mode}")
    whole = path.read_bytes()
    for damaged in (whole[:-40], whole[:len(whole) // 2], whole[:300] + bytes(200) + whole[500:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="cifar-10-binary"):
            load_cifar10(path)


def test_links_and_folders_in_an_archive_are_not_followed(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        link = tarfile.TarInfo("data_batch_1.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    with pytest.raises(DataError, match="incomplete"):
        load_cifar10(tmp_path)


def test_missing_things(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        load_cifar10(tmp_path / "none")
    with pytest.raises(DataError, match="no CIFAR-10 here.*--download"):
        load_cifar10(tmp_path)
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(DataError, match="pickled form"):
        load_cifar10(tmp_path)
    (tmp_path / "data_batch_1.bin").write_bytes(records(1).tobytes())
    with pytest.raises(DataError, match=r"no test_batch\.bin"):
        load_cifar10(tmp_path)


def test_real_cifar(shared_data):
    train, test = load_cifar10(shared_data)
    assert (len(train), len(test)) == (10000, 10000)
    assert np.bincount(test.labels).tolist() == [1000] * 10
    assert train.labels[:6].tolist() == [6, 9, 9, 4, 1, 1]  # frog, truck, truck, deer, automobile, automobile
    assert np.abs(test.with_statistics().mean - test.mean).max() < 0.01
