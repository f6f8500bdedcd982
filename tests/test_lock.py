import os
import signal
import subprocess
import sys

import pytest

from tinydl._lock import FolderLock

HOLD = """
import sys
from tinydl._lock import FolderLock
lock = FolderLock(sys.argv[1])
print(lock.acquire(), flush=True)
sys.stdin.read()
lock.release()
"""


def hold(folder):
    """A process that takes the lock and holds it until its input ends; and whether it got it."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip() == "True"


def end(process):
    process.communicate(timeout=60)
    return process.returncode


def test_one_at_a_time(tmp_path):
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    assert first.acquire()
    assert not second.acquire()
    assert second.owner() == f"process {os.getpid()}"
    second.release()  # has none
    assert not second.acquire()
    first.release()
    assert os.listdir(tmp_path) == []
    assert second.acquire()
    with second:
        pass
    assert os.listdir(tmp_path) == []


def test_between_processes(tmp_path):
    process, got = hold(tmp_path)
    assert got
    lock = FolderLock(tmp_path)
    assert not lock.acquire()
    assert lock.owner() == f"process {process.pid}"
    assert end(process) == 0
    assert lock.acquire()
    other, got = hold(tmp_path)
    assert not got
    end(other)
    lock.release()


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    process, _ = hold(tmp_path)
    process.kill()
    assert end(process) == -signal.SIGKILL
    assert os.listdir(tmp_path) == [".lock"]
    lock = FolderLock(tmp_path)
    assert lock.acquire()
    assert lock.owner() == f"process {os.getpid()}"
    lock.release()


@pytest.mark.parametrize("content", [b"", b"1\n", b"99999999999\n", b"\xff\xfe", b"x" * 10000])
def test_a_file_that_is_left_over_locks_nothing(tmp_path, content):
    (tmp_path / ".lock").write_bytes(content)
    lock = FolderLock(tmp_path)
    assert lock.acquire()
    assert (tmp_path / ".lock").read_bytes() == f"{os.getpid()}\n".encode()
    lock.release()


def test_the_file_is_removed_under_somebody_who_waits(tmp_path, monkeypatch):
    # The second one opens the file, the first one then removes it: a lock on the removed file would lock nothing.
    first, second, third = (FolderLock(tmp_path) for _ in range(3))
    assert first.acquire()
    really = os.open

    def slow(path, *args):
        descriptor = really(path, *args)
        first.release()
        return descriptor

    monkeypatch.setattr(os, "open", slow)
    assert second.acquire()
    monkeypatch.undo()
    assert not third.acquire()
    second.release()


def test_what_is_no_file(tmp_path):
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / ".lock")
    with pytest.raises(OSError, match="not a file"):
        FolderLock(tmp_path / "a").acquire()
    with pytest.raises(FileNotFoundError):
        FolderLock(tmp_path / "none").acquire()
    assert FolderLock(tmp_path / "none").owner() == "another process"


def test_many_processes_one_winner(tmp_path):
    started = [hold(tmp_path) for _ in range(6)]
    assert sum(got for _, got in started) == 1
    for process, _ in started:
        end(process)
    assert os.listdir(tmp_path) == []


def test_an_interrupt_at_any_step_stays_one_and_locks_nothing_for_long(tmp_path, at_every_step):
    def take_and_give():
        lock = FolderLock(tmp_path)
        assert lock.acquire()  # what an interrupt left behind is no lock
        lock.release()

    raised = list(at_every_step(take_and_give, "tinydl/_lock.py"))
    assert len(raised) > 20 and raised.pop() is None
    assert set(raised) == {KeyboardInterrupt}
