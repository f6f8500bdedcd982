"""Convolution as an operation: worked values, gradients, what is refused. Kernels are tested in tests/_core."""

import numpy as np
import pytest

import tinydl as td

RNG = np.random.default_rng(0)
X = np.array([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]])
W = np.array([[[[1.0, 10], [100, 1000]]]])


def test_worked_values():
    x, w, b = (td.tensor(v, requires_grad=True) for v in (X, W, [0.5]))
    b = td.tensor(np.array([0.5]), requires_grad=True)
    y = td.ops.conv2d(x, w, b)
    assert y.data.tolist() == [[[[5421.5, 6532.5], [8754.5, 9865.5]]]]
    y.backward([[[[1.0, 0.0], [0.0, 2.0]]]])
    assert x.grad.tolist() == [[[[1, 10, 0], [100, 1002, 20], [0, 200, 2000]]]]
    assert w.grad.tolist() == [[[[11, 14], [20, 23]]]]
    assert b.grad.tolist() == [3]


@pytest.mark.parametrize(("options", "expected"), [
    ({"stride": 2}, [[5421]]), ({"padding": 1, "stride": 3}, [[1000, 300], [70, 9]]), ({"dilation": 2}, [[9731]]),
    ({"padding": (0, 1), "stride": (2, 2)}, [[4010, 6532]])], ids=str)
def test_geometry(options, expected):
    assert td.ops.conv2d(X, td.tensor(W), **options).data.tolist() == [[expected]]


def test_signals_and_groups():
    x, w = np.array([[[1.0, 2, 3], [10, 20, 30]]]), td.tensor(np.array([[[1.0, 1]], [[1, -1]]]))
    assert td.ops.conv1d(x, w, groups=2).data.tolist() == [[[3, 5], [-10, -10]]]


@pytest.mark.parametrize("options", [
    {}, {"stride": 2, "padding": 1}, {"dilation": (2, 1), "padding": (2, 0)}, {"groups": 2, "stride": (1, 3)}], ids=str)
def test_gradients(gradcheck, options):
    x, b = RNG.normal(size=(2, 4, 7, 6)), RNG.normal(size=6)
    w = RNG.normal(size=(6, 4 // options.get("groups", 1), 3, 2))
    gradcheck(lambda *args: td.ops.conv2d(*args, **options), x, w, b)
    gradcheck(lambda *args: td.ops.conv2d(*args, **options), x, w)


def test_one_filter_a_channel(gradcheck):
    x, w, b = RNG.normal(size=(2, 3, 6, 5)), RNG.normal(size=(3, 1, 3, 3)), RNG.normal(size=3)
    gradcheck(lambda *args: td.ops.conv2d(*args, padding=1, groups=3), x, w, b)
    whole = td.ops.conv2d(x, td.tensor(w), td.tensor(b), padding=1, groups=3).data
    for c in range(3):
        one = td.ops.conv2d(x[:, [c]], td.tensor(w[[c]]), td.tensor(b[[c]]), padding=1).data
        np.testing.assert_allclose(whole[:, [c]], one, rtol=1e-12, atol=1e-12)


def test_the_first_layer_computes_no_gradient_of_its_input():
    x, w = td.tensor(X), td.tensor(W, requires_grad=True)
    td.ops.conv2d(x, w).sum().backward()
    assert x.grad is None
    assert w.grad.tolist() == [[[[12, 16], [24, 28]]]]


@pytest.mark.parametrize(("shape", "weight", "options", "message"), [
    ((1, 2, 5, 5), (4, 3, 3, 3), {}, "the input has 2 channels"),
    ((1, 3, 2, 5), (4, 3, 3, 3), {}, "larger than the input"),
    ((3, 5, 5), (4, 3, 3, 3), {}, r"batch axis in front: x\[None\]"),
    ((1, 4, 5, 5), (4, 2, 3, 3), {"groups": 3}, "groups"),
    ((1, 3, 5, 5), (4, 3, 3, 3), {"stride": 0}, "at least 1, got 0")])
def test_what_does_not_fit_is_refused(shape, weight, options, message):
    with pytest.raises(ValueError, match=message):
        td.ops.conv2d(np.ones(shape, np.float32), td.tensor(np.ones(weight, np.float32)), **options)
