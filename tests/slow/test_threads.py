"""Threads that train, predict, allocate and set at once, each with the bits that it has alone."""

import subprocess
import sys
from pathlib import Path


def test_threads_at_once_have_the_bits_of_each_alone(trials):
    done = subprocess.run([sys.executable, str(Path(__file__).with_name("threads.py")), "40",
                           str(trials("rounds of threads"))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
