"""Activations, addition and dropout: the seven groups of kernel tests."""

import math

import numpy as np
import pytest

from tinydl._core import elementwise
from tinydl._core.reference import elementwise as reference
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import Guards, flawed, laid_out

BOTH = pytest.mark.parametrize("kernels", [elementwise, reference], ids=["kernel", "reference"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# name -> (parameters after the arrays, whether backward reads y rather than x)
ACTIVATIONS = {"relu": ((), True), "leaky_relu": ((0.1,), False), "elu": ((1.5,), False), "gelu": ((), False),
               "tanh": ((), True), "sigmoid": ((), True)}
EACH = pytest.mark.parametrize("name", ACTIVATIONS)
# Around the vector widths, the chunks of 16384 elements and their ends.
SIZES = [0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 1000, 16383, 16384, 16385, 50001]


def forward(name, x, n_threads=1, kernels=elementwise):
    y = np.full_like(x, np.nan)
    getattr(kernels, f"{name}_forward")(x, y, *ACTIVATIONS[name][0], n_threads)
    return y


def backward(name, x, dy, n_threads=1, kernels=elementwise):
    parameters, from_y = ACTIVATIONS[name]
    dx = np.full_like(x, np.nan)
    source = forward(name, x, 1, reference) if from_y else x
    getattr(kernels, f"{name}_backward")(source, dy, dx, *parameters, n_threads)
    return dx


def normal(size, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


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
    }
    for name, dx in expected.items():
        assert_close(backward(name, x, dy, kernels=kernels), dx, 1e-6 if dtype == np.float32 else 1e-14, name)


@BOTH
@DTYPES
def test_literal_sum(kernels, dtype):
    y = np.empty(3, dtype)
    kernels.add(np.array([1, 2, -3], dtype), np.array([10, -2, 0.5], dtype), y, 1)
    assert y.tolist() == [11, 0, -2.5]


def test_philox_known_answers():
    """The published test vectors of Philox4x32-10 (Random123, kat_vectors)."""
    words = reference._philox((0, 0, 0, 0), (0, 0))
    assert [int(w) for w in words] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    words = reference._philox((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2)
    assert [int(w) for w in words] == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    words = reference._philox((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0))
    assert [int(w) for w in words] == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


# --- 2 the reference -------------------------------------------------------------------------------------------------

@EACH
@DTYPES
@pytest.mark.parametrize("size", SIZES)
def test_equal_to_reference(name, dtype, size):
    x, dy = 3 * normal(size, dtype), normal(size, dtype, 1)
    rtol = 2e-7 if dtype == np.float32 else 4e-16
    assert_close(forward(name, x, 2), forward(name, x, kernels=reference), rtol)
    assert_close(backward(name, x, dy, 2), backward(name, x, dy, kernels=reference), rtol)


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
    getattr(elementwise, f"{name}_forward")(x, y, *ACTIVATIONS[name][0], 1)
    assert_same(y, forward(name, np.ascontiguousarray(x)))


@EACH
@DTYPES
def test_output_may_be_an_input(name, dtype):
    x, dy = normal(20000, dtype), normal(20000, dtype, 1)
    parameters, from_y = ACTIVATIONS[name]
    y = x.copy()
    getattr(elementwise, f"{name}_forward")(y, y, *parameters, 1)
    assert_same(y, forward(name, x))
    source = reference_output = forward(name, x, 1, reference) if from_y else x
    for take in (0, 1):
        arrays = [reference_output.copy(), dy.copy()]
        getattr(elementwise, f"{name}_backward")(*arrays, arrays[take], *parameters, 1)
        dx = np.empty_like(x)
        getattr(elementwise, f"{name}_backward")(source, dy, dx, *parameters, 1)
        assert_same(arrays[take], dx)


def _ulps(actual, exact):
    """Error in units in the last place of the float32 or float64 nearest to the exact value."""
    return np.abs(actual.astype(np.longdouble) - exact) / np.spacing(np.abs(exact.astype(actual.dtype)))


@DTYPES
@pytest.mark.parametrize(("name", "ulps"), [("tanh", 3), ("sigmoid", 4)])
def test_error_in_ulps(name, ulps, dtype):
    """What src/activation.h promises, against long double."""
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
    elementwise.elu_forward(x, y, 1.0, 1)
    assert _ulps(y, np.expm1(x.astype(np.longdouble))).max() <= 2.5


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 3e-7), (np.float64, 6e-16)])
def test_error_of_gelu(dtype, bound):
    x = np.linspace(-14, 14, 40_001).astype(dtype)
    exact = np.array([v * 0.5 * math.erfc(-v / math.sqrt(2)) for v in x.astype(np.float64)])
    error = np.abs(forward("gelu", x) - exact) / np.maximum(np.abs(x), 1)
    assert error.max() <= bound


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


@DTYPES
def test_same_mask_for_any_number_of_threads(dtype):
    x = normal(70_001, dtype)
    first = drop(x, 0.3, n_threads=1)
    for n_threads in (1, 2, 3, 7):
        assert_same(drop(x, 0.3, n_threads=n_threads), first)


# --- 5 arguments -----------------------------------------------------------------------------------------------------

def _call(kernel, arrays):
    name = kernel.rsplit("_", 1)[0]
    extra = (1, 2, 0.5) if name == "dropout" else ACTIVATIONS.get(name, ((),))[0]
    if name == "dropout":
        getattr(elementwise, kernel)(arrays[0], *extra, arrays[1], 1)
    else:
        getattr(elementwise, kernel)(*arrays, *extra, 1)


KERNELS = [("add", ("a", "b", "y")), ("dropout_forward", ("x", "y")), ("dropout_backward", ("dy", "dx"))]
for _name, (_, _from_y) in ACTIVATIONS.items():
    KERNELS += [(f"{_name}_forward", ("x", "y")), (f"{_name}_backward", ("y" if _from_y else "x", "dy", "dx"))]


@pytest.mark.parametrize(("kernel", "names"), KERNELS, ids=[k for k, _ in KERNELS])
def test_refused_arrays(kernel, names):
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


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan, np.inf])
def test_dropout_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match="probability"):
        drop(np.ones(3, np.float32), p)


# --- 6 NaN, inf, denormals -------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_special_values(kernels, dtype):
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 1e4, -1e4], dtype)
    expected = {"relu": [np.nan, np.inf, 0, 0, 1e4, 0], "leaky_relu": [np.nan, np.inf, -np.inf, 0, 1e4, -1e3],
                "elu": [np.nan, np.inf, -1.5, 0, 1e4, -1.5], "gelu": [np.nan, np.inf, 0, 0, 1e4, 0],
                "tanh": [np.nan, 1, -1, 0, 1, -1], "sigmoid": [np.nan, 1, 0, 0.5, 1, 0]}
    for name, y in expected.items():
        assert_close(forward(name, x, kernels=kernels), y, what=name)
    assert np.signbit(forward("tanh", x, kernels=kernels)[3])


@BOTH
@DTYPES
def test_gradients_at_special_values(kernels, dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0], dtype)
    dy = np.array([2, 2, 2, 2], dtype)
    expected = {"relu": [2, 2, 0, 0], "leaky_relu": [2, 2, 0.2, 0.2], "elu": [2, 2, 0, 3],
                "gelu": [np.nan, 2, 0, 1], "tanh": [np.nan, 0, 0, 2], "sigmoid": [np.nan, 0, 0, 0.5]}
    for name, dx in expected.items():
        assert_close(backward(name, x, dy, kernels=kernels), dx, what=name)


@EACH
def test_nan_of_the_upstream_gradient_passes_where_the_derivative_is_not_cut(name):
    assert np.isnan(backward(name, np.array([1.0, 2.0]), np.array([np.nan, 1.0]))).tolist() == [True, False]


def test_tanh_saturates_to_a_gradient_of_exactly_zero():
    y = forward("tanh", np.array([20, -20, 9.5], np.float32))
    dx = np.empty_like(y)
    elementwise.tanh_backward(y, np.ones_like(y), dx, 1)
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
@pytest.mark.parametrize("size", [1, 5, 17, 16385])
def test_nothing_else_is_written(name, dtype, size):
    guards, (parameters, _) = Guards(), ACTIVATIONS[name]
    x, dy = normal(size, dtype), normal(size, dtype, 1)
    kept = x.copy(), dy.copy()
    y, dx = guards.empty((size,), dtype), guards.empty((size,), dtype)
    getattr(elementwise, f"{name}_forward")(x, y, *parameters, 2)
    getattr(elementwise, f"{name}_backward")(x, dy, dx, *parameters, 2)
    guards.check()
    assert_same(x, kept[0])
    assert_same(dy, kept[1])


# --- dropout ---------------------------------------------------------------------------------------------------------

def drop(x, p, key0=11, key1=22, n_threads=1, kernels=elementwise, way="forward"):
    y = np.full_like(x, np.nan)
    getattr(kernels, f"dropout_{way}")(x, key0, key1, p, y, n_threads)
    return y


@DTYPES
@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 1000, 16384 + 300])
@pytest.mark.parametrize("keys", [(0, 0), (1, 2), (2**64 - 1, 2**63 + 5)])
def test_dropout_equal_to_reference(dtype, size, keys):
    x = normal(size, dtype)
    for way in ("forward", "backward"):
        assert_same(drop(x, 0.4, *keys, 2, way=way), drop(x, 0.4, *keys, kernels=reference, way=way))


@BOTH
def test_dropout_keeps_all_or_none(kernels):
    x = np.array([1, np.nan, -3], np.float32)
    assert_same(drop(x, 0, kernels=kernels), x)
    assert drop(x, 1, kernels=kernels).tolist() == [0, 0, 0]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_drops_the_right_share(p):
    n = 400_000
    y = drop(np.ones(n), p)
    assert set(np.unique(y)) == {0.0, 1 / (1 - p)}
    assert abs((y == 0).mean() - p) < 4 * math.sqrt(p * (1 - p) / n)


def test_masks_of_different_keys_are_unrelated():
    n = 100_000
    keys = [(1, 1), (2, 1), (1, 2), (1 + 2**32, 1), (1, 2**32)]
    masks = [drop(np.ones(n), 0.5, key0, key1) > 0 for key0, key1 in keys]
    for i, a in enumerate(masks):
        for b in masks[:i]:
            assert abs((a == b).mean() - 0.5) < 4 * math.sqrt(0.25 / n)


def test_dropout_in_any_dense_order_goes_by_memory():
    x = laid_out(normal((2, 3, 4, 5), np.float32), "activation")
    y = drop(x, 0.5)
    flat = drop(np.ascontiguousarray(x.transpose(0, 2, 3, 1)), 0.5)
    assert_same(y.transpose(0, 2, 3, 1), flat)
    assert_same(drop(x, 0.5, kernels=reference), y)
