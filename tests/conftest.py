"""Settings of a test run, made before NumPy is imported."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys

import pytest

# The references compute with NumPy. Its BLAS threads and OpenMP's would fight for the cores: thirty times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Programs that tests start must see the package that the tests see: not a source tree without compiled modules that
# happens to be the current folder.
os.environ["PYTHONSAFEPATH"] = "1"
_package = os.path.dirname(os.path.dirname(os.path.abspath(importlib.util.find_spec("tinydl").origin)))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_package, os.environ.get("PYTHONPATH")]))

# A shell starts what runs in its background with Ctrl-C ignored, and Python then leaves it so.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def seeded():
    """Every test with the same random numbers, whatever ran before it."""
    import tinydl

    tinydl.manual_seed(0)


def _interrupted_at_every_step(action, *files):
    for step in range(5000):
        left = step

        def trace(frame, event, _):
            nonlocal left
            if not frame.f_code.co_filename.endswith(files):
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                left -= 1
                if left == -1:
                    raise KeyboardInterrupt
            return trace

        former, raised = sys.gettrace(), None
        sys.settrace(trace)
        try:
            action()
        except BaseException as error:
            raised = type(error)  # its traceback would keep what the frames hold
        finally:
            sys.settrace(former)
        yield raised
        if left >= 0:
            return
    raise AssertionError("it has more than 5000 steps")


@pytest.fixture
def at_every_step():
    """A function that calls `action` with Ctrl-C before its first step in one of `files` (ends of their paths), then
    before its second and so on until it comes to its end. It yields the type of what each call raised, of the last
    None."""
    return _interrupted_at_every_step


@pytest.fixture(scope="session")
def alone_with_mounts(tmp_path_factory):
    """Words before a command whose mounts no other process sees; who runs the tests may be root, whom no mode stops."""
    words = ["unshare", "--map-root-user", "--mount"]
    there = str(tmp_path_factory.mktemp("mounted"))
    trial = ["sh", "-c", 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"', "sh", there]
    if not shutil.which("unshare") or subprocess.run([*words, *trial], capture_output=True, check=False).returncode:
        pytest.skip("no mounts of one's own here")
    return words
