"""Batch-norm kernels: the seven groups of kernel tests."""

import math

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import batchnorm
from tinydl._core.reference import batchnorm as reference
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import Guards, exact_integers, flawed, laid_out
from tinydl.testing.problems import BATCHNORMS, select

BOTH = pytest.mark.parametrize("kernels", [batchnorm, reference], ids=["kernel", "reference"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
PROBLEMS = select(BATCHNORMS, "small")
EACH = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
RELU = pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
PER_CHANNEL = ("origin", "mean", "scale", "shift", "residual_scale", "residual_shift", "a", "b", "c")


class Case:
    """All arrays of one problem; each method runs one kernel between guard cells and checks that inputs stay."""

    def __init__(self, shape, dtype, seed=0, exact=False):
        self.shape, self.dtype, rng = shape, dtype, np.random.default_rng(seed)

        def make(shape):
            if exact:
                return exact_integers(rng, shape, dtype, "activation", 3)
            return laid_out(rng.standard_normal(shape), "activation", dtype)

        self.x, self.dz, self.residual = (make(shape) for _ in range(3))
        for name in PER_CHANNEL:
            setattr(self, name, make(shape[1:2]))

    def _run(self, call, *outputs):
        guards = Guards()
        arrays = [guards.empty(shape, self.dtype, "activation") for shape in outputs]
        inputs = [v for v in vars(self).values() if isinstance(v, np.ndarray)]
        before = [a.copy() for a in inputs]
        call(*arrays)
        guards.check()
        for old, new in zip(before, inputs, strict=True):
            assert_same(new, old, "an input")
        return arrays

    def statistics(self, kernels=batchnorm, n_threads=1):
        return self._run(lambda m, v: kernels.statistics(self.x, self.origin, m, v, n_threads), *[self.shape[1:2]] * 2)

    def affine(self, kernels=batchnorm, relu=False, with_residual="", n_threads=1):
        extra = [self.residual if with_residual else None, self.residual_scale if "scale" in with_residual else None,
                 self.residual_shift if "shift" in with_residual else None]
        return self._run(lambda y: kernels.affine_forward(self.x, self.scale, self.shift, *extra, relu, y, n_threads),
                         self.shape)[0]

    def reduce(self, kernels=batchnorm, relu=False, n_threads=1):
        return self._run(lambda s1, s2: kernels.backward_reduce(self.dz, self.x, self.mean, self.scale, self.shift,
                                                                relu, s1, s2, n_threads), *[self.shape[1:2]] * 2)

    def apply(self, kernels=batchnorm, relu=False, n_threads=1):
        return self._run(lambda dx: kernels.backward_apply(self.dz, self.x, self.scale, self.shift, relu, self.a,
                                                           self.b, self.c, dx, n_threads), self.shape)[0]

    def everything(self, kernels=batchnorm, n_threads=1):
        results = {"mean": None, "var": None}
        results["mean"], results["var"] = self.statistics(kernels, n_threads)
        for relu in (False, True):
            results[f"s1 {relu}"], results[f"s2 {relu}"] = self.reduce(kernels, relu, n_threads)
            results[f"dx {relu}"] = self.apply(kernels, relu, n_threads)
            for extra in ("", "residual", "residual scale", "residual shift", "residual scale shift"):
                results[f"y {relu} {extra}"] = self.affine(kernels, relu, extra, n_threads)
        return results


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_literal_statistics(kernels, dtype):
    x = laid_out([[[1, 2], [10, 10]], [[3, 6], [10, 10]]], "activation", dtype)  # (N, C, L) = (2, 2, 2)
    mean, var = np.empty(2, dtype), np.empty(2, dtype)
    kernels.statistics(x, np.array([1, 9], dtype), mean, var, 1)
    assert mean.tolist() == [3, 10] and var.tolist() == [3.5, 0]


@BOTH
@DTYPES
def test_literal_statistics_from_sums(kernels, dtype):
    # Two groups; channel 0 holds 1, 2 and 3, 6 with origin 1; channel 1 holds 10 four times with origin 9.
    sums = np.array([[[1, 2], [1, 2]], [[7, 2], [29, 2]]], dtype)
    mean, var = np.empty(2, dtype), np.empty(2, dtype)
    kernels.finish_statistics(sums, 4, np.array([1, 9], dtype), mean, var)
    assert mean.tolist() == [3, 10] and var.tolist() == [3.5, 0]


@BOTH
@DTYPES
def test_literal_maps(kernels, dtype):
    def row(*values):
        return np.array(values, dtype)

    x, residual, y = row(1, 2).reshape(2, 1), row(5, -50).reshape(2, 1), np.empty((2, 1), dtype)
    kernels.affine_forward(x, row(2), row(-3), None, None, None, True, y, 1)
    assert y.ravel().tolist() == [0, 1]
    kernels.affine_forward(x, row(2), row(-3), residual, None, None, False, y, 1)
    assert y.ravel().tolist() == [4, -49]
    kernels.affine_forward(x, row(2), row(-3), residual, row(10), row(1), True, y, 1)
    assert y.ravel().tolist() == [50, 0]


@BOTH
@DTYPES
def test_literal_gradient(kernels, dtype):
    def row(*values):
        return np.array(values, dtype)

    x, dz = row(1, 2, 4).reshape(3, 1), row(7, 5, -1).reshape(3, 1)
    s1, s2, dx = row(0), row(0), np.empty((3, 1), dtype)
    kernels.backward_reduce(dz, x, row(2), row(1), row(-1), True, s1, s2, 1)  # the mask is x > 1
    assert (s1[0], s2[0]) == (4, -2)
    kernels.backward_reduce(dz, x, row(2), row(1), row(-1), False, s1, s2, 1)
    assert (s1[0], s2[0]) == (11, -9)
    kernels.backward_apply(dz, x, row(1), row(-1), True, row(2), row(10), row(100), dx, 1)
    assert dx.ravel().tolist() == [110, 130, 138]


@BOTH
@DTYPES
def test_literal_coefficients(kernels, dtype):
    def row(*values):
        return np.array(values, dtype)

    rstd, scale, shift = (np.empty(2, dtype) for _ in range(3))
    kernels.forward_map(row(3, 1), row(3, 0), row(4, 2), row(1, -1), 1.0, rstd, scale, shift)
    assert (rstd.tolist(), scale.tolist(), shift.tolist()) == ([0.5, 1], [2, 2], [-5, -3])
    kernels.forward_map(row(3, 1), row(3, 0), None, None, 1.0, rstd, scale, shift)
    assert (scale.tolist(), shift.tolist()) == ([0.5, 1], [-1.5, -1])
    mean, var = row(8, 0), row(4, 2)
    kernels.update_running(row(4, 8), row(6, 0), 4, 0.5, mean, var)
    assert (mean.tolist(), var.tolist()) == ([6, 4], [6, 1])
    # One channel, two groups: s1 = 6, s2 = 8; a = 2 * 0.5, b = -1 * 0.25 * 8 / 4, c = -1 * 6 / 4 + 0.5 * 3.
    sums = np.array([[[2], [3]], [[4], [5]]], dtype)
    dweight, dbias, a, b, c = (np.empty(1, dtype) for _ in range(5))
    kernels.gradient_map(sums, 4, row(3), row(0.5), row(2), True, dweight, dbias, a, b, c)
    assert [v[0] for v in (dweight, dbias, a, b, c)] == [4, 6, 1, -0.5, 0]
    kernels.gradient_map(sums, 4, row(3), row(0.5), None, False, None, None, a, b, c)
    assert [v[0] for v in (a, b, c)] == [0.5, 0, 0]


# --- 2 the reference -------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_equal_to_reference(problem, dtype):
    case = Case(problem.shape, dtype)
    got, expected = case.everything(n_threads=2), case.everything(reference)
    got["mean"], expected["mean"] = (r["mean"] + 10 for r in (got, expected))  # its error is one of the spread of x
    for name, value in expected.items():
        assert_close(got[name], value, 2e-6 if dtype == np.float32 else 1e-14, name)


@DTYPES
@pytest.mark.parametrize("channels", [1, 3, 16, 33])
@pytest.mark.parametrize("weighted", [False, True])
def test_coefficients_equal_to_reference(channels, dtype, weighted):
    rng, results = np.random.default_rng(9), []
    mean, weight, bias, start = rng.standard_normal((4, channels)).astype(dtype)
    var, rstd = rng.uniform(0.1, 4, (2, channels)).astype(dtype)
    sums = rng.standard_normal((5, 2, channels)).astype(dtype)
    weight, bias = (weight, bias) if weighted else (None, None)
    for kernels in (batchnorm, reference):
        out = np.empty((8, channels), dtype)
        running = [start.copy(), var.copy()]
        kernels.forward_map(mean, var, weight, bias, 1e-5, *out[:3])
        kernels.update_running(mean, var, 7, 0.1, *running)
        kernels.gradient_map(sums, 7, mean, rstd, weight, True, *out[3:])
        results.append(np.stack([*out, *running]))
    assert_close(results[0], results[1], 1e-6 if dtype == np.float32 else 1e-14, "coefficients")


@EACH
@DTYPES
def test_exact_on_integers(problem, dtype):
    case = Case(problem.shape, dtype, exact=True)
    got, expected = case.everything(), case.everything(reference)
    for name, value in expected.items():
        if name not in ("mean", "var"):  # these divide
            assert_same(got[name] + 0, value + 0, name)  # + 0: -0 and 0 are the same number


@EACH
@DTYPES
def test_statistics_from_sums_of_images(problem, dtype):
    case = Case(problem.shape, dtype, exact=True)
    if not case.x.size:
        return
    n, c = problem.shape[:2]
    images = (case.x - case.origin.reshape(1, -1, *[1] * (case.x.ndim - 2))).reshape(n, c, -1)
    sums = np.stack([images.sum(2), (images**2).sum(2)], axis=1).astype(dtype)
    mean, var = np.empty(c, dtype), np.empty(c, dtype)
    batchnorm.finish_statistics(sums, case.x.size // c, case.origin, mean, var)
    assert_close(mean, case.x.mean(axis=(0, *range(2, case.x.ndim)), dtype=np.float64), 1e-6, "mean")
    assert_close(var, case.x.var(axis=(0, *range(2, case.x.ndim)), dtype=np.float64), 1e-6, "var")


@pytest.mark.parametrize("channels", range(1, 70))
def test_every_number_of_channels(channels):
    case = Case((3, channels, 5, 7), np.float32, channels, exact=True)
    got, expected = case.everything(), case.everything(reference)
    for name, value in expected.items():
        assert_close(got[name], value, 1e-6, name)


@pytest.mark.parametrize("ratio", [0, 10, 100, 1000])
@pytest.mark.parametrize("offset", [0, 1])
def test_variance_of_shifted_data(ratio, offset):
    """One pass about an origin near the mean loses nothing, however large mean / std is."""
    x = laid_out(np.random.default_rng(1).standard_normal((32, 4, 32, 32)) + ratio, "activation", np.float32)
    origin = np.full(4, ratio + offset, np.float32)
    mean, var = np.empty(4, np.float32), np.empty(4, np.float32)
    batchnorm.statistics(x, origin, mean, var, 1)
    np.testing.assert_allclose(var, x.var(axis=(0, 2, 3), dtype=np.float64), rtol=6e-7)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2, 3), dtype=np.float64), rtol=2e-7, atol=2e-7)


@DTYPES
def test_output_may_be_an_input(dtype):
    case = Case((3, 10, 9, 9), dtype)
    for relu in (False, True):
        y = case.x.copy(order="K")
        batchnorm.affine_forward(y, case.scale, case.shift, None, None, None, relu, y, 1)
        assert_same(y, case.affine(relu=relu))
        y = case.residual.copy(order="K")
        batchnorm.affine_forward(case.x, case.scale, case.shift, y, None, None, relu, y, 1)
        assert_same(y, case.affine(relu=relu, with_residual="residual"))
        for name in ("dz", "x"):
            arrays = {"dz": case.dz, "x": case.x}
            arrays[name] = dx = arrays[name].copy(order="K")
            batchnorm.backward_apply(arrays["dz"], arrays["x"], case.scale, case.shift, relu, case.a, case.b, case.c,
                                     dx, 1)
            assert_same(dx, case.apply(relu=relu))


def test_mask_of_backward_is_the_sign_of_forward():
    """Also where scale x + shift is a rounding error away from zero."""
    rng = np.random.default_rng(2)
    x = laid_out(rng.standard_normal((64, 32, 8, 8)), "activation", np.float32)
    scale = rng.uniform(0.5, 2, 32).astype(np.float32)
    shift = -(scale * x[0, :, 0, 0])  # some products nearly cancel
    y, dx = np.empty_like(x), np.empty_like(x)
    batchnorm.affine_forward(x, scale, shift, None, None, None, True, y, 1)
    one, zero = np.ones(32, np.float32), np.zeros(32, np.float32)
    batchnorm.backward_apply(np.ones_like(x), x, scale, shift, True, one, zero, zero, dx, 1)
    assert_same(dx > 0, y > 0)
    s1, s2 = np.empty(32, np.float32), np.empty(32, np.float32)
    batchnorm.backward_reduce(np.ones_like(x), x, zero, scale, shift, True, s1, s2, 1)
    assert_same(s1, (y > 0).sum(axis=(0, 2, 3)).astype(np.float32))


# --- 3 gradients -----------------------------------------------------------------------------------------------------

@RELU
@pytest.mark.parametrize("shape", [(7, 3), (4, 5, 6), (3, 4, 5, 6), (2, 18, 3, 3)])
def test_gradient_of_batch_norm_by_finite_differences(shape, relu):
    """The whole layer, y = [relu](gamma (x - mean) / sqrt(var + eps) + beta), for x, gamma and beta."""
    rng, c, eps = np.random.default_rng(3), shape[1], 1e-5
    x, dy, u = (laid_out(rng.standard_normal(shape), "activation") for _ in range(3))
    gamma, beta, u_gamma, u_beta = (rng.standard_normal(c) for _ in range(4))
    rows = math.prod(shape) // c

    def forward(x, gamma, beta):
        mean, var, y = np.empty(c), np.empty(c), np.empty_like(x)
        batchnorm.statistics(x, np.zeros(c), mean, var, 1)
        scale = gamma / np.sqrt(var + eps)
        shift = beta - scale * mean
        batchnorm.affine_forward(x, scale, shift, None, None, None, relu, y, 1)
        return y, mean, 1 / np.sqrt(var + eps), scale, shift

    _, mean, r, scale, shift = forward(x, gamma, beta)
    s1, s2, dx = np.empty(c), np.empty(c), np.empty_like(x)
    batchnorm.backward_reduce(dy, x, mean, scale, shift, relu, s1, s2, 1)
    b = -gamma * r**3 * s2 / rows
    batchnorm.backward_apply(dy, x, scale, shift, relu, scale, b, -scale * s1 / rows - b * mean, dx, 1)
    analytic = (dx * u).sum() + (r * s2 * u_gamma).sum() + (s1 * u_beta).sum()

    step = 1e-6
    plus, minus = (forward(x + h * u, gamma + h * u_gamma, beta + h * u_beta)[0] for h in (step, -step))
    numeric = ((plus - minus) * dy).sum() / (2 * step)
    assert abs(analytic - numeric) <= 1e-7 * np.abs(dy * u).sum()


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(problem, dtype):
    case = Case(problem.shape, dtype)
    first = case.everything()
    for n_threads in (1, 2, 3, 7):
        for name, value in case.everything(n_threads=n_threads).items():
            assert_same(value, first[name], f"{name}, {n_threads} threads")


# --- 5 arguments -----------------------------------------------------------------------------------------------------

def arguments(case):
    """kernel -> its named arguments in order, with the names of the outputs."""
    row, full = np.zeros(case.shape[1], case.dtype), np.zeros_like(case.x)
    return {
        "statistics": ({"x": case.x, "origin": case.origin, "mean": row, "var": row.copy()}, ("mean", "var")),
        "finish_statistics": ({"sums": np.ones((4, 2, case.shape[1]), case.dtype), "rows": 9, "origin": case.origin,
                               "mean": row, "var": row.copy()}, ("mean", "var")),
        "forward_map": ({"mean": case.mean, "var": row + 1, "weight": case.scale, "bias": case.shift, "eps": 1e-5,
                         "rstd": row, "scale": row.copy(), "shift": row.copy()}, ("rstd", "scale", "shift")),
        "update_running": ({"mean": case.mean, "var": row + 1, "rows": 9, "momentum": 0.1, "running_mean": row,
                            "running_var": row.copy()}, ("running_mean", "running_var")),
        "gradient_map": ({"sums": np.ones((4, 2, case.shape[1]), case.dtype), "rows": 9, "mean": case.mean,
                          "rstd": row + 1, "weight": case.scale, "training": True, "dweight": row,
                          "dbias": row.copy(), "a": row.copy(), "b": row.copy(), "c": row.copy()},
                         ("dweight", "dbias", "a", "b", "c")),
        "affine_forward": ({"x": case.x, "scale": case.scale, "shift": case.shift, "residual": case.residual,
                            "residual_scale": case.residual_scale, "residual_shift": case.residual_shift, "relu": True,
                            "y": full}, ("y",)),
        "backward_reduce": ({"dz": case.dz, "x": case.x, "mean": case.mean, "scale": case.scale, "shift": case.shift,
                             "relu": True, "s1": row, "s2": row.copy()}, ("s1", "s2")),
        "backward_apply": ({"dz": case.dz, "x": case.x, "scale": case.scale, "shift": case.shift, "relu": True,
                            "a": case.a, "b": case.b, "c": case.c, "dx": full}, ("dx",)),
    }


PER_CHANNEL_KERNELS = ("finish_statistics", "forward_map", "update_running", "gradient_map")  # no threads


def call(kernel, values):
    getattr(batchnorm, kernel)(*values.values(), *([] if kernel in PER_CHANNEL_KERNELS else [1]))


PAIRS = [(kernel, name) for kernel, (values, _) in arguments(Case((3, 4, 5, 6), np.float32)).items()
         for name, value in values.items() if isinstance(value, np.ndarray)]


@pytest.mark.parametrize(("kernel", "name"), PAIRS)
def test_refused_arrays(kernel, name):
    values, outputs = arguments(Case((3, 4, 5, 6), np.float32))[kernel]
    for what, (array, error) in flawed(values[name]).items():
        any_number = (("statistics", "x"), ("finish_statistics", "sums"), ("gradient_map", "sums"))
        if (kernel, name) in any_number and what in ("none of the elements", "one more"):
            continue  # any number of images or groups is right
        # x and sums say what type and shape the others have: their flaw may be noticed at a neighbour.
        leads = name in ("x", "sums") or (kernel, name) in (("forward_map", "mean"), ("update_running", "mean"))
        with pytest.raises((ValueError, TypeError) if leads else error, match=None if leads else f"^{name}: "):
            call(kernel, {**values, name: array})
    if values[name].ndim == 4:
        with pytest.raises(ValueError, match=f"{name}: expected a channels-last array"):
            call(kernel, {**values, name: np.ascontiguousarray(values[name])})
    frozen = values[name].copy(order="K")
    frozen.flags.writeable = False
    if name in outputs:
        with pytest.raises(ValueError, match=f"{name}: the output array is read-only"):
            call(kernel, {**values, name: frozen})
    else:
        call(kernel, {**values, name: frozen})


def test_refused_shapes():
    row = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match=r"x: expected \(N, C, \*spatial\), got shape \(3,\)"):
        batchnorm.statistics(row, row, row, row, 1)
    for shape in ((2, 3), (2, 3, 3), (2, 2, 3, 1)):
        with pytest.raises(ValueError, match="sums"):
            batchnorm.finish_statistics(np.zeros(shape, np.float32), 4, row, row, row)
    with pytest.raises(ValueError, match="need a residual"):
        batchnorm.affine_forward(np.zeros((2, 3), np.float32), row, row, None, row, None, True,
                                 np.zeros((2, 3), np.float32), 1)


# --- 6 NaN, inf, nothing ---------------------------------------------------------------------------------------------

@BOTH
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_values_stay_in_their_channel(kernels, special):
    case = Case((3, 5, 6, 7), np.float32)
    case.x[1, 2, 3, 4] = special
    with np.errstate(invalid="ignore"):
        mean, var = case.statistics(kernels)
    assert np.isfinite(mean).tolist() == np.isfinite(var).tolist() == [True, True, False, True, True]
    y = case.affine(kernels)
    assert np.argwhere(~np.isfinite(y)).tolist() == [[1, 2, 3, 4]]


@BOTH
def test_nan_passes_relu_and_its_mask(kernels):
    case = Case((2, 3, 4, 4), np.float32)
    case.x[0, 1, 2, 3] = np.nan
    assert np.argwhere(np.isnan(case.affine(kernels, relu=True))).tolist() == [[0, 1, 2, 3]]
    assert np.argwhere(np.isnan(case.apply(kernels, relu=True))).tolist() == [[0, 1, 2, 3]]
    s1, s2 = case.reduce(kernels, relu=True)
    assert not np.isnan(s1).any()  # NaN counts as positive: its dz is in the sum
    assert np.isnan(s2).tolist() == [False, True, False]


@BOTH
def test_nan_under_a_closed_mask_is_cut(kernels):
    case = Case((2, 3, 4, 4), np.float32)
    case.scale[...], case.shift[...] = 0, -1
    case.dz[...] = np.nan
    s1, s2 = case.reduce(kernels, relu=True)
    assert s1.tolist() == s2.tolist() == [0, 0, 0]
    assert not np.isnan(case.apply(kernels, relu=True)).any()


@BOTH
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 3, 0, 4), (2, 0, 4, 4)])
def test_no_values(kernels, shape):
    case = Case(shape, np.float32)
    mean, var = case.statistics(kernels)
    assert np.isnan(mean).all() and np.isnan(var).all()
    s1, s2 = case.reduce(kernels)
    assert not s1.any() and not s2.any()
    assert case.affine(kernels).shape == case.apply(kernels).shape == shape


def test_variance_is_never_negative():
    x = np.full((1000, 3), 1e4 + 0.1, np.float32)
    mean, var = np.empty(3, np.float32), np.empty(3, np.float32)
    batchnorm.statistics(x, np.zeros(3, np.float32), mean, var, 1)
    assert (var >= 0).all()
    batchnorm.statistics(x, x[0].copy(), mean, var, 1)
    assert mean.tolist() == x[0].tolist() and var.tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("in_place", [False, True])
def test_reduce_behind_a_residual_masks_by_the_sign_of_z(dtype, in_place):
    rng = np.random.default_rng(0)
    shape = (5, 7, 6, 3)
    dz, x, z = (laid_out(rng.integers(-3, 4, shape), "activation", dtype) for _ in range(3))
    z[0, 0, 0, 0] = np.nan
    mean, one, zero = np.full(7, 2, dtype), np.ones(7, dtype), np.zeros(7, dtype)
    expected = np.where(z <= 0, 0, dz)
    for n_threads in (1, 2, 3):
        masked = dz.copy(order="K")
        source = masked if in_place else dz
        s1, s2 = np.empty(7, dtype), np.empty(7, dtype)
        batchnorm.backward_reduce(source, x, mean, one, zero, False, s1, s2, n_threads, z, masked)
        assert_same(masked, expected)
        assert_same(s1, expected.sum((0, 2, 3)))
        assert_same(s2, (expected * (x - 2)).sum((0, 2, 3)))


def test_reduce_refuses_half_a_residual():
    x, v = np.zeros((2, 3), np.float32), np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="together"):
        batchnorm.backward_reduce(x, x, v, v, v, False, v, v.copy(), 1, x)


@pytest.mark.parametrize("channels", [16, 12])
def test_maps_larger_than_the_caches_exact(channels):
    """They are stored past the caches where whole vectors allow it."""
    rng = np.random.default_rng(31)
    shape = (2, channels, 640, 640)
    x, residual = (exact_integers(rng, shape, np.float32, "activation", 3) for _ in range(2))
    scale, shift, r_scale, r_shift = (exact_integers(rng, (channels,), np.float32, "row", 3) for _ in range(4))
    y = layout.empty(shape)
    assert y.nbytes > 24 << 20 and y.ctypes.data % 64 == 0

    def column(v):
        return v[None, :, None, None]

    plain = column(scale) * x + column(shift)
    for n_threads in (1, 2):
        batchnorm.affine_forward(x, scale, shift, None, None, None, True, y, n_threads)
        np.testing.assert_array_equal(y, np.maximum(plain, 0))
        batchnorm.affine_forward(x, scale, shift, residual, r_scale, r_shift, False, y, n_threads)
        np.testing.assert_array_equal(y, plain + column(r_scale) * residual + column(r_shift))
        y[...] = x
        batchnorm.affine_forward(y, scale, shift, None, None, None, False, y, n_threads)
        np.testing.assert_array_equal(y, plain)
