"""Trainings that are killed at random times end with the bits of one that is not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_killed_at_random_times_and_resumed_to_the_same_bits(trials):
    done = subprocess.run([sys.executable, str(Path(__file__).with_name("kills.py")), str(trials("kills"))],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    # The last run is trained to its end, and may be killed more often than was left to do.
    assert int(re.search(r"^(\d+) kills", done.stdout, re.MULTILINE)[1]) >= trials("kills")
