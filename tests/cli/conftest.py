import functools
import os

import numpy as np
import pytest

from tinydl import cli

RNG = np.random.default_rng(0)
PARSER = functools.cache(cli.entry.command_line_parser)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """One parser for all commands, and no waiting for the disk: both take longer here than what is tested.

    What is written whole or not at all, and when: tests/test_files.py.
    """
    monkeypatch.setattr(cli.entry, "command_line_parser", PARSER)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A folder with small.npz (bright rows, whose place is the class: low, middle, high) and a finished run of it."""
    folder = tmp_path_factory.mktemp("cli")
    before = os.getcwd()
    os.chdir(folder)
    try:
        y = np.arange(60) % 3
        x = RNG.integers(0, 60, (60, 8, 8), dtype=np.uint8)
        x[np.arange(60), y] += 150
        np.savez("small.npz", x=x, y=y, class_names=["low", "middle", "high"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cli.pictures, "make", lambda *args: [])
            assert cli.main(["train", "--data", "small.npz", "--epochs", "8", "--batch-size", "16", "--lr", "0.05",
                             "--threads", "1", "--out", "run", "--quiet"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def there(finished, monkeypatch):
    """In the folder of the finished run."""
    monkeypatch.chdir(finished)
    return finished


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """In a new folder, without pictures."""
    monkeypatch.setattr(cli.pictures, "make", lambda *args: [])
    monkeypatch.chdir(tmp_path)
    return tmp_path
