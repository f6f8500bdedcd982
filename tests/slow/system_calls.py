"""Lets every system call of a save fail, or be the last one, and looks at what is on the disk afterwards.

    python tests/slow/system_calls.py [STEP]        # every STEP-th case; needs strace
"""

import os
import re
import subprocess
import sys
import tempfile

import numpy as np

from tinydl.train.checkpoint import load_checkpoint, previous_path, save_checkpoint

CALLS = "%file,%desc"
FAULTS = ("error=ENOSPC", "error=EIO", "error=EROFS", "signal=KILL", "signal=TERM")
SAVED, REFUSED = 0, 3           # exit codes
STATES = [{"epoch": k, "weights": np.full(5000, float(k))} for k in range(3)]


def traced(path, options):
    """Save the last state to `path` in a process under strace: (exit code, what strace noted)."""
    ready, go = os.pipe()
    process = os.fork()
    if process == 0:
        code = 1
        try:
            os.close(go)  # so that the end of this program is the end of the wait
            if not os.read(ready, 1):
                os._exit(code)
            save_checkpoint(path, STATES[2])
            code = SAVED
        except OSError:
            code = REFUSED
        finally:
            os._exit(code)
    notes = os.path.join(os.path.dirname(path), "notes")
    tracer = subprocess.Popen(["strace", "-p", str(process), "-o", notes, "-e", f"trace={CALLS}", *options],
                              stderr=subprocess.PIPE, text=True)
    while "attached" not in (said := tracer.stderr.readline()):
        if not said:
            raise OSError("strace cannot trace a process here")
    os.write(go, b"x")
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    tracer.communicate()
    for end in (ready, go):
        os.close(end)
    with open(notes) as file:
        text = file.read()
    os.unlink(notes)
    return code, text


def whole(path):
    """Number of the state in a file, None without one."""
    if not os.path.exists(path):
        return None
    state = load_checkpoint(path)
    assert (state["weights"] == state["epoch"]).all()
    return state["epoch"]


def trial(folder, options=()):
    """(exit code, states of the checkpoint and of the one before it, files left over, strace's notes)."""
    path = os.path.join(folder, "c.safetensors")
    for state in STATES[:2]:
        save_checkpoint(path, state)
    code, notes = traced(path, options)
    found = code, whole(path), whole(previous_path(path)), len(os.listdir(folder)) - 2, notes
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    return found


def right(fault, call, found):
    """Whether what a fault left behind is what was there before, or all of the new."""
    code, state, previous, left, notes = found
    if state not in (1, 2) or previous not in (0, 1) or state == 2 and previous != 1:
        return False
    if not fault.startswith("error"):
        return code in (SAVED, -9, -15) and (code != SAVED or state == 2)
    # The name of the temporary file stays where taking it away is what fails.
    return code in (SAVED, REFUSED) and (code == SAVED) == (state == 2) and (left == 0 or call.startswith("unlink"))


def main(step):
    tried = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        code, state, previous, left, notes = trial(folder)
        assert (code, state, previous, left) == (SAVED, 2, 1, 0), notes
        calls = re.findall(r"^(\w+)\(", notes, re.M)
        # `read` is what the process waits in, and a save has no use for it.
        counted = [(call, n) for call in dict.fromkeys(calls) if call != "read" for n in range(calls.count(call))]
        cases = [(fault, call, n) for fault in FAULTS for call, n in counted]
        for fault, call, n in cases[::step]:
            found = trial(folder, ["-e", f"inject={call}:{fault}:when={n + 1}"])
            tried += 1
            if not right(fault, call, found):
                wrong += 1
                print(f"{call} number {n} {fault}: exit code {found[0]}, checkpoint {found[1]}, before it {found[2]}, "
                      f"{found[3]} files left\n{found[4]}")
    print(f"{tried} of {len(cases)} faults in {len(counted)} system calls: {wrong} wrong")
    return wrong > 0 or not tried


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
