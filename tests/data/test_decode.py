"""Picture files as arrays; what is transparent, deep or damaged: tests/data/test_pictures.py."""

import numpy as np
import pytest

from tinydl.data import DataError
from tinydl.data.decode import decode, header

image = pytest.importorskip("PIL.Image")
PIXELS = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 10


@pytest.mark.parametrize(("orientation", "turned"), [
    (1, PIXELS), (3, PIXELS[::-1, ::-1]), (6, np.rot90(PIXELS, -1)), (8, np.rot90(PIXELS)), (2, PIXELS[:, ::-1]),
])
def test_a_picture_is_turned_as_its_exif_entry_says(tmp_path, orientation, turned):
    """6: the camera was turned to the left, so the picture is turned to the right."""
    path, picture = tmp_path / "a.png", image.fromarray(PIXELS)
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(path, exif=exif)
    pixels, done = decode(path, "RGB")
    assert np.array_equal(pixels, turned) and done == (("turned",) if orientation > 1 else ())
    assert header(path) == (*turned.shape[:2], False)


def test_floats_from_0_to_1_are_scaled(tmp_path):
    image.fromarray(np.array([[0, 0.2, 1]], np.float32)).save(tmp_path / "a.tif")
    assert decode(tmp_path / "a.tif", "L")[0].tolist() == [[0, 51, 255]]
    assert header(tmp_path / "a.tif") == (1, 3, True)


def test_shrinking_takes_the_mean_over_an_area(tmp_path):
    """Halving a picture of stripes of one pixel makes it grey: no stripe is picked."""
    stripes = np.tile(np.array([0, 200], np.uint8), (8, 8))
    image.fromarray(stripes).save(tmp_path / "a.png")
    pixels, done = decode(tmp_path / "a.png", "L", (4, 8))
    assert pixels.shape == (4, 8) and done == ("resized",)
    assert abs(pixels[:, 2:-2].astype(int) - 100).max() < 30


def test_a_missing_and_a_truncated_file(tmp_path):
    with pytest.raises(DataError, match="none.png: No such file"):
        header(tmp_path / "none.png")
    path = tmp_path / "a.png"
    image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    assert header(path) == (64, 64, False)
    with pytest.raises(DataError, match="a.png: .*truncated"):
        decode(path, "RGB")


def test_a_picture_that_memory_has_no_room_for(tmp_path, monkeypatch):
    """What Pillow allocates for a size that a damaged header claims."""
    image.fromarray(PIXELS).save(tmp_path / "a.tif")

    def no_room(self, *args):
        raise MemoryError

    monkeypatch.setattr(image.Image, "convert", no_room)
    with pytest.raises(DataError, match="a.tif: it takes more memory than there is, or its header is damaged"):
        decode(tmp_path / "a.tif", "L")
