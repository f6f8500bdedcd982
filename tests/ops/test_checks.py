"""What operations ask of their arguments, and how they say no."""

import numpy as np
import pytest

import tinydl as td
from tinydl.ops import checks


@pytest.mark.parametrize(("value", "dtype"), [
    ([1, 2], np.float32), (np.arange(3), np.float32), (np.zeros(3), np.float64), (np.zeros(3, np.float16), np.float32),
    (np.zeros(3, bool), np.float32), (np.zeros(3, ">f8"), np.float64), (2.5, np.float32),
    (np.float64(2.5), np.float64), ([0.5, 2.0], np.float32)])
def test_arrays_become_inputs_of_a_floating_type(value, dtype):
    assert checks.as_input(value).dtype == dtype
    assert checks.as_input(value, np.float32).dtype == np.float32


def test_tensors_are_inputs_as_they_are():
    x = td.tensor(np.arange(3))
    assert checks.as_input(x, np.float32) is x
    assert checks.as_tensor(x) is x
    with pytest.raises(TypeError, match="an input holds real numbers, got dtype complex128"):
        checks.as_input(np.zeros(2, complex))
    with pytest.raises(TypeError, match=r"relu needs float32 or float64 values, got int64; convert with x.astype"):
        checks.need_float(x, "relu")


def test_ranks():
    checks.need_rank((1, 2, 3), (3,), "f", "(N, C, L)")
    with pytest.raises(ValueError, match=r"f takes \(N, C, L\), got shape \(1, 2, 3, 4\)$"):
        checks.need_rank((1, 2, 3, 4), (3,), "f", "(N, C, L)")
    with pytest.raises(ValueError, match=r"got shape \(2, 3\); a single sample needs a batch axis in front: x\[None\]"):
        checks.need_rank((2, 3), (3,), "f", "(N, C, L)")


@pytest.mark.parametrize(("axis", "expected"), [
    (None, (0, 1, 2)), (1, (1,)), (-1, (2,)), ((2, 0), (0, 2)), ([-3], (0,)), ((), ()), (np.int64(1), (1,))])
def test_axes(axis, expected):
    assert checks.axes(axis, 3) == expected


@pytest.mark.parametrize(("axis", "error", "message"), [
    (3, ValueError, "axis 3 is out of range for 3 axes"), (-4, ValueError, "axis -4 is out of range"),
    ((0, -3), ValueError, r"axis \(0, -3\) names an axis twice"), (1.0, TypeError, "an axis is an integer, got 1.0"),
    (True, TypeError, "got True"), ("x", TypeError, "got 'x'")])
def test_bad_axes(axis, error, message):
    with pytest.raises(error, match=message):
        checks.axes(axis, 3)


@pytest.mark.parametrize(("value", "expected"), [
    (3, (3, 3)), ((3, 4), (3, 4)), ([3, 4], (3, 4)), (np.array([3, 4]), (3, 4)), (np.int64(3), (3, 3))])
def test_an_integer_stands_for_all(value, expected):
    found = checks.integers(value, 2, "stride", 1)
    assert found == expected
    assert all(type(v) is int for v in found)


@pytest.mark.parametrize(("value", "error", "message"), [
    ((1, 2, 3), ValueError, r"stride must be an integer or 2 of them, got \(1, 2, 3\)"),
    ((1, 2.0), TypeError, r"an integer or 2 of them, got \(1, 2.0\)"), (2.0, TypeError, "got 2.0"),
    (True, TypeError, "got True"), ("ab", TypeError, "got 'ab'"), (0, ValueError, "stride must be at least 1, got 0"),
    ((1, 0), ValueError, r"at least 1, got \(1, 0\)"), (2**31, ValueError, r"below 2\*\*31, got 2147483648")])
def test_bad_integers(value, error, message):
    with pytest.raises(error, match=message):
        checks.integers(value, 2, "stride", 1)


def test_weights_are_laid_once():
    from tinydl import layout

    w = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    laid = checks.laid_weight(w)
    assert np.array_equal(laid, w)
    assert laid.transpose(2, 1, 0).flags.c_contiguous
    assert checks.laid_weight(laid) is laid
    assert checks.laid_weight(layout.parameter_like(w)).strides == laid.strides


@pytest.mark.parametrize("reduction", ["avg", None, "Mean", 0])
def test_reductions(reduction):
    assert checks.reduction_of("sum") == "sum"
    with pytest.raises(ValueError, match=f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"):
        checks.reduction_of(reduction)


def test_a_tuple_of_one_counts_for_every_axis():
    assert checks.integers((3,), 2, "size", 1) == checks.integers([3], 2, "size", 1) == (3, 3)
    with pytest.raises(ValueError, match=r"an integer or 2 of them, got \(1, 2, 3\)"):
        checks.integers((1, 2, 3), 2, "size", 1)
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    assert np.array_equal(td.nn.MaxPool2d((2,))(x).data, td.nn.MaxPool2d(2)(x).data)
    assert td.nn.Conv2d(1, 4, (3,)).weight.shape == (4, 1, 3, 3)
    assert td.nn.AdaptiveAvgPool2d((1,))(x).data.tolist() == [[[[7.5]]]]


def test_images_of_uint8_are_refused_because_training_scales_them():
    x = np.full((2, 1, 4, 4), 255, np.uint8)
    net = td.nn.Sequential(td.nn.Flatten(), td.nn.Linear(16, 2))
    for call in (net, net[1], td.freeze(net)):
        with pytest.raises(TypeError, match="takes no uint8"):
            call(x)
    expected = net((x / 255).astype(np.float32)).data
    np.testing.assert_allclose(td.train.predict(net, x), expected, 1e-6)


def test_a_batch_without_its_axis_of_channels():
    with pytest.raises(ValueError, match=r"x\[:, None\], shape \(8, 1, 28, 28\)"):
        td.nn.Conv2d(1, 4, 3)(np.zeros((8, 28, 28)))
    with pytest.raises(ValueError, match=r"x\[None\], shape \(1, 3, 28, 28\)"):
        td.nn.Conv2d(3, 4, 3)(np.zeros((3, 28, 28)))
    with pytest.raises(ValueError, match=r"x\[None\], shape \(1, 1, 28, 28\)"):
        td.nn.Conv2d(1, 4, 3)(np.zeros((1, 28, 28)))
