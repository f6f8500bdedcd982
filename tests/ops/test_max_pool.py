"""Max pooling as an operation: values, gradients, what is refused."""

import numpy as np
import pytest

import tinydl as td

IMAGE = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], np.float32)[None, None]
ARGS = [
    dict(kernel_size=2),
    dict(kernel_size=3, stride=2, padding=1),
    dict(kernel_size=3, stride=1),
    dict(kernel_size=2, stride=3, ceil_mode=True),
    dict(kernel_size=1, stride=2),
    dict(kernel_size=3, stride=2, ceil_mode=True),
]


def distinct(*shape):
    return np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape) / 8.0


def test_worked_example():
    assert td.ops.max_pool2d(IMAGE, 2).data.tolist() == [[[[6, 8], [3, 4]]]]


def test_max_gives_the_gradient_to_the_first_winner():
    x = td.tensor(np.ones((1, 1, 2, 4)), requires_grad=True)
    td.ops.max_pool2d(x, 2).backward([[[[3.0, 5.0]]]])
    assert x.grad.tolist() == [[[[3, 0, 5, 0], [0, 0, 0, 0]]]]


def test_overlapping_windows_add_up():
    x = td.tensor([[[0.0, 9.0, 0.0, 1.0]]], requires_grad=True)
    td.ops.max_pool1d(x, 2, 1).backward([[[1.0, 10.0, 100.0]]])
    assert x.grad.tolist() == [[[0, 11, 0, 100]]]


@pytest.mark.parametrize("args", ARGS, ids=str)
def test_gradients(gradcheck, args):
    gradcheck(lambda t: td.ops.max_pool2d(t, **args), distinct(2, 3, 7, 6))
    gradcheck(lambda t: td.ops.max_pool1d(t, **args), distinct(2, 3, 9))


def test_gradients_with_dilation(gradcheck):
    gradcheck(lambda t: td.ops.max_pool2d(t, (3, 2), dilation=(2, 3)), distinct(2, 3, 7, 6))


def test_one_rounded_up_window_may_be_larger_than_the_image(gradcheck):
    assert td.nn.MaxPool2d(2, ceil_mode=True)(np.full((1, 1, 1, 1), 3, np.float32)).data.tolist() == [[[[3]]]]
    x = distinct(2, 3, 4, 3)
    assert td.ops.max_pool2d(td.tensor(x), 5, 3, ceil_mode=True).data[:, :, 0, 0].tolist() == x.max((2, 3)).tolist()
    gradcheck(lambda t: td.ops.max_pool2d(t, 5, 3, ceil_mode=True), x)


def test_nan_propagates():
    x = IMAGE.copy()
    x[0, 0, 0, 1] = np.nan
    assert np.isnan(td.ops.max_pool2d(x, 2).data[0, 0, 0, 0])
    assert td.ops.max_pool2d(x, 2).data[0, 0, 1, 1] == 4


def test_large_windows_keep_their_winner(gradcheck):
    gradcheck(lambda t: td.ops.max_pool2d(t, 17), distinct(1, 2, 18, 17))


def test_empty_batch():
    assert td.ops.max_pool2d(np.ones((0, 3, 4, 4)), 2).shape == (0, 3, 2, 2)


@pytest.mark.parametrize(("args", "message"), [
    (dict(kernel_size=0), "kernel_size must be at least 1, got 0"),
    (dict(kernel_size=2, stride=0), "stride must be at least 1"),
    (dict(kernel_size=2, padding=2), "at most half the window"),
    (dict(kernel_size=5), r"does not fit the input \(1, 1, 4, 4\)"),
    (dict(kernel_size=(2, 2, 2)), "an integer or 2 of them"),
])
def test_bad_arguments(args, message):
    with pytest.raises(ValueError, match=message):
        td.ops.max_pool2d(IMAGE, **args)


def test_wrong_types_and_ranks():
    with pytest.raises(TypeError, match="kernel_size must be an integer"):
        td.ops.max_pool2d(IMAGE, 2.0)
    with pytest.raises(TypeError, match="kernel_size must be an integer"):
        td.ops.max_pool2d(IMAGE, True)
    with pytest.raises(ValueError, match=r"a single sample needs a batch axis in front: x\[None\]"):
        td.ops.max_pool2d(IMAGE[0], 2)
    with pytest.raises(ValueError, match=r"takes \(N, C, L\), got shape \(1, 1, 4, 4\)"):
        td.ops.max_pool1d(IMAGE, 2)
    with pytest.raises(TypeError, match="max_pool2d needs float32 or float64 values, got int64"):
        td.ops.max_pool2d(IMAGE.astype(int), 2)
