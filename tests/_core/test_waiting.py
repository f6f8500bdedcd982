"""The spin count of the OpenMP runtime is set while it is loaded, and only then."""

import os
import subprocess
import sys

import pytest

from tinydl._core.waiting import SPINS, short_spins


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    return monkeypatch


def test_set_inside_and_gone_after(environment):
    with short_spins():
        assert os.environ["GOMP_SPINCOUNT"] == SPINS
    assert "GOMP_SPINCOUNT" not in os.environ


def test_gone_after_an_error(environment):
    with pytest.raises(ImportError), short_spins():
        raise ImportError("no such library")
    assert "GOMP_SPINCOUNT" not in os.environ


@pytest.mark.parametrize("name, value", [("GOMP_SPINCOUNT", "7"), ("OMP_WAIT_POLICY", "active")])
def test_what_the_user_says_counts(environment, name, value):
    environment.setenv(name, value)
    before = dict(os.environ)
    with short_spins():
        assert dict(os.environ) == before
    assert dict(os.environ) == before


def test_import_leaves_the_environment_alone():
    code = "import os; before = dict(os.environ); import tinydl; assert dict(os.environ) == before"
    kept = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    subprocess.run([sys.executable, "-c", code], env=kept, check=True)
