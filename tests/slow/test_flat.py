"""Memory stays flat, and what a large batch took goes back to the system."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
@pytest.mark.parametrize("what", ["steps", "nets", "failures", "batch"])
def test_memory(what, trials):
    program = Path(__file__).with_name("flat.py")
    done = subprocess.run([sys.executable, str(program), what, str(trials(f"memory: {what}"))], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
