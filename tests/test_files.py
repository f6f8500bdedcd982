import os
import re
import signal
import socket
import stat

import pytest

from tinydl import _files
from tinydl._files import atomic_write, open_file, remove_stale


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


def test_a_file_that_was_made_and_cannot_be_used_is_removed(tmp_path, monkeypatch):
    """Python asks for the kind of a file and for its end after the file is there, and either may fail."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    made = _files._made

    def closed(*given):
        descriptor = made(*given)
        os.close(descriptor)
        return descriptor

    monkeypatch.setattr(_files, "_made", closed)
    with pytest.raises(OSError, match=re.escape(f"'{path}'")), atomic_write(path):
        raise AssertionError("opened")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a"]


def test_no_room_names_the_file(tmp_path):
    """A limit of the process fails as a full disk does: in `write`, which does not know the name."""
    resource = pytest.importorskip("resource")
    path, before = tmp_path / "a", resource.getrlimit(resource.RLIMIT_FSIZE)
    path.write_bytes(b"old")
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(OSError, match=re.escape(f"File too large: '{path}'")), atomic_write(path) as file:
            file.write(bytes(1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("path, error, words", [
    (3.5, TypeError, "a file or a folder is named by a string or a path, got 3.5"),
    ("", FileNotFoundError, "No such file or directory: ''"), (b"a\0", ValueError, "null character, got 'a"),
])
def test_names_that_no_file_has(path, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words), atomic_write(path):
        raise AssertionError("opened")
    with atomic_write(b"bytes") as file:
        file.write(b"1")
    assert os.listdir(tmp_path) == ["bytes"]


@pytest.mark.parametrize("at", [0, 1])
def test_a_file_that_cannot_be_looked_at_is_not_taken_for_a_missing_one(tmp_path, monkeypatch, at):
    path, original, calls = tmp_path / "a", os.stat, []
    path.write_bytes(b"old")

    def fail(target, *args, **kwargs):
        if str(target) == str(path):
            calls.append(target)
            if len(calls) == at + 1:
                raise OSError(5, "Input/output error")
        return original(target, *args, **kwargs)

    monkeypatch.setattr(os, "stat", fail)
    with pytest.raises(OSError, match="Input/output"), atomic_write(path, previous=tmp_path / "b") as file:
        file.write(b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["open", "fsync", "close"])
def test_a_folder_that_cannot_be_flushed_is_no_failed_save(tmp_path, monkeypatch, name):
    path, original, folders = tmp_path / "a", getattr(os, name), set()
    path.write_bytes(b"old")

    def call(target, *args, **kwargs):
        folder = str(target) == str(tmp_path) if name == "open" else stat.S_ISDIR(os.fstat(target).st_mode)
        if folder:
            folders.add(name)
            raise OSError(5, "Input/output error")
        return original(target, *args, **kwargs)

    with atomic_write(path) as file:
        file.write(b"new")
        monkeypatch.setattr(os, name, call)
    monkeypatch.undo()
    assert folders == {name}
    assert path.read_bytes() == b"new"
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


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_not_replaced(tmp_path, kind, linked):
    path = tmp_path / "real"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    (tmp_path / "link").symlink_to("real")
    mode = path.stat().st_mode
    with pytest.raises(OSError, match="not a file|Is a directory"), atomic_write(tmp_path / "link" if linked else path):
        raise AssertionError("nothing is to be written")
    assert path.stat().st_mode == mode
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "none" / "a"):
        pass


def test_remove_stale_takes_only_what_was_left_of_the_given_files(tmp_path):
    mine = [".a.safetensors.0123abcd.tmp", "a.previous.safetensors.0123abcd.tmp", ".b.01234567.tmp"]
    others = ["notes.tmp", ".c.0123abcd.tmp", ".a.safetensors.tmp", ".axsafetensors.0123abcd.tmp", "a.safetensors",
              ".b.0123ABCD.tmp", "x.b.01234567.tmp", ".b.012345678.tmp"]
    for name in mine + others:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".b.76543210.tmp").mkdir()
    names = ["a.safetensors", "a.previous.safetensors", "b"]
    remove_stale(tmp_path, names)
    remove_stale(tmp_path / "none", names)
    assert sorted(os.listdir(tmp_path)) == sorted([*others, ".b.76543210.tmp"])


@pytest.mark.parametrize("keep", [False, True])
def test_what_a_killed_process_leaves_is_what_is_removed(tmp_path, monkeypatch, keep):
    # As kill -9 would, nothing runs after the failing call.
    path, previous = tmp_path / "a.ext", tmp_path / "a.previous.ext"
    path.write_bytes(b"old")

    def fail(*args):
        raise OSError

    monkeypatch.setattr(os, "unlink", fail)
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError), atomic_write(path, previous=previous if keep else None) as file:
        file.write(b"new")
    monkeypatch.undo()
    assert len(os.listdir(tmp_path)) == 2 + keep
    remove_stale(tmp_path, ["a.ext", "a.previous.ext"])
    assert os.listdir(tmp_path) == ["a.ext"]


# --- reading -------------------------------------------------------------------------------------------------------

def test_open_file_reads(tmp_path):
    (tmp_path / "a").write_bytes(b"abc\r\n")
    (tmp_path / "link").symlink_to("a")
    for name in ("a", "link"):
        with open_file(tmp_path / name) as file:
            assert file.read() == b"abc\r\n"


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "/dev/zero", "/dev/null", "folder", "loop", "nowhere",
                                  "socket"])
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path, kind):
    path, words = tmp_path / "a", "is a device, not a file"
    if kind == "pipe":
        os.mkfifo(path)
        words = "is a named pipe, not a file"
    elif kind == "link to a pipe":
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to("pipe")
        words = "is a named pipe, not a file"
    elif kind == "folder":
        path.mkdir()
        words = "Is a directory"
    elif kind == "loop":
        path.symlink_to("a")
        words = "Too many levels of symbolic links"
    elif kind == "nowhere":
        path.symlink_to("none")
        words = "No such file"
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(path))
        words = "is a socket, not a file"
    else:
        path = kind
    with pytest.raises(OSError, match=words) as caught:
        open_file(path)
    assert caught.value.strerror and caught.value.filename == os.fspath(path)


def test_a_folder_that_is_not_there_is_named_with_the_file(tmp_path):
    path = tmp_path / "nowhere" / "a.txt"
    with pytest.raises(FileNotFoundError) as caught, atomic_write(path):
        pass
    assert caught.value.filename == str(path)


# --- Ctrl-C --------------------------------------------------------------------------------------------------------

def test_an_interrupt_at_any_step_stays_one_and_leaves_a_whole_file(tmp_path, at_every_step):
    path = tmp_path / "a"

    def read():
        with open_file(path) as file:
            assert file.read() in (b"old", b"new")

    def write():
        with atomic_write(path, previous=tmp_path / "b") as file:
            file.write(b"new")

    for action in (read, write):
        path.write_bytes(b"old")
        raised = list(at_every_step(action, "tinydl/_files.py", "<frozen os>", "contextlib.py"))
        assert len(raised) > 20 and raised.pop() is None
        assert set(raised) == {KeyboardInterrupt}
        read()
