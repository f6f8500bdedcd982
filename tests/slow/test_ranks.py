"""A rank that is killed, and Ctrl-C, end all; the run goes on with another number of ranks to the bits of one go."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("mpi4py")
MPIEXEC = shutil.which("mpiexec", path=os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", ""))
pytestmark = pytest.mark.skipif(MPIEXEC is None or not Path("/proc").is_dir(), reason="no mpiexec, or no /proc")
SECONDS = 30  # within which the others have ended
FLAGS = ["--shards", "4", "--epochs", "5", "--augment", "shift=1", "--seed", "5"]


def start(folder, ranks, *argv):
    """`tinydl train` on some ranks, under way."""
    command = [MPIEXEC, "-n", str(ranks)] if ranks > 1 else []
    return subprocess.Popen([*command, sys.executable, "-m", "tinydl", "train", *argv], cwd=folder, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def weights(folder, name):
    return (folder / name / "weights.safetensors").read_bytes()


def process_of(rank, folder):
    """Number of the process that is rank `rank` of the job in `folder`, as its launcher has told it."""
    wanted = {f"{name}={rank}".encode() for name in ("PMI_RANK", "OMPI_COMM_WORLD_RANK")}
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                told = set((process / "environ").read_bytes().split(b"\0"))
                if wanted & told and os.readlink(process / "cwd") == str(folder):
                    return int(process.name)
            except OSError:  # it has ended, or is somebody else's
                continue
    raise AssertionError(f"no rank {rank} in {folder}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Weights of a run of one process that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    run = start(folder, 1, *FLAGS, "--out", "run")
    assert run.wait(120) == 0, run.stderr.read()
    return weights(folder, "run")


@pytest.mark.parametrize(("disturb", "later"), [
    (lambda run, folder: os.kill(process_of(1, folder), signal.SIGKILL), 4),
    (lambda run, folder: run.send_signal(signal.SIGINT), 1)], ids=["kill -9 of a rank", "Ctrl-C"])
def test_all_ranks_end_and_the_run_goes_on_to_the_bits_of_one(disturb, later, whole, tmp_path):
    run = start(tmp_path, 2, *FLAGS, "--out", "run")
    history = tmp_path / "run" / "history.csv"
    patience = time.monotonic() + 60
    while not history.exists() or len(history.read_text().splitlines()) < 3:
        assert run.poll() is None and time.monotonic() < patience, run.communicate()
        time.sleep(0.02)
    disturb(run, tmp_path)
    out, errors = run.communicate(timeout=SECONDS)
    assert run.returncode != 0 and (out + errors).strip()
    with pytest.raises(AssertionError, match="no rank"):
        process_of(0, tmp_path)
    resumed = start(tmp_path, later, "--resume", "run")
    assert resumed.wait(120) == 0, resumed.stderr.read()
    assert weights(tmp_path, "run") == whole
