import numpy as np
import pytest

import tinydl as td


@pytest.mark.parametrize(("shape", "groups"), [((4, 6), 2), ((2, 6, 5), 3), ((2, 4, 3, 5), 1), ((2, 4, 3, 5), 4),
                                               ((2, 4, 3, 2, 2), 2)], ids=str)
def test_formula_and_gradients(gradcheck, shape, groups):
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=shape), rng.normal(size=shape[1]), rng.normal(size=shape[1])
    parts = x.reshape(shape[0], groups, -1)
    h = (parts - parts.mean(2, keepdims=True)) / np.sqrt(parts.var(2, keepdims=True) + 1e-2)
    over = (-1, *[1] * (len(shape) - 2))
    expected = h.reshape(shape) * w.reshape(over) + b.reshape(over)
    y = td.ops.group_norm(x, groups, td.tensor(w), td.tensor(b), 1e-2)
    np.testing.assert_allclose(y.data, expected, rtol=1e-9, atol=1e-12)
    gradcheck(lambda t, v, c: td.ops.group_norm(t, groups, v, c, 1e-2), x, w, b)
    gradcheck(lambda t: td.ops.group_norm(t, groups, eps=1e-2), x)
    assert td.ops.group_norm(x.astype(np.float32), groups).dtype == np.float32


@pytest.mark.parametrize("wanted", range(1, 8))
def test_only_the_gradients_that_are_wanted(wanted):
    rng, needs = np.random.default_rng(1), [bool(wanted & bit) for bit in (1, 2, 4)]
    values = rng.normal(size=(3, 4, 5)), rng.normal(size=4), rng.normal(size=4)
    every, some = ([td.tensor(v, requires_grad=need) for v, need in zip(values, wants, strict=True)]
                   for wants in ([True] * 3, needs))
    for x, w, b in (every, some):
        td.ops.group_norm(x, 2, w, b).backward(np.cos(np.arange(60)).reshape(3, 4, 5))
    for whole, one, need in zip(every, some, needs, strict=True):
        assert np.array_equal(whole.grad, one.grad) if need else one.grad is None


@pytest.mark.parametrize("mean", [0, 1e2, 1e4])
def test_a_large_mean_costs_no_digits(mean):
    """float32 of mean/std up to 1e4, against float64 on the same numbers."""
    rng = np.random.default_rng(2)
    x = (rng.normal(size=(4, 6, 20, 20)) + mean).astype(np.float32)
    dy, results = rng.normal(size=x.shape), []
    for dtype in (np.float32, np.float64):
        t = td.tensor(x.astype(dtype), requires_grad=True)
        y = td.ops.group_norm(t, 3)
        y.backward(dy.astype(dtype))
        results.append((y.numpy(), t.grad))
    for got, expected in zip(*results, strict=True):
        assert np.abs(got - expected).max() <= 1e-4 * expected.std()


@pytest.mark.parametrize("layout", ["row-major", "strided", "read-only", "reversed", "big-endian"])
def test_any_array(layout):
    x = np.random.default_rng(3).normal(size=(3, 4, 5, 6)).astype(np.float32)
    given = {"row-major": x, "strided": np.repeat(x, 2, axis=3)[..., ::2], "read-only": x.copy(),
             "reversed": x[:, ::-1].copy()[:, ::-1], "big-endian": x.astype(">f4")}[layout]
    given.flags.writeable = layout != "read-only"
    assert np.array_equal(td.ops.group_norm(given, 2).data, td.ops.group_norm(td.tensor(x), 2).data)
    assert np.array_equal(given, x)


def test_bad_arguments():
    x = np.ones((2, 6, 3))
    with pytest.raises(ValueError, match=r"shape \(2, 6, 3\) has 6 channels, which 4 groups do not divide"):
        td.ops.group_norm(x, 4)
    with pytest.raises(ValueError, match="num_groups must be at least 1, got 0"):
        td.ops.group_norm(x, 0)
    with pytest.raises(TypeError, match="num_groups must be an integer, got 2.0"):
        td.ops.group_norm(x, 2.0)
    with pytest.raises(ValueError, match=r"takes \(N, C, \*spatial\), got shape \(6,\); a single sample needs"):
        td.ops.group_norm(np.ones(6), 2)
    with pytest.raises(ValueError, match=r"has 6 channels, bias has shape \(3,\)"):
        td.ops.group_norm(x, 2, None, td.tensor(np.ones(3)))
    with pytest.raises(TypeError, match="the weight float32"):
        td.ops.group_norm(x, 2, td.tensor(np.ones(6, np.float32)))
    with pytest.raises(TypeError, match="group_norm needs float32 or float64 values, got int64"):
        td.ops.group_norm(np.ones((2, 6), np.int64), 2)


@pytest.mark.parametrize("norm", [lambda x, w: td.ops.group_norm(x, 1, w), lambda x, w: td.ops.batch_norm(x, w)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_infinite_weight_gives_signed_infinities(norm, dtype):
    x = np.array([[[1, 2, 4, 9]]], dtype)  # about the mean 4: below, below, on it, above
    y = norm(x, np.array([np.inf], dtype)).numpy().ravel()
    assert y[[0, 1, 3]].tolist() == [-np.inf, -np.inf, np.inf] and np.isnan(y[2])
