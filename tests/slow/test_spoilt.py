"""A million calls of the core with spoilt arguments: a result or a clear exception, in ten seconds."""

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("spoilt.py")
CHUNK = 50_000      # calls a process


def run(first, last):
    """What went wrong in the cases of these numbers."""
    done = subprocess.run([sys.executable, str(PROGRAM), str(first), str(last)], capture_output=True, text=True,
                          errors="replace", check=False)
    lines = done.stdout.splitlines()
    wrong = [f"{before}\n  {line}" for before, line in zip(["", *lines], lines, strict=False)
             if line.startswith("WRONG")]
    if not lines or lines[-1] != f"end {last - first}":
        wrong.append(f"{lines[-1] if lines else 'before the first case'}\n  exit code {done.returncode} "
                     f"{done.stderr[-2000:]}")
    return wrong


def test_spoilt_arguments_end_no_process(trials):
    n = trials("spoilt calls")
    wrong = [line for first in range(0, n, CHUNK) for line in run(first, min(n, first + CHUNK))]
    assert not wrong, "\n".join(wrong[:50])
