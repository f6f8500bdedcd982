"""What a region of OpenMP costs a kernel that one thread does: no waking of threads, for which GCC's library calls the
system twice."""

import re
import shutil
import subprocess
import sys

import pytest

from tinydl._core import parallel

# One kernel of every schedule: tasks in their order, tasks as threads get done.
PROGRAM = """\
import numpy as np
from tinydl._core import gemm, loss, parallel

x, w, y, z = np.ones((1, 8), "f4"), np.ones((4, 8), "f4", "F"), np.empty((1, 4), "f4"), np.empty((1, 4), "f4")
parallel.team_size(2)
open("begun", "w").close()
for _ in range(1000):
    gemm.linear_forward(x, w, None, y, 1)
    loss.softmax_forward(y, z, 1)
    gemm.linear_forward(x, w, None, y, 2)  # too little work for two
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace")
@pytest.mark.skipif(not parallel.has_openmp(), reason="a serial build")
def test_a_region_of_one_thread_wakes_nobody(tmp_path):
    done = subprocess.run(["strace", "-f", "-o", "calls", sys.executable, "-c", PROGRAM], cwd=tmp_path,
                          capture_output=True, text=True, timeout=100, check=False)
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        pytest.skip("strace may not trace processes here")
    assert done.returncode == 0, done.stderr
    calls = re.findall(r"^\d+ +(\w+)\(", (tmp_path / "calls").read_text().split('"begun"')[1], re.M)
    assert calls.count("futex") < 100, {name: calls.count(name) for name in set(calls)}
