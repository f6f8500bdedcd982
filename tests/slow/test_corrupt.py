"""Corrupt files of every kind give a value or the exception that their reader documents, in bounded memory."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the bound on memory needs /proc")
def test_corrupt_files(trials):
    program = Path(__file__).with_name("corrupt.py")
    done = subprocess.run([sys.executable, str(program), str(trials("corrupt files"))], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_fuzzing_starts():
    pytest.importorskip("atheris")
    program = Path(__file__).parents[2] / "tools" / "fuzz.py"
    done = subprocess.run([sys.executable, str(program), "IDX", "-runs=100"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0 and "Done 100 runs" in done.stderr, done.stdout + done.stderr
