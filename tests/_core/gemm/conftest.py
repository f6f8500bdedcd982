"""What the tests of the matrix kernels share: sizes, the arrays of one layer, and what each kernel is held to."""

import itertools
import sys

import numpy as np
import pytest

from tinydl._core import gemm
from tinydl._core.reference import gemm as reference
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close
from tinydl.testing.guards import Guards, exact_integers, flawed, laid_out
from tinydl.testing.problems import LINEARS, select

# (N, K, O): batch, inputs, outputs of a linear layer.
SIZES = [*((p.N, p.K, p.O) for p in select(LINEARS, "small")), (64, 784, 256), (64, 256, 10), (130, 65, 129),
         (1, 300, 7), (300, 1, 5), (64, 2000, 31), (3, 5, 300), (33, 64, 32), (2, 7, 1), (257, 16, 16), (3, 9000, 20),
         (0, 5, 3), (4, 0, 3), (3, 4, 0), (65, 97, 256)]


@pytest.fixture
def cases():
    """This module, which tests cannot import: there is no package of tests."""
    return sys.modules[__name__]


@pytest.fixture(params=SIZES, ids=str)
def size(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


@pytest.fixture(params=[gemm, reference], ids=["kernel", "reference"])
def kernels(request):
    return request.param


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

    def arrays(self, kernel, guards, bias=True):
        """Arguments of a kernel by their names, outputs between guard cells."""
        n, k, o = self.size
        if kernel == "linear_forward":
            return {"x": self.x, "w": self.w, "bias": self.b if bias else None, "y": guards.empty((n, o), self.dtype)}
        if kernel == "linear_backward_input":
            return {"dy": self.dy, "w": self.w, "dx": guards.empty((n, k), self.dtype)}
        if kernel == "linear_backward_weight":
            return {"x": self.x, "dy": self.dy, "dw": guards.copy(self.w_old, "weight"),
                    "db": guards.copy(self.b_old) if bias else None}
        return {"a": self.x, "b": self.matrix, "c": guards.empty((n, o), self.dtype)}

    def run(self, kernel, kernels=gemm, n_threads=1, bias=True):
        """What the kernel, or its twin, gives."""
        guards = Guards()
        before = [a.copy() for a in self.inputs()]
        arrays = self.arrays(kernel, guards, bias)
        getattr(kernels, kernel)(*arrays.values(), n_threads)
        guards.check()
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, self.inputs(), strict=True))
        return {name: arrays[name] for name in ("y", "dx", "dw", "db", "c") if arrays.get(name) is not None}


def assert_same(got, expected, what):
    for name in expected:
        assert np.array_equal(got[name], expected[name]), (
            f"{what}: {name} differs at {np.argwhere(got[name] != expected[name])[:3].tolist()}")


# --- what every kernel is held to ------------------------------------------------------------------------------------

def exact(kernel, size, dtype):
    case = Case(size, dtype, np.random.default_rng(1))
    for bias in (True, False):
        assert_same(case.run(kernel, bias=bias), case.run(kernel, reference, bias=bias), f"bias {bias}")


def exact_for_every_small_size(kernel, dtype):
    rng = np.random.default_rng(2)
    sizes = {size for a in range(1, 41) for size in itertools.permutations((a, 17, 3))}
    sizes |= {size for a in (47, 48, 49, 63, 64, 65, 96, 97) for size in itertools.permutations((a, 33, 5))}
    for k, size in enumerate(sorted(sizes)):
        case = Case(size, dtype, rng)
        assert_same(case.run(kernel, n_threads=1 + k % 3), case.run(kernel, reference), size)


def close_to_the_reference(kernel, size, dtype):
    case = Case(size, dtype, np.random.default_rng(3), exact=False)
    got, expected = case.run(kernel), case.run(kernel, reference)
    for name, value in expected.items():
        terms = {"dx": size[2], "dw": size[0], "db": size[0]}.get(name, size[1])
        assert_close(got[name], value.astype(np.float64), bound("sum", dtype, terms), name)


def gradient_by_finite_differences(kernel, size, arguments):
    """The gradients of sum(dy * y) with respect to some arguments of the layer, along a random direction each."""
    case = Case(size, np.float64, np.random.default_rng(4), exact=False)
    values = {"x": case.x, "w": case.w, "b": case.b}
    got = case.run(kernel)
    for name in arguments:
        direction = case.make(values[name].shape, "weight" if name == "w" else "row")

        def value(step, name=name, direction=direction):
            moved = {**values, name: values[name] + step * direction}
            y = np.empty((size[0], size[2]))
            gemm.linear_forward(moved["x"], moved["w"], moved["b"], y, 1)
            return (y * case.dy).sum()

        analytic = (got[f"d{name}"] * direction).sum()
        numeric = value(0.5) - value(-0.5)  # linear in each argument: exact but for rounding
        scale = np.linalg.norm(got[f"d{name}"]) * np.linalg.norm(direction) + abs(numeric)
        assert abs(analytic - numeric) <= 1e-11 * scale, name


def same_bits_for_any_number_of_threads(kernel, size, dtype):
    case = Case(size, dtype, np.random.default_rng(5), exact=False)
    first = case.run(kernel)
    for n_threads in (1, 2, 3, 7):
        assert_same(case.run(kernel, n_threads=n_threads), first, f"{n_threads} threads")


def refused_arrays(kernel, name):
    case = Case((3, 4, 5), np.float32, np.random.default_rng(6))
    good = case.arrays(kernel, Guards())[name]
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
            getattr(gemm, kernel)(*{**case.arrays(kernel, Guards()), name: array}.values(), 1)
        except (TypeError, ValueError) as raised:
            assert isinstance(raised, error) or what == "one axis", what
        else:
            pytest.fail(f"{kernel} took {name}: {what}")


def read_only_inputs_are_accepted(kernel):
    case = Case((5, 6, 7), np.float32, np.random.default_rng(7))
    expected = case.run(kernel)
    for array in (case.x, case.w, case.b, case.dy, case.matrix):
        array.flags.writeable = False
    assert_same(case.run(kernel), expected, "read-only")


def special_values_reach_exactly_the_outputs_that_read_them(kernel, size, special):
    rng = np.random.default_rng(8)
    case = Case(size, np.float32, rng)
    for array in case.inputs():
        array[array == 0] = 1
    for name in ("x", "w", "dy", "b", "matrix"):
        values = getattr(case, name)
        where = tuple(int(rng.integers(n)) for n in values.shape)
        old, values[where] = values[where], special
        got, expected = case.run(kernel), case.run(kernel, reference)
        values[where] = old
        for result, value in expected.items():
            finite = np.isfinite(value)
            assert np.array_equal(np.isfinite(got[result]), finite), f"{special} in {name}: {result}"
            assert np.array_equal(got[result][finite], value[finite])
