"""Folders of pictures: sizes, colours, what is damaged, what is kept."""

import os

import numpy as np
import pytest

import tinydl as td
from tinydl.data import DataError, cache, image_folder, load_image_folder

image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)


def make(folder, sizes=((8, 6),), colour=False, n=10, classes=("a", "b")):
    """n pictures a class, whose brightness is the class's; sizes by turns."""
    for c, name in enumerate(classes):
        os.makedirs(folder / name)
        for k in range(n):
            shape = (*sizes[k % len(sizes)], *((3,) if colour else ()))
            image.fromarray(np.full(shape, 10 + 100 * c + k, np.uint8)).save(folder / name / f"{k}.png")
    return folder


def test_grey_pictures_with_their_names_and_values(tmp_path):
    train, test = load_image_folder(make(tmp_path / "own"))
    assert (len(train), len(test), train.name, test.name) == (16, 4, "own train", "own test")
    assert train.class_names == test.class_names == ("a", "b") and train.image_shape == (1, 8, 6)
    for part in (train, test):
        assert part.images.dtype == np.uint8
        assert ((part.images[:, 0, 0, 0] >= 110) == (part.labels == 1)).all()
        assert (part.images == part.images[:, :, :1, :1]).all()
    assert abs(train.normalised().mean()) < 1e-5
    assert np.array_equal(td.data.load(str(tmp_path / "own"))[1].images, test.images)


def test_one_colour_picture_makes_all_colour(tmp_path):
    make(tmp_path / "own")
    image.fromarray(np.full((8, 6, 3), (1, 2, 3), np.uint8)).save(tmp_path / "own" / "a" / "z.png")
    assert load_image_folder(tmp_path / "own")[0].image_shape == (3, 8, 6)
    assert load_image_folder(tmp_path / "own", mode="L")[0].image_shape == (1, 8, 6)


@pytest.mark.parametrize(("sizes", "size", "expected", "words"), [
    (((8, 6), (8, 6), (9, 9)), None, (8, 6), "the commonest"),
    ([(30 + k, 40 - k) for k in range(20)], None, (39, 30), "the median"),
    (((200, 100),), None, (128, 64), "the commonest, shrunk to 128 pixels"),
    (((8, 6),), (4, 5), (4, 5), "asked for"),
    (((8, 6),), 4, (4, 4), "asked for"),
])
def test_sizes(tmp_path, sizes, size, expected, words):
    """The median of 30..49 is 39.5 and that of 21..40 is 30.5, cut to whole pixels."""
    train, _ = load_image_folder(make(tmp_path / "own", sizes, n=20), size)
    assert train.image_shape == (1, *expected)
    (note,) = train.about["notes"]
    assert f"resized to {expected[0]}x{expected[1]} ({words};" in note


def test_damaged_pictures_are_named_or_left_out(tmp_path):
    make(tmp_path / "own")
    (tmp_path / "own" / "a" / "0.png").write_text("hello")
    whole = (tmp_path / "own" / "b" / "5.png").read_bytes()
    (tmp_path / "own" / "b" / "5.png").write_bytes(whole[:50])
    with pytest.raises(DataError, match=r"a/0\.png: not a picture that can be read.*skip-damaged"):
        load_image_folder(tmp_path / "own")
    for _ in range(2):  # what is kept says it again
        with pytest.warns(UserWarning, match=r"2 damaged pictures are left out: .*a/0\.png.*b/5\.png"):
            train, test = load_image_folder(tmp_path / "own", skip_damaged=True)
        assert len(train) + len(test) == 18
    for k in range(10):
        (tmp_path / "own" / "b" / f"{k}.png").write_text("")
    with pytest.raises(DataError, match="no picture of class 'b' can be read"):
        load_image_folder(tmp_path / "own", skip_damaged=True)


def test_a_link_to_nowhere_is_a_damaged_picture(tmp_path):
    os.symlink(tmp_path / "nowhere.png", make(tmp_path / "own") / "a" / "z.png")
    with pytest.raises(DataError, match=r"z\.png: No such file.*--skip-damaged"):
        load_image_folder(tmp_path / "own")
    with pytest.warns(UserWarning, match=r"1 damaged pictures are left out: .*z\.png"):
        assert len(load_image_folder(tmp_path / "own", skip_damaged=True)[0]) == 16


def test_of_an_animation_the_first_picture_is_taken_and_that_is_said(tmp_path):
    first, second = (image.fromarray(np.full((8, 6), value, np.uint8)) for value in (10, 200))
    first.save(make(tmp_path / "own") / "a" / "z.gif", save_all=True, append_images=[second])
    train, _ = load_image_folder(tmp_path / "own")
    assert train.about["notes"] == ["the first pictures of 1 files of several, animated or with pages"]
    assert 200 not in train.images


def test_what_was_decoded_is_kept_until_a_file_changes(tmp_path, monkeypatch):
    folder = make(tmp_path / "own")
    first = load_image_folder(folder)
    assert (folder / cache.NAME).exists()
    monkeypatch.setattr(image_folder, "decode", lambda *args: pytest.fail("decoded again"))
    for kept, new in zip(load_image_folder(folder), first, strict=True):
        assert np.array_equal(kept.images, new.images) and np.array_equal(kept.labels, new.labels)
        assert kept.about == new.about
    monkeypatch.undo()
    image.fromarray(np.full((8, 6), 255, np.uint8)).save(folder / "a" / "3.png")
    changed = np.concatenate([part.images for part in load_image_folder(folder)])
    assert (changed == 255).all(axis=(1, 2, 3)).sum() == 1
    os.unlink(folder / cache.NAME)
    load_image_folder(folder, keep=False)
    assert not (folder / cache.NAME).exists()


def test_given_parts_and_progress(tmp_path):
    make(tmp_path / "own" / "train")
    make(tmp_path / "own" / "test", n=3)
    seen = []
    train, test = load_image_folder(tmp_path / "own", report=lambda done, total: seen.append((done, total)))
    assert (len(train), len(test)) == (20, 6) and seen[-1] == (26, 26)
    assert test.mean.tolist() == train.mean.tolist()


@pytest.mark.parametrize(("options", "message"), [
    ({"size": (0, 3)}, r"size must be height and width in pixels, got \(0, 3\)"), ({"size": "big"}, "got 'big'"),
    ({"mode": "CMYK"}, "mode must be 'L' .* got 'CMYK'"),
])
def test_arguments_that_cannot_be(tmp_path, options, message):
    with pytest.raises(DataError, match=message):
        load_image_folder(make(tmp_path / "own"), **options)


def test_too_few_to_hold_out(tmp_path):
    with pytest.raises(DataError, match="4 files are too few to hold out 20%"):
        load_image_folder(make(tmp_path / "own", n=2))
