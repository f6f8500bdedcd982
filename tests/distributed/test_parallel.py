import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.distributed import DataParallel
from tinydl.testing.ranks import run_ranks

X = np.arange(24, dtype=np.float32).reshape(8, 3) / 8
Y = X.sum(1, keepdims=True)


def stepped(comm=None, shards=4, fast=False, n=8):
    td.manual_seed(0 if comm is None else comm.rank)  # rank 0 gives its weights to the others
    net = nn.Linear(3, 1)
    dp = DataParallel(net, td.optim.SGD(net.parameters(), lr=0.1), comm, shards, fast=fast)
    loss = dp.backward(lambda x, y: ((net(x) - y) ** 2).mean(), X[:n], Y[:n])
    return loss, net.weight.grad.tolist(), dp.shard


@pytest.mark.parametrize("n", [8, 3])
def test_the_gradient_is_that_of_the_batch_and_has_the_bits_of_one(n):
    td.manual_seed(0)
    net = nn.Linear(3, 1)
    error = X[:n] @ net.weight.data.T + net.bias.data - Y[:n]
    loss, grad, shard = stepped(n=n)
    assert shard == (0, 1) and loss == pytest.approx(float((error**2).mean()), rel=1e-5)
    np.testing.assert_allclose(grad, 2 * error.T @ X[:n] / n, rtol=1e-5)
    for rank, each in enumerate(run_ranks(2, lambda comm: stepped(comm, n=n))):
        assert each == (loss, grad, (rank, 2))
    for each in run_ranks(2, lambda comm: stepped(comm, fast=True, n=n)):
        np.testing.assert_allclose(each[1], grad, rtol=1e-5)


def test_a_parameter_that_no_shard_uses_has_no_gradient():
    a, b = td.Parameter([1.0]), td.Parameter([1.0])
    net = nn.Module()
    net.a, net.b = a, b
    dp = DataParallel(net, td.optim.SGD([a, b], lr=1.0), shards=2)
    dp.backward(lambda x: (td.tensor(x) * a).mean(), X[:, 0])
    assert b.grad is None and a.grad.tolist() == [float(X[:, 0].mean())]
    with pytest.raises(ValueError, match=r"arrays of a batch have one length, got \[8, 3\]"):
        dp.backward(None, X, Y[:3])
