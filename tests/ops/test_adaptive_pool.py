"""Adaptive and global pooling as operations: values, gradients, what is refused."""

import numpy as np
import pytest

import tinydl as td


def distinct(*shape):
    return np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape) / 8.0


@pytest.mark.parametrize("size", [1, 2, (3, 5), (None, 2), 9])
def test_adaptive_pool2d(gradcheck, size):
    x = distinct(2, 3, 7, 5)
    for f, reduce in ((td.ops.adaptive_avg_pool2d, np.mean), (td.ops.adaptive_max_pool2d, np.max)):
        p, q = (
            n if m is None else m
            for m, n in zip(size if isinstance(size, tuple) else (size, size), (7, 5), strict=True)
        )
        expected = [
            [
                reduce(x[:, :, i * 7 // p : -(-(i + 1) * 7 // p), j * 5 // q : -(-(j + 1) * 5 // q)], axis=(2, 3))
                for j in range(q)
            ]
            for i in range(p)
        ]
        np.testing.assert_allclose(
            f(td.tensor(x), size).data, np.moveaxis(np.array(expected), (2, 3), (0, 1)), rtol=1e-9
        )
        gradcheck(lambda t, f=f: f(t, size), x)


def test_adaptive_pool1d_and_global(gradcheck):
    x = distinct(2, 3, 7)
    for n in (1, 3, 7):
        gradcheck(lambda t, n=n: td.ops.adaptive_avg_pool1d(t, n), x)
        gradcheck(lambda t, n=n: td.ops.adaptive_max_pool1d(t, n), x)
    np.testing.assert_allclose(td.ops.global_avg_pool(td.tensor(x)).data, x.mean(2))
    gradcheck(td.ops.global_avg_pool, x)


@pytest.mark.parametrize(("size", "message"), [(0, "output_size must be at least 1"), ((1, 2, 3), "2 of them")])
def test_bad_arguments(size, message):
    with pytest.raises(ValueError, match=message):
        td.ops.adaptive_avg_pool2d(np.ones((1, 1, 4, 4), np.float32), size)


def test_images_without_positions_are_refused():
    for f in (td.ops.adaptive_avg_pool2d, td.ops.adaptive_max_pool2d):
        with pytest.raises(ValueError, match="at least one position"):
            f(np.ones((1, 1, 0, 4)), 1)
    with pytest.raises(ValueError, match="at least one position"):
        td.ops.global_avg_pool(np.ones((1, 1, 0, 4)))
