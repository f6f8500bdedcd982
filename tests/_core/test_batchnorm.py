"""Batch-norm kernels, forward: the seven groups of kernel tests."""

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import batchnorm
from tinydl._core.elementwise import ACTIVATIONS
from tinydl._core.operands import Map, Moments
from tinydl._core.reference import batchnorm as reference
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import exact_integers, flawed, guarded, laid_out
from tinydl.testing.problems import BATCHNORMS, select

EVERY = ("", *ACTIVATIONS)
SLOPE = -2.0    # of leaky ReLU and ELU: exact among integers

BOTH = pytest.mark.parametrize("kernels", [batchnorm, reference], ids=["kernel", "reference"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
EACH = pytest.mark.parametrize("problem", select(BATCHNORMS, "small"), ids=lambda p: p.name)
PER_CHANNEL = ("about", "centre", "scale", "shift", "residual_centre", "residual_scale", "residual_shift")


class Case:
    """All arrays of one problem; each method runs one kernel between guard cells and checks that inputs stay."""

    def __init__(self, shape, dtype, seed=0, exact=False):
        self.shape, self.dtype, self.exact, rng = shape, dtype, exact, np.random.default_rng(seed)

        def make(shape):
            if exact:
                return exact_integers(rng, shape, dtype, "activation", 3)
            return laid_out(rng.standard_normal(shape), "activation", dtype)

        self.x, self.residual = make(shape), make(shape)
        for name in PER_CHANNEL:
            setattr(self, name, make(shape[1:2]))

    def _run(self, call, *outputs):
        return guarded(call, [v for v in vars(self).values() if isinstance(v, np.ndarray)],
                       *((shape, dtype, "activation") for shape, dtype in outputs))

    def statistics(self, kernels=batchnorm, n_threads=1):
        return self._run(lambda m, v: kernels.statistics(self.x, self.about, m, v, n_threads),
                         *[(self.shape[1:2], np.float64)] * 2)

    def affine(self, kernels=batchnorm, activation="", extra="", n_threads=1):
        on_x = Map(self.scale, self.shift, self.centre, activation, SLOPE)
        on_residual = Map(self.residual_scale, self.residual_shift, self.residual_centre) if extra == "map" else None
        residual = self.residual if extra else None
        return self._run(lambda y: kernels.affine_forward(self.x, on_x, residual, on_residual, y, n_threads),
                         (self.shape, self.dtype))[0]

    def everything(self, kernels=batchnorm, n_threads=1):
        results = dict(zip(("mean", "var"), self.statistics(kernels, n_threads), strict=True))
        for activation in EVERY[:3] if self.exact else EVERY:  # the first are exact among integers
            for extra in ("", "residual", "map"):
                results[f"y {activation} {extra}"] = self.affine(kernels, activation, extra, n_threads)
        return results


def row(*values, dtype=np.float32):
    return np.array(values, dtype)


def exact_statistics(x):
    """Mean and variance per channel, in more digits than any x has."""
    wide = x.astype(np.longdouble)
    axes = (0, *range(2, x.ndim))
    return wide.mean(axes), wide.var(axes)


def taken(x, about, n_threads=1):
    mean, var = np.full((2, x.shape[1]), np.nan)
    batchnorm.statistics(x, about, mean, var, n_threads)
    return mean, var


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_literal_statistics(kernels, dtype):
    x = laid_out([[[1, 2], [10, 10]], [[3, 6], [10, 10]]], "activation", dtype)  # (N, C, L) = (2, 2, 2)
    for about in ([1, 9], [0, 0], [-1000, 10]):
        mean, var = np.empty(2), np.empty(2)
        kernels.statistics(x, row(*about, dtype=dtype), mean, var, 1)
        assert mean.tolist() == [3, 10] and var.tolist() == [3.5, 0]


@BOTH
@DTYPES
def test_literal_statistics_from_sums(kernels, dtype):
    # Two groups about 1 and 9; channel 0 holds 1, 2 and 3, 6, channel 1 holds 10 four times.
    x = laid_out([[[1, 2], [10, 10]], [[3, 6], [10, 10]]], "activation", dtype)
    sums = np.array([[[1, 2], [1, 2]], [[7, 2], [29, 2]]], dtype)
    mean, var = np.empty(2), np.empty(2)
    kernels.finish_statistics(x, Moments(row(1, 9, dtype=dtype), sums), mean, var, 1)
    assert mean.tolist() == [3, 10] and var.tolist() == [3.5, 0]


@BOTH
@DTYPES
def test_literal_affine_maps(kernels, dtype):
    def vector(*values):
        return row(*values, dtype=dtype)

    x, residual, y = vector(1, 2).reshape(2, 1), vector(5, -50).reshape(2, 1), np.empty((2, 1), dtype)
    kernels.affine_forward(x, Map(vector(2), vector(-1), vector(1), "relu"), None, None, y, 1)
    assert y.ravel().tolist() == [0, 1]
    kernels.affine_forward(x, Map(vector(2), vector(-1), vector(1)), residual, None, y, 1)
    assert y.ravel().tolist() == [4, -49]
    on_residual = Map(vector(10), vector(11), vector(1))
    kernels.affine_forward(x, Map(vector(2), vector(-1), vector(1), "relu"), residual, on_residual, y, 1)
    assert y.ravel().tolist() == [50, 0]


@BOTH
@DTYPES
def test_literal_forward_map(kernels, dtype):
    on_x, rstd = Map(*np.empty((3, 2), dtype)), np.empty(2)
    weight, bias = row(4, 2, dtype=dtype), row(1, -1, dtype=dtype)
    kernels.forward_map(row(3, 1, dtype="d"), row(3, 0, dtype="d"), weight, bias, 1.0, rstd, on_x)
    assert [v.tolist() for v in (rstd, on_x.scale, on_x.centre, on_x.shift)] == [[0.5, 1], [2, 2], [3, 1], [1, -1]]
    kernels.forward_map(row(3, 1, dtype="d"), row(3, 0, dtype="d"), None, None, 1.0, rstd, on_x)
    assert [v.tolist() for v in (on_x.scale, on_x.centre, on_x.shift)] == [[0.5, 1], [3, 1], [0, 0]]


@BOTH
def test_what_the_centre_loses_of_the_mean_is_in_the_shift(kernels):
    """float32 holds 16777216 and 16777218, but not what lies between."""
    on_x, rstd = Map(*np.empty((3, 1), np.float32)), np.empty(1)
    kernels.forward_map(np.array([16777216.75]), np.array([0.25]), None, row(7), 0.0, rstd, on_x)
    assert [v.tolist() for v in (rstd, on_x.scale, on_x.centre, on_x.shift)] == [[2], [2], [16777216], [5.5]]


@BOTH
@DTYPES
def test_literal_running_statistics(kernels, dtype):
    mean, var = row(8, 0, dtype=dtype), row(4, 2, dtype=dtype)
    kernels.update_running(row(4, 8, dtype="d"), row(6, 0, dtype="d"), 4, 0.5, mean, var)
    assert (mean.tolist(), var.tolist()) == ([6, 4], [6, 1])


@BOTH
@pytest.mark.parametrize("rows", [1, 0, -3, -2**63])
def test_one_row_has_no_unbiased_variance(kernels, rows):
    mean, var = row(8), row(4)
    with pytest.raises(ValueError, match=f"rows must be at least 2, got {rows}"):
        kernels.update_running(row(4, dtype="d"), row(6, dtype="d"), rows, 0.5, mean, var)
    assert (mean.tolist(), var.tolist()) == ([8], [4])


# --- 2 the reference -------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_equal_to_reference(problem, dtype):
    case = Case(problem.shape, dtype)
    got, expected = case.everything(n_threads=2), case.everything(reference)
    got["mean"], expected["mean"] = (r["mean"] + 10 for r in (got, expected))  # its error is one of the spread of x
    for name, value in expected.items():
        assert_close(got[name], value, bound("normalisation", dtype), name)


@DTYPES
@pytest.mark.parametrize("channels", [1, 3, 16, 33])
@pytest.mark.parametrize("weighted", [False, True])
def test_coefficients_equal_to_reference(channels, dtype, weighted):
    rng, results = np.random.default_rng(9), []
    mean, var = rng.standard_normal(channels), rng.uniform(0.1, 4, channels)
    weight, bias, start = rng.standard_normal((3, channels)).astype(dtype)
    weight, bias = (weight, bias) if weighted else (None, None)
    for kernels in (batchnorm, reference):
        on_x, rstd = Map(*np.empty((3, channels), dtype)), np.empty(channels)
        running = [start.copy(), np.abs(start)]
        kernels.forward_map(mean, var, weight, bias, 1e-5, rstd, on_x)
        kernels.update_running(mean, var, 7, 0.1, *running)
        results.append([rstd, on_x.scale, on_x.shift, on_x.centre, *running])
    for got, expected in zip(*results, strict=True):
        assert_close(got, expected, 1e-7 if got.dtype == np.float32 else 1e-14, "coefficients")


@EACH
@DTYPES
def test_exact_on_integers(problem, dtype):
    case = Case(problem.shape, dtype, exact=True)
    got, expected = case.everything(), case.everything(reference)
    for name, value in expected.items():
        if name not in ("mean", "var"):  # these divide
            assert_same(got[name] + 0, value + 0, name)  # + 0: -0 and 0 are the same number


def sums_of_images(x, about):
    """What a convolution leaves: for each image the sums of x - about and its square, in the type of x."""
    n, c = x.shape[:2]
    off = (x - about.reshape(1, -1, *[1] * (x.ndim - 2))).reshape(n, c, -1)
    return np.stack([off.sum(2), (off**2).sum(2)], axis=1).astype(x.dtype)


@EACH
@DTYPES
def test_statistics_from_sums_of_images(problem, dtype):
    case = Case(problem.shape, dtype, exact=True)
    if not case.x.size:
        return
    mean, var = np.empty((2, problem.shape[1]))
    batchnorm.finish_statistics(case.x, Moments(case.about, sums_of_images(case.x, case.about)), mean, var, 1)
    for got, expected in zip((mean, var), exact_statistics(case.x), strict=True):
        assert_close(got, expected.astype(float), 1e-6)


@pytest.mark.parametrize("channels", range(1, 70))
def test_every_number_of_channels(channels):
    case = Case((3, channels, 5, 7), np.float32, channels, exact=True)
    got, expected = case.everything(), case.everything(reference)
    for name, value in expected.items():
        assert_close(got[name], value, 1e-6, name)


@DTYPES
def test_output_may_be_an_input(dtype):
    case = Case((3, 10, 9, 9), dtype)
    for activation in EVERY:
        on_x = Map(case.scale, case.shift, case.centre, activation, SLOPE)
        y = case.x.copy(order="K")
        batchnorm.affine_forward(y, on_x, None, None, y, 1)
        assert_same(y, case.affine(activation=activation))
        y = case.residual.copy(order="K")
        batchnorm.affine_forward(case.x, on_x, y, None, y, 1)
        assert_same(y, case.affine(activation=activation, extra="residual"))


# --- 3 statistics of any mean ----------------------------------------------------------------------------------------

RATIOS = [0, 0.5, 1, 2, 3, 10, 293, 1e3, 3e3, 1e4, 1e5, 1e6]  # mean / std


@DTYPES
@pytest.mark.parametrize("offset", [0, 1, -2, 2.1, 50, None], ids=lambda o: f"about{o}")
@pytest.mark.parametrize("shape", [(4000, 3), (7, 5, 300), (16, 4, 20, 20), (2, 3)])
def test_statistics_of_any_mean(shape, offset, dtype):
    """`about` is that many standard deviations from the mean, or 0."""
    scales = np.random.default_rng(2).uniform(0.1, 10, (shape[1], *[1] * (len(shape) - 2)))
    normal = np.random.default_rng(1).standard_normal(shape)
    limit = 1e-6 if dtype == np.float32 else 1e-14
    for ratio in RATIOS:
        x = laid_out((normal + ratio) * scales, "activation", dtype)
        mean, var = exact_statistics(x)
        about = np.zeros_like(mean) if offset is None else mean + offset * np.sqrt(var)
        got_mean, got_var = taken(x, about.astype(dtype))
        assert (np.abs(got_mean - mean) <= limit * np.sqrt(var) + 4e-16 * np.abs(mean)).all(), ratio
        assert (np.abs(got_var - var) <= 10 * limit * var).all(), ratio


@pytest.mark.parametrize(("dtype", "values"), [
    (np.float32, 1e5 + 10 * np.random.default_rng(0).standard_normal(5000)),        # a barometer in pascal
    (np.float32, 2.0**24 - np.random.default_rng(0).integers(1, 100, 5000)),        # counts of 24 bits
    (np.float32, 2.0**24 - np.random.default_rng(0).integers(0, 2, 5000)),          # that differ by one
    (np.float32, np.random.default_rng(0).integers(0, 2**24, 5000)),
    (np.float32, np.where(np.arange(5000) == 77, 1e4, 1e4 + 2.0**-10)),             # but one are equal
    (np.float64, 1e8 + np.random.default_rng(0).standard_normal(5000)),
    (np.float64, 1e15 + np.random.default_rng(0).integers(0, 9, 5000)),
    (np.float32, 1e-12 * (1e4 + np.random.default_rng(0).standard_normal(5000))),
    (np.float32, 1e15 * (1e3 + np.random.default_rng(0).standard_normal(5000))),
], ids=["barometer", "counts", "adjacent", "any_count", "one_off", "double", "double_counts", "tiny", "huge"])
@pytest.mark.parametrize("from_sums", [False, True])
def test_statistics_of_raw_data(values, dtype, from_sums):
    x = np.ascontiguousarray(values.astype(dtype).reshape(50, 1, 100))
    mean, var = exact_statistics(x)
    for about in (0, 1, values[0], -3e4):
        about = row(about, dtype=dtype)
        if from_sums:
            got_mean, got_var = np.empty((2, 1))
            batchnorm.finish_statistics(x, Moments(about, sums_of_images(x, about)), got_mean, got_var, 1)
        else:
            got_mean, got_var = taken(x, about)
        assert abs(got_mean - mean) <= 1e-6 * np.sqrt(var) + 4e-16 * abs(mean)
        assert abs(got_var / var - 1) <= 1e-5


@DTYPES
def test_constant_channels_have_no_variance(dtype):
    x = np.full((1000, 3), 1e4 + 0.1, dtype)
    x[:, 1], x[:, 2] = -7.7, 3e-30
    for about in (np.zeros(3), x[0] + 1, x[0] * (1 + 1e-6), np.full(3, 1e9)):
        mean, var = taken(x, about.astype(dtype))
        assert mean.tolist() == x[0].tolist() and var.tolist() == [0, 0, 0]


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e30, -3e38])
def test_an_about_that_is_no_number_does_not_poison_the_batch(poison):
    """A running mean stays NaN for ever once a batch held one."""
    x = laid_out(np.random.default_rng(5).standard_normal((9, 3, 8, 8)) + [[[0]], [[50]], [[3e4]]], "activation", "f")
    about = np.full(3, poison, np.float32)
    mean, var = exact_statistics(x)
    got_mean, got_var = np.empty((2, 3))
    with np.errstate(invalid="ignore", over="ignore"):
        sums = sums_of_images(x, about)
    batchnorm.finish_statistics(x, Moments(about, sums), got_mean, got_var, 1)
    for m, v in (taken(x, about), (got_mean, got_var)):
        assert (np.abs(m - mean) <= 1e-6 * np.sqrt(var)).all() and (np.abs(v / var - 1) <= 1e-5).all()


def test_only_channels_that_lost_their_digits_change():
    rng = np.random.default_rng(6)
    near = rng.standard_normal((20, 4, 15, 15))
    far = near.copy()
    far[:, 1] += 300
    near, far = (laid_out(x, "activation", np.float32) for x in (near, far))
    for got, alone in zip(taken(far, np.zeros(4, np.float32)), taken(near, np.zeros(4, np.float32)), strict=True):
        assert_same(np.delete(got, 1), np.delete(alone, 1))
    np.testing.assert_allclose(taken(far, np.zeros(4, np.float32))[1][1], far[:, 1].astype(float).var(), rtol=1e-6)


def test_channels_summed_again_forget_who_summed_them_first():
    """Sums of images or of groups: both tell the mean to within a rounding, and the retake about it is the same."""
    x = laid_out(np.random.default_rng(7).integers(-9, 10, (20, 3, 15, 15)) + 1000, "activation", np.float32)
    about, got = np.zeros(3, np.float32), np.empty((2, 3))
    batchnorm.finish_statistics(x, Moments(about, sums_of_images(x, about)), *got, 1)
    assert_same(got, np.stack(taken(x, about)))


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(problem, dtype):
    case = Case(problem.shape, dtype)
    case.about[::2] += 100  # the sums of every other channel are made again
    first = case.everything()
    for n_threads in (2, 3, 7):
        for name, value in case.everything(n_threads=n_threads).items():
            assert_same(value, first[name], f"{name}, {n_threads} threads")


# --- 5 arguments -----------------------------------------------------------------------------------------------------

def calls():
    """kernel -> (its arrays by name, the names of the outputs, a call that takes the arrays)."""
    case = Case((3, 4, 5, 6), np.float32)
    zero, wide = np.zeros(4, np.float32), np.zeros(4)
    return {
        "statistics": ({"x": case.x, "about": case.about, "mean": wide, "var": wide.copy()}, ("mean", "var"),
                       lambda v: batchnorm.statistics(v["x"], v["about"], v["mean"], v["var"], 1)),
        "finish_statistics": (
            {"x": case.x, "sums": np.ones((4, 2, 4), np.float32), "about": case.about, "mean": wide,
             "var": wide.copy()}, ("mean", "var"),
            lambda v: batchnorm.finish_statistics(v["x"], Moments(v["about"], v["sums"]), v["mean"], v["var"], 1)),
        "forward_map": (
            {"mean": wide, "var": wide + 1, "weight": case.scale, "bias": case.shift, "rstd": wide.copy(),
             "scale": zero, "shift": zero.copy(), "centre": zero.copy()}, ("rstd", "scale", "shift", "centre"),
            lambda v: batchnorm.forward_map(v["mean"], v["var"], v["weight"], v["bias"], 1e-5, v["rstd"],
                                            Map(v["scale"], v["shift"], v["centre"]))),
        "update_running": (
            {"mean": wide, "var": wide + 1, "running_mean": zero, "running_var": zero.copy()},
            ("running_mean", "running_var"),
            lambda v: batchnorm.update_running(v["mean"], v["var"], 9, 0.1, v["running_mean"], v["running_var"])),
        "affine_forward": (
            {"x": case.x, "scale": case.scale, "shift": case.shift, "centre": case.centre, "residual": case.residual,
             "y": np.zeros_like(case.x)}, ("y",),
            lambda v: batchnorm.affine_forward(v["x"], Map(v["scale"], v["shift"], v["centre"], "relu"), v["residual"],
                                               None, v["y"], 1)),
        "affine_forward residual": (
            {"scale": case.residual_scale, "shift": case.residual_shift, "centre": case.residual_centre}, (),
            lambda v: batchnorm.affine_forward(case.x, Map(case.scale, case.shift, case.centre), case.residual,
                                               Map(v["scale"], v["shift"], v["centre"]), np.zeros_like(case.x), 1)),
    }


# These say what type and shape the others have: their flaw may be noticed at a neighbour.
LEADERS = {("statistics", "x"), ("finish_statistics", "x"), ("finish_statistics", "sums"), ("forward_map", "scale"),
           ("update_running", "running_mean"), ("affine_forward", "x")}
ANY_NUMBER = {("statistics", "x"), ("finish_statistics", "sums")}  # of images or groups is right


@pytest.mark.parametrize(("kernel", "name"), [(k, name) for k, (arrays, _, _) in calls().items() for name in arrays])
def test_refused_arrays(kernel, name):
    arrays, outputs, call = calls()[kernel]
    for what, (array, error) in flawed(arrays[name]).items():
        if (kernel, name) in ANY_NUMBER | {("finish_statistics", "x")} and what in ("none of the elements", "one more"):
            continue
        leads = (kernel, name) in LEADERS
        expected = (ValueError, TypeError, AttributeError) if leads else error
        with pytest.raises(expected, match=None if leads else f"^{name}: "):
            call({**arrays, name: array})
    if arrays[name].ndim == 4:
        with pytest.raises(ValueError, match=f"{name}: expected a channels-last array"):
            call({**arrays, name: np.ascontiguousarray(arrays[name])})
    frozen = arrays[name].copy(order="K")
    frozen.flags.writeable = False
    if name in outputs:
        with pytest.raises(ValueError, match=f"{name}: the output array is read-only"):
            call({**arrays, name: frozen})
    else:
        call({**arrays, name: frozen})


def test_refused_shapes():
    x, wide, c3 = np.zeros((2, 3), np.float32), np.zeros(3), np.zeros(3, np.float32)
    with pytest.raises(ValueError, match=r"x: expected \(N, C, \*spatial\), got shape \(3,\)"):
        batchnorm.statistics(c3, c3, wide, wide, 1)
    for shape in ((2, 3), (2, 3, 3), (2, 2, 3, 1), (2, 2, 4)):
        with pytest.raises(ValueError, match="sums"):
            batchnorm.finish_statistics(x, Moments(c3, np.zeros(shape, np.float32)), wide, wide, 1)
    on_x = Map(c3, c3, c3)
    with pytest.raises(ValueError, match="needs a residual"):
        batchnorm.affine_forward(x, on_x, None, on_x, x.copy(), 1)
    with pytest.raises(ValueError, match="no activation"):
        batchnorm.affine_forward(x, on_x, x, Map(activation="relu"), x.copy(), 1)
    with pytest.raises(ValueError, match="scale and shift"):
        batchnorm.affine_forward(x, Map(activation="relu"), None, None, x.copy(), 1)
    for call in (lambda: batchnorm.affine_forward(x, None, None, None, x.copy(), 1),
                 lambda: batchnorm.forward_map(wide, wide, None, None, 0.0, wide, None),
                 lambda: batchnorm.finish_statistics(x, None, wide, wide, 1)):
        with pytest.raises(TypeError):
            call()


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
def test_nan_passes_relu(kernels):
    case = Case((2, 3, 4, 4), np.float32)
    case.x[0, 1, 2, 3] = np.nan
    assert np.argwhere(np.isnan(case.affine(kernels, activation="relu"))).tolist() == [[0, 1, 2, 3]]


@BOTH
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 3, 0, 4), (2, 0, 4, 4)])
def test_no_values(kernels, shape):
    case = Case(shape, np.float32)
    mean, var = case.statistics(kernels)
    assert np.isnan(mean).all() and np.isnan(var).all()
    assert case.affine(kernels).shape == shape


@pytest.mark.parametrize("channels", [16, 12])
def test_maps_larger_than_the_caches_exact(channels):
    """They are stored past the caches where whole vectors allow it."""
    rng = np.random.default_rng(31)
    shape = (2, channels, 640, 640)
    x, residual = (exact_integers(rng, shape, np.float32, "activation", 3) for _ in range(2))
    on_x, on_residual = (Map(*(exact_integers(rng, (channels,), np.float32, "row", 3) for _ in range(3)))
                         for _ in range(2))
    y = layout.empty(shape)
    assert y.nbytes > 24 << 20 and y.ctypes.data % 64 == 0

    def applied(m, v):
        scale, shift, centre = (a[None, :, None, None] for a in (m.scale, m.shift, m.centre))
        return scale * (v - centre) + shift

    plain = applied(on_x, x)
    clamped, total = np.maximum(plain, 0), plain + applied(on_residual, residual)
    for n_threads in (1, 2):
        batchnorm.affine_forward(x, on_x.followed_by("relu"), None, None, y, n_threads)
        assert np.array_equal(y, clamped)
        batchnorm.affine_forward(x, on_x, residual, on_residual, y, n_threads)
        assert np.array_equal(y, total)
        y[...] = x
        batchnorm.affine_forward(y, on_x, None, None, y, n_threads)
        assert np.array_equal(y, plain)
