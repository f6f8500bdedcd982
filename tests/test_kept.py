"""What a build keeps: a file is made again when what it was made from, or the file itself, is another."""

import importlib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "tools/kept.py"
pytestmark = pytest.mark.skipif(not SOURCE.exists(), reason="not a source tree")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(SOURCE.parent)
    monkeypatch.chdir(tmp_path)
    Path("source.c").write_text("int x;")
    return importlib.import_module("kept")


def test_a_key_is_of_contents_names_and_facts(kept):
    key = kept.key_of(["source.c"], "-O2")
    Path("source.c").touch()
    assert kept.key_of([Path("source.c")], "-O2") == key
    Path("other.c").write_text("int x;")
    others = [kept.key_of(["source.c"], "-O3"), kept.key_of(["other.c"], "-O2"),
              kept.key_of(["source.c", "other.c"], "-O2")]
    Path("source.c").write_text("int y;")
    assert len({key, kept.key_of(["source.c"], "-O2"), *others}) == 5


def test_what_was_made_from_the_same_is_kept(kept):
    made = Path("made.so")
    assert not kept.is_kept(made, "m", "key")
    made.write_text("one")
    assert not kept.is_kept(made, "m", "key")  # nobody says what it is
    kept.keep(made, "m", "key")
    assert kept.is_kept(made, "m", "key") and not kept.is_kept(made, "m", "another")
    made.unlink()
    assert not kept.is_kept(made, "m", "key")


def test_an_older_file_of_the_name_elsewhere_is_not_kept(kept):
    old, new = Path("build.so"), Path("editable.so")
    old.write_text("one")
    kept.keep(old, "m", "before")
    new.write_text("two")
    kept.keep(new, "m", "after")
    assert kept.is_kept(new, "m", "after") and not kept.is_kept(old, "m", "after")
    old.write_text("two")
    assert kept.is_kept(old, "m", "after")


def test_what_is_forgotten_is_made_again(kept):
    made = Path("made.so")
    made.write_text("one")
    kept.forget("m")
    kept.keep(made, "m", "key")
    kept.forget("m")
    assert not kept.is_kept(made, "m", "key")


def test_what_is_not_wanted_is_removed(kept, tmp_path):
    for name in ("a.so", "room/b.so", "room/c.py"):
        (tmp_path / "lib" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lib" / name).touch()
    kept.remove_unless(lambda file: file.suffix != ".so" or file.as_posix() == "room/b.so", "lib")
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*.*"))] == [
        "lib/room/b.so", "lib/room/c.py", "source.c"]
    kept.remove_unless(lambda file: False, "nowhere")
