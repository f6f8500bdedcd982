"""Windows as columns and back: literal numbers, loops, the product with a weight, adjoints, gradients, refusals."""

import itertools

import numpy as np
import pytest

import tinydl as td
from tinydl import ops

# Image (N, C, H, W), window, dilation, padding, stride.
CASES = [
    ((2, 3, 5, 6), (3, 2), 1, 0, 1), ((1, 2, 7, 7), 3, 2, 1, 1), ((2, 1, 6, 5), (2, 3), 1, (1, 2), (2, 1)),
    ((3, 4, 4, 4), 1, 1, 0, 1), ((1, 3, 8, 9), (2, 2), (3, 1), (0, 1), (1, 3)), ((2, 2, 6, 6), 2, 1, 0, 2),
    ((0, 2, 5, 5), 3, 1, 0, 1), ((1, 17, 5, 4), 2, 1, 1, 3),
]
EACH = pytest.mark.parametrize("case", CASES, ids=str)


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def windows(shape, kernel_size, dilation, padding, stride):
    """For every column (p, q) and row (i, j): the pixel (h, w) it is, or None in the padding."""
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = map(pair, (kernel_size, dilation, padding, stride))
    h, w = shape[2:]
    n_p, n_q = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (w + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    for (column, (p, q)), (row, (i, j)) in itertools.product(
            enumerate(itertools.product(range(n_p), range(n_q))), enumerate(itertools.product(range(kh), range(kw)))):
        y, x = p * sh - ph + i * dh, q * sw - pw + j * dw
        yield column, row, (y, x) if 0 <= y < h and 0 <= x < w else None


def size(case):
    shape, kernel_size, *_ = case
    last = max(column for column, _, _ in windows(*case))
    return shape[0], shape[1] * int(np.prod(pair(kernel_size))), last + 1


def unfolded(x, case):
    out = np.zeros(size(case), x.dtype)
    n_rows = np.prod(pair(case[1]))
    for column, row, pixel in windows(*case):
        if pixel is not None:
            out[:, row::n_rows, column] = x[:, :, pixel[0], pixel[1]]
    return out


def folded(y, case):
    out = np.zeros(case[0], y.dtype)
    n_rows = np.prod(pair(case[1]))
    for column, row, pixel in windows(*case):
        if pixel is not None:
            out[:, :, pixel[0], pixel[1]] += y[:, row::n_rows, column]
    return out


def test_literal_numbers():
    x = td.tensor([[[[1.0, 2, 3], [4, 5, 6]], [[10, 20, 30], [40, 50, 60]]]])
    y = ops.unfold(x, 2)
    assert y.numpy().tolist() == [[[1, 2], [2, 3], [4, 5], [5, 6], [10, 20], [20, 30], [40, 50], [50, 60]]]
    back = ops.fold(y, (2, 3), 2)
    assert back.numpy().tolist() == [[[[1, 4, 3], [4, 10, 6]], [[10, 40, 30], [40, 100, 60]]]]


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_to_loops(case, dtype):
    rng = np.random.default_rng(0)
    shape, kernel_size, *options = case
    x, y = rng.integers(-9, 10, shape).astype(dtype), rng.integers(-9, 10, size(case)).astype(dtype)
    got = ops.unfold(td.tensor(x), kernel_size, *options)
    back = ops.fold(td.tensor(y), shape[2:], kernel_size, *options)
    assert got.dtype == dtype and back.dtype == dtype
    assert np.array_equal(got.numpy(), unfolded(x, case)) and np.array_equal(back.numpy(), folded(y, case))


@EACH
def test_a_convolution_is_a_product(case):
    rng = np.random.default_rng(1)
    shape, kernel_size, dilation, padding, stride = case
    x, w = td.tensor(rng.normal(size=shape)), td.tensor(rng.normal(size=(5, shape[1], *pair(kernel_size))))
    y = ops.conv2d(x, w, None, stride, padding, dilation)
    product = ops.reshape(w, (5, -1)) @ ops.unfold(x, kernel_size, dilation, padding, stride)
    np.testing.assert_allclose(product.numpy().reshape(y.shape), y.numpy(), rtol=1e-12, atol=1e-12)


@EACH
def test_gradients(gradcheck, case):
    rng = np.random.default_rng(2)
    shape, kernel_size, *options = case
    if shape[0]:
        gradcheck(lambda x: ops.unfold(x, kernel_size, *options), rng.normal(size=shape))
        gradcheck(lambda y: ops.fold(y, shape[2:], kernel_size, *options), rng.normal(size=size(case)))


@EACH
def test_adjoint(case):
    rng = np.random.default_rng(3)
    shape, kernel_size, *options = case
    x, y = rng.integers(-9, 10, shape).astype(float), rng.integers(-9, 10, size(case)).astype(float)
    left = (ops.unfold(td.tensor(x), kernel_size, *options).numpy() * y).sum()
    assert left == (x * ops.fold(td.tensor(y), shape[2:], kernel_size, *options).numpy()).sum()


def test_fold_of_unfold_counts_the_windows():
    x = td.tensor(np.ones((1, 1, 4, 4), np.float32))
    counts = ops.fold(ops.unfold(x, 3), 4, 3).numpy()[0, 0]
    assert counts.tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]


def test_any_memory_order_and_nan():
    x = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(5, 4, 3, 2).transpose(3, 2, 1, 0)
    x[1, 2, 0, 0] = np.nan
    case = ((2, 3, 4, 5), 2, 1, 1, 1)
    got = ops.unfold(td.tensor(x), 2, 1, 1).numpy()
    assert np.array_equal(got, unfolded(x, case), equal_nan=True) and np.isnan(got).sum() == 4
    y = np.asfortranarray(got)
    assert np.array_equal(ops.fold(td.tensor(y), (4, 5), 2, 1, 1).numpy(), folded(y, case), equal_nan=True)


def test_the_same_bits_for_any_number_of_threads():
    x, threads, results = np.random.default_rng(4).standard_normal((8, 16, 12, 12)), td.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            td.set_num_threads(n)
            y = ops.unfold(td.tensor(x), 3, 1, 1)
            results.append((y.numpy(), ops.fold(y, 12, 3, 1, 1).numpy()))
    finally:
        td.set_num_threads(threads)
    assert all(np.array_equal(a, b) for others in results[1:] for a, b in zip(others, results[0], strict=True))


def zeros(*shape):
    return td.tensor(np.zeros(shape, np.float32))


@pytest.mark.parametrize(("call", "error", "match"), [
    (lambda: ops.unfold(zeros(3, 5, 5), 3), ValueError, r"x\[None\]"),
    (lambda: ops.unfold(zeros(1, 3, 5, 5), 7), ValueError, "larger than the input"),
    (lambda: ops.unfold(zeros(1, 3, 5, 5), 0), ValueError, "kernel_size"),
    (lambda: ops.unfold(td.tensor(np.zeros((1, 1, 3, 3), np.int64)), 2), TypeError, "unfold needs float"),
    (lambda: ops.fold(zeros(1, 7, 4), 3, 2), ValueError, "7 channels .* 4 entries"),
    (lambda: ops.fold(zeros(1, 8, 5), 3, 2), ValueError, "2 x 2 windows, .* has 5"),
    (lambda: ops.fold(zeros(8, 4), 3, 2), ValueError, "fold takes"),
    (lambda: ops.fold(zeros(1, 8, 4), 3.5, 2), TypeError, "output_size")])
def test_refused(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_windows_beyond_64_bits_are_a_memory_error():
    with pytest.raises(MemoryError, match="windows are more than any memory holds"):
        td.ops.unfold(td.tensor(np.ones((4, 7, 2, 1), "f4")), 1, 2, 2**31 - 1, 2)
