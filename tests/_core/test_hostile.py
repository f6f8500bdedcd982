"""No argument of any function of the core ends the process, hangs it or writes where it should not."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = Path(__file__).with_name("hostile.py")
MOST_DEATHS = 20    # to report in one run
SIGNALS = {-6: "SIGABRT", -7: "SIGBUS", -8: "SIGFPE", -9: "SIGKILL", -11: "SIGSEGV", -14: "waits without end",
           -27: "hangs"}


def run(first):
    """(the cases that were announced, what went wrong in them, whether the program came to its end, its exit code)."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:  # a pipe would be read line by line
        done = subprocess.run([sys.executable, str(PROGRAM), "--from", str(first)], stdout=said, stderr=subprocess.PIPE,
                              text=True, errors="replace", check=False)
        said.seek(0)
        lines = said.read()
    number, case, wrong, end = first - 1, "before the first case", [], False
    for line in lines.splitlines():
        word, _, rest = line.partition(" ")
        if word == "WRONG":
            wrong.append(f"{case}: {rest}")
        elif word == "end":
            end = True
        elif word.isdigit():
            number, case = int(word), rest
    if not end:
        last = done.stderr.strip().splitlines()[:1]
        wrong.append(f"{case}: {SIGNALS.get(done.returncode, f'exit code {done.returncode}')} {' '.join(last)}")
    return number, wrong, end, lines


def test_every_argument_gives_a_result_or_an_error_that_names_it():
    first, wrong, end = 0, [], False
    while not end and len(wrong) < MOST_DEATHS:
        number, found, end, said = run(first)
        assert number >= first, said + "\n".join(found)
        first = number + 1
        wrong += found
    assert not wrong, f"{len(wrong)} of {first} cases:\n" + "\n".join(wrong[:200])
    assert first > 5000


def test_layers_and_optimisers_call_what_the_core_has():
    """The cases start from real calls; what no layer calls is tried with odd arguments alone."""
    listed = re.search(r"^unrecorded (.*)$", subprocess.run(
        [sys.executable, str(PROGRAM), "--from", str(10**9)], capture_output=True, text=True, check=True).stdout, re.M)
    names = [name for name in listed[1].split() if not name.startswith(("memory.", "parallel."))]
    assert len(names) <= 8, names
