"""The same bits of whole trainings, whatever computes them: any number of threads, processes, others beside it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("bits.py")
# The last ones take long.
NETS = ("lenet5", "m5", "digits_cnn", "ds_cnn", "mlp", "vgg_small", "resnet20", "resnet29_bottleneck")


def bits(trials, n_threads, how="plain", before=(), **variables):
    names = NETS[:trials("nets of bits")]
    done = subprocess.run([*before, sys.executable, str(PROGRAM), str(n_threads), how, *names], capture_output=True,
                          text=True, env={**os.environ, **variables}, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2 * len(names)
    return done.stdout


@pytest.fixture(scope="module")
def alone(trials):
    """What one thread computes."""
    return bits(trials, 1)


@pytest.mark.parametrize("n_threads", [2, 3, 4, 7])
def test_any_number_of_threads(alone, trials, n_threads):
    assert bits(trials, n_threads) == alone


@pytest.mark.parametrize("n_threads", [2, 7])
def test_teams_that_openmp_chooses(alone, trials, n_threads):
    assert bits(trials, n_threads, OMP_DYNAMIC="true", OMP_THREAD_LIMIT="3") == alone


@pytest.mark.skipif(not shutil.which("taskset"), reason="no taskset")
def test_one_core(alone, trials):
    core = min(os.sched_getaffinity(0))
    assert bits(trials, 3, before=("taskset", "-c", str(core))) == alone


def test_processes_of_joblib(alone, trials):
    pytest.importorskip("joblib")
    assert bits(trials, 2, "joblib") == alone


def test_threads_at_once(alone, trials):
    assert bits(trials, 2, "threads") == alone


def test_the_hash_tells_nets_and_types_apart(alone):
    hashes = [line.split()[-1] for line in alone.splitlines()]
    assert len(set(hashes)) == len(hashes)
