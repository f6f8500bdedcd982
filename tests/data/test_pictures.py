import numpy as np
import pytest

from tinydl.data import DataError
from tinydl.data.pictures import read_images, read_picture

image = pytest.importorskip("PIL.Image")

GREY = (np.arange(12, dtype=np.uint8) * 20).reshape(3, 4)
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)


def save(path, array, mode=None):
    picture = image.fromarray(array)
    (picture if mode is None else picture.convert(mode)).save(path)
    return str(path)


def test_eight_bits(tmp_path):
    path = save(tmp_path / "a.png", GREY)
    assert np.array_equal(read_picture(path, (1, 3, 4)), GREY[None, None])
    assert np.array_equal(read_picture(path, (3, 3, 4)), np.stack([GREY] * 3)[None])
    path = save(tmp_path / "b.png", COLOUR)
    assert np.array_equal(read_picture(path, (3, 3, 4)), COLOUR.transpose(2, 0, 1)[None])


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_sixteen_bits_are_scaled(tmp_path, extension):
    # 257 v is the value of 16 bits that is as bright as v is of 8; Pillow alone makes all of them 255.
    path = save(tmp_path / f"a.{extension}", GREY.astype(np.uint16) * 257)
    assert np.array_equal(read_picture(path, (1, 3, 4))[0, 0], GREY)
    path = save(tmp_path / f"b.{extension}", np.array([[0, 127, 128, 129], [65535, 65407, 65406, 300]], np.uint16))
    assert read_picture(path, (1, 2, 4))[0, 0].tolist() == [[0, 0, 0, 1], [255, 255, 254, 1]]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_transparent_is_white(tmp_path, mode):
    # Black ink on transparent ground, of which some is half covered.
    alpha = np.array([[0, 255, 0, 128]], np.uint8)
    ink = np.zeros((1, 4, 2 if mode == "LA" else 4), np.uint8)
    ink[..., -1] = alpha
    path = save(tmp_path / "a.png", ink)
    assert read_picture(path, (1, 1, 4))[0, 0].tolist() == [[255, 0, 255, 127]]
    assert read_picture(path, (3, 1, 4))[0, :, 0, 0].tolist() == [255] * 3


def test_a_transparent_colour_of_a_palette_is_white(tmp_path):
    picture = image.fromarray(np.array([[0, 1]], np.uint8), mode="P")
    picture.putpalette([0, 0, 0, 10, 20, 30])
    picture.save(tmp_path / "a.png", transparency=0)
    assert read_picture(str(tmp_path / "a.png"), (3, 1, 2))[0, :, 0].tolist() == [[255, 10], [255, 20], [255, 30]]


@pytest.mark.parametrize("values", [np.array([[0.5, 1.0]], np.float32), np.array([[0, 70000]], np.int32),
                                    np.array([[-1, 3]], np.int32)])
def test_other_ranges_are_refused(tmp_path, values):
    with pytest.raises(DataError, match=r"a\.tif: values from .* a picture has 8 or 16 bits; save such images as .npy"):
        read_picture(save(tmp_path / "a.tif", values), (1, 1, 2))


@pytest.mark.parametrize(("shape", "message"), [
    ((1, 4, 3), "a.png: 4x3 pixels, the run was trained on images of 3x4"),
    ((2, 3, 4), "a picture has 1 or 3 channels"),
    ((1, 12), "a picture has 1 or 3 channels"),
])
def test_shapes_that_do_not_fit(tmp_path, shape, message):
    with pytest.raises(DataError, match=message):
        read_picture(save(tmp_path / "a.png", GREY), shape)


@pytest.mark.parametrize("damage", [lambda c: c[:20], lambda c: c[:len(c) // 2], lambda c: b"hello", lambda c: b"",
                                    lambda c: c[:30] + b"\xff" * 8 + c[38:]])
def test_damaged_pictures(tmp_path, damage):
    path = save(tmp_path / "a.png", COLOUR)
    (tmp_path / "a.png").write_bytes(damage((tmp_path / "a.png").read_bytes()))
    with pytest.raises(DataError, match=r"a\.png: "):
        read_picture(path, (3, 3, 4))


def test_files_of_each_kind(tmp_path):
    np.save(tmp_path / "one.npy", GREY)
    np.save(tmp_path / "two.npy", np.stack([GREY, GREY]))
    np.savez(tmp_path / "x.npz", x_test=np.stack([GREY, GREY])[:, None])
    (tmp_path / "a-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 4]) + GREY.tobytes())
    save(tmp_path / "a.png", GREY)
    for name, n in (("one.npy", 1), ("two.npy", 2), ("x.npz", 2), ("a-idx3-ubyte", 1), ("a.png", 1)):
        path = str(tmp_path / name)
        images, names, picture = read_images(path, (1, 3, 4))
        assert np.array_equal(images, np.stack([GREY[None]] * n))
        assert names == ([path] if n == 1 else [f"{path}[0]", f"{path}[1]"])
        assert picture == (name == "a.png")
    with pytest.raises(DataError, match=r"one\.npy: images of 4, the run was trained on 1x4x4"):
        read_images(str(tmp_path / "one.npy"), (1, 4, 4))
    with pytest.raises(DataError, match="no such file"):
        read_images(str(tmp_path / "none.png"), (1, 3, 4))
