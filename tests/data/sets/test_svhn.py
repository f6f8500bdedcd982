import numpy as np
import pytest

from tinydl.data import DataError, load_svhn

io = pytest.importorskip("scipy.io")


def write(folder, n=3, y=(1, 9, 10), **more):
    folder.mkdir(exist_ok=True)
    x = np.zeros((32, 32, 3, n), np.uint8)
    x[2, 5, 1] = np.arange(1, n + 1)  # green, row 2, column 5
    for part in ("train", "test"):
        io.savemat(folder / f"{part}_32x32.mat", {"X": x, "y": np.array(y, np.uint8)[:, None], **more})
    return folder


@pytest.mark.parametrize("sub", ["", "svhn", "SVHN"])
def test_images_labels_and_folders(tmp_path, sub):
    write(tmp_path / sub)
    train, test = load_svhn(tmp_path)
    assert train.labels.tolist() == [1, 9, 0] and train.class_names == tuple("0123456789")
    assert np.argwhere(test.images).tolist() == [[k, 1, 2, 5] for k in range(3)]
    assert test.images[:, 1, 2, 5].tolist() == [1, 2, 3] and test.name == "svhn test"


@pytest.mark.parametrize(("more", "message"), [
    ({"y": np.array([[1], [2]], np.uint8)}, "y must hold 3 integers"),
    ({"y": np.array([[1], [0], [3]], np.uint8)}, r"label 0 of image 1 is not in 1\.\.10"),
    ({"X": np.zeros((32, 32, 3, 3))}, r"X must be uint8 of shape \(32, 32, 3, N\), got float64"),
])
def test_contents_that_cannot_be(tmp_path, more, message):
    write(tmp_path, **({"y": more["y"].reshape(-1)} if "y" in more else more))
    with pytest.raises(DataError, match=message):
        load_svhn(tmp_path)


def test_missing_truncated_and_foreign_files(tmp_path):
    with pytest.raises(DataError, match="no SVHN here.*--download"):
        load_svhn(tmp_path)
    path = write(tmp_path) / "train_32x32.mat"
    whole = path.read_bytes()
    for damaged in (b"", b"hello", whole[:200], whole[:len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="train_32x32.mat: "):
            load_svhn(tmp_path)


def test_every_flipped_byte_of_a_packed_file_is_a_data_error_or_a_value(tmp_path):
    path = write(tmp_path) / "train_32x32.mat"
    io.savemat(path, {name: io.loadmat(path)[name] for name in ("X", "y")}, do_compression=True)
    whole, refused = path.read_bytes(), 0
    for at in range(128, len(whole), 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1:])
        try:
            load_svhn(tmp_path)
        except DataError:
            refused += 1
    assert refused > len(whole) // 12
