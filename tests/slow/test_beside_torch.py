"""A long training in float64 follows PyTorch's."""

import subprocess
import sys
from pathlib import Path

import pytest


def test_lenet5_follows_the_same_curve(trials):
    pytest.importorskip("torch")
    program = Path(__file__).with_name("beside_torch.py")
    done = subprocess.run([sys.executable, str(program), str(trials("steps beside PyTorch"))], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
