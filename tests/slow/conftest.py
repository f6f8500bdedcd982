"""The proofs: tests that run long, each in a short form for every day and a full one, as docs/reliability.md has it.

    pytest -m slow                       # short forms
    TINYDL_PROOF=full pytest -m slow     # full ones: hours
"""

import importlib.util
import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCALE = os.environ.get("TINYDL_PROOF", "short")
if SCALE not in ("short", "full"):
    raise ValueError(f"TINYDL_PROOF must be short or full, got {SCALE!r}")
TRIALS = {  # how often each proof tries, (short, full)
    "random nets": (60, 10_000),
    "spoilt calls": (4_000, 1_000_000),
    "public calls": (8_000, 1_000_000),
    "kills": (15, 1000),
    "steps beside PyTorch": (200, 2000),
    "nets of bits": (3, 7),
    "memory: steps": (300, 10_000),
    "memory: nets": (60, 1000),
    "memory: failures": (300, 1000),
    "memory: batch": (2000, 6000),
    "corrupt files": (1500, 100_000),
    "step through system calls": (5, 1),
    "step through allocations": (7, 1),
    "inputs of C files": (20, 1000),
    "rounds of threads": (3, 300),
}


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def trials():
    """How often a proof tries, by its name in TRIALS."""
    return lambda name: TRIALS[name][SCALE == "full"]


@pytest.fixture(scope="session")
def program():
    """A file of this folder as a module, by its name."""
    def load(name):
        spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    return load


@pytest.fixture(scope="session")
def full():
    """Whether the proofs run in their full form."""
    return SCALE == "full"
