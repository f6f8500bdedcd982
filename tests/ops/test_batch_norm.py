"""Batch norm as an operation: the formulas in float64 NumPy, for data of any mean, and the state that it keeps."""

import itertools

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.testing.compare import assert_close

RATIOS = [1, 293, 1e3, 3e3, 1e4]  # mean / std
EPS = 1e-5


def axes(x):
    return (0, *range(2, x.ndim))


def wide(v, x):
    """A vector (C,) in float64 that is broadcast over x."""
    return np.asarray(v, np.float64).reshape(1, -1, *[1] * (x.ndim - 2))


def reference(x, dy, gamma=1.0, beta=0.0, running=None):
    """y, dx, dgamma, dbeta of the formulas in float64; `running` (mean, var) in evaluation."""
    x, dy, m = x.astype(np.float64), dy.astype(np.float64), x.size // x.shape[1]
    gamma, beta = (wide(np.broadcast_to(v, x.shape[1]), x) for v in (gamma, beta))
    # In two steps, so that float64 itself loses nothing.
    first = x.mean(axes(x), keepdims=True)
    mean = first + (x - first).mean(axes(x), keepdims=True)
    var = ((x - mean) ** 2).mean(axes(x), keepdims=True)
    if running is not None:
        mean, var = (wide(v, x) for v in running)
    r = 1 / np.sqrt(var + EPS)
    s1, s2 = dy.sum(axes(x), keepdims=True), (dy * (x - mean)).sum(axes(x), keepdims=True)
    dx = gamma * r * (dy if running is not None else dy - s1 / m - (x - mean) * r * r * s2 / m)
    return gamma * r * (x - mean) + beta, dx, (r * s2).ravel(), s1.ravel()


def data(shape, ratio, dtype=np.float32, seed=0):
    """x of that mean / std, other spreads in other channels; and dy of another mean than 0."""
    rng = np.random.default_rng(seed)
    spread = wide(rng.uniform(0.5, 20, shape[1]), np.empty(shape))
    return ((rng.standard_normal(shape) + ratio) * spread).astype(dtype), \
        (rng.standard_normal(shape) + 0.3).astype(dtype)


def norm_of(shape, **options):
    """A layer whose weight and bias are not 1 and 0."""
    layer = (nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(shape[1], **options)
    if layer.weight is not None:
        rng = np.random.default_rng(7)
        layer.weight.data[...], layer.bias.data[...] = rng.uniform(0.5, 2, shape[1]), rng.standard_normal(shape[1])
    return layer


def run(layer, x, dy):
    """y, dx, dgamma and dbeta of a layer."""
    x = td.tensor(x, requires_grad=True)
    layer.zero_grad()
    y = layer(x)
    y.backward(dy)
    return y.numpy(), x.grad, layer.weight.grad, layer.bias.grad


SHAPES = pytest.mark.parametrize("shape", [(512, 6), (16, 5, 100), (16, 4, 9, 11)], ids=["NC", "NCL", "NCHW"])


@SHAPES
@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("tracked", [True, False])
def test_training_at_any_mean(shape, ratio, tracked):
    """In the first step, while the running mean moves, and after it arrived; or without one."""
    layer = norm_of(shape, track_running_stats=tracked)
    gamma, beta = layer.weight.data.copy(), layer.bias.data.copy()
    for step in (0, 1, 2, 60):
        x, dy = data(shape, ratio, seed=step)
        if step == 60 and tracked:
            for k in range(3, 60):
                layer(data(shape, ratio, seed=k)[0])
        for name, got, expected in zip(("y", "dx", "dgamma", "dbeta"), run(layer, x, dy),
                                       reference(x, dy, gamma, beta), strict=True):
            assert_close(got, expected, 2e-6, f"{name} in step {step}")


@SHAPES
@pytest.mark.parametrize("ratio", RATIOS)
def test_evaluation_at_any_mean(shape, ratio):
    layer = norm_of(shape)
    for k in range(50):
        layer(data(shape, ratio, seed=k)[0])
    layer.eval()
    x, dy = data(shape, ratio, seed=99)
    running = layer.running_mean.copy(), layer.running_var.copy()
    expected = reference(x, dy, layer.weight.data, layer.bias.data, running)
    for name, got, value in zip(("y", "dx", "dgamma", "dbeta"), run(layer, x, dy), expected, strict=True):
        assert_close(got, value, 2e-6, name)


@SHAPES
def test_running_statistics_are_those_of_the_batches(shape):
    layer = norm_of(shape, momentum=None)
    batches = [data(shape, 1e4, seed=k)[0].astype(np.float64) for k in range(20)]
    for x in batches:
        layer(x.astype(np.float32))
    np.testing.assert_allclose(layer.running_mean, np.mean([x.mean(axes(x)) for x in batches], 0), rtol=1e-6)
    m = batches[0].size // shape[1]
    np.testing.assert_allclose(layer.running_var, np.mean([x.var(axes(x)) for x in batches], 0) * m / (m - 1),
                               rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_variance_of_shifted_data_is_one(seed):
    x = (1e4 + np.random.default_rng(seed).normal(size=(64, 4, 100))).astype(np.float32)
    y = nn.BatchNorm1d(4)(x).numpy()
    np.testing.assert_allclose(y.std((0, 2), dtype=np.float64), 1, rtol=1e-4)
    np.testing.assert_allclose(y.mean((0, 2), dtype=np.float64), 0, atol=1e-5)


@pytest.mark.parametrize("values", [
    lambda rng, shape: 1e5 + 10 * rng.standard_normal(shape),
    lambda rng, shape: 2**24 - rng.integers(1, 200, shape),
    lambda rng, shape: rng.integers(0, 2**24, shape),
], ids=["barometer", "counts", "all_counts"])
@SHAPES
def test_raw_data(shape, values):
    rng = np.random.default_rng(3)
    x, dy = values(rng, shape).astype(np.float32), rng.standard_normal(shape).astype(np.float32)
    layer = norm_of(shape)
    for _ in range(3):
        for name, got, expected in zip(("y", "dx", "dgamma", "dbeta"), run(layer, x, dy),
                                       reference(x, dy, layer.weight.data, layer.bias.data), strict=True):
            assert_close(got, expected, 2e-6, name)


@SHAPES
def test_float64_at_a_mean_of_a_hundred_million(shape):
    x, dy = data(shape, 1e8, np.float64)
    x_t = td.tensor(x, requires_grad=True)
    gamma, beta = (td.tensor(np.linspace(a, b, shape[1]), requires_grad=True) for a, b in ((1, 2), (-1, 1)))
    y = td.ops.batch_norm(x_t, gamma, beta)
    y.backward(dy)
    got = y.numpy(), x_t.grad, gamma.grad, beta.grad
    for name, value, expected in zip(("y", "dx", "dgamma", "dbeta"), got, reference(x, dy, gamma.data, beta.data),
                                     strict=True):
        assert_close(value, expected, 1e-7, name)  # float64 tells neighbours at 1e8 times the spread apart by 1e-8


@pytest.mark.parametrize("ratio", [0, 10, 100])
def test_two_values_a_channel(ratio):
    x, dy = ((np.random.default_rng(5).standard_normal((2, 64)) + r).astype(np.float32) for r in (ratio, 0))
    y, dx, _, _ = run(norm_of((2, 64)), x, dy)
    layer = norm_of((2, 64))
    expected_y, expected_dx, _, _ = reference(x, dy, layer.weight.data, layer.bias.data)
    rstd = 1 / np.sqrt(x.astype(np.float64).var(0) + EPS)
    assert np.abs(y - expected_y).max() <= 1e-5
    assert (np.abs(dx - expected_dx) / rstd).max() <= 1e-5  # as a part of the terms whose difference it is


# --- state -----------------------------------------------------------------------------------------------------------

def test_a_batch_of_nan_spoils_no_other():
    """The running mean is NaN from then on; the statistics of a batch are its own."""
    x, dy = data((8, 3, 6, 6), 5)
    for first in (nn.Conv2d(3, 3, 3), nn.Identity()):
        net = nn.Sequential(first, nn.BatchNorm2d(3))
        expected = net(x).numpy()
        bad = x.copy()
        bad[0, 1, 2, 3] = np.nan
        net(bad)
        assert np.isnan(net[1].running_mean).any()
        assert_close(net(x).numpy(), expected, 2e-6)
    assert dy.shape == x.shape


def test_one_statistic_alone_is_refused():
    x = np.zeros((4, 3), np.float32)
    for training, (mean, var) in itertools.product((True, False), ((np.zeros(3), None), (None, np.ones(3)))):
        with pytest.raises(ValueError, match="running_(mean|var)=None; pass both or neither"):
            td.ops.batch_norm(x, running_mean=mean, running_var=var, training=training)


@pytest.mark.parametrize("training", [True, False])
def test_strided_parameters_and_statistics(training):
    x, dy = data((20, 3, 4), 3)
    rng = np.random.default_rng(1)
    gamma, beta, mean, var = rng.uniform(1, 2, (4, 3)).astype(np.float32)
    results = []
    for spread in (lambda v: v.copy(), lambda v: np.repeat(v, 2)[::2], lambda v: v[::-1].copy()[::-1]):
        weight, bias = (td.Tensor(spread(v), requires_grad=True) for v in (gamma, beta))
        running = [spread(mean), spread(var)]
        x_t = td.tensor(x, requires_grad=True)
        y = td.ops.batch_norm(x_t, weight, bias, *running, training=training)
        y.backward(dy)
        results.append([y.numpy(), x_t.grad, weight.grad, bias.grad, *running])
    for other in results[1:]:
        for got, expected in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtypes", [(np.float64, np.float64), (np.float32, np.float64), (np.float16, np.float16)])
def test_statistics_of_another_type_than_the_input(dtypes):
    x, _ = data((50, 3), 2)
    mean, var = np.zeros(3, dtypes[0]), np.ones(3, dtypes[1])
    td.ops.batch_norm(x, running_mean=mean, running_var=var)
    assert (mean.dtype, var.dtype) == dtypes
    np.testing.assert_allclose(mean, 0.1 * x.mean(0), rtol=2e-3)
    np.testing.assert_allclose(var, 0.9 + 0.1 * x.var(0, ddof=1), rtol=2e-3)


@pytest.mark.parametrize("place", ["running_mean", "running_var"])
def test_running_statistics_of_integers_are_refused(place):
    """Blending would cut them off."""
    running = {"running_mean": np.zeros(2, "f4"), "running_var": np.ones(2, "f4"), place: np.ones(2, np.int64)}
    with pytest.raises(TypeError, match=f"{place} must hold floats, which training blends, got int64"):
        td.ops.batch_norm(np.ones((3, 2), "f4"), **running)
