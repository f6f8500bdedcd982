"""Images to be classified, from arrays, IDX files and pictures."""

import tracemalloc

import numpy as np
import pytest

from tinydl.data import DataError
from tinydl.data.pictures import read_images

image = pytest.importorskip("PIL.Image")
SHAPE = (1, 2, 3)
GREY = np.array([[0, 60, 255], [10, 20, 30]], np.uint8)


def read(path, shape=SHAPE):
    images, names, picture = read_images(str(path), shape)
    assert images.shape[1:] == shape and len(names) == len(images)
    return images, names, picture


def test_a_grey_and_a_colour_picture(tmp_path):
    image.fromarray(GREY).save(tmp_path / "a.png")
    images, names, picture = read(tmp_path / "a.png")
    assert images.tolist() == [[GREY.tolist()]] and names == [str(tmp_path / "a.png")] and picture
    assert read(tmp_path / "a.png", (3, 2, 3))[0].tolist() == [[GREY.tolist()] * 3]
    colour = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    image.fromarray(colour).save(tmp_path / "b.png")
    assert read(tmp_path / "b.png", (3, 2, 3))[0][0].tolist() == colour.transpose(2, 0, 1).tolist()


def test_16_bits_are_scaled(tmp_path):
    image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "a.png")
    images, _, picture = read(tmp_path / "a.png")
    assert images.tolist() == [[GREY.tolist()]] and images.dtype == np.uint8 and picture


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_what_is_transparent_is_white(tmp_path, mode):
    # Black ink; the ground is black too, but cannot be seen.
    ink = image.new("LA", (3, 2), (0, 0))
    ink.putpixel((1, 0), (0, 255))
    if mode == "P":
        palette = image.new("P", (3, 2), 0)
        palette.putpalette([0, 0, 0, 0, 0, 0])
        palette.putpixel((1, 0), 1)
        palette.save(tmp_path / "a.png", transparency=0)
    else:
        ink.convert(mode).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png")[0].tolist() == [[[[255, 0, 255], [255, 255, 255]]]]


def test_half_transparent_ink_is_grey(tmp_path):
    image.new("RGBA", (3, 2), (0, 0, 0, 128)).save(tmp_path / "a.png")
    assert abs(read(tmp_path / "a.png")[0].astype(int) - 127).max() <= 1


def test_arrays_of_one_and_of_many(tmp_path):
    np.save(tmp_path / "a.npy", GREY)
    np.save(tmp_path / "b.npy", GREY[None])
    np.savez(tmp_path / "c.npz", x_test=np.stack([GREY, GREY]))
    for name in ("a.npy", "b.npy"):
        images, names, picture = read(tmp_path / name)
        assert images.tolist() == [[GREY.tolist()]] and names == [str(tmp_path / name)] and not picture
    images, names, _ = read(tmp_path / "c.npz")
    assert len(images) == 2 and names == [f"{tmp_path / 'c.npz'}[{k}]" for k in range(2)]


def test_an_idx_file(tmp_path):
    (tmp_path / "a-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]) + GREY.tobytes())
    images, _, picture = read(tmp_path / "a-idx3-ubyte")
    assert images.tolist() == [[GREY.tolist()]] and not picture


@pytest.mark.parametrize(("make", "message"), [
    (lambda path: None, "no such file"),
    (lambda path: path.write_text("hello"), "not a picture that can be read"),
    (lambda path: image.fromarray(GREY.T).save(path), "2x3 pixels, the run was trained on images of 3x2"),
    (lambda path: image.fromarray(GREY.astype(np.float32)).save(path, "TIFF"),
     "no known range; bring them to 0 to 1, or save them as .npy"),
    (lambda path: image.fromarray(np.full((2, 3), 70000, np.int32)).save(path, "TIFF"),
     "its pixels run from 70000 to 70000, not from 0 to 65,535; bring them there, or save them as .npy"),
    (lambda path: image.fromarray(np.full((2, 3), -1, np.int32)).save(path, "TIFF"), "its pixels run from -1 to -1"),
])
def test_pictures_that_cannot_be(tmp_path, make, message):
    path = tmp_path / "a.png"
    make(path)
    with pytest.raises(DataError, match=message) as raised:
        read(path)
    assert str(raised.value).startswith(str(path))


def test_a_picture_for_a_net_of_signals(tmp_path):
    image.fromarray(GREY).save(tmp_path / "a.png")
    for shape in ((2, 2, 3), (1, 6)):
        with pytest.raises(DataError, match=r"a picture has 1 or 3 channels, the run was trained on inputs of shape"):
            read(tmp_path / "a.png", shape)


def test_arrays_that_cannot_be(tmp_path):
    np.savez(tmp_path / "a.npz", z=GREY)
    np.save(tmp_path / "b.npy", GREY.T)
    with pytest.raises(DataError, match="needs an array x; it holds z"):
        read(tmp_path / "a.npz")
    with pytest.raises(DataError, match="images of .*, the run was trained on 1x2x3"):
        read(tmp_path / "b.npy")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_damaged_pictures_are_read_or_refused_by_name(tmp_path):
    path = tmp_path / "a.tif"
    image.fromarray(GREY).save(path)
    whole, refused = path.read_bytes(), 0
    for place in range(len(whole)):
        for value in (2, 5, 255):  # 5 is the type of a fraction, which no picture's width may have
            damaged = bytearray(whole)
            damaged[place] = value
            path.write_bytes(damaged)
            try:
                read(path)
            except DataError as error:
                assert str(error).startswith(f"{path}: ")
                refused += 1
    assert refused > 50


def test_a_picture_whose_parts_are_cut_short_is_named(tmp_path):
    """A GIF whose block of text has no length: struct.error in Pillow."""
    path = tmp_path / "a.gif"
    path.write_bytes(bytes.fromhex("47494638376108000000088503000000002c000000000800080000000000492c"))
    with pytest.raises(DataError, match=r"a.gif: "):
        read(path, (1, 8, 8))


def test_a_length_that_a_part_only_claims_takes_no_memory(tmp_path):
    path = tmp_path / "a.png"
    image.fromarray(GREY).save(path)
    content = path.read_bytes()
    at = content.index(b"IDAT") - 4
    path.write_bytes(content[:at] + (2**29).to_bytes(4, "big") + content[at + 4:])
    tracemalloc.start()
    try:
        read(path)
    except DataError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1 << 20
