"""Both gradients of a convolution: worked numbers, the twin, finite differences, threads, arguments, NaN."""

import itertools

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import conv
from tinydl._core.operands import Map, Moments, Pending
from tinydl._core.reference import conv as reference
from tinydl._core.reference.conv import geometry
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.convolutions import LAYERS, LOADED, ODD, Case, Problem, assert_equal_results
from tinydl.testing.guards import Guards, exact_integers, flawed, laid_out

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BOTH = pytest.mark.parametrize("kernels", [conv, reference], ids=["kernel", "twin"])
EACH = pytest.mark.parametrize("problem", ODD.values(), ids=ODD.keys())
EACH_AND_LAYERS = pytest.mark.parametrize("problem", [*ODD.values(), *LAYERS.values()], ids=[*ODD, *LAYERS])
SMALL = Problem((2, 3, 6, 6), (4, 3, 3, 3), 1, 1)


def both(case, **options):
    """Results of the kernel and of its twin."""
    return case.backward(conv.conv_backward, **options), case.backward(reference.conv_backward, **options)


# --- 1 worked numbers ------------------------------------------------------------------------------------------------

@BOTH
def test_worked_transpose_of_the_matrix(kernels):
    # The matrix of test_forward's two channels and two filters, transposed.
    w = np.array([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]])
    rows = [[1, 2, 3, 0, 4, 5, 6, 0], [0, 1, 2, 3, 0, 4, 5, 6],
            [7, 8, 9, 0, 10, 11, 12, 0], [0, 7, 8, 9, 0, 10, 11, 12]]
    for k, row in enumerate(rows):
        dy = np.zeros(4)
        dy[k] = 1
        dx = Guards().empty((1, 2, 4), np.float64, "activation")
        kernels.conv_backward_input(laid_out(dy.reshape(1, 2, 2), "activation"), laid_out(w, "weight", np.float64), dx,
                                    geometry((1, 2, 4), w.shape), 1)
        assert dx.ravel().tolist() == row


@BOTH
def test_worked_weight_gradient(kernels):
    # One filter of two taps over (1, 2, 3) with dy = (10, 100): dw = (10*1 + 100*2, 10*2 + 100*3), db = 110.
    x, dy = laid_out([[[1.0, 2, 3]]], "activation"), laid_out([[[10.0, 100]]], "activation")
    dw, db = np.full((1, 1, 2), 0.5), np.full(1, 0.5)  # what was there is no part of it
    kernels.conv_backward_weight(x, dy, dw, db, geometry((1, 1, 3), (1, 1, 2)), None, 1)
    assert dw.tolist() == [[[210, 320]]] and db.tolist() == [110]


@BOTH
@DTYPES
def test_worked_gradient_that_waits(kernels, dtype):
    # dz = (1, 2) behind relu(3 (y - 10) + 1) of y = (9, 11) is (0, 2); then 5 dz' + 7 (y - 10) + 1 = (-6, 18).
    one = [np.array([v], dtype) for v in (3, 1, 10, 5, 7, 1)]
    dz, y = laid_out([[[1, 2]]], "activation", dtype), laid_out([[[9, 11]]], "activation", dtype)
    dy = Pending(dz, y, Map(*one[:3], "relu"), *one[3:])
    w, dx = laid_out([[[1]]], "weight", dtype), Guards().empty((1, 1, 2), dtype, "activation")
    kernels.conv_backward_input(dy, w, dx, geometry((1, 1, 2), (1, 1, 1)), 1)
    assert dx.tolist() == [[[-6, 18]]]


@BOTH
@DTYPES
def test_worked_moments(kernels, dtype):
    # dx = dy = (1, 2, 4) where 2 (x - 10) + 1 of x = (9, 10, 12) is above 0: (0, 2, 4), about 11: 2 (-1) + 4 (1).
    x, dy = (laid_out([[v]], "activation", dtype) for v in ([9, 10, 12], [1, 2, 4]))
    w, dx = laid_out([[[1]]], "weight", dtype), Guards().empty((1, 1, 3), dtype, "activation")
    on_x = Map(*(np.array([v], dtype) for v in (2, 1, 10)), "relu")
    moments = Moments(np.array([11], dtype), np.empty((1, 2, 1), dtype))
    kernels.conv_backward(x, dy, w, dx, None, None, geometry((1, 1, 3), (1, 1, 1)), on_x, None, moments, 1)
    assert dx.tolist() == [[[1, 2, 4]]] and moments.sums.tolist() == [[[6], [2]]]


# --- 2 equal to the twin ---------------------------------------------------------------------------------------------

@EACH_AND_LAYERS
@DTYPES
def test_exact(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(1))
    got, expected = both(case)
    assert_equal_results(got, expected, "all")
    dx, dw, db = Guards().empty(case.x.shape, dtype, "activation"), np.empty_like(case.w), np.empty_like(case.b)
    conv.conv_backward_input(case.dy, case.w, dx, case.geo, 1)
    conv.conv_backward_weight(case.x, case.dy, dw, db, case.geo, None, 1)
    assert_equal_results({"dx": dx, "dw": dw, "db": db}, expected, "one by one")


WANTED = ("dx dw db", "dx", "dw", "dw db", "dx dw", "db", "dx db")


@EACH
@DTYPES
def test_fused_exact(problem, dtype):
    """All gradients, and any of them alone, against the twin's, which does not depend on what else is wanted."""
    case = Case(problem, dtype, np.random.default_rng(9), most=1)
    case.dy[:, 1::2] = case.y_above[:, 1::2] = 0
    for pending, sums, activation in itertools.product((False, True), (False, True), LOADED):
        options = {"fused": True, "pending": pending, "sums": sums, "activation": activation}
        expected = case.backward(reference.conv_backward, **options)
        for wanted in WANTED:
            if "dx" in wanted or not sums:
                names = [*wanted.split(), *(["sums"] if sums else [])]
                got = case.backward(conv.conv_backward, wanted=wanted, **options)
                assert got.keys() == set(names)
                assert_equal_results(got, {name: expected[name] for name in names}, (wanted, options))


@pytest.mark.parametrize("wanted", WANTED)
def test_the_twin_gives_what_is_wanted(wanted):
    case = Case(SMALL, np.float64, np.random.default_rng(9))
    expected = case.backward(reference.conv_backward)
    got = case.backward(reference.conv_backward, wanted=wanted)
    assert got.keys() == set(wanted.split())
    assert_equal_results(got, {name: expected[name] for name in got}, wanted)


@DTYPES
def test_exact_for_random_geometries(dtype):
    """Forward and backward, since both go through the same cuts."""
    rng = np.random.default_rng(7)
    tried = 0
    while tried < 400:
        groups = int(rng.choice([1, 1, 1, 2, 3, 0]))
        c, o = groups * int(rng.integers(1, 12)), groups * int(rng.integers(1, 20))
        if groups == 0:     # depthwise
            groups = c = o = int(rng.integers(2, 40))
        kh, kw, sh, sw, ph, pw, dh, dw = rng.integers([1, 1, 1, 1, 0, 0, 1, 1], [8, 8, 5, 5, 5, 5, 4, 4]).tolist()
        shape = (int(rng.integers(1, 6)), c, int(rng.integers(1, 16)), int(rng.integers(1, 16)))
        try:
            problem = Problem(shape, (o, c // groups, kh, kw), (sh, sw), (ph, pw), (dh, dw), groups)
        except ValueError:
            continue
        tried += 1
        case = Case(problem, dtype, rng)
        options = {"fused": bool(rng.integers(2)), "n_threads": 1 + tried % 3}
        options["activation"] = LOADED[rng.integers(3)] if options["fused"] else ""
        assert_equal_results(case.forward(conv.conv_forward, **options),
                             case.forward(reference.conv_forward, **options), (problem, options))
        options |= {"pending": bool(rng.integers(2)), "residual": bool(rng.integers(2))}
        assert_equal_results(*both(case, **options), (problem, options))


@DTYPES
def test_depthwise_exact_for_every_channel_count(dtype):
    """Vectors in pairs, single ones and cut ones; forward and backward."""
    for c in range(2, 70):
        case = Case(Problem((2, c, 4, 7), (c, 1, 3, 3), 1, 1, 1, c), dtype, np.random.default_rng(c))
        options = {"fused": True, "activation": "relu", "sums": True}
        assert_equal_results(case.forward(conv.conv_forward, **options),
                             case.forward(reference.conv_forward, **options), c)
        assert_equal_results(*both(case, pending=True, residual=True, **options), c)


def test_depthwise_nan_stays_in_its_channel():
    for name, results in (("x", ("y", "dw")), ("w", ("y", "dx")), ("dy", ("dx", "dw", "db")), ("b", ("y",))):
        case = Case(Problem((2, 11, 9, 8), (11, 1, 3, 3), 2, 1, 1, 11), np.float32, np.random.default_rng(0))
        values = getattr(case, name)
        values[(0, 4) if name in ("x", "dy") else 4] = np.nan
        found = case.forward(conv.conv_forward) | case.backward(conv.conv_backward)
        for result, value in found.items():
            by_channel = np.isnan(np.moveaxis(value, 1, 0) if result in ("y", "dx") else value)
            assert by_channel[4].any() == (result in results), (name, result)
            assert not np.delete(by_channel, 4, axis=0).any(), (name, result)


@EACH_AND_LAYERS
@DTYPES
def test_close_to_the_twin(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(8), exact=False)
    got, expected = case.backward(conv.conv_backward), case.wide().backward(reference.conv_backward)
    taps, pixels = case.w[:, 0].size // max(1, problem.groups), case.geo[0] * case.geo[-2] * case.geo[-1]
    for name, value in expected.items():
        assert_close(got[name], value, bound("sum", dtype, taps if name == "dx" else pixels), name)


@pytest.mark.parametrize("mean", [1e2, 1e4, 1e6])
def test_a_mean_far_from_zero_costs_no_digits(mean):
    """Deviations of 1 about the means of x and of what the batch norm behind read, which are the centres."""
    case = Case(Problem((4, 17, 9, 9), (20, 17, 3, 3), 1, 1), np.float32, np.random.default_rng(9), exact=False)
    for array in (case.x, case.centre, case.x_about, case.y_above, case.above[2]):
        array += np.float32(mean)
    for activation in LOADED:
        options = {"fused": True, "pending": True, "activation": activation, "sums": True}
        got, expected = case.backward(conv.conv_backward, **options), case.wide().backward(reference.conv_backward,
                                                                                           **options)
        for name, value in expected.items():
            assert_close(got[name], value, 5e-6, name)


@DTYPES
@pytest.mark.parametrize("stride, groups, channels", [(1, 1, 6), (2, 1, 33), (1, 3, 6), (3, 1, 16)])
def test_residual_and_plain_relu_masks_exact(dtype, stride, groups, channels):
    # The gradient of a plain ReLU above (masked by the sign of y), of one below, and another reader's share of dx.
    rng = np.random.default_rng(2)
    geo = geometry((3, channels, 9, 8), (12, channels // groups, 3, 3), stride, 1, 1, groups)
    P, Q = geo[-2:]
    x, residual, dx = (exact_integers(rng, (3, channels, 9, 8), dtype, "activation", 3) for _ in range(3))
    w = exact_integers(rng, (12, channels // groups, 3, 3), dtype, "weight", 3)
    dy, y = (exact_integers(rng, (3, 12, P, Q), dtype, "activation", 3) for _ in range(2))
    y[0, 0, 0, 0] = np.nan
    dw = np.empty_like(w)
    expected_dx, expected_dw = np.empty(x.shape), np.empty(w.shape)
    masked = np.where(y <= 0, 0, dy)
    reference.conv_backward_input(masked, w, expected_dx, geo, 1)
    reference.conv_backward_weight(np.maximum(x, 0), masked, expected_dw, None, geo, None, 1)
    for kernels, n_threads in ((conv, 1), (conv, 2), (reference, 1)):
        clamp = Map(activation="relu")
        kernels.conv_backward(x, Pending(dy, y, clamp), w, dx, dw, None, geo, clamp, residual, None, n_threads)
        np.testing.assert_array_equal(dx, expected_dx + residual)
        np.testing.assert_array_equal(dw, expected_dw)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_results_larger_than_the_caches_exact(n_threads):
    """They are stored past the caches; 1x1 filters are a matrix product of the pixels, which NumPy checks."""
    rng = np.random.default_rng(23)
    n, few, many, size = 2, 16, 32, 330
    dy = exact_integers(rng, (n, few, size, size), np.float32, "activation")
    w = exact_integers(rng, (few, many, 1, 1), np.float32, "weight")
    dx = layout.empty((n, many, size, size))
    assert dx.nbytes > 24 << 20 and dx.ctypes.data % 64 == 0
    residual, x = (exact_integers(rng, dx.shape, np.float32, "activation", 1) for _ in range(2))
    moments = Moments(np.zeros(many, np.float32), np.empty((n, 2, many), np.float32))
    conv.conv_backward(x, dy, w, dx, None, None, geometry(dx.shape, w.shape), None, residual, moments, n_threads)
    expected = (dy.transpose(0, 2, 3, 1) @ w[:, :, 0, 0]).transpose(0, 3, 1, 2) + residual
    np.testing.assert_array_equal(dx, expected)
    np.testing.assert_array_equal(moments.sums[:, 1], (expected.astype(np.float64) * x).sum((2, 3)))


# --- 3 gradients -----------------------------------------------------------------------------------------------------

@EACH
def test_gradients_by_finite_differences(problem):
    """d<dy, conv(x, w, b)> along a random direction; the function is quadratic, so central differences are exact."""
    if problem.x_shape[0] == 0:
        pytest.skip("no image")
    case = Case(problem, np.float64, np.random.default_rng(10), exact=False)
    directions = {name: case.make(getattr(case, name).shape, kind)
                  for name, kind in (("x", "activation"), ("w", "weight"), ("b", "row"))}

    def value(step):
        y = Guards().empty(case.y_shape, np.float64, "activation")
        conv.conv_forward(case.x + step * directions["x"], case.w + step * directions["w"],
                          case.b + step * directions["b"], y, case.geo, None, None, 1)
        return (y * case.dy).sum()

    got = case.backward(conv.conv_backward)
    analytic = sum((got[f"d{name}"] * direction).sum() for name, direction in directions.items())
    numeric = (value(0.5) - value(-0.5)) / 1.0
    size = np.sqrt(sum((got[f"d{name}"] ** 2).sum() for name in directions)) + abs(numeric)
    assert abs(analytic - numeric) <= 1e-10 * size


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH_AND_LAYERS
@DTYPES
def test_same_bits_for_any_number_of_threads(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(11), exact=False)
    for options in ({}, {"fused": True, "pending": True, "activation": "relu", "residual": True, "sums": True}):
        first = case.backward(conv.conv_backward, 1, **options)
        for n_threads in (1, 2, 3, 7):
            again = case.backward(conv.conv_backward, n_threads, **options)
            for name, array in first.items():
                assert_same(again[name], array, f"{name} with {n_threads} threads")


# --- 5 arguments -----------------------------------------------------------------------------------------------------

def call(case, **replaced):
    """The kernel on the arrays of `case`, some of them replaced."""
    own = {"x": case.x, "dy": case.dy, "w": case.w, "dx": Guards().empty(case.x.shape, case.dtype, "activation"),
           "dw": Guards().empty(case.w.shape, case.dtype, "weight"), "db": np.empty_like(case.b), "geometry": case.geo,
           "on_x": None, "residual": case.residual, "moments": None, "n_threads": 1, **replaced}
    conv.conv_backward(*own.values())
    return own


@pytest.mark.parametrize("name", ["x", "dy", "w", "dx", "dw", "db", "residual"])
def test_refused_arrays(name):
    case = Case(SMALL, np.float32, np.random.default_rng(13))
    good = call(case)[name]
    bad = flawed(good)
    if good.ndim == 4:
        bad["row-major"] = (np.ascontiguousarray(good), ValueError)
        bad["reversed"] = (good[:, :, ::-1], ValueError)
    if name in ("dx", "dw", "db"):
        frozen = good.copy(order="K")
        frozen.flags.writeable = False
        bad["read-only"] = (frozen, ValueError)
    for what, (array, error) in bad.items():
        try:
            call(case, **{name: array})
        except error as raised:
            # float64 in place of float32 may be noticed at its neighbour, whose type then differs.
            assert what == "other float" or name in str(raised), what
        else:
            pytest.fail(f"conv_backward took {name}: {what}")


def test_refused_gradients_that_wait():
    case = Case(SMALL, np.float32, np.random.default_rng(14))
    good = case.pending("relu")
    names = ("dz", "y", "scale", "a", "b", "c")
    for name in names:
        parts = {n: getattr(good if n != "scale" else good.mask, n) for n in names}
        parts[name] = parts[name].astype(np.float64)
        mask = Map(parts["scale"], good.mask.shift, good.mask.centre, "relu")
        with pytest.raises((TypeError, ValueError)):
            call(case, dy=Pending(parts["dz"], parts["y"], mask, parts["a"], parts["b"], parts["c"]))


def test_read_only_inputs_are_accepted():
    case = Case(SMALL, np.float32, np.random.default_rng(14))
    options = {"fused": True, "pending": True, "activation": "relu", "residual": True, "sums": True}
    expected = case.backward(conv.conv_backward, **options)
    for array in case.inputs():
        array.flags.writeable = False
    assert_equal_results(case.backward(conv.conv_backward, **options), expected, "read-only")


def test_what_belongs_together():
    case = Case(SMALL, np.float32, np.random.default_rng(22))
    moments = Moments(case.x_about, np.empty((case.geo[0], 2, case.geo[1]), np.float32))
    with pytest.raises(ValueError, match="scale and shift"):
        call(case, on_x=Map(activation="relu"), moments=moments)
    with pytest.raises(TypeError, match="need x"):
        call(case, x=None)
    with pytest.raises(TypeError, match="need x"):
        call(case, x=None, dw=None, moments=moments)


# --- 6 NaN, inf, denormals -------------------------------------------------------------------------------------------

@EACH
@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_special_values_reach_exactly_the_gradients_that_read_them(problem, special):
    """Not the neighbours in a tile, not the padded lanes, not the zero padding."""
    if problem.x_shape[0] == 0:
        pytest.skip("no image")
    rng = np.random.default_rng(19)
    case = Case(problem, np.float32, rng)
    for array in (case.x, case.w, case.dy):
        array[...] = np.where(array == 0, 1, array)
    for name in ("x", "w", "dy"):
        values = getattr(case, name)
        where = tuple(int(rng.integers(n)) for n in values.shape)
        old, values[where] = values[where], special
        with np.errstate(invalid="ignore"):
            results, twins = both(case)
        values[where] = old
        for result, expected in twins.items():
            got, finite = results[result], np.isfinite(expected)
            if name == "w" and result == "dx":
                # The padding of dy is made of zeros that take part, and NaN * 0 is NaN: the whole channel may be lost.
                assert not np.isfinite(got[~finite]).any(), f"{special} in {name}: {result}"
                finite = finite.all(axis=(0, *range(2, finite.ndim)), keepdims=True) & finite
                assert np.isfinite(got[finite]).all(), f"{special} in {name}: {result}"
            else:
                assert np.array_equal(np.isfinite(got), finite), f"{special} in {name}: {result}"
            assert np.array_equal(got[finite], expected[finite])


def test_float_environment_is_restored():
    Case(SMALL, np.float32, np.random.default_rng(21)).backward(conv.conv_backward, 2)
    tiny = np.array([5e-324])
    assert (tiny / 1 > 0).all() and (tiny * 1.0 != 0).all()
