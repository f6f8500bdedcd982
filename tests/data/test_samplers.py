"""Samples drawn by weight."""

import numpy as np
import pytest

import tinydl as td
from tinydl.data import WeightedRandomSampler


def test_drawn_by_weight():
    sampler = WeightedRandomSampler([0, 1, 3], 4000, generator=td.Generator().manual_seed(0))
    counts = np.bincount(list(sampler), minlength=3) / 4000
    assert counts[0] == 0 and abs(counts[2] - 0.75) < 0.03 and len(sampler) == 4000
    assert list(WeightedRandomSampler(td.ones(3), 3, replacement=False)) != [] and sorted(
        WeightedRandomSampler(np.ones(3), 3, False)) == [0, 1, 2]


def test_every_epoch_is_another():
    td.manual_seed(0)
    sampler = WeightedRandomSampler(np.ones(50), 50)
    first, second = list(sampler), list(sampler)
    td.manual_seed(0)
    assert first != second and list(WeightedRandomSampler(np.ones(50), 50)) == first


@pytest.mark.parametrize(("arguments", "message"), [
    (([1, -1], 2), "got -1.0 at 1"), (([0, 0], 2), "sum 0.0"), (([[1.0]], 2), r"shape \(1, 1\)"),
    (([1, 0], 2, False), "2 samples without replacement of 1"), (([1], 0), "num_samples must be at least 1")])
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        WeightedRandomSampler(*arguments)
