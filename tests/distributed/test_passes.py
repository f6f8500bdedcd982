"""Passes one after the other and in lockstep: the same gradients where no batch norm tells shards of each other."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, random
from tinydl.distributed.passes import InLockstep, OneByOne
from tinydl.distributed.transport import Alone

X = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)


@pytest.mark.parametrize("passes", [OneByOne, InLockstep])
def test_gradients_numbers_and_random_numbers_of_each_shard(passes):
    weight = td.Parameter(np.zeros((1, 3), np.float32))
    unused = td.Parameter([1.0])
    net = nn.Module()
    net.weight, net.unused = weight, unused
    passes = passes(net, Alone(), range(4), 4)
    states, parts = [], [X[0:1], X[1:3], X[3:5], X[5:7]]

    def compute(k):
        states.append(random.state())
        return td.ops.linear(td.tensor(parts[k]), weight).sum(), [k]

    random.set_state((5, 2))
    passes.begin([weight, unused])
    rows = np.zeros((4, 3))
    (flat,) = passes.run(7, compute, rows).parts().values()
    assert rows.tolist() == [[k, 1, 0] for k in range(4)]
    sums = [part.sum(axis=0) for part in parts]
    flat.hand_out([True, False])
    np.testing.assert_allclose(weight.grad[0], (sums[0] + sums[1]) + (sums[2] + sums[3]), rtol=1e-6)
    assert states[0] == (5, 2) and len({seed for seed, _ in states}) == 4 and {p for _, p in states} == {2}
    assert weight._slot is None and len(passes.flats) == (3 if isinstance(passes, OneByOne) else 4)
