"""Memory that runs out in mid-step is a MemoryError, and the step can be tried again."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(shutil.which("cc") is None or not Path("/proc/self/maps").exists(), reason="needs glibc and cc")
@pytest.mark.parametrize("which", ["pool", "all"])
def test_every_request_for_memory_may_fail(which, trials):
    done = subprocess.run([sys.executable, str(Path(__file__).with_name("allocations.py")), which,
                           str(trials("step through allocations"))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n0 MemoryErrors" not in f"\n{done.stdout}"
