"""Statistics over shards: literal numbers, and meetings of shards that fail, end or have no samples."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.distributed import DataParallel
from tinydl.distributed.batchnorm import Meetings, ShardStatistics, widest
from tinydl.distributed.transport import Alone
from tinydl.testing.ranks import run_ranks


def row(*numbers):
    return np.array(numbers, float).reshape(2, -1)


def test_moments_of_the_batch_from_those_of_shards():
    meetings = Meetings(Alone(), range(2), (0, 1), 1)
    # (1, 3) and (5, 6, 10): means 2 and 7, variances 1 and 14/3; of all five: 5 and 9.2.
    total, mean, var = meetings.exchange([(3, 2, row(2, 1)), (3, 3, row(7, 14 / 3))], False)
    assert (total, mean.tolist()) == (5, [5]) and var.tolist() == pytest.approx([9.2])
    # Means that are large beside the spread: nothing is lost.
    _, mean, var = meetings.exchange([(3, 1, row(1e15, 0)), (3, 1, row(1e15 + 2, 0))], False)
    assert mean.tolist() == [1e15 + 1] and var.tolist() == [1]
    assert meetings.exchange([(4, 0, row(1, 2)), (4, 0, row(10, 20))], False).tolist() == [[11], [22]]
    assert meetings.exchange([None, None], False) is None and meetings.spoilt is None


def test_sums_of_a_shard_are_those_over_its_groups():
    told = []
    statistics = ShardStatistics(lambda value: told.append(value) or value[2], 2)
    assert statistics.sums(np.ones((3, 2, 2), np.float32)).tolist() == [[[3, 3], [3, 3]]]
    with pytest.raises(ValueError, match="a batch norm of 3 channels is no module of the net, whose widest has 2"):
        statistics.sums(np.ones((1, 2, 3)))


def test_who_spoils_the_statistics_and_who_comes_elsewhere():
    meetings = Meetings(Alone(), range(3), (0, 2), 2)
    meetings.exchange([(3, 2, row(2, 1)), (3, 3, row(np.nan, 1))], False)
    meetings.exchange([(3, 2, row(np.nan, 1)), (3, 3, row(np.nan, 1))], False)
    assert meetings.spoilt == 2
    assert meetings.exchange([(3, 2, row(2, 1)), (3, 2, row(1, 2, 3, 4))], False) is None
    assert "came to different batch norms" in str(meetings.error)


def net_of():
    td.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1, bias=False), nn.BatchNorm1d(1))


X = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)
Y = np.random.default_rng(1).standard_normal((8, 1)).astype(np.float32)


def gradients(comm=None, n=8, failing=None, shards=4):
    net = net_of()
    dp = DataParallel(net, td.optim.SGD(net.parameters(), lr=0.1), comm, shards, sync_batchnorm=True)

    def function(x, y):
        output = net(x)
        if failing is not None and (x == X[failing]).all(axis=1).any():
            raise OSError("gone")
        return ((output - y) ** 2).mean()

    loss = dp.backward(function, X[:n], Y[:n])
    return [loss, *(p.grad.tobytes() for p in net.parameters()), *(b.tobytes() for _, b in net.named_buffers())], net


@pytest.mark.parametrize("n", [8, 3])
def test_gradients_and_statistics_are_those_of_the_batch(n):
    net = net_of()
    loss = ((net(X[:n]) - Y[:n]) ** 2).mean()
    loss.backward()
    found, shared = gradients(n=n)
    assert found[0] == pytest.approx(loss.item(), rel=1e-6)
    for p, q in zip(shared.parameters(), net.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, q.grad, rtol=2e-4, atol=2e-6)
    for (name, a), (_, b) in zip(shared.named_buffers(), net.named_buffers(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=name)
    assert widest(net) == 4
    for size in (2, 4):
        assert [each[0] for each in run_ranks(size, lambda comm: gradients(comm, n))] == [found] * size


@pytest.mark.parametrize(("size", "failing"), [(1, 0), (1, 7), (2, 7), (4, 3)])
def test_an_error_of_one_shard_is_that_of_all(size, failing):
    for error in run_ranks(size, lambda comm: gradients(comm, failing=failing)):
        assert isinstance(error, OSError) and str(error) == "gone"


def test_one_value_in_the_whole_batch_is_refused():
    (error,) = run_ranks(1, lambda comm: gradients(comm, n=1))
    assert isinstance(error, ValueError) and "Expected more than 1 value per channel" in str(error)
