"""Convolution forward: worked numbers, the twin, threads, arguments, NaN; guard cells are the Case's."""

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import conv
from tinydl._core.operands import Map, Moments
from tinydl._core.reference import conv as reference
from tinydl._core.reference.conv import geometry
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close
from tinydl.testing.convolutions import LAYERS, LOADED, ODD, Case, Problem, assert_equal_results
from tinydl.testing.guards import Guards, exact_integers, flawed, laid_out

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BOTH = pytest.mark.parametrize("kernels", [conv, reference], ids=["kernel", "twin"])
EACH = pytest.mark.parametrize("problem", ODD.values(), ids=ODD.keys())
EACH_AND_LAYERS = pytest.mark.parametrize("problem", [*ODD.values(), *LAYERS.values()], ids=[*ODD, *LAYERS])
SMALL = Problem((2, 3, 6, 6), (4, 3, 3, 3), 1, 1)


def both(case, **options):
    """Results of the kernel and of its twin."""
    return case.forward(conv.conv_forward, **options), case.forward(reference.conv_forward, **options)


# --- 1 worked numbers ------------------------------------------------------------------------------------------------

def forward(kernels, x, w, dtype=np.float64, **options):
    x, w = laid_out(x, "activation", dtype), laid_out(w, "weight", dtype)
    problem = Problem(x.shape, w.shape, **options)
    y = Guards().empty(problem.y_shape, dtype, "activation")
    kernels.conv_forward(x, w, None, y, problem.geometry, None, None, 1)
    return y


@BOTH
@DTYPES
def test_worked_identity_filter(kernels, dtype):
    image = [[[[1, 2, 3], [4, 5, 6], [1, 5, 3]]]]
    assert forward(kernels, image, [[[[1, 0], [0, 1]]]], dtype).tolist() == [[[[6, 8], [9, 8]]]]


@BOTH
@DTYPES
def test_worked_binary_image(kernels, dtype):
    image = [[[[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]]]
    window = [[[[1, 0, 1], [0, 1, 0], [1, 0, 1]]]]
    assert forward(kernels, image, window, dtype).tolist() == [[[[4, 3, 4], [2, 4, 3], [2, 3, 4]]]]
    assert forward(kernels, image, window, dtype, stride=2).tolist() == [[[[4, 4], [2, 4]]]]


@BOTH
def test_worked_second_difference(kernels):
    x = (np.arange(10) * 0.1) ** 2
    y = forward(kernels, x[None, None], [[[1, -2, 1]]])
    assert y.shape == (1, 1, 8)
    np.testing.assert_allclose(y, np.full((1, 1, 8), 0.02), rtol=0, atol=1e-15)


@BOTH
def test_worked_convolution_is_a_matrix(kernels):
    # Two channels of four samples, two filters of width three; rows of A are outputs (filter, position).
    w = np.array([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]])
    matrix = np.array([
        [1, 2, 3, 0, 4, 5, 6, 0],
        [0, 1, 2, 3, 0, 4, 5, 6],
        [7, 8, 9, 0, 10, 11, 12, 0],
        [0, 7, 8, 9, 0, 10, 11, 12]])
    for k in range(8):
        x = np.zeros(8)
        x[k] = 1
        assert forward(kernels, x.reshape(1, 2, 4), w).ravel().tolist() == matrix[:, k].tolist()


@BOTH
@DTYPES
def test_worked_map_on_load(kernels, dtype):
    # z = relu(2 (x - 10) + 1) of (8, 10, 11) is (0, 1, 3), with zeros around it; the filter adds neighbours.
    x, w = laid_out([[[8, 10, 11]]], "activation", dtype), laid_out([[[1, 1]]], "weight", dtype)
    y = Guards().empty((1, 1, 4), dtype, "activation")
    on_x = Map(*(np.array([v], dtype) for v in (2, 1, 10)), "relu")
    moments = Moments(np.array([1], dtype), np.empty((1, 2, 1), dtype))
    kernels.conv_forward(x, w, None, y, geometry((1, 1, 3), (1, 1, 2), 1, 1), on_x, moments, 1)
    assert y.tolist() == [[[0, 1, 4, 3]]]
    assert moments.sums.tolist() == [[[-1 + 0 + 3 + 2], [1 + 0 + 9 + 4]]]


# --- 2 equal to the twin ---------------------------------------------------------------------------------------------

@EACH_AND_LAYERS
@DTYPES
def test_exact(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(1))
    for bias in (True, False):
        assert_equal_results(*both(case, bias=bias), f"bias {bias}")


@EACH
@DTYPES
def test_map_on_load_exact(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(2), most=2)
    for activation in LOADED:
        assert_equal_results(*both(case, fused=True, activation=activation), activation)


@EACH
@DTYPES
def test_sums_exact(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(3), most=1)
    case.x[:, ::2] = 0  # keeps the sums of squares below 2^24, where float32 is exact
    case.centre[::2] = case.shift[::2] = 0
    for options in ({}, {"fused": True, "activation": "relu", "bias": False}):
        expected = case.forward(reference.conv_forward, sums=True, **options)
        if dtype == np.float32 and expected["sums"].size and np.abs(expected["sums"]).max() >= 2**24:
            pytest.skip("sums of squares exceed the integers of float32")
        assert_equal_results(case.forward(conv.conv_forward, sums=True, **options), expected, options)


@EACH_AND_LAYERS
@DTYPES
def test_close_to_the_twin(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(8), exact=False)
    got, expected = case.forward(conv.conv_forward, sums=True), case.wide().forward(reference.conv_forward, sums=True)
    taps, pixels = case.w[0].size, case.geo[0] * case.geo[-2] * case.geo[-1]
    for name, value in expected.items():
        assert_close(got[name], value, bound("sum", dtype, taps if name == "y" else pixels), name)


@pytest.mark.parametrize("mean", [1e2, 1e4, 1e6])
def test_a_mean_far_from_zero_costs_no_digits(mean):
    """Deviations of 1 about the mean, which is the centre: scale*x + shift would lose log10(mean) digits."""
    case = Case(Problem((4, 17, 9, 9), (20, 17, 3, 3), 1, 1), np.float32, np.random.default_rng(9), exact=False)
    case.x += np.float32(mean)
    case.centre += np.float32(mean)
    for activation in LOADED:
        got = case.forward(conv.conv_forward, fused=True, activation=activation)["y"]
        assert_close(got, case.wide().forward(reference.conv_forward, fused=True, activation=activation)["y"], 2e-6)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_results_larger_than_the_caches_exact(n_threads):
    """They are stored past the caches; 1x1 filters are a matrix product of the pixels, which NumPy checks."""
    rng = np.random.default_rng(23)
    n, c, size, o = 2, 16, 330, 32
    x = exact_integers(rng, (n, c, size, size), np.float32, "activation")
    w, b = exact_integers(rng, (o, c, 1, 1), np.float32, "weight"), exact_integers(rng, (o,))
    y = layout.empty((n, o, size, size))
    assert y.nbytes > 24 << 20 and y.ctypes.data % 64 == 0
    conv.conv_forward(x, w, b, y, geometry(x.shape, w.shape), None, None, n_threads)
    np.testing.assert_array_equal(y, (x.transpose(0, 2, 3, 1) @ w[:, :, 0, 0].T + b).transpose(0, 3, 1, 2))


# --- 4 threads; 3, gradients, stands with the backward pass ----------------------------------------------------------

@EACH_AND_LAYERS
@DTYPES
def test_same_bits_for_any_number_of_threads(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(11), exact=False)
    for options in ({"sums": True}, {"fused": True, "activation": "relu", "bias": False}):
        first = case.forward(conv.conv_forward, 1, **options)
        for n_threads in (1, 2, 3, 7):
            assert_equal_results(case.forward(conv.conv_forward, n_threads, **options), first, f"{n_threads} threads")


# --- 5 arguments -----------------------------------------------------------------------------------------------------

def call(case, **replaced):
    """The kernel on the arrays of `case`, some of them replaced."""
    own = {"x": case.x, "w": case.w, "bias": case.b, "y": Guards().empty(case.y_shape, case.dtype, "activation"),
           "geometry": case.geo, "on_x": None, "moments": None, "n_threads": 1, **replaced}
    conv.conv_forward(*own.values())
    return own


@pytest.mark.parametrize("name", ["x", "w", "bias", "y"])
def test_refused_arrays(name):
    case = Case(SMALL, np.float32, np.random.default_rng(13))
    good = call(case)[name]
    bad = flawed(good)
    if good.ndim == 4:
        bad["row-major"] = (np.ascontiguousarray(good), ValueError)
        bad["reversed"] = (good[:, :, ::-1], ValueError)
    if name == "y":
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
            pytest.fail(f"conv_forward took {name}: {what}")


def test_read_only_inputs_are_accepted():
    case = Case(SMALL, np.float32, np.random.default_rng(14))
    expected = case.forward(conv.conv_forward, fused=True, sums=True)
    for array in case.inputs():
        array.flags.writeable = False
    assert_equal_results(case.forward(conv.conv_forward, fused=True, sums=True), expected, "read-only")


def test_unaligned_to_the_vector_is_accepted():
    # Arrays of one element's alignment, 4 bytes past a cache line: everything Guards makes, and slices of blocks.
    case = Case(SMALL, np.float32, np.random.default_rng(15))
    expected = case.forward(reference.conv_forward)
    for name in ("x", "w", "b"):
        values = getattr(case, name)
        shifted = np.empty(values.size + 1, np.float32)[1:]
        order = sorted(range(values.ndim), key=lambda axis: -values.strides[axis])
        shifted = shifted.reshape([values.shape[a] for a in order]).transpose(np.argsort(order))
        shifted[...] = values
        setattr(case, name, shifted)
    assert_equal_results(case.forward(conv.conv_forward), expected, "off by one element")


@pytest.mark.parametrize(("name", "bad"), [
    ("scale", Map(np.ones(4, np.float32), np.ones(3, np.float32), np.zeros(3, np.float32))),
    ("shift", Map(np.ones(3, np.float32), np.ones(3), np.zeros(3, np.float32))),
    ("centre", Map(np.ones(3, np.float32), np.ones(3, np.float32), [0, 0, 0])),
    ("no gelu as it loads", Map(*np.ones((3, 3), np.float32), "gelu"))])
def test_refused_maps(name, bad):
    case = Case(SMALL, np.float32, np.random.default_rng(17))
    with pytest.raises((TypeError, ValueError), match=name):
        call(case, on_x=bad)
    with pytest.raises(TypeError, match="Map"):
        call(case, on_x=(bad.scale, bad.shift))


@pytest.mark.parametrize(("name", "bad"), [
    ("about", Moments(None, np.empty((2, 2, 4), np.float32))),
    ("about", Moments(np.zeros(3, np.float32), np.empty((2, 2, 4), np.float32))),
    ("sums", Moments(np.zeros(4, np.float32), np.empty((2, 1, 4), np.float32)))])
def test_refused_moments(name, bad):
    case = Case(SMALL, np.float32, np.random.default_rng(18))
    with pytest.raises((TypeError, ValueError), match=name):
        call(case, moments=bad)


# --- 6 NaN, inf, denormals -------------------------------------------------------------------------------------------

@EACH
@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_special_values_reach_exactly_the_outputs_that_read_them(problem, special):
    """Not the neighbours in a tile, not the padded lanes, not the zero padding."""
    if problem.x_shape[0] == 0:
        pytest.skip("no image")
    rng = np.random.default_rng(19)
    case = Case(problem, np.float32, rng)
    case.w[...], case.x[...] = np.where(case.w == 0, 1, case.w), np.where(case.x == 0, 1, case.x)
    for name in ("x", "w", "b"):
        values = getattr(case, name)
        where = tuple(int(rng.integers(n)) for n in values.shape)
        old, values[where] = values[where], special
        with np.errstate(invalid="ignore"):
            got, expected = (results["y"] for results in both(case))
        values[where] = old
        finite = np.isfinite(expected)
        assert np.array_equal(np.isfinite(got), finite), f"{special} in {name}"
        assert np.array_equal(got[finite], expected[finite])


def test_nan_passes_the_relu_on_load():
    case = Case(SMALL, np.float32, np.random.default_rng(20))
    case.x[0, 0, 2, 2], case.w[...], case.scale[...] = np.nan, np.abs(case.w) + 1, 1
    y = case.forward(conv.conv_forward, fused=True, activation="relu")["y"]
    assert np.isnan(y[0, :, 1:4, 1:4]).all() and np.isnan(y).sum() == 4 * 9


def test_float_environment_is_restored():
    Case(SMALL, np.float32, np.random.default_rng(21)).forward(conv.conv_forward, 2)
    tiny = np.array([5e-324])
    assert (tiny / 1 > 0).all() and (tiny * 1.0 != 0).all()
