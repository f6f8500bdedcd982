"""The matrix kernels: literal numbers, the reference twin, gradients, threads, arguments, NaN, guard cells."""

import itertools

import numpy as np
import pytest

from tinydl._core import gemm
from tinydl._core.reference import gemm as reference
from tinydl.testing.guards import Guards, exact_integers, flawed, laid_out
from tinydl.testing.problems import LINEARS, select

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BOTH = pytest.mark.parametrize("kernels", [gemm, reference], ids=["kernel", "reference"])

# (N, K, O): batch, inputs, outputs of a linear layer.
SIZES = [*((p.N, p.K, p.O) for p in select(LINEARS, "small")), (64, 784, 256), (64, 256, 10), (130, 65, 129),
         (1, 300, 7), (300, 1, 5), (64, 2000, 31), (3, 5, 300), (33, 64, 32), (2, 7, 1), (257, 16, 16), (3, 9000, 20),
         (0, 5, 3), (4, 0, 3), (3, 4, 0)]
EACH = pytest.mark.parametrize("size", SIZES, ids=str)


class Case:
    """All arrays of one linear layer and of one product."""

    def __init__(self, size, dtype, rng, exact=True):
        n, k, o = size
        self.size, self.dtype, self.exact, self.rng = size, dtype, exact, rng
        self.x, self.dy = self.make((n, k)), self.make((n, o))
        self.w, self.w_old = self.make((o, k), "weight"), self.make((o, k), "weight")
        self.b, self.b_old, self.matrix = self.make((o,)), self.make((o,)), self.make((k, o))

    def make(self, shape, kind="row"):
        if self.exact:
            return exact_integers(self.rng, shape, self.dtype, kind)
        return laid_out(self.rng.standard_normal(shape), kind, self.dtype)

    def inputs(self):
        return [v for v in vars(self).values() if isinstance(v, np.ndarray)]

    def run(self, kernels, n_threads=1, bias=True):
        guards = Guards()
        before = [a.copy() for a in self.inputs()]
        n, k, o = self.size
        y, dx, c = (guards.empty(shape, self.dtype) for shape in ((n, o), (n, k), (n, o)))
        dw, db = guards.copy(self.w_old, "weight"), guards.copy(self.b_old)
        kernels.linear_forward(self.x, self.w, self.b if bias else None, y, n_threads)
        kernels.linear_backward_input(self.dy, self.w, dx, n_threads)
        kernels.linear_backward_weight(self.x, self.dy, dw, db if bias else None, n_threads)
        kernels.matmul(self.x, self.matrix, c, n_threads)
        guards.check()
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, self.inputs(), strict=True))
        return {"y": y, "dx": dx, "dw": dw, "db": db, "c": c}


def assert_same(got, expected, what):
    for name in expected:
        assert np.array_equal(got[name], expected[name]), (
            f"{what}: {name} differs at {np.argwhere(got[name] != expected[name])[:3].tolist()}")


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_literal_numbers(kernels, dtype):
    x, w = np.array([[1, 2, 3], [4, 5, 6]], dtype), laid_out([[1, 0, -1], [2, 1, 0]], "weight", dtype)
    y, dx, dw = np.empty((2, 2), dtype), np.empty((2, 3), dtype), laid_out(np.ones((2, 3)), "weight", dtype)
    kernels.linear_forward(x, w, np.array([10, 20], dtype), y, 1)
    assert y.tolist() == [[8, 24], [8, 33]]
    dy = np.array([[1, 2], [3, 4]], dtype)
    kernels.linear_backward_input(dy, w, dx, 1)
    assert dx.tolist() == [[5, 2, -1], [11, 4, -3]]
    kernels.linear_backward_weight(x, dy, dw, None, 1)
    assert dw.tolist() == [[13, 17, 21], [18, 24, 30]]
    db = np.ones(2, dtype)
    kernels.linear_backward_weight(None, dy, None, db, 1)
    assert db.tolist() == [4, 6]
    c = np.empty((2, 2), dtype)
    kernels.matmul(x, np.array([[1, 2], [0, 1], [-1, 0]], dtype), c, 1)
    assert c.tolist() == [[-2, 4], [-2, 13]]


# --- 2 equal to the reference ----------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_exact(size, dtype):
    case = Case(size, dtype, np.random.default_rng(1))
    for bias in (True, False):
        assert_same(case.run(gemm, bias=bias), case.run(reference, bias=bias), f"bias {bias}")


@DTYPES
def test_exact_for_every_small_size(dtype):
    rng = np.random.default_rng(2)
    sizes = {size for a in range(1, 41) for size in itertools.permutations((a, 17, 3))}
    sizes |= {size for a in (47, 48, 49, 63, 64, 65, 96, 97) for size in itertools.permutations((a, 33, 5))}
    for k, size in enumerate(sorted(sizes)):
        case = Case(size, dtype, rng)
        assert_same(case.run(gemm, 1 + k % 3), case.run(reference), size)


@EACH
@DTYPES
def test_close_to_the_reference(size, dtype):
    case = Case(size, dtype, np.random.default_rng(3), exact=False)
    got, expected = case.run(gemm), case.run(reference)
    for name, value in expected.items():
        error = np.linalg.norm((got[name] - value.astype(np.float64)).ravel())
        assert error <= (1e-5 if dtype == np.float32 else 1e-13) * np.linalg.norm(value.ravel()), name


# --- 3 gradients -----------------------------------------------------------------------------------------------------

def test_weight_gradient_exact_for_every_share_of_the_inputs():
    """The inputs are cut into strips; no number of them may leave a strip empty or let one reach beyond the last."""
    rng = np.random.default_rng(7)
    for k in (*range(1, 700, 3), *range(512, 28161, 512)):
        x, dy = exact_integers(rng, (2, k), np.float32, "row"), exact_integers(rng, (2, 3), np.float32, "row")
        guards = Guards()
        dw = guards.empty((3, k), np.float32, "weight")
        gemm.linear_backward_weight(x, dy, dw, None, 2)
        guards.check()
        assert np.array_equal(dw, dy.T @ x), k


@pytest.mark.parametrize("size", [(5, 120, 84), (7, 33, 17), (1, 30, 7)], ids=str)
def test_gradients_by_finite_differences(size):
    case = Case(size, np.float64, np.random.default_rng(4), exact=False)
    along = {"x": case.make(case.x.shape), "w": case.make(case.w.shape, "weight"), "b": case.make(case.b.shape)}

    def value(step):
        y = np.empty((size[0], size[2]))
        gemm.linear_forward(case.x + step * along["x"], case.w + step * along["w"], case.b + step * along["b"], y, 1)
        return (y * case.dy).sum()

    got = case.run(gemm)
    analytic = sum((got[f"d{name}"] * direction).sum() for name, direction in along.items())
    numeric = value(0.5) - value(-0.5)  # the function is quadratic: exact but for rounding
    size_of = np.sqrt(sum((got[f"d{name}"] ** 2).sum() for name in along)) + abs(numeric)
    assert abs(analytic - numeric) <= 1e-11 * size_of


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(size, dtype):
    case = Case(size, dtype, np.random.default_rng(5), exact=False)
    first = case.run(gemm, 1)
    for n_threads in (1, 2, 3, 7):
        assert_same(case.run(gemm, n_threads), first, f"{n_threads} threads")


# --- 5 arguments -----------------------------------------------------------------------------------------------------

def arguments(case):
    """Positional arrays of every kernel."""
    n, k, o = case.size
    return {
        "linear_forward": {"x": case.x, "w": case.w, "bias": case.b, "y": np.empty((n, o), case.dtype)},
        "linear_backward_input": {"dy": case.dy, "w": case.w, "dx": np.empty((n, k), case.dtype)},
        "linear_backward_weight": {"x": case.x, "dy": case.dy, "dw": case.w_old, "db": case.b_old},
        "matmul": {"a": case.x, "b": case.matrix, "c": np.empty((n, o), case.dtype)},
    }


def call(kernel, arrays):
    getattr(gemm, kernel)(*arrays.values(), 1)


KERNEL_ARRAYS = [(kernel, name) for kernel, arrays in
                 arguments(Case((3, 4, 5), np.float32, np.random.default_rng(0))).items() for name in arrays]


@pytest.mark.parametrize(("kernel", "name"), KERNEL_ARRAYS)
def test_refused_arrays(kernel, name):
    case = Case((3, 4, 5), np.float32, np.random.default_rng(6))
    good = arguments(case)[kernel][name]
    bad = {**flawed(good), "one axis more": (np.stack([good, good]), ValueError),
           "one axis": (good.ravel(), ValueError)}
    if good.ndim == 2:
        bad["transposed"] = (np.ascontiguousarray(good) if name in ("w", "dw") else np.asfortranarray(good), ValueError)
        bad["swapped axes"] = (good.T, ValueError)
    else:
        del bad["one axis"]
    if name in ("y", "dx", "dw", "db", "c"):
        frozen = good.copy(order="K")
        frozen.flags.writeable = False
        bad["read-only"] = (frozen, ValueError)
    for what, (array, error) in bad.items():
        try:
            call(kernel, {**arguments(case)[kernel], name: array})
        except (TypeError, ValueError) as raised:
            assert isinstance(raised, error) or what == "one axis", what
        else:
            pytest.fail(f"{kernel} took {name}: {what}")


def test_read_only_inputs_are_accepted():
    case = Case((5, 6, 7), np.float32, np.random.default_rng(7))
    expected = case.run(gemm)
    for array in (case.x, case.w, case.b, case.dy, case.matrix):
        array.flags.writeable = False
    assert_same(case.run(gemm), expected, "read-only")


# --- 6 NaN and inf ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [(64, 40, 10), (7, 33, 17), (1, 30, 7), (5, 3, 65)], ids=str)
@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_special_values_reach_exactly_the_outputs_that_read_them(size, special):
    rng = np.random.default_rng(8)
    case = Case(size, np.float32, rng)
    for array in case.inputs():
        array[array == 0] = 1
    for name in ("x", "w", "dy", "b", "matrix"):
        values = getattr(case, name)
        where = tuple(int(rng.integers(n)) for n in values.shape)
        old, values[where] = values[where], special
        got, expected = case.run(gemm), case.run(reference)
        values[where] = old
        for result, value in expected.items():
            finite = np.isfinite(value)
            assert np.array_equal(np.isfinite(got[result]), finite), f"{special} in {name}: {result}"
            assert np.array_equal(got[result][finite], value[finite])
