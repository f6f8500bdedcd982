"""Group-norm kernels: the seven groups of kernel tests."""

import numpy as np
import pytest

from tinydl._core import groupnorm
from tinydl._core.reference import groupnorm as reference
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import exact_integers, flawed, guarded, laid_out
from tinydl.testing.problems import GROUPNORMS, select

BOTH = pytest.mark.parametrize("kernels", [groupnorm, reference], ids=["kernel", "reference"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
EACH = pytest.mark.parametrize("problem", select(GROUPNORMS, "small"), ids=lambda p: p.name)
EPS = 1e-5


class Case:
    """All arrays of one problem; each method runs one kernel between guard cells and checks that inputs stay."""

    def __init__(self, shape, groups, dtype, seed=0, affine=True):
        self.shape, self.groups, self.dtype, rng = shape, groups, dtype, np.random.default_rng(seed)
        self.x, self.dy = (laid_out(rng.standard_normal(shape), "activation", dtype) for _ in range(2))
        self.weight, self.bias = rng.standard_normal((2, shape[1])).astype(dtype) if affine else (None, None)

    def _run(self, call, *outputs):
        return guarded(call, [v for v in vars(self).values() if isinstance(v, np.ndarray)], *outputs)

    def forward(self, kernels=groupnorm, n_threads=1, eps=EPS):
        """y, mean, rstd."""
        per_group = ((self.shape[0], self.groups), np.float64, "row")
        return self._run(lambda y, mean, rstd: kernels.group_norm_forward(self.x, self.weight, self.bias, y, mean, rstd,
                                                                          eps, n_threads),
                         (self.shape, self.dtype, "activation"), per_group, per_group)

    def backward(self, kernels=groupnorm, n_threads=1, eps=EPS):
        """dx, dweight, dbias; the statistics are those of the twin."""
        _, mean, rstd = self.forward(reference, eps=eps)
        vector = ((self.shape[1],), self.dtype, "row")
        return self._run(lambda *out: kernels.group_norm_backward(self.dy, self.x, mean, rstd, self.weight, *out,
                                                                  n_threads),
                         (self.shape, self.dtype, "activation"), vector, vector)

    def everything(self, kernels=groupnorm, n_threads=1):
        names = ("y", "mean", "rstd", "dx", "dweight", "dbias")
        return dict(zip(names, self.forward(kernels, n_threads) + self.backward(kernels, n_threads), strict=True))


def exact(x, dy, weight, groups, eps):
    """(y, dx) of x in long double: the definition, differentiated by hand, without affine shift."""
    wide = x.astype(np.longdouble)
    parts = wide.reshape(x.shape[0], groups, -1)
    off = parts - parts.mean(2, keepdims=True)
    r = 1 / np.sqrt((off**2).mean(2, keepdims=True) + eps)
    h = off * r
    w = weight.astype(np.longdouble).reshape(1, -1, *[1] * (x.ndim - 2))
    g = (dy.astype(np.longdouble) * w).reshape(parts.shape)
    dx = r * (g - g.mean(2, keepdims=True) - h * (g * h).mean(2, keepdims=True))
    return w * h.reshape(x.shape), dx.reshape(x.shape)


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_literal_forward(kernels, dtype):
    # Channels 0 and 1 of the first sample hold 1, 3 and 5, 7: mean 4, variance 5. Channels 2 and 3: mean 0, variance 4.
    x = laid_out([[[1, 3], [5, 7], [2, -2], [2, -2]], [[8, 8], [8, 8], [0, 0], [0, 12]]], "activation", dtype)
    y, (mean, rstd) = np.empty_like(x), np.empty((2, 2, 2))
    weight, bias = np.array([3, 1, 2, 10], dtype), np.array([0, 1, 0, 5], dtype)
    kernels.group_norm_forward(x, weight, bias, y, mean, rstd, 4.0, 1)
    assert mean.tolist() == [[4, 0], [8, 3]]
    np.testing.assert_allclose(rstd, [[1 / 3, 8**-0.5], [0.5, 31**-0.5]], rtol=1e-15)
    within = bound("normalisation", dtype)
    assert_close(y[0, :2], [[-3, -1], [4 / 3, 2]], within)
    assert_close(y[0, 2:], [[2**0.5, -(2**0.5)], [5 + 5 * 2**0.5, 5 - 5 * 2**0.5]], within)
    assert y[1, :2].tolist() == [[0, 0], [1, 1]]
    assert_close(y[1, 2:], [[-6 * 31**-0.5] * 2, [5 - 30 * 31**-0.5, 5 + 90 * 31**-0.5]], within)


@BOTH
@DTYPES
def test_literal_backward(kernels, dtype):
    # One group -2, 2, 2, -2 with eps 0: h = -1, 1, 1, -1, r = 1/2. g = weight dy = 2, 0, 6, 0; mean(g) = 2,
    # mean(g h) = 1; dx = (g - 2 - h) / 2.
    x = laid_out([[[-2, 2], [2, -2]]], "activation", dtype)
    dy, weight = laid_out([[[2, 0], [3, 0]]], "activation", dtype), np.array([1, 2], dtype)
    mean, rstd, dx, (dweight, dbias) = np.zeros((1, 1)), np.full((1, 1), 0.5), np.empty_like(x), np.empty((2, 2), dtype)
    kernels.group_norm_backward(dy, x, mean, rstd, weight, dx, dweight, dbias, 1)
    assert dx.tolist() == [[[0.5, -1.5], [1.5, -0.5]]]
    assert dweight.tolist() == [-2, 3] and dbias.tolist() == [2, 3]
    kernels.group_norm_backward(dy, x, mean, rstd, None, dx, None, None, 1)
    assert dx.tolist() == [[[0.5, -0.75], [0.75, -0.5]]]  # g = 2, 0, 3, 0: mean(g) = 1.25, mean(g h) = 0.25


@BOTH
def test_one_value_becomes_the_bias(kernels):
    case = Case((3, 4), 4, np.float32)
    y, mean, rstd = case.forward(kernels)
    assert_same(y, np.tile(case.bias, (3, 1)))
    assert mean.tolist() == case.x.tolist()
    np.testing.assert_allclose(rstd, EPS**-0.5, rtol=bound("normalisation", np.float64))


# --- 2 the reference -------------------------------------------------------------------------------------------------

@EACH
@DTYPES
@pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])
def test_equal_to_reference(problem, dtype, affine):
    case = Case(problem.shape, problem.groups, dtype, affine=affine)
    got, expected = case.everything(n_threads=2), case.everything(reference)
    # The error of a mean is one of the spread of x, that of dx one of weight rstd dy: dx may be a small difference.
    rstd = np.repeat(expected["rstd"], problem.shape[1] // problem.groups, 1)
    rstd = rstd.reshape(*rstd.shape, *[1] * (len(problem.shape) - 2))
    term = case.dy * rstd * reference.per_channel(case.weight, case.x)
    for results in (got, expected):
        results["mean"], results["dx"] = results["mean"] + 10, results["dx"] + term
    limit = 2e-6 if dtype == np.float32 else 1e-13
    for name, value in expected.items():
        assert_close(got[name], value, limit, name)


@EACH
@DTYPES
def test_gradients_one_by_one_are_those_of_the_whole(problem, dtype):
    case = Case(problem.shape, problem.groups, dtype)
    _, mean, rstd = case.forward()
    whole = [np.empty_like(case.x), *np.empty((2, problem.shape[1]), dtype)]
    groupnorm.group_norm_backward(case.dy, case.x, mean, rstd, case.weight, *whole, 1)
    for k, array in enumerate(whole):
        alone = [None] * 3
        alone[k] = np.full_like(array, np.nan)
        groupnorm.group_norm_backward(case.dy, case.x, mean, rstd, case.weight, *alone, 1)
        assert_same(alone[k], array)


@pytest.mark.parametrize("channels", range(1, 70))
def test_every_number_of_channels(channels):
    groups = max(g for g in range(1, 9) if channels % g == 0)
    case = Case((3, channels, 5, 7), groups, np.float32, channels)
    got, expected = case.everything(), case.everything(reference)
    for name in ("y", "rstd", "dx", "dweight", "dbias"):
        assert_close(got[name], expected[name], 1e-6, name)


@DTYPES
def test_output_may_be_an_input(dtype):
    case = Case((3, 10, 9, 9), 5, dtype)
    (y, mean, rstd), (dx, _, _) = case.forward(), case.backward()
    out = case.x.copy(order="K")
    groupnorm.group_norm_forward(out, case.weight, case.bias, out, mean, rstd, EPS, 2)
    assert_same(out, y)
    _, mean, rstd = case.forward(reference)
    for k in range(2):
        arrays = [case.dy.copy(order="K"), case.x.copy(order="K")]
        groupnorm.group_norm_backward(*arrays, mean, rstd, case.weight, arrays[k], None, None, 2)
        assert_same(arrays[k], dx)


# --- 3 any mean, and gradients ---------------------------------------------------------------------------------------

@DTYPES
@pytest.mark.parametrize(("shape", "groups"),
                         [((7, 6, 300), 3), ((4, 8, 20, 20), 2), ((3, 40), 4), ((2, 3, 60, 50), 3)])
@pytest.mark.parametrize("ratio", [0, 1, 3, 30, 1e3, 1e4, -1e4])
def test_right_for_any_mean(shape, groups, ratio, dtype):
    """Output and gradient for groups whose mean is `ratio` standard deviations."""
    rng = np.random.default_rng(1)
    scales = rng.uniform(0.1, 10, (shape[0], 1, *[1] * (len(shape) - 2)))
    case = Case(shape, groups, dtype)
    case.x = laid_out((case.x.astype(float) + ratio) * scales, "activation", dtype)
    case.bias = np.zeros(shape[1], dtype)
    y, dx = exact(case.x, case.dy, case.weight, groups, EPS)
    # The mean is handed on in float64, whose rounding is a multiple of ratio in units of the spread.
    limit = 1e-5 if dtype == np.float32 else 1e-13 + 2.0**-52 * abs(ratio)
    assert_close(case.forward(n_threads=2)[0], y.astype(float), limit, "y")
    statistics = case.forward()[1:]
    got = np.empty_like(case.x)
    groupnorm.group_norm_backward(case.dy, case.x, *statistics, case.weight, got, None, None, 2)
    assert_close(got, dx.astype(float), limit, "dx")


@pytest.mark.parametrize("first", [0, 1e3, -1e6, 3e7, np.nan, np.inf])
def test_a_first_row_far_from_the_mean(first):
    """The sums are first made about it; one sample of its own digits must not cost the others theirs."""
    case = Case((2, 4, 500), 2, np.float32)
    case.x += 200
    case.x[1, :, 0] = first
    y, mean, rstd = case.forward()
    for n in range(2 if np.isfinite(first) else 1):
        groups = case.x[n].astype(np.longdouble).reshape(2, -1)
        np.testing.assert_allclose(mean[n], groups.mean(1).astype(float), rtol=1e-7)
        np.testing.assert_allclose(rstd[n], (1 / np.sqrt(groups.var(1) + EPS)).astype(float), rtol=1e-5)
    assert np.isfinite(first) or np.isnan(y[1]).all()


def test_channels_of_different_means_share_their_statistics():
    case = Case((3, 4, 100), 2, np.float32)
    case.x += np.array([0, 1e4, -7, 300], np.float32)[:, None]
    for got, expected in zip(case.forward(), case.forward(reference), strict=True):
        assert_close(got, expected, 1e-6)


@DTYPES
def test_constant_groups_have_no_variance(dtype):
    x = np.full((2, 4, 50), 1e4 + 0.1, dtype)
    x[1] = -3e-30
    x = laid_out(x, "activation", dtype)
    y, (mean, rstd) = np.empty_like(x), np.empty((2, 2, 2))
    groupnorm.group_norm_forward(x, None, None, y, mean, rstd, 0.25, 1)
    assert mean.tolist() == x[:, :2, 0].tolist() and (rstd == 2).all() and (y == 0).all()


@pytest.mark.parametrize(("shape", "groups"), [((2, 6, 4), 3), ((3, 4), 2), ((2, 4, 3, 2), 1), ((2, 4, 2, 1, 3), 4)])
def test_gradients_by_finite_differences(shape, groups):
    case = Case(shape, groups, np.float64, 3)
    rng, step = np.random.default_rng(4), 1e-6

    def value():
        return (case.forward(eps=0.1)[0] * case.dy).sum()

    for name, analytic in zip(("x", "weight", "bias"), case.backward(eps=0.1), strict=True):
        array = getattr(case, name)
        kept, direction = array.copy(order="K"), rng.standard_normal(array.shape)
        numeric = 0
        for sign in (1, -1):
            array[...] = kept + sign * step * direction
            numeric += sign * value() / (2 * step)
        array[...] = kept
        assert abs((analytic * direction).sum() - numeric) <= 1e-7 * (1 + abs(numeric)), name


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(problem, dtype):
    case = Case(problem.shape, problem.groups, dtype)
    first = case.everything()
    for n_threads in (2, 3, 7):
        for name, value in case.everything(n_threads=n_threads).items():
            assert_same(value, first[name], f"{name} by {n_threads} threads")


def test_a_sample_does_not_see_the_others():
    case = Case((5, 8, 30, 20), 4, np.float32)
    y = case.forward()[0]
    case.x = np.array(case.x[2:3], order="K")
    case.shape = case.x.shape
    assert_same(case.forward()[0], y[2:3])


# --- 5 arguments -----------------------------------------------------------------------------------------------------

def calls(dtype=np.float32):
    """{kernel: (arrays by name, names of outputs, call)}."""
    case = Case((3, 6, 4, 5), 2, dtype)
    y, mean, rstd = case.forward()
    forward = {"x": case.x, "weight": case.weight, "bias": case.bias, "y": y, "mean": mean, "rstd": rstd}
    backward = {"dy": case.dy, "x": case.x, "mean": mean, "rstd": rstd, "weight": case.weight,
                "dx": np.zeros_like(case.x), "dweight": case.weight.copy(), "dbias": case.bias.copy()}
    return {
        "forward": (forward, ("y", "mean", "rstd"), lambda v: groupnorm.group_norm_forward(*v.values(), EPS, 1)),
        "backward": (backward, ("dx", "dweight", "dbias"), lambda v: groupnorm.group_norm_backward(*v.values(), 1)),
    }


@pytest.mark.parametrize(("kernel", "name"), [(k, name) for k, (arrays, _, _) in calls().items() for name in arrays])
def test_refused_arrays(kernel, name):
    arrays, outputs, call = calls()[kernel]
    for what, (array, error) in flawed(arrays[name]).items():
        # x says what type and shape the others have: its flaw may be noticed at a neighbour.
        with pytest.raises((ValueError, TypeError) if name == "x" else error,
                           match=None if name == "x" else f"^{name}: "):
            call({**arrays, name: array})
            pytest.fail(what)
    if arrays[name].ndim == 4:
        with pytest.raises(ValueError, match=f"{name}: expected a channels-last array"):
            call({**arrays, name: np.ascontiguousarray(arrays[name])})
    if arrays[name].ndim == 2:
        with pytest.raises(ValueError, match=f"{name}: "):
            call({**arrays, name: np.asfortranarray(arrays[name])})
    frozen = arrays[name].copy(order="K")
    frozen.flags.writeable = False
    if name in outputs:
        with pytest.raises(ValueError, match=f"{name}: the output array is read-only"):
            call({**arrays, name: frozen})
    else:
        call({**arrays, name: frozen})


@pytest.mark.parametrize("shape", [(3, 4), (3, 5), (3, 0), (2, 2), (6,), (3, 1, 2), (3, 12)])
def test_refused_groups(shape):
    arrays, _, call = calls()["forward"]
    with pytest.raises(ValueError, match=r"mean: expected \(3, G\) with a number of groups G that divides 6 channels"):
        call({**arrays, "mean": np.empty(shape)})


def test_refused_ranks():
    x, one = np.zeros(3, np.float32), np.zeros((3, 1))
    with pytest.raises(ValueError, match=r"x: expected \(N, C, \*spatial\), got shape \(3,\)"):
        groupnorm.group_norm_forward(x, None, None, x, one, one, EPS, 1)


# --- 6 NaN, inf, nothing ---------------------------------------------------------------------------------------------

@BOTH
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_values_stay_in_their_group(kernels, special):
    case = Case((3, 6, 5, 4), 3, np.float32)
    case.x[1, 2, 3, 1] = special
    y, _, rstd = case.forward(kernels)
    hit = np.zeros(case.shape, bool)
    hit[1, 2:4] = True
    if np.isnan(special):
        assert np.array_equal(np.isnan(y), hit)
    assert not np.isfinite(y[1, 2, 3, 1]) and np.isfinite(y[~hit]).all()
    assert np.argwhere(np.isnan(rstd)).tolist() == [[1, 1]]


@BOTH
def test_nan_of_the_gradient_stays_in_its_group(kernels):
    case = Case((3, 6, 5, 4), 3, np.float32)
    case.dy[2, 0, 0, 0] = np.nan
    dx, dweight, dbias = case.backward(kernels)
    hit = np.zeros(case.shape, bool)
    hit[2, :2] = True
    assert np.array_equal(np.isnan(dx), hit)
    assert np.isnan(dweight).tolist() == np.isnan(dbias).tolist() == [True] + [False] * 5


@BOTH
@pytest.mark.parametrize(("shape", "groups"), [((0, 4, 5), 2), ((2, 4, 0, 3), 4), ((2, 0, 3), 1), ((0, 6), 3)])
def test_no_values(kernels, shape, groups):
    case = Case(shape, groups, np.float32)
    y, mean, rstd = case.forward(kernels)
    assert y.shape == shape and np.isnan(mean).all() and np.isnan(rstd).all()
    dx, dweight, dbias = case.backward(kernels)
    assert dx.shape == shape and dweight.tolist() == dbias.tolist() == [0] * shape[1]


def test_integers_are_exact():
    """Means and sums of few integers have no rounding error, whatever the order."""
    x = exact_integers(np.random.default_rng(0), (4, 8, 8, 8), np.float32, "activation", 3)
    dy = exact_integers(np.random.default_rng(1), x.shape, np.float32, "activation", 3)
    mean, rstd, results = np.zeros((4, 2)), np.ones((4, 2)), []
    for kernels in (groupnorm, reference):
        dweight, dbias = np.empty((2, 8), np.float32)
        kernels.group_norm_backward(dy, x, mean, rstd, None, None, dweight, dbias, 1)
        results.append((dweight, dbias))
    for got, expected in zip(*results, strict=True):
        assert_same(got, expected)
