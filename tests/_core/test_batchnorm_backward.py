"""Batch-norm kernels, backward: the seven groups of kernel tests."""

import math

import numpy as np
import pytest

from tinydl._core import batchnorm, batchnorm_backward
from tinydl._core.elementwise import ACTIVATIONS
from tinydl._core.operands import Map, Pending
from tinydl._core.reference import batchnorm_backward as reference
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import exact_integers, flawed, guarded, laid_out
from tinydl.testing.problems import BATCHNORMS, select

SLOPE = -2.0    # of leaky ReLU and ELU: exact among integers
LOADED = ("relu", "leaky_relu")
DEAR = tuple(name for name in ACTIVATIONS if name not in LOADED)    # what readers do not apply as they load

BOTH = pytest.mark.parametrize("kernels", [batchnorm_backward, reference], ids=["kernel", "reference"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
EACH = pytest.mark.parametrize("problem", select(BATCHNORMS, "small"), ids=lambda p: p.name)
RELU = pytest.mark.parametrize("relu", [False, True], ids=["plain", "relu"])
PER_CHANNEL = ("about", "centre", "scale", "shift", "a", "b", "c")


class Case:
    """All arrays of one problem; each method runs one kernel between guard cells and checks that inputs stay."""

    def __init__(self, shape, dtype, seed=0, exact=False):
        self.shape, self.dtype, self.exact, rng = shape, dtype, exact, np.random.default_rng(seed)

        def make(shape):
            if exact:
                return exact_integers(rng, shape, dtype, "activation", 3)
            return laid_out(rng.standard_normal(shape), "activation", dtype)

        self.x, self.dz, self.z = (make(shape) for _ in range(3))
        for name in PER_CHANNEL:
            setattr(self, name, make(shape[1:2]))

    def mask(self, activation):
        return Map(self.scale, self.shift, self.centre, activation, SLOPE)

    def gradient(self, kind):
        """What `backward_reduce` gets: an array, or a gradient masked by a map of x or by the sign of z."""
        kind, _, activation = kind.partition(" ")
        return {
            "plain": self.dz,
            "open": Pending(self.dz, self.x, self.mask("")),
            "map": Pending(self.dz, self.x, self.mask(activation or "relu")),
            "sign": Pending(self.dz, self.z, Map(activation=activation or "relu", parameter=SLOPE)),
        }[kind]

    def _run(self, call, *outputs):
        return guarded(call, [v for v in vars(self).values() if isinstance(v, np.ndarray)], *outputs)

    def reduce(self, kernels=batchnorm_backward, kind="plain", n_threads=1):
        sums = ((1, 2, self.shape[1]), np.float64, "row")
        if kind.endswith(DEAR):
            return self._run(lambda s, m: kernels.backward_reduce(self.gradient(kind), self.x, self.about, s, m,
                                                                  n_threads),
                             sums, (self.shape, self.dtype, "activation"))
        (alone,) = self._run(lambda s: kernels.backward_reduce(self.gradient(kind), self.x, self.about, s, None,
                                                               n_threads), sums)
        both, masked = self._run(lambda s, m: kernels.backward_reduce(self.gradient(kind), self.x, self.about, s, m,
                                                                      n_threads),
                                 sums, (self.shape, self.dtype, "activation"))
        assert_same(both, alone)
        return both, masked

    def apply(self, kernels=batchnorm_backward, kind="map", with_map=True, n_threads=1):
        pending = self.gradient(kind)
        if with_map:
            pending = Pending(self.dz, self.x, pending.mask, self.a, self.b, self.c)
        return self._run(lambda dx: kernels.backward_apply(pending, dx, n_threads),
                         (self.shape, self.dtype, "activation"))[0]

    def everything(self, kernels=batchnorm_backward, n_threads=1):
        results = {}
        dear = () if self.exact else (f"map {f}" for f in DEAR)
        for kind in ("plain", "open", "map", "sign", "map leaky_relu", "sign leaky_relu", *dear):
            results[f"sums {kind}"], results[f"masked {kind}"] = self.reduce(kernels, kind, n_threads)
        for kind in ("open", "map", "map leaky_relu"):
            results[f"dx {kind}"] = self.apply(kernels, kind, True, n_threads)
        for kind in ("open", "map", "sign", "map leaky_relu", "sign leaky_relu"):
            results[f"dz' {kind}"] = self.apply(kernels, kind, False, n_threads)
        return results


def row(*values, dtype=np.float32):
    return np.array(values, dtype)


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_literal_gradient(kernels, dtype):
    def vector(*values):
        return row(*values, dtype=dtype)

    x, dz = vector(1, 2, 4).reshape(3, 1), vector(7, 5, -1).reshape(3, 1)
    above_one, sums, masked = Map(vector(1), vector(1), vector(2), "relu"), np.empty((1, 2, 1)), np.empty_like(x)
    kernels.backward_reduce(Pending(dz, x, above_one), x, vector(2), sums, masked, 1)
    assert (sums.ravel().tolist(), masked.ravel().tolist()) == ([4, -2], [0, 5, -1])
    kernels.backward_reduce(dz, x, vector(2), sums, None, 1)
    assert sums.ravel().tolist() == [11, -9]
    by_sign = Pending(dz, vector(1, 0, -3).reshape(3, 1), Map(activation="relu"))
    kernels.backward_reduce(by_sign, x, vector(2), sums, masked, 1)
    assert (sums.ravel().tolist(), masked.ravel().tolist()) == ([7, -7], [7, 0, 0])
    dx = np.empty_like(x)
    kernels.backward_apply(Pending(dz, x, above_one, vector(2), vector(10), vector(100)), dx, 1)
    assert dx.ravel().tolist() == [90, 110, 118]
    kernels.backward_apply(Pending(dz, x, above_one), dx, 1)
    assert dx.ravel().tolist() == [0, 5, -1]


@BOTH
@DTYPES
def test_literal_coefficients(kernels, dtype):
    """One channel, two groups: S1 = 6, S2 = 8 - 0.5 * 6; a = 2 * 0.5, b = -1 * 0.25 * 5 / 4, c = -1 * 6 / 4 - 0.5 b."""
    sums = np.array([[[2], [3]], [[4], [5]]], dtype)
    dweight, dbias, a, b, c = (np.empty(1, dtype) for _ in range(5))
    one, centre = np.ones(1, dtype), row(3, dtype=dtype)
    x = np.empty((4, 1), dtype)
    dy = Pending(x, x, Map(one, one, centre), a, b, c)
    mean, rstd, weight = np.array([3.5]), np.array([0.5]), row(2, dtype=dtype)
    kernels.gradient_map(sums, 4, mean, rstd, weight, True, dweight, dbias, dy)
    assert [v[0] for v in (dweight, dbias, a, b, c)] == [2.5, 6, 1, -0.3125, -1.34375]
    kernels.gradient_map(sums.astype(np.float64), 4, mean, rstd, None, False, None, None, dy)
    assert [v[0] for v in (a, b, c)] == [0.5, 0, 0]


# --- 2 the reference -------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_equal_to_reference(problem, dtype):
    case = Case(problem.shape, dtype)
    got, expected = case.everything(n_threads=2), case.everything(reference)
    for name, value in expected.items():
        assert_close(got[name], value, bound("normalisation", dtype), name)


@DTYPES
@pytest.mark.parametrize("channels", [1, 3, 16, 33])
@pytest.mark.parametrize("weighted", [False, True])
def test_coefficients_equal_to_reference(channels, dtype, weighted):
    rng, results = np.random.default_rng(9), []
    mean, rstd = rng.standard_normal(channels), rng.uniform(0.1, 4, channels)
    weight = rng.standard_normal(channels).astype(dtype) if weighted else None
    sums = rng.standard_normal((5, 2, channels)).astype(dtype)
    x = np.empty((7, channels), dtype)
    for kernels in (batchnorm_backward, reference):
        out = np.empty((5, channels), dtype)
        mask = Map(out[0], out[0], mean.astype(np.float16).astype(dtype))
        kernels.gradient_map(sums, 7, mean, rstd, weight, True, *out[:2], Pending(x, x, mask, *out[2:]))
        results.append(out)
    assert_close(results[0], results[1], 1e-7 if dtype == np.float32 else 1e-14, "coefficients")


@EACH
@DTYPES
def test_exact_on_integers(problem, dtype):
    case = Case(problem.shape, dtype, exact=True)
    got, expected = case.everything(), case.everything(reference)
    for name, value in expected.items():
        assert_same(got[name] + 0, value + 0, name)  # + 0: -0 and 0 are the same number


@pytest.mark.parametrize("channels", range(1, 70))
def test_every_number_of_channels(channels):
    case = Case((3, channels, 5, 7), np.float32, channels, exact=True)
    got, expected = case.everything(), case.everything(reference)
    for name, value in expected.items():
        assert_same(got[name] + 0, value + 0, name)


@DTYPES
@RELU
def test_output_may_be_an_input(dtype, relu):
    case = Case((3, 10, 9, 9), dtype)
    expected = case.apply(kind="map" if relu else "open")
    for name in ("dz", "x"):
        arrays = {"dz": case.dz, "x": case.x}
        arrays[name] = dx = arrays[name].copy(order="K")
        dy = Pending(arrays["dz"], arrays["x"], case.mask("relu" if relu else ""), case.a, case.b, case.c)
        batchnorm_backward.backward_apply(dy, dx, 1)
        assert_same(dx, expected)
    sums, masked = np.empty((1, 2, 10)), case.dz.copy(order="K")
    by_sign = Pending(masked, case.z, Map(activation="relu"))
    batchnorm_backward.backward_reduce(by_sign, case.x, case.about, sums, masked, 1)
    for got, expected in zip((sums, masked), case.reduce(kind="sign"), strict=True):
        assert_same(got, expected)


def test_mask_of_backward_is_the_sign_of_forward():
    """Also where scale*(x - centre) + shift is a rounding error away from zero."""
    rng = np.random.default_rng(2)
    x = laid_out(rng.standard_normal((64, 32, 8, 8)), "activation", np.float32)
    scale, centre = rng.uniform(0.5, 2, 32).astype(np.float32), rng.standard_normal(32).astype(np.float32)
    shift = -(scale * (x[0, :, 0, 0] - centre))  # some products nearly cancel
    y, dx, mask = np.empty_like(x), np.empty_like(x), Map(scale, shift, centre, "relu")
    batchnorm.affine_forward(x, mask, None, None, y, 1)
    one, zero = np.ones(32, np.float32), np.zeros(32, np.float32)
    for coefficients in ((one, zero, zero), ()):
        batchnorm_backward.backward_apply(Pending(np.ones_like(x), x, mask, *coefficients), dx, 1)
        assert_same(dx > 0, y > 0)
    sums = np.empty((1, 2, 32))
    batchnorm_backward.backward_reduce(Pending(np.ones_like(x), x, mask), x, zero, sums, None, 1)
    assert sums[0, 0].tolist() == (y > 0).sum(axis=(0, 2, 3)).tolist()


@DTYPES
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize("C", [6, 65])  # 65: periods that are no whole number of vectors
def test_sums_about_the_centre_itself_have_the_bits_of_sums_about_its_copy(dtype, activation, C):
    case, sums = Case((40, C, 8, 8), dtype), np.empty((2, 1, 2, C))
    mask = case.mask(activation)
    for about, out in zip((mask.centre, mask.centre.copy()), sums, strict=True):
        batchnorm_backward.backward_reduce(Pending(case.dz, case.x, mask), case.x, about, out, None, 1)
    assert_same(sums[0], sums[1])


# --- 3 gradients -----------------------------------------------------------------------------------------------------

EPS = 1e-5


def layer(x, gamma, beta, relu):
    """The whole layer forward: (y, mean, rstd, the map)."""
    c = x.shape[1]
    mean, var, rstd, y = *np.empty((3, c)), np.empty_like(x)
    on_x = Map(*np.empty((3, c), x.dtype), "relu" if relu else "")
    batchnorm.statistics(x, np.zeros(c, x.dtype), mean, var, 1)
    batchnorm.forward_map(mean, var, gamma, beta, EPS, rstd, on_x)
    batchnorm.affine_forward(x, on_x, None, None, y, 1)
    return y, mean, rstd, on_x


def layer_gradient(x, dy, gamma, mean, rstd, on_x):
    """(dx, dgamma, dbeta)"""
    c = x.shape[1]
    sums, dx, out = np.empty((1, 2, c)), np.empty_like(x), np.empty((5, c), x.dtype)
    batchnorm_backward.backward_reduce(Pending(dy, x, on_x), x, on_x.centre, sums, None, 1)
    pending = Pending(dy, x, on_x, *out[2:])
    batchnorm_backward.gradient_map(sums, x.size // c, mean, rstd, gamma, True, out[0], out[1], pending)
    batchnorm_backward.backward_apply(pending, dx, 1)
    return dx, out[0], out[1]


@RELU
@pytest.mark.parametrize("shape", [(7, 3), (4, 5, 6), (3, 4, 5, 6), (2, 18, 3, 3)])
def test_gradient_of_batch_norm_by_finite_differences(shape, relu):
    """y = [relu](gamma (x - mean) / sqrt(var + eps) + beta), for x, gamma and beta."""
    rng, c = np.random.default_rng(3), shape[1]
    x, dy, u = (laid_out(rng.standard_normal(shape), "activation") for _ in range(3))
    gamma, beta, u_gamma, u_beta = (rng.standard_normal(c) for _ in range(4))
    dx, dgamma, dbeta = layer_gradient(x, dy, gamma, *layer(x, gamma, beta, relu)[1:])
    analytic = (dx * u).sum() + (dgamma * u_gamma).sum() + (dbeta * u_beta).sum()
    step = 1e-6
    plus, minus = (layer(x + h * u, gamma + h * u_gamma, beta + h * u_beta, relu)[0] for h in (step, -step))
    numeric = ((plus - minus) * dy).sum() / (2 * step)
    assert abs(analytic - numeric) <= 1e-7 * np.abs(dy * u).sum()


def exact_layer(x, dy, gamma, beta):
    """y, dx, dgamma and dbeta of the formulas, in more digits than x has."""
    axes, m = (0, *range(2, x.ndim)), x.size // x.shape[1]
    x, dy = x.astype(np.longdouble), dy.astype(np.longdouble)
    off = x - x.mean(axes, keepdims=True)
    r = 1 / np.sqrt((off**2).mean(axes, keepdims=True) + EPS)
    g, b = (np.asarray(v, np.longdouble).reshape(r.shape) for v in (gamma, beta))
    s1, s2 = dy.sum(axes, keepdims=True), (dy * off).sum(axes, keepdims=True)
    return g * off * r + b, g * r * (dy - s1 / m - off * r * r * s2 / m), (r * s2).ravel(), s1.ravel()


@DTYPES
@pytest.mark.parametrize("ratio", [0, 1, 10, 293, 1e3, 3e3, 1e4, 1e6])
@pytest.mark.parametrize("shape", [(4000, 3), (7, 5, 300), (16, 4, 20, 20)])
def test_layer_of_any_mean(shape, ratio, dtype):
    """Output and gradients are those of the formulas however large mean / std is."""
    rng, c = np.random.default_rng(4), shape[1]
    scales = rng.uniform(0.5, 3, (c, *[1] * (len(shape) - 2)))
    x = laid_out((rng.standard_normal(shape) + ratio) * scales, "activation", dtype)
    dy = laid_out(rng.standard_normal(shape) + 1, "activation", dtype)
    gamma, beta = (rng.standard_normal(c).astype(dtype) for _ in range(2))
    y, mean, rstd, on_x = layer(x, gamma, beta, False)
    got = (y, *layer_gradient(x, dy, gamma, mean, rstd, on_x))
    limit = 2e-6 if dtype == np.float32 else 1e-8 * max(ratio, 1) / 1e6 + 1e-14
    for name, value, expected in zip(("y", "dx", "dgamma", "dbeta"), got, exact_layer(x, dy, gamma, beta), strict=True):
        assert_close(value, expected.astype(np.float64), limit, name)


@pytest.mark.parametrize("ratio", [0, 10, 100])
def test_layer_of_two_values(ratio):
    """Their gradient is what eps leaves of a difference; its error is measured by the terms of the difference."""
    rng = np.random.default_rng(5)
    x, dy = ((rng.standard_normal((2, 64)) + r).astype(np.float32) for r in (ratio, 0))
    one, zero = np.ones(64, np.float32), np.zeros(64, np.float32)
    y, mean, rstd, on_x = layer(x, one, zero, False)
    dx = layer_gradient(x, dy, one, mean, rstd, on_x)[0]
    expected_y, expected_dx, _, _ = exact_layer(x, dy, one, zero)
    assert np.abs(y - expected_y).max() <= 1e-5
    assert (np.abs(dx - expected_dx) / rstd).max() <= 1e-5


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

def calls():
    """kernel -> (its arrays by name, the names of the outputs, a call that takes the arrays)."""
    case = Case((3, 4, 5, 6), np.float32)
    zero, wide = np.zeros(4, np.float32), np.zeros(4)
    vectors = {"scale": case.scale, "shift": case.shift, "centre": case.centre}

    def mask(v):
        return Map(v["scale"], v["shift"], v["centre"], "relu")

    return {
        "backward_reduce": (
            {"dz": case.dz, "x": case.x, **vectors, "about": case.about, "sums": np.zeros((1, 2, 4)),
             "masked": np.zeros_like(case.x)}, ("sums", "masked"),
            lambda v: batchnorm_backward.backward_reduce(Pending(v["dz"], v["x"], mask(v)), v["x"], v["about"],
                                                         v["sums"], v["masked"], 1)),
        "backward_reduce by sign": (
            {"y": case.z}, (),
            lambda v: batchnorm_backward.backward_reduce(Pending(case.dz, v["y"], Map(activation="relu")), case.x,
                                                         case.about, np.zeros((1, 2, 4)), None, 1)),
        "backward_reduce of an array": (
            {"dy": case.dz}, (),
            lambda v: batchnorm_backward.backward_reduce(v["dy"], case.x, case.about, np.zeros((1, 2, 4)), None, 1)),
        "gradient_map": (
            {"sums": np.ones((4, 2, 4), np.float32), "mean": wide, "rstd": wide + 1, "weight": case.scale,
             "dweight": zero, "dbias": zero.copy(), "centre": case.centre, "a": zero.copy(), "b": zero.copy(),
             "c": zero.copy()}, ("dweight", "dbias", "a", "b", "c"),
            lambda v: batchnorm_backward.gradient_map(
                v["sums"], 9, v["mean"], v["rstd"], v["weight"], True, v["dweight"], v["dbias"],
                Pending(case.dz, case.x, Map(case.scale, case.shift, v["centre"]), v["a"], v["b"], v["c"]))),
        "backward_apply": (
            {"dz": case.dz, "y": case.x, **vectors, "a": case.a, "b": case.b, "c": case.c,
             "dx": np.zeros_like(case.x)}, ("dx",),
            lambda v: batchnorm_backward.backward_apply(Pending(v["dz"], v["y"], mask(v), v["a"], v["b"], v["c"]),
                                                        v["dx"], 1)),
    }


# These say what type and shape the others have: their flaw may be noticed at a neighbour.
LEADERS = {("backward_reduce", "x"), ("backward_reduce", "sums"), ("gradient_map", "sums"), ("gradient_map", "a"),
           ("backward_apply", "dz")}


@pytest.mark.parametrize(("kernel", "name"), [(k, name) for k, (arrays, _, _) in calls().items() for name in arrays])
def test_refused_arrays(kernel, name):
    arrays, outputs, call = calls()[kernel]
    for what, (array, error) in flawed(arrays[name]).items():
        if (kernel, name) == ("gradient_map", "sums") and what in ("none of the elements", "one more", "other float"):
            continue  # any number of groups of either type is right
        leads = (kernel, name) in LEADERS
        with pytest.raises((ValueError, TypeError, AttributeError) if leads else error,
                           match=None if leads else f"^{name}: "):
            call({**arrays, name: array})
    if arrays[name].ndim == 4:
        with pytest.raises(ValueError, match=f"{name}: expected a channels-last array"):
            call({**arrays, name: np.ascontiguousarray(arrays[name])})
    frozen = arrays[name].copy(order="K")
    frozen.flags.writeable = False
    if name in outputs:
        with pytest.raises(ValueError, match=f"{name}: .*(read-only|writeable)"):
            call({**arrays, name: frozen})
    else:
        call({**arrays, name: frozen})


def test_refused_gradients():
    case, sums = Case((3, 4, 5, 6), np.float32), np.zeros((1, 2, 4))
    with pytest.raises(ValueError, match="a, b, c"):
        batchnorm_backward.backward_reduce(Pending(case.dz, case.x, case.mask("relu"), case.a, case.b, case.c), case.x,
                                           case.about, sums, None, 1)
    with pytest.raises(ValueError, match="another array"):
        batchnorm_backward.backward_reduce(Pending(case.dz, case.z, case.mask("relu")), case.x, case.about, sums, None,
                                           1)
    for mask, masked in ((case.mask("gelu"), None), (Map(activation="gelu"), case.z.copy(order="K"))):
        with pytest.raises(ValueError, match="gelu needs scale and shift, and `masked`"):
            batchnorm_backward.backward_reduce(Pending(case.dz, case.x, mask), case.x, case.about, sums, masked, 1)
    with pytest.raises(ValueError, match="no gelu as it loads"):
        batchnorm_backward.backward_apply(Pending(case.dz, case.x, case.mask("gelu")), case.x.copy(order="K"), 1)
    with pytest.raises(ValueError, match=r"expected a writeable array \(1, 2, 4\)"):
        batchnorm_backward.backward_reduce(case.dz, case.x, case.about, np.zeros((2, 2, 4)), None, 1)
    with pytest.raises(TypeError):
        batchnorm_backward.backward_apply(case.dz, case.x, 1)
    with pytest.raises(TypeError):
        batchnorm_backward.gradient_map(sums, 9, sums[0, 0], sums[0, 0], None, True, None, None, None)


# --- 6 NaN, nothing --------------------------------------------------------------------------------------------------

@BOTH
def test_nan_passes_the_mask(kernels):
    case = Case((2, 3, 4, 4), np.float32)
    case.x[0, 1, 2, 3] = case.z[1, 2, 0, 0] = np.nan
    assert np.argwhere(np.isnan(case.apply(kernels))).tolist() == [[0, 1, 2, 3]]
    (sums,), _ = case.reduce(kernels, "map")
    assert not np.isnan(sums[0]).any()  # NaN counts as positive: its dz is in the sum
    assert np.isnan(sums[1]).tolist() == [False, True, False]
    assert case.reduce(kernels, "sign")[1][1, 2, 0, 0] == case.dz[1, 2, 0, 0]


@BOTH
def test_nan_under_a_closed_mask_is_cut(kernels):
    case = Case((2, 3, 4, 4), np.float32)
    case.scale[...], case.shift[...] = 0, -1
    case.dz[...] = np.nan
    sums, masked = case.reduce(kernels, "map")
    assert not sums.any() and not masked.any()
    assert not np.isnan(case.apply(kernels)).any()


@BOTH
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 3, 0, 4), (2, 0, 4, 4)])
def test_no_values(kernels, shape):
    case = Case(shape, np.float32)
    assert not case.reduce(kernels, "map")[0].any()
    assert case.apply(kernels).shape == shape
    assert math.prod(shape) == 0
