"""The recipe airbench beside PyTorch's: equal losses, and a worker that measures steps."""

import json

import pytest

from bench.training import airbench


def test_steps_are_those_of_pytorch():
    """Net, whitened filters, Muon and SGD, their schedules, smoothing: in float64 nothing is left but rounding."""
    pytest.importorskip("torch")
    assert airbench.main(["check", "--double", "--batch-size", "8", "--steps", "3", "--threads", "1"]) < 1e-11


def test_a_worker_says_how_long_its_steps_took(capsys):
    airbench.main(["worker", "--system", "tinydl", "--batch-size", "8", "--steps", "2", "--threads", "1"])
    seconds = json.loads(capsys.readouterr().out)
    assert len(seconds) == 2 and min(seconds) > 0
