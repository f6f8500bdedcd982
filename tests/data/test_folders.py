"""Folders of classes: their layouts, and layouts that are none."""

import os

import pytest

from tinydl.data import DataError
from tinydl.data.folders import each, kind_of_folder, scan, walked

PNG = (".png",)


def make(folder, *paths):
    for path in paths:
        os.makedirs(os.path.dirname(folder / path), exist_ok=True)
        (folder / path).write_text("")
    return str(folder)


def test_a_folder_a_class_at_any_depth(tmp_path):
    make(tmp_path, "b/2.PNG", "b/1.png", "a/deep/er/3.png", "a/notes.txt", ".hidden/x.png", "b/.x.png")
    layout = scan(tmp_path, PNG, "pictures")
    assert layout.class_names == ("a", "b") and layout.labels.tolist() == [0, 1, 1] and layout.n_train is None
    assert [os.path.basename(path) for path in layout.files] == ["3.png", "1.png", "2.PNG"]
    assert layout.notes == ["1 files that are no pictures are left out"]


def test_a_class_whose_name_is_no_utf8(tmp_path):
    try:
        make(tmp_path, "a/1.png", "b\udcff/1.png")
    except OSError:
        pytest.skip("a file system without such names")
    layout = scan(tmp_path, PNG, "pictures")
    assert layout.class_names == ("a", "b\\udcff") and all(map(os.path.isfile, layout.files))


@pytest.mark.parametrize("name", ["test", "val", "Validation"])
def test_train_and_test_in_it(tmp_path, name):
    layout = scan(make(tmp_path, "train/a/1.png", "train/b/2.png", f"{name}/b/3.png"), PNG, "pictures")
    assert layout.class_names == ("a", "b") and layout.labels.tolist() == [0, 1, 1] and layout.n_train == 2


def test_train_test_and_val(tmp_path):
    layout = scan(make(tmp_path, "train/a/1.png", "train/b/2.png", "test/b/3.png", "val/a/4.png"), PNG, "pictures")
    assert len(layout.files) == 3 and "val is not read" in layout.notes[0]


def test_a_class_may_be_named_train(tmp_path):
    assert scan(make(tmp_path, "car/1.png", "train/2.png", "test/3.png"), PNG, "pictures").class_names == \
        ("car", "test", "train")


@pytest.mark.parametrize(("paths", "message"), [
    (["1.png"], "lie in the folder itself; put them into one folder a class"),
    (["a/1.png"], "only the class 'a'; a net needs two classes"),
    (["a/1.png", "b/notes.txt"], "b: a class without pictures; remove the folder, or fill it"),
    (["notes.txt"], "no folders of classes"),
    (["train/a/1.png", "train/b/1.png", "test/c/1.png"], "c: a class that .*train does not have"),
    (["train/a/1.png", "test/a/1.png"], "train: only the class 'a'"),
])
def test_layouts_that_are_none(tmp_path, paths, message):
    with pytest.raises(DataError, match=message):
        scan(make(tmp_path, *paths), PNG, "pictures")


def test_a_link_to_the_folder_that_holds_it_and_what_a_mac_packs(tmp_path):
    make(tmp_path, "a/1.png", "b/1.png", "__MACOSX/a/._1.png", ".hidden/1.png", "a/.2.png")
    os.symlink(tmp_path / "a", tmp_path / "a" / "again")  # inside a class: not followed
    assert scan(tmp_path, (".png",), "pictures").class_names == ("a", "b")
    os.symlink(tmp_path, tmp_path / "c")
    with pytest.raises(DataError, match="c: a link to a folder that it lies in; remove it"):
        scan(tmp_path, (".png",), "pictures")


def test_no_folder_at_all(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        scan(tmp_path / "none", PNG, "pictures")


def test_the_kind_of_a_folder(tmp_path):
    kinds = {"pictures": (".png", ".jpg"), "sounds": (".wav",)}
    with pytest.raises(DataError, match="no pictures .* or sounds .*one folder a class"):
        kind_of_folder(str(tmp_path), kinds)
    assert kind_of_folder(make(tmp_path, "a/1.wav"), kinds) == "sounds"
    with pytest.raises(DataError, match="holds 1 pictures and 1 sounds; a folder of classes has one kind"):
        kind_of_folder(make(tmp_path, "a/1.jpg"), kinds)


def test_each_keeps_the_order_and_counts():
    def half(n):
        if n % 2:
            raise DataError(f"{n} is odd")
        return n // 2

    seen = []
    results = each(half, range(5), lambda done, total: seen.append((done, total)))
    assert [str(result) for result in results] == ["0", "1 is odd", "1", "3 is odd", "2"]
    assert seen == [(k, 5) for k in range(1, 6)]
    with pytest.raises(ZeroDivisionError):
        each(lambda n: 1 // n, [1, 0, 1])


def test_a_folder_that_cannot_be_read_is_not_left_out(tmp_path, monkeypatch):
    (tmp_path / "a" / "locked").mkdir(parents=True)
    real = os.scandir

    def scandir(path):
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    for read in (lambda: scan(str(tmp_path), (".png",), "pictures"), lambda: list(walked(str(tmp_path)))):
        with pytest.raises(DataError, match="locked: Permission denied"):
            read()
