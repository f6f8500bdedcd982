"""Over MPI itself, where mpi4py and mpiexec are installed: the bits of one, one message, one exit code."""

import os
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("mpi4py")
MPIEXEC = shutil.which("mpiexec", path=os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", ""))
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="no mpiexec")


def tinydl(tmp_path, ranks, *argv):
    command = [sys.executable, "-m", "tinydl", *argv]
    if ranks > 1:
        command = [MPIEXEC, "-n", str(ranks), *command]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)


def test_training_under_mpiexec_has_the_bits_of_one(tmp_path):
    flags = ["--shards", "4", "--epochs", "1", "--augment", "shift=1", "--quiet"]
    done = {n: tinydl(tmp_path, n, "train", *flags, "--out", f"r{n}") for n in (1, 4)}
    for each in done.values():
        assert each.returncode == 0 and each.stdout.count("test accuracy") == 1, each.stderr
    first, second = ((tmp_path / f"r{n}" / "weights.safetensors").read_bytes() for n in (1, 4))
    assert first == second


def test_errors_are_told_once(tmp_path):
    done = tinydl(tmp_path, 2, "train", "--epochs", "none")
    assert done.returncode == 2 and done.stderr.count("'none' is not a whole number") == 1
    done = tinydl(tmp_path, 2, "train", "--lr", "1e30")
    assert done.returncode == 1 and done.stderr.count("error: the loss is nan in batch") == 1


def test_info_lists_the_ranks(tmp_path):
    done = tinydl(tmp_path, 2, "info")
    assert done.returncode == 0 and done.stdout.count("isa_level") == 1
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("rank ")] == ["0", "1"]
