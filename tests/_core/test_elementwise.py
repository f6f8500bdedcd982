"""Activations and addition: the seven groups of kernel tests."""

import math

import numpy as np
import pytest

from tinydl._core import elementwise
from tinydl._core.reference import elementwise as reference
from tinydl._core.reference.activations import ROWS
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import Guards, flawed, laid_out

BOTH = pytest.mark.parametrize("kernels", [elementwise, reference], ids=["kernel", "reference"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])

PARAMETERS = {"leaky_relu": 0.1, "elu": 1.5, "softplus": 2.0}
FROM_Y = {"relu", "tanh", "sigmoid", "relu6"}    # backward reads y rather than x
EACH = pytest.mark.parametrize("name", elementwise.ACTIVATIONS)
# Around the vector widths, the chunks of 16384 elements and their ends.
SIZES = [0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 1000, 16383, 16384, 16385, 50001]


def forward(name, x, n_threads=1, kernels=elementwise):
    y = np.full_like(x, np.nan)
    kernels.activation_forward(name, x, y, PARAMETERS.get(name, 0), n_threads)
    return y


def backward(name, x, dy, n_threads=1, kernels=elementwise):
    dx = np.full_like(x, np.nan)
    saved = forward(name, x, 1, reference) if name in FROM_Y else x
    kernels.activation_backward(name, saved, dy, dx, PARAMETERS.get(name, 0), n_threads)
    return dx


def normal(size, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


def test_the_two_halves_of_a_row():
    """src/activations.h and reference/activations.py name the same activations, in the same order."""
    assert tuple(ROWS) == elementwise.ACTIVATIONS
    assert {name for name, row in ROWS.items() if row.saves == "y"} == FROM_Y
    assert {name for name, row in ROWS.items() if row.parameter} == set(PARAMETERS)


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_literal_values(kernels, dtype):
    x = np.array([-2, -0.5, 0, 0.5, 2], dtype)
    expected = {
        "relu": [0, 0, 0, 0.5, 2],
        "leaky_relu": [-0.2, -0.05, 0, 0.5, 2],
        "elu": [-1.29699707514508, -0.59020401043105, 0, 0.5, 2],
        "gelu": [-0.0455002638963584, -0.154268769362993, 0, 0.345731230637007, 1.95449973610364],
        "tanh": [-0.964027580075817, -0.46211715726001, 0, 0.46211715726001, 0.964027580075817],
        "sigmoid": [0.119202922022118, 0.377540668798145, 0.5, 0.622459331201855, 0.880797077977882],
        "mish": [-0.252501482695709, -0.22074377465173, 0, 0.375245211304895, 1.94395895953399],
        "hardswish": [-1 / 3, -1.25 / 6, 0, 1.75 / 6, 10 / 6],
        "gelu_tanh": [-0.0454023059122249, -0.154285990174856, 0.0, 0.345714009825144, 1.95459769408777],
        "silu": [-0.238405844044235, -0.188770334399073, 0, 0.311229665600927, 1.76159415595576],
        "selu": [-1.52016646859569, -0.691758187802871, 0, 0.52535049367774, 2.10140197471096],
        "relu6": [0, 0, 0, 0.5, 2],
        "hardsigmoid": [1 / 6, 2.5 / 6, 0.5, 3.5 / 6, 5 / 6],
        "softplus": [0.00907496395890487, 0.156630843759111, 0.346573590279973, 0.656630843759111, 2.0090749639589],
        "log_sigmoid": [-2.12692801104297, -0.974076984180107, -0.693147180559945, -0.474076984180107,
                        -0.126928011042972],
        "softsign": [-2 / 3, -1 / 3, 0, 1 / 3, 2 / 3],
    }
    for name, y in expected.items():
        assert_close(forward(name, x, kernels=kernels), y, 1e-6 if dtype == np.float32 else 1e-14, name)


@BOTH
@DTYPES
def test_literal_gradients(kernels, dtype):
    x, dy = np.array([-2, 0, 0.5], dtype), np.array([3, 5, -2], dtype)
    expected = {
        "relu": [0, 0, -2],
        "leaky_relu": [0.3, 0.5, -2],
        "elu": [0.609008774564757, 7.5, -2],
        "gelu": [-0.255695403234591, 2.5, -1.73499024931233],
        "tanh": [0.211952474559493, 5, -1.57289546593185],
        "sigmoid": [0.31498075621052, 1.25, -0.470007424403189],
        "mish": [-0.325065277261182, 3, -1.77284875071545],
        "hardswish": [-0.5, 2.5, -8 / 6],
        "gelu_tanh": [-0.258297769870855, 2.5, -1.73473980706928],
        "silu": [-0.272352746354686, 2.5, -1.4799223746053],
        "selu": [0.713798616755045, 8.79049670423688, -2.10140197471096],
        "relu6": [0, 0, -2],
        "hardsigmoid": [0.5, 5 / 6, -1 / 3],
        "softplus": [0.0539586298862747, 2.5, -1.46211715726001],
        "log_sigmoid": [2.64239123393365, 2.5, -0.755081337596291],
        "softsign": [1 / 3, 5, -8 / 9],
    }
    for name, dx in expected.items():
        assert_close(backward(name, x, dy, kernels=kernels), dx, 1e-6 if dtype == np.float32 else 1e-14, name)


@BOTH
@DTYPES
def test_literal_sum(kernels, dtype):
    y = np.empty(3, dtype)
    kernels.add(np.array([1, 2, -3], dtype), np.array([10, -2, 0.5], dtype), y, 1)
    assert y.tolist() == [11, 0, -2.5]


@BOTH
def test_relu_has_entries_of_its_own(kernels):
    x = np.array([-1, 0, 2, np.nan], np.float32)
    y, dx = np.empty_like(x), np.empty_like(x)
    kernels.relu_forward(x, y, 1)
    assert_same(y, np.array([0, 0, 2, np.nan], np.float32))
    kernels.relu_backward(y, np.array([3, 4, 5, 6], np.float32), dx, 1)
    assert dx.tolist() == [0, 0, 5, 6]


# --- 2 the reference -------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_equal_to_reference(name, dtype):
    rtol = bound("activation", dtype)
    for size in SIZES:
        x, dy = 3 * normal(size, dtype), normal(size, dtype, 1)
        assert_close(forward(name, x, 2), forward(name, x, kernels=reference), rtol, f"y, {size} elements")
        assert_close(backward(name, x, dy, 2), backward(name, x, dy, kernels=reference), rtol, f"dx, {size} elements")


@DTYPES
@pytest.mark.parametrize("size", SIZES)
def test_sum_equal_to_reference(dtype, size):
    a, b, y = normal(size, dtype), normal(size, dtype, 1), np.full(size, np.nan, dtype)
    elementwise.add(a, b, y, 2)
    assert_same(y, a + b)


@EACH
@pytest.mark.parametrize("shape", [(2, 5, 3, 4), (2, 5, 7), (3, 4)])
def test_any_dense_order(name, shape):
    x = laid_out(normal(shape, np.float32), "activation")
    y = np.empty_like(x)
    assert y.strides == x.strides
    elementwise.activation_forward(name, x, y, PARAMETERS.get(name, 0), 1)
    assert_same(y, forward(name, np.ascontiguousarray(x)))


@EACH
@DTYPES
def test_output_may_be_an_input(name, dtype):
    x, dy, parameter = normal(20000, dtype), normal(20000, dtype, 1), PARAMETERS.get(name, 0)
    y = x.copy()
    elementwise.activation_forward(name, y, y, parameter, 1)
    assert_same(y, forward(name, x))
    saved = forward(name, x, 1, reference) if name in FROM_Y else x
    dx = np.empty_like(x)
    elementwise.activation_backward(name, saved, dy, dx, parameter, 1)
    for take in (0, 1):
        arrays = [saved.copy(), dy.copy()]
        elementwise.activation_backward(name, *arrays, arrays[take], parameter, 1)
        assert_same(arrays[take], dx)


def _ulps(actual, exact):
    """Error in units in the last place of the float32 or float64 nearest to the exact value."""
    return np.abs(actual.astype(np.longdouble) - exact) / np.spacing(np.abs(exact.astype(actual.dtype)))


@DTYPES
@pytest.mark.parametrize(("name", "ulps"), [("tanh", 3), ("sigmoid", 4)])
def test_error_in_ulps(name, ulps, dtype):
    """What src/special.h promises, against long double."""
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.uniform(-9, 9, 200_000), rng.standard_normal(100_000) * 1e-2,
                        np.exp(rng.uniform(-40, 3, 100_000)) * rng.choice([-1, 1], 100_000)]).astype(dtype)
    wide = x.astype(np.longdouble)
    exact = np.tanh(wide) if name == "tanh" else 1 / (1 + np.exp(-wide))
    assert _ulps(forward(name, x), exact).max() <= ulps


@DTYPES
def test_error_of_elu(dtype):
    rng = np.random.default_rng(3)
    x = -np.exp(rng.uniform(-30, 3.4, 300_000)).astype(dtype)
    y = np.empty_like(x)
    elementwise.activation_forward("elu", x, y, 1, 1)
    assert _ulps(y, np.expm1(x.astype(np.longdouble))).max() <= 2.5


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 3e-7), (np.float64, 6e-16)])
def test_error_of_gelu(dtype, bound):
    x = np.linspace(-14, 14, 40_001).astype(dtype)
    exact = np.array([v * 0.5 * math.erfc(-v / math.sqrt(2)) for v in x.astype(np.float64)])
    error = np.abs(forward("gelu", x) - exact) / np.maximum(np.abs(x), 1)
    assert error.max() <= bound


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 3e-7), (np.float64, 6e-16)])
def test_error_of_gelu_tanh(dtype, bound):
    x = np.linspace(-14, 14, 40_001).astype(dtype)
    wide = x.astype(np.longdouble)
    u = np.sqrt(2 / np.longdouble(np.pi)) * (wide + np.longdouble("0.044715") * wide**3)
    exact = wide * (1 + np.tanh(u)) / 2
    assert (np.abs(forward("gelu_tanh", x) - exact) / np.maximum(np.abs(x), 1)).max() <= bound


def _spread_out(seed, least, dtype):
    """Numbers around 0, near it, and from `least` on, below which a sigmoid is denormal."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.uniform(-9, 9, 200_000), rng.uniform(least, 50, 50_000),
                           rng.standard_normal(50_000) * 1e-3]).astype(dtype)


@pytest.mark.parametrize(("dtype", "least", "gradient"), [(np.float32, -87, 3e-7), (np.float64, -700, 6e-16)])
def test_error_of_silu(dtype, least, gradient):
    x = _spread_out(5, least, dtype)
    wide = x.astype(np.longdouble)
    s = 1 / (1 + np.exp(-wide))
    assert _ulps(forward("silu", x), wide * s).max() <= 4
    error = np.abs(backward("silu", x, np.ones_like(x)) - (s + wide * s * (1 - s)))
    assert error.max() <= gradient


@pytest.mark.parametrize(("dtype", "least", "gradient"), [(np.float32, -87, 3e-7), (np.float64, -700, 6e-16)])
def test_error_of_mish(dtype, least, gradient):
    x = _spread_out(4, least, dtype)
    wide = x.astype(np.longdouble)
    t = np.tanh(np.log1p(np.exp(wide)))
    assert _ulps(forward("mish", x), wide * t).max() <= 5
    exact = t + wide * (1 - t * t) / (1 + np.exp(-wide))
    assert np.abs(backward("mish", x, np.ones_like(x)) - exact).max() <= gradient


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 3e-7), (np.float64, 6e-16)])
def test_error_of_the_logarithms(dtype, error):
    x = _spread_out(6, -87, dtype)
    wide = x.astype(np.longdouble)
    exact = np.where(wide < 0, wide, 0) - np.log1p(np.exp(-np.abs(wide)))
    assert _ulps(forward("log_sigmoid", x), exact).max() <= 4
    assert np.abs(backward("log_sigmoid", x, np.ones_like(x)) - 1 / (1 + np.exp(wide))).max() <= error
    exact = np.where(wide > 10, wide, np.log1p(np.exp(2 * wide)) / 2)
    near = np.abs(x) < 20
    assert _ulps(forward("softplus", x)[near], exact[near]).max() <= 4


@pytest.mark.parametrize(("dtype", "gradient"), [(np.float32, 2e-7), (np.float64, 2e-16)])
def test_error_of_hardswish(dtype, gradient):
    x = np.random.default_rng(5).uniform(-4, 4, 300_000).astype(dtype)
    x[:7] = -3, 3, np.nextafter(dtype(-3), dtype(0)), np.nextafter(dtype(3), dtype(0)), -0.0, 1e37, -1e30
    wide = x.astype(np.longdouble)
    exact = np.where(x <= -3, 0, np.where(x >= 3, wide, wide * (wide + 3) / 6))
    assert _ulps(forward("hardswish", x), exact).max() <= 2
    exact = np.where(x <= -3, 0, np.where(x >= 3, 1, (2 * wide + 3) / 6))
    assert np.abs(backward("hardswish", x, np.ones_like(x)) - exact).max() <= gradient


# --- 3 gradients -----------------------------------------------------------------------------------------------------

@EACH
def test_gradients_by_finite_differences(name):
    x = normal(500, np.float64, 4)
    x[np.abs(x) < 1e-3] = 0.1  # away from the kinks
    dy, direction, step = normal(500, np.float64, 5), normal(500, np.float64, 6), 1e-6
    numeric = ((forward(name, x + step * direction) - forward(name, x - step * direction)) * dy).sum() / (2 * step)
    analytic = (backward(name, x, dy) * direction).sum()
    assert abs(analytic - numeric) <= 1e-7 * np.abs(dy * direction).sum()


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(name, dtype):
    x, dy = normal(70_001, dtype), normal(70_001, dtype, 1)
    first = forward(name, x), backward(name, x, dy)
    for n_threads in (1, 2, 3, 7):
        assert_same(forward(name, x, n_threads), first[0])
        assert_same(backward(name, x, dy, n_threads), first[1])


# --- 5 arguments -----------------------------------------------------------------------------------------------------

# kernel -> (names of its arrays, arguments before them, arguments after them)
KERNELS = {"add": (("a", "b", "y"), (), ()), "relu_forward": (("x", "y"), (), ()),
           "relu_backward": (("y", "dy", "dx"), (), ()), "activation_forward": (("x", "y"), ("tanh",), (0,)),
           "activation_backward": (("saved", "dy", "dx"), ("tanh",), (0,))}


def _call(kernel, arrays):
    _, before, after = KERNELS[kernel]
    getattr(elementwise, kernel)(*before, *arrays, *after, 1)


@pytest.mark.parametrize("kernel", KERNELS)
def test_refused_arrays(kernel):
    names = KERNELS[kernel][0]
    good = [normal((4, 6), np.float32, i) for i in range(len(names))]
    for i, name in enumerate(names):
        for what, (array, error) in flawed(good[i]).items():
            arrays = [array if i == j else g for j, g in enumerate(good)]
            if i == 0 and what == "other float":
                continue  # the first array sets the type: the next one is then refused, below
            with pytest.raises((error, ValueError) if "integers" in what or i == 0 else error) as raised:
                _call(kernel, arrays)
            assert str(raised.value).split(":")[0] in names, what
        frozen = good[i].copy()
        frozen.flags.writeable = False
        arrays = [frozen if i == j else g for j, g in enumerate(good)]
        if i == len(names) - 1:
            with pytest.raises(ValueError, match=f"{name}.*read-only"):
                _call(kernel, arrays)
        else:
            _call(kernel, arrays)


def test_an_unknown_activation_names_the_known():
    x = np.ones(3)
    with pytest.raises(ValueError, match="no activation 'swish'; known: relu, leaky_relu"):
        elementwise.activation_forward("swish", x, x, 0, 1)
    with pytest.raises(ValueError, match="no activation 'swish'"):
        elementwise.activation_backward("swish", x, x, x, 0, 1)


# --- 6 NaN, inf, denormals -------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_special_values(kernels, dtype):
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 1e4, -1e4], dtype)
    expected = {"relu": [np.nan, np.inf, 0, 0, 1e4, 0], "leaky_relu": [np.nan, np.inf, -np.inf, 0, 1e4, -1e3],
                "elu": [np.nan, np.inf, -1.5, 0, 1e4, -1.5], "gelu": [np.nan, np.inf, 0, 0, 1e4, 0],
                "tanh": [np.nan, 1, -1, 0, 1, -1], "sigmoid": [np.nan, 1, 0, 0.5, 1, 0],
                "mish": [np.nan, np.inf, 0, 0, 1e4, 0], "hardswish": [np.nan, np.inf, 0, 0, 1e4, 0],
                "gelu_tanh": [np.nan, np.inf, 0, 0, 1e4, 0], "silu": [np.nan, np.inf, 0, 0, 1e4, 0],
                "selu": [np.nan, np.inf, -1.7580993408473766, 0, 10507.009873554805, -1.7580993408473766],
                "relu6": [np.nan, 6, 0, 0, 6, 0], "hardsigmoid": [np.nan, 1, 0, 0.5, 1, 0],
                "softplus": [np.nan, np.inf, 0, math.log(2) / 2, 1e4, 0],
                "log_sigmoid": [np.nan, 0, -np.inf, -math.log(2), 0, -1e4],
                "softsign": [np.nan, 1, -1, 0, 1 - 1 / 10001, 1 / 10001 - 1]}
    assert set(expected) == set(elementwise.ACTIVATIONS)
    for name, y in expected.items():
        assert_close(forward(name, x, kernels=kernels), y, what=name)
    assert np.signbit(forward("tanh", x, kernels=kernels)[3])


@BOTH
@DTYPES
def test_gradients_at_special_values(kernels, dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0], dtype)
    dy = np.array([2, 2, 2, 2], dtype)
    expected = {"relu": [2, 2, 0, 0], "leaky_relu": [2, 2, 0.2, 0.2], "elu": [2, 2, 0, 3],
                "gelu": [np.nan, 2, 0, 1], "tanh": [np.nan, 0, 0, 2], "sigmoid": [np.nan, 0, 0, 0.5],
                "mish": [np.nan, 2, 0, 1.2], "hardswish": [np.nan, 2, 0, 1],
                "gelu_tanh": [np.nan, 2, 0, 1], "silu": [np.nan, 2, 0, 1],
                "selu": [2.101401974710961, 2.101401974710961, 0, 3.5161986816947532], "relu6": [2, 0, 0, 0],
                "hardsigmoid": [1 / 3, 0, 0, 1 / 3], "softplus": [np.nan, 2, 0, 1], "log_sigmoid": [np.nan, 0, 2, 1],
                "softsign": [np.nan, 0, 0, 2]}
    assert set(expected) == set(elementwise.ACTIVATIONS)
    for name, dx in expected.items():
        assert_close(backward(name, x, dy, kernels=kernels), dx, what=name)


@DTYPES
def test_the_largest_numbers(dtype):
    """Nothing overflows on the way: far from 0 an activation is its limit, a multiple of x or a constant."""
    most = np.finfo(dtype).max
    x = np.array([most, most / 8, 1e20, -1e20, -most / 8, -most], dtype)
    # (values of the three, their slope) above and below 0, where these are not x and 0.
    scale = 1.0507009873554805
    above = {"tanh": (1, 0), "sigmoid": (1, 0), "hardsigmoid": (1, 0), "relu6": (6, 0), "softsign": (1, 0),
             "log_sigmoid": (0, 0), "selu": ([np.inf, most / 8 * dtype(scale), 1e20 * scale], scale)}
    below = {"leaky_relu": (0.1 * x[3:], 0.1), "elu": (-1.5, 0), "tanh": (-1, 0), "softsign": (-1, 0),
             "log_sigmoid": (x[3:], 1), "selu": (-1.7580993408473766, 0)}
    rtol = 1e-6 if dtype == np.float32 else 1e-15
    for name in elementwise.ACTIVATIONS:
        y, dx = forward(name, x), backward(name, x, np.full_like(x, 2))
        for part, (value, slope) in ((slice(3), above.get(name, (x[:3], 1))), (slice(3, 6), below.get(name, (0, 0)))):
            exact = rtol if name in ("selu", "softsign") or part.start else 0
            assert_close(y[part], np.broadcast_to(np.asarray(value, dtype), 3), exact, name)
            assert_close(dx[part], np.full(3, 2 * slope), exact, name)


@EACH
def test_nan_of_the_upstream_gradient_passes_where_the_derivative_is_not_cut(name):
    assert np.isnan(backward(name, np.array([1.0, 2.0]), np.array([np.nan, 1.0]))).tolist() == [True, False]


def test_tanh_saturates_to_a_gradient_of_exactly_zero():
    y = forward("tanh", np.array([20, -20, 9.5], np.float32))
    dx = np.empty_like(y)
    elementwise.activation_backward("tanh", y, np.ones_like(y), dx, 0, 1)
    assert y.tolist() == [1, -1, 1] and dx.tolist() == [0, 0, 0]


def test_denormals_are_flushed_inside_only():
    tiny = np.full(100_000, 1e-310)
    y = np.empty_like(tiny)
    elementwise.add(tiny, tiny, y, 2)
    assert (y == 0).all()
    assert np.float64(5e-324) + np.float64(0) != 0


# --- 7 guard cells ---------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_nothing_else_is_written(name, dtype):
    for size in (1, 5, 17, 16385):
        guards, parameter = Guards(), PARAMETERS.get(name, 0)
        x, dy = normal(size, dtype), normal(size, dtype, 1)
        kept = x.copy(), dy.copy()
        y, dx = guards.empty((size,), dtype), guards.empty((size,), dtype)
        elementwise.activation_forward(name, x, y, parameter, 2)
        elementwise.activation_backward(name, x, dy, dx, parameter, 2)
        guards.check()
        assert_same(x, kept[0], f"x of {size}")
        assert_same(dy, kept[1], f"dy of {size}")
