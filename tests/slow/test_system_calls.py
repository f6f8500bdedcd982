"""Every system call of a save fails, or is the last one: what is on the disk is whole, and what the save said."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("system_calls.py")


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
def test_every_system_call_of_a_save_may_fail_or_be_the_last(trials):
    done = subprocess.run([sys.executable, str(PROGRAM), str(trials("step through system calls"))],
                          capture_output=True, text=True, timeout=600, check=False)
    if "strace cannot trace" in done.stderr:
        pytest.skip("strace may not trace processes here")
    assert done.returncode == 0, done.stdout + done.stderr
