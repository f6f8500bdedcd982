"""Settings of a test run, made before NumPy is imported."""

import importlib.util
import os
import signal

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
