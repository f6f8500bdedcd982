"""im2col and col2im: literal numbers, the reference twin, adjointness, threads, arguments, NaN, guard cells."""

import numpy as np
import pytest

from tinydl._core import im2col as kernels
from tinydl._core.reference import conv as reference_conv, im2col as reference
from tinydl.testing.guards import Guards, exact_integers, flawed, laid_out
from tinydl.testing.problems import CONVS, select

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BOTH = pytest.mark.parametrize("module", [kernels, reference], ids=["kernel", "reference"])
EACH = pytest.mark.parametrize("problem", select(CONVS, "small"), ids=lambda p: p.name)


def sizes(problem):
    n, c, _, _, _, kh, kw, *_, p, q = problem.geometry
    return n * p * q, kh * kw * c


class Case:
    def __init__(self, problem, dtype, seed=0, exact=True):
        rng = np.random.default_rng(seed)
        self.problem, self.dtype = problem, dtype
        if exact:
            self.x = exact_integers(rng, problem.x_shape, dtype, "activation")
            self.cols = exact_integers(rng, sizes(problem), dtype)
        else:
            self.x = laid_out(rng.standard_normal(problem.x_shape), "activation", dtype)
            self.cols = rng.standard_normal(sizes(problem)).astype(dtype)

    def run(self, module, n_threads=1):
        guards, before = Guards(), (self.x.copy(), self.cols.copy())
        cols = guards.empty(sizes(self.problem), self.dtype)
        dx = guards.empty(self.problem.x_shape, self.dtype, "activation")
        module.im2col(self.x, cols, self.problem.geometry, n_threads)
        module.col2im(self.cols, dx, self.problem.geometry, n_threads)
        guards.check()
        assert np.array_equal(before[0], self.x) and np.array_equal(before[1], self.cols)
        return cols, dx


@BOTH
def test_literal_numbers(module):
    # [[1, 2, 3], [4, 5, 6]] of one channel, windows 2x2, stride 1, padding 0 and 1 column.
    x = np.array([[[[1.0, 2, 3], [4, 5, 6]]]])
    geo = reference_conv.geometry((1, 1, 2, 3), (1, 1, 2, 2), 1, (0, 1))
    cols = np.empty((4, 4))
    module.im2col(x, cols, geo, 1)
    assert cols.tolist() == [[0, 1, 0, 4], [1, 2, 4, 5], [2, 3, 5, 6], [3, 0, 6, 0]]
    dx = np.empty((1, 1, 2, 3))
    module.col2im(cols, dx, geo, 1)
    assert dx.tolist() == [[[[2, 4, 6], [8, 10, 12]]]]  # each pixel is in two windows


@BOTH
def test_channels_are_innermost(module):
    x = laid_out([[[1.0, 2, 3], [10, 20, 30]]], "activation")
    cols = np.empty((2, 4))
    module.im2col(x, cols, reference_conv.geometry((1, 2, 3), (1, 2, 2)), 1)
    assert cols.tolist() == [[1, 10, 2, 20], [2, 20, 3, 30]]


@EACH
@DTYPES
def test_exact(problem, dtype):
    case = Case(problem, dtype)
    for got, expected in zip(case.run(kernels), case.run(reference), strict=True):
        assert np.array_equal(got, expected)


@EACH
def test_the_product_with_the_weights_is_the_convolution(problem):
    if problem.G != 1:
        pytest.skip("groups multiply per group")
    case = Case(problem, np.float64)
    w = exact_integers(np.random.default_rng(1), problem.w_shape, np.float64, "weight")
    y = Guards().empty(problem.y_shape, np.float64, "activation")
    reference_conv.conv_forward(case.x, w, None, y, problem.geometry, None, None, 1)
    matrix = np.moveaxis(w.reshape(problem.O, problem.C, problem.KH, problem.KW), (2, 3, 1, 0), (0, 1, 2, 3))
    product = case.run(kernels)[0] @ matrix.reshape(-1, problem.O)
    assert np.array_equal(product.reshape(problem.N, problem.P, problem.Q, problem.O),
                          y.reshape(problem.N, problem.O, problem.P, problem.Q).transpose(0, 2, 3, 1))


@EACH
def test_col2im_is_the_adjoint(problem):
    """<im2col(x), c> = <x, col2im(c)>: the gradient check of a linear map."""
    case = Case(problem, np.float64, exact=False)
    cols, dx = case.run(kernels)
    a, b = (cols * case.cols).sum(), (case.x * dx).sum()
    assert abs(a - b) <= 1e-12 * (np.abs(cols * case.cols).sum() + 1)


@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(problem, dtype):
    case = Case(problem, dtype, exact=False)
    first = case.run(kernels)
    for n_threads in (1, 2, 3, 7):
        for got, expected in zip(case.run(kernels, n_threads), first, strict=True):
            assert np.array_equal(got, expected)


PROBLEM = next(p for p in select(CONVS, "small") if p.name == "channels_15_17")


@pytest.mark.parametrize(("kernel", "name"),
                         [("im2col", "x"), ("im2col", "cols"), ("col2im", "cols"), ("col2im", "dx")])
def test_refused_arrays(kernel, name):
    case = Case(PROBLEM, np.float32)
    good = {"x": case.x, "cols": case.cols.copy(), "dx": case.x.copy(order="K")}
    bad = flawed(good[name])
    bad["other order"] = (np.ascontiguousarray(case.x) if name != "cols" else np.asfortranarray(case.cols), ValueError)
    if (kernel, name) != ("col2im", "cols") and name != "x":
        bad["read-only"] = (good[name].copy(order="K"), ValueError)
        bad["read-only"][0].flags.writeable = False
    if name == "cols":
        bad["other shape"] = (good["cols"].reshape(-1, 5), ValueError)
    for what, (array, error) in bad.items():
        arrays = {**good, name: array}
        pair = (arrays["x"], arrays["cols"]) if kernel == "im2col" else (arrays["cols"], arrays["dx"])
        try:
            getattr(kernels, kernel)(*pair, PROBLEM.geometry, 1)
        except error as raised:
            assert what == "other float" or name in str(raised)
        else:
            pytest.fail(f"{kernel} took {name}: {what}")


@pytest.mark.parametrize(("position", "value"), [
    (0, -1), (5, 0), (7, 0), (8, -1), (9, -1), (11, 0), (14, 6), (15, 8), (0, 2**62), (1, 2**61), (10, 2**62),
    (7, 2**70)])
def test_refused_geometries(position, value):
    case, geo = Case(PROBLEM, np.float32), list(PROBLEM.geometry)
    geo[position] = value
    with pytest.raises((ValueError, OverflowError)):
        kernels.im2col(case.x, case.cols, tuple(geo), 1)
    with pytest.raises((ValueError, OverflowError)):
        kernels.col2im(case.cols, case.x, tuple(geo), 1)
    with pytest.raises(ValueError):
        kernels.im2col(case.x, case.cols, tuple(geo[:-1]), 1)


def test_read_only_inputs_and_nan():
    case = Case(PROBLEM, np.float32)
    case.x[0, 3, 2, 2] = case.cols[8, 11] = np.nan
    case.x.flags.writeable = case.cols.flags.writeable = False
    cols, dx = Guards().empty(sizes(PROBLEM)), Guards().empty(PROBLEM.x_shape, kind="activation")
    kernels.im2col(case.x, cols, PROBLEM.geometry, 1)
    kernels.col2im(case.cols, dx, PROBLEM.geometry, 1)
    assert np.isnan(cols).sum() == 9 and np.isnan(dx).sum() == 1
