"""The peak meter. What it reads depends on the machine: here only that it reads and what it refuses."""

import math

import pytest

from tinydl._core import peak


@pytest.mark.parametrize("n_threads", [1, 3])
def test_one_reading_at_least(n_threads):
    rate = peak.fma_peak(0, n_threads)
    assert 0 < rate < math.inf


@pytest.mark.parametrize("n_threads", [0, -1])
def test_refused_threads(n_threads):
    with pytest.raises(ValueError, match=f"n_threads must be between 1 and .*, got {n_threads}$"):
        peak.fma_peak(0, n_threads)
