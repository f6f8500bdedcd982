"""The clock of the programs that look for hangs finds those that compute and those that sleep, and no others."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGPROF"), reason="needs the timers of POSIX")
SPINS = "while True: pass"
LOCKED = "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"


def code_of(seconds, asleep, body, raises=False, after="pass"):
    """The exit code of a process in which `body` runs under a clock, and `after` behind it."""
    program = (f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import clock\n"
               f"clock.SECONDS, clock.ASLEEP = {seconds}, {asleep}\n"
               f"try:\n    with clock.clock({raises}):\n        exec({body!r})\n"
               f"except clock.Hangs:\n    sys.exit(7)\nexec({after!r})\n")
    return subprocess.run([sys.executable, "-c", program], check=False).returncode


def test_what_computes_without_end():
    assert code_of(0.1, 1000, SPINS) == -signal.SIGPROF
    assert code_of(0.1, 1000, SPINS, raises=True) == 7


def test_what_waits_without_end():
    assert code_of(1000, 0.1, LOCKED) == -signal.SIGALRM
    assert code_of(1000, 0.1, LOCKED, raises=True) == -signal.SIGALRM


def test_time_in_which_a_process_does_not_run_is_not_its_own():
    stopped = ("import os; os.spawnlp(os.P_NOWAIT, 'sh', 'sh', '-c', f'sleep 1; kill -CONT {os.getpid()}'); "
               "os.kill(os.getpid(), 19)")
    assert code_of(0.5, 1000, stopped) == 0
    assert code_of(0.5, 1000, "import time; time.sleep(1)") == 0


def test_nothing_ends_after_the_clock():
    spins = "import time\nwhile time.process_time() < 0.5: pass"
    assert code_of(0.1, 1000, "pass", after=spins) == 0
    assert code_of(1000, 0.1, "pass", after="import time; time.sleep(0.3)") == 0
