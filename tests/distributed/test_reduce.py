import gc

import numpy as np
import pytest

import tinydl as td
from tinydl.distributed.reduce import exact_sum, fast_sum
from tinydl.distributed.shards import PairwiseSum, owned
from tinydl.testing.ranks import run_ranks

VALUES = np.random.default_rng(0).standard_normal((12, 13)).astype(np.float32)
# The tree of 12: four and four, then the last four.
FOURS = [(VALUES[k] + VALUES[k + 1]) + (VALUES[k + 2] + VALUES[k + 3]) for k in (0, 4, 8)]
WANTED = (FOURS[0] + FOURS[1]) + FOURS[2]


def parts_of(comm):
    own = owned(12, comm.rank, comm.size)
    sums = PairwiseSum(own.start, lambda a, b: np.add(a, b, out=a))
    for k in own:
        sums.push(VALUES[k].copy())
    return sums.parts()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 12])
def test_the_sum_is_that_of_the_tree_on_every_rank(size):
    def total(comm):
        out = np.empty(13, np.float32)
        exact_sum(comm, parts_of(comm), 12, out, 100)
        return out.tobytes()

    assert run_ranks(size, total) == [WANTED.tobytes()] * size


def test_shards_without_samples_and_batches_without_any():
    def total(comm):  # 1 sample in 2 shards: it is in the last one
        out = np.empty(3)
        exact_sum(comm, {(0, comm.rank): np.array([-0.0, 1, 2]) if comm.rank else None}, 2, out, 1)
        return out

    for out in run_ranks(2, total):
        assert out.tolist() == [0, 1, 2] and np.signbit(out[0])


@pytest.mark.parametrize("size", [1, 3])
def test_the_fast_sum(size):
    def total(comm):
        out = np.empty(13, np.float32)
        fast_sum(comm, parts_of(comm), out)
        return out

    for out in run_ranks(size, total):
        np.testing.assert_allclose(out, VALUES.astype(np.float64).sum(axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_sum_keeps_no_memory(size):
    def total(comm):
        for _ in range(5):
            exact_sum(comm, parts_of(comm), 12, np.empty(13, np.float32), 100)

    run_ranks(size, total)
    gc.collect()
    gc.disable()  # a cycle would keep the messages of a step until the collector comes by, and each step take new pages
    try:
        before = td.memory_stats()["in_use"]
        run_ranks(size, total)
        assert td.memory_stats()["in_use"] == before
    finally:
        gc.enable()
