import os
import stat

import pytest

from tinydl._files import atomic_write, remove_stale


def test_new_file_gets_the_mode_of_the_umask(tmp_path):
    path = tmp_path / "a"
    former = os.umask(0o027)
    try:
        with atomic_write(path) as file:
            file.write(b"abc")
    finally:
        os.umask(former)
    assert path.read_bytes() == b"abc"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_existing_mode_is_kept(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o604)
    with atomic_write(path) as file:
        file.write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_everything_as_it_was(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_write(path, previous=tmp_path / "b") as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["fsync", "replace", "chmod"])
def test_a_failing_system_call_leaves_everything_as_it_was(tmp_path, monkeypatch, name):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(OSError, match="No space"), atomic_write(path) as file:
        file.write(b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("links", [True, False])
def test_the_previous_file_is_kept(tmp_path, monkeypatch, links):
    path, previous = tmp_path / "a", tmp_path / "a.previous"
    if not links:
        def fail(*args, **kwargs):
            raise OSError("no hard links here")
        monkeypatch.setattr(os, "link", fail)
    for content in (b"1", b"2", b"3"):
        with atomic_write(path, previous=previous) as file:
            file.write(content)
    assert path.read_bytes() == b"3"
    assert previous.read_bytes() == b"2"
    assert sorted(os.listdir(tmp_path)) == ["a", "a.previous"]


def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "none" / "a"):
        pass


def test_remove_stale(tmp_path):
    (tmp_path / ".a.1234.tmp").write_bytes(b"")
    (tmp_path / "a").write_bytes(b"")
    remove_stale(tmp_path)
    remove_stale(tmp_path / "none")
    assert os.listdir(tmp_path) == ["a"]
