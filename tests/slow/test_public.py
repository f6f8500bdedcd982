"""A million calls of the public functions: PyTorch's value or a clear exception, and arguments stay as they were."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("public.py")
CHUNK = 50_000      # calls a process


def run(first, last, place):
    """What went wrong in the calls of these numbers."""
    place.write_text("")
    done = subprocess.run([sys.executable, str(PROGRAM), str(first), str(last), "--place", str(place)],
                          capture_output=True, text=True, errors="replace", check=False)
    wrong = re.findall(r"^WRONG .*\n    .*", done.stdout, re.MULTILINE)
    if f"\nend {last - first} calls" not in f"\n{done.stdout}":
        wrong.append(f"call {place.read_text()}: exit code {done.returncode} {done.stderr[-2000:]}")
    return wrong


def test_calls_of_the_public_functions(trials, tmp_path):
    n = trials("public calls")
    wrong = [line for first in range(0, n, CHUNK) for line in run(first, min(n, first + CHUNK), tmp_path / "place")]
    assert not wrong, "\n".join(wrong[:50])


def test_no_public_name_is_left_out(program):
    public = program("public")
    assert public.public_names() == public.ROWS.keys() | public.public_training.DATA | public.public_training.UNJUDGED


def test_a_signal_and_a_hang_are_seen(tmp_path):
    """The last call is in the file before it runs, and a wrong one is a line."""
    place = tmp_path / "place"
    code = f"""
import os, signal, sys
sys.argv = ["public.py", "0", "50", "--place", {str(place)!r}]
sys.path.insert(0, {str(PROGRAM.parent)!r})
import public
plain = public.ours
public.ours = lambda call: os.kill(os.getpid(), signal.SIGSEGV) if call.number == 7 else plain(call)
public.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode < 0 and place.read_text().split() == ["7"]


def test_a_wrong_value_would_be_seen(program):
    torch = pytest.importorskip("torch")
    public = program("public")
    seen = 0
    for number in range(200):
        call = public.Call(number)
        unsigned = any(v.array is not None and v.array.dtype.kind == "u" for v in call.given)  # they have no judge
        if public.verdict(call, torch) != ("judged", "") or call.special or unsigned:
            continue
        arrays, gradients = public.ours(public.Call(number))
        off = [a * 1.01 + 0.01 if a.dtype.kind == "f" else a for a in arrays], gradients
        if any(a.dtype.kind == "f" and np.isfinite(a).any() for a in arrays):
            assert public.differs(call, torch, off), call
            seen += 1
    assert seen > 20
