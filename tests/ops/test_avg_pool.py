"""Average pooling as an operation: values, gradients, what is refused."""

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
    assert td.ops.avg_pool2d(IMAGE, 2).data.tolist() == [[[[3.25, 5.25], [2, 2]]]]


@pytest.mark.parametrize("args", ARGS, ids=str)
def test_gradients(gradcheck, args):
    gradcheck(lambda t: td.ops.avg_pool2d(t, **args), distinct(2, 3, 7, 6))
    gradcheck(lambda t: td.ops.avg_pool2d(t, count_include_pad=False, **args), distinct(2, 3, 7, 6))
    gradcheck(lambda t: td.ops.avg_pool1d(t, **args), distinct(2, 3, 9))


def test_one_rounded_up_window_may_be_larger_than_the_image(gradcheck):
    assert td.nn.AvgPool2d(2, ceil_mode=True)(np.full((1, 1, 1, 1), 3, np.float32)).data.tolist() == [[[[3]]]]
    x = distinct(2, 3, 4, 3)
    y = td.ops.avg_pool2d(td.tensor(x), 5, 3, ceil_mode=True)
    np.testing.assert_allclose(y.data[:, :, 0, 0], x.mean((2, 3)), rtol=1e-12)
    gradcheck(lambda t: td.ops.avg_pool2d(t, 5, 3, ceil_mode=True), x)


def test_empty_batch():
    assert td.ops.avg_pool2d(np.ones((0, 3, 4, 4)), 2).shape == (0, 3, 2, 2)


@pytest.mark.parametrize(("args", "message"), [
    (dict(kernel_size=2, padding=-1), "padding must be at least 0"),
    (dict(kernel_size=2**31), r"below 2\*\*31"),
    (dict(kernel_size=2**62), r"below 2\*\*31"),
])
def test_bad_arguments(args, message):
    with pytest.raises(ValueError, match=message):
        td.ops.avg_pool2d(IMAGE, **args)


def test_wrong_types_and_ranks():
    with pytest.raises(ValueError, match=r"takes \(N, C, L\), got shape \(1, 1, 4, 4\)"):
        td.ops.avg_pool1d(IMAGE, 2)
    with pytest.raises(TypeError, match="avg_pool2d needs float32 or float64 values, got int64"):
        td.ops.avg_pool2d(IMAGE.astype(int), 2)
