"""Residual blocks: counts, the identity at the start, gradients behind the sum."""

import numpy as np

import tinydl as td
from tinydl import nn


def test_residual_block_counts():
    def count(net):
        return sum(p.size for p in net.parameters())

    assert count(nn.ResidualBlock(32, norm=False)) == 18_496
    assert count(nn.ResidualBlock(32, norm=False, bias=False)) == 18_432
    assert count(nn.ResidualBlock(32)) == 18_432 + 128
    assert count(nn.BottleneckBlock(128, 32, norm=False)) == 17_600
    assert count(nn.BottleneckBlock(128, 32, norm=False, bias=False)) == 17_408
    assert count(nn.BottleneckBlock(128, 32)) == 17_408 + 384
    assert list(nn.ResidualBlock(2, 4, norm=True).state_dict())[-6:] == [
        "downsample.0.weight",
        "downsample.1.weight",
        "downsample.1.bias",
        "downsample.1.running_mean",
        "downsample.1.running_var",
        "downsample.1.num_batches_tracked",
    ]


def test_residual_block_starts_as_the_identity():
    block = nn.ResidualBlock(4)
    nn.init.zeros_(block.bn2.weight)
    x = np.random.default_rng(0).uniform(size=(2, 4, 5, 5)).astype(np.float32)
    leaf = td.tensor(x, requires_grad=True)
    y = block(leaf)
    np.testing.assert_array_equal(y.data, x)
    y.backward(x)
    np.testing.assert_array_equal(leaf.grad, x)


def test_gradients_kept_behind_a_residual_sum_are_whole():
    """The mask of the sum's ReLU is applied in place; what retain_grad keeps and what other readers get is not."""
    rng = np.random.default_rng(5)
    bn, conv = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, padding=1)
    x0, skip = (rng.standard_normal((2, 4, 5, 5), np.float32) for _ in range(2))

    def run(kept):
        for module in (bn, conv):
            module.zero_grad()
        x, s = td.tensor(x0, requires_grad=True), td.tensor(skip, requires_grad=True)
        z = td.ops.relu(bn(x) + s)
        if kept:
            z.retain_grad()
        loss = (conv(z) * conv(z)).sum()
        loss.backward()
        return z, x.grad, s.grad

    z, dx, ds = run(kept=True)
    other = td.tensor(z.numpy(), requires_grad=True)
    (conv(other) * conv(other)).sum().backward()
    np.testing.assert_allclose(z.grad, other.grad, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(ds, np.where(z.numpy() > 0, z.grad, 0))
    _, dx_again, ds_again = run(kept=False)
    np.testing.assert_allclose(dx, dx_again, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ds, ds_again, rtol=1e-5, atol=1e-6)
