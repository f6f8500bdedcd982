"""Softmax with cross-entropy: worked numbers, the twin, gradients, threads, arguments, extremes, guards."""

import numpy as np
import pytest

from tinydl._core import loss
from tinydl._core.reference import loss as reference
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import Guards, flawed

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BOTH = pytest.mark.parametrize("kernels", [loss, reference], ids=["kernel", "reference"])
SHAPES = [(1, 1), (128, 10), (64, 10), (7, 3), (8, 31), (9, 32), (17, 33), (3, 100), (33, 1000), (2, 20000), (2000, 10),
          (0, 5), (5000, 7)]
EACH = pytest.mark.parametrize("shape", SHAPES, ids=str)
IGNORED = -100


class Case:
    """Logits, labels of which some are ignored, class weights, upstream gradients."""

    def __init__(self, shape, dtype, seed=0, scale=3):
        rng = np.random.default_rng(seed)
        n, c = shape
        self.dtype = dtype
        self.logits = (scale * rng.standard_normal(shape)).astype(dtype)
        self.labels = rng.integers(0, c, n)
        self.labels[rng.random(n) < 0.2] = IGNORED
        self.weight = rng.uniform(0.5, 2, c).astype(dtype)
        self.dlosses = rng.standard_normal(n).astype(dtype)

    def inputs(self):
        return [self.logits, self.labels, self.weight, self.dlosses]

    def run(self, kernels, weight, smoothing, n_threads=1, dlosses=None):
        guards = Guards()
        before = [a.copy() for a in self.inputs()]
        losses, p, dx = (guards.empty(s, self.dtype) for s in (self.labels.shape, self.logits.shape, self.logits.shape))
        weight = self.weight if weight else None
        totals = kernels.softmax_cross_entropy_forward(self.logits, self.labels, weight, IGNORED, smoothing, losses, p,
                                                       n_threads)
        kernels.softmax_cross_entropy_backward(p, self.labels, weight, IGNORED, smoothing,
                                               self.dlosses if dlosses is None else dlosses, dx, n_threads)
        guards.check()
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(before, self.inputs(), strict=True))
        return {"totals": np.array(totals), "losses": losses, "p": p, "dx": dx}


def cross_entropy(kernels, logits, labels, weight=None, smoothing=0.0, dtype=np.float64, dlosses=1.0):
    """(losses, probabilities, dlogits, totals) of plain lists."""
    logits, labels = np.array(logits, dtype), np.array(labels)
    weight = None if weight is None else np.array(weight, dtype)
    losses, p, dx = np.empty(len(labels), dtype), np.empty_like(logits), np.empty_like(logits)
    totals = kernels.softmax_cross_entropy_forward(logits, labels, weight, IGNORED, smoothing, losses, p)
    kernels.softmax_cross_entropy_backward(p, labels, weight, IGNORED, smoothing, dlosses, dx)
    return losses, p, dx, totals


# --- 1 worked numbers ------------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_worked_numbers(kernels, dtype):
    losses, p, dx, totals = cross_entropy(kernels, [[1, 2, 3]], [2], dtype=dtype)
    np.testing.assert_allclose(losses, [0.407606], atol=1e-6)
    np.testing.assert_allclose(p, [[0.090031, 0.244728, 0.665241]], atol=1e-6)
    np.testing.assert_allclose(dx, [[0.090031, 0.244728, -0.334759]], atol=1e-6)
    np.testing.assert_allclose(totals, (0.407606, 1), atol=1e-6)


@BOTH
def test_equal_logits_with_weights_smoothing_and_an_ignored_row(kernels):
    # p = 1/2: each class costs log 2. Row 0: 0.8 * 3 log 2 + 0.1 * (1 + 3) log 2; row 2: 0.8 log 2 + 0.4 log 2.
    losses, _, dx, totals = cross_entropy(kernels, [[5, 5], [7, 7], [0, 0]], [1, IGNORED, 0], [1, 3], 0.2)
    np.testing.assert_allclose(losses, np.log(2) * np.array([2.8, 0, 1.2]), rtol=1e-15)
    np.testing.assert_allclose(totals, (4 * np.log(2), 4), rtol=1e-15)
    # Targets (0.1, 2.4 + 0.3) and (0.8 + 0.1, 0.3).
    np.testing.assert_allclose(dx, [[1.4 - 0.1, 1.4 - 2.7], [0, 0], [0.6 - 0.9, 0.6 - 0.3]], atol=1e-15)


# --- 2 equal to the reference ----------------------------------------------------------------------------------------

@EACH
@DTYPES
@pytest.mark.parametrize("weight", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_close_to_the_reference(shape, dtype, weight, smoothing):
    case = Case(shape, dtype)
    got, expected = case.run(loss, weight, smoothing), case.run(reference, weight, smoothing)
    for name, value in expected.items():
        assert_close(got[name], value, bound("softmax", dtype), name)


@DTYPES
def test_a_number_stands_for_all_upstream_gradients(dtype):
    case = Case((50, 10), dtype)
    case.dlosses[...] = 0.25
    for number in (0.25, np.float64(0.25)):
        assert_same(case.run(loss, True, 0.1, dlosses=number)["dx"], case.run(loss, True, 0.1)["dx"])


def test_small_loss_keeps_its_digits():
    # log(1 + e^-20): computed as log of a float32 sum it would be 0.
    losses, _, _, _ = cross_entropy(loss, [[20, 0]], [0], dtype=np.float32)
    np.testing.assert_allclose(losses, [2.0611536e-09], rtol=1e-6)


# --- 3 gradients -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weight", [False, True])
def test_gradients_by_finite_differences(weight, smoothing):
    case = Case((6, 5), np.float64, seed=3, scale=1)
    along, eps = np.random.default_rng(4).standard_normal((6, 5)), 1e-5
    base = case.logits

    def values(step):
        case.logits = base + step * along
        return (case.run(loss, weight, smoothing)["losses"] * case.dlosses).sum()

    numeric = (values(eps) - values(-eps)) / (2 * eps)
    case.logits = base
    analytic = (case.run(loss, weight, smoothing)["dx"] * along).sum()
    np.testing.assert_allclose(analytic, numeric, rtol=1e-7, atol=1e-9)


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(shape, dtype):
    case = Case(shape, dtype)
    first = case.run(loss, True, 0.1)
    for n_threads in (1, 2, 3, 7):
        for name, value in case.run(loss, True, 0.1, n_threads).items():
            assert_same(value, first[name], name)


# --- 5 arguments -----------------------------------------------------------------------------------------------------

def arguments(case):
    like = case.logits
    return {
        "softmax_cross_entropy_forward": {
            "logits": like, "labels": case.labels, "weight": case.weight, "ignore_index": IGNORED,
            "label_smoothing": 0.0, "losses": np.empty_like(case.dlosses), "probabilities": np.empty_like(like)},
        "softmax_cross_entropy_backward": {
            "probabilities": like, "labels": case.labels, "weight": case.weight, "ignore_index": IGNORED,
            "label_smoothing": 0.0, "dlosses": case.dlosses, "dlogits": np.empty_like(like)},
    }


WRITTEN = ("losses", "dlogits")
CALLS = [(kernel, name) for kernel, values in arguments(Case((4, 5), np.float32)).items()
         for name, value in values.items() if isinstance(value, np.ndarray)]


@pytest.mark.parametrize(("kernel", "name"), CALLS)
def test_refused_arrays(kernel, name):
    values = arguments(Case((4, 5), np.float32))[kernel]
    good = values[name]
    bad = flawed(good)
    if good.ndim == 2:
        bad["other axes"] = (good.reshape(2, -1, 2), ValueError)
        bad["column-major"] = (np.asfortranarray(good), ValueError)
        bad["transposed"] = (np.ascontiguousarray(good.T), ValueError)
    if name in WRITTEN or name == "probabilities" and kernel.endswith("forward"):
        frozen = good.copy()
        frozen.flags.writeable = False
        bad["read-only"] = (frozen, ValueError)
    for what, (array, error) in bad.items():
        try:
            getattr(loss, kernel)(*{**values, name: array}.values())
        except (TypeError, ValueError) as raised:
            assert isinstance(raised, error), what
        else:
            pytest.fail(f"{kernel} took {name}: {what}")


@pytest.mark.parametrize("kernel", arguments(Case((4, 5), np.float32)))
@pytest.mark.parametrize("n_threads", [0, -1, 1025, 2**31 - 1])
def test_teams_that_cannot_be(kernel, n_threads):
    values = arguments(Case((4, 5), np.float32))[kernel]
    with pytest.raises(ValueError, match=f"n_threads must be between 1 and 1024, got {n_threads}"):
        getattr(loss, kernel)(*values.values(), n_threads)


def test_read_only_inputs_are_accepted():
    case = Case((30, 10), np.float32)
    for array in case.inputs():
        array.flags.writeable = False
    case.run(loss, True, 0.1)


@BOTH
@pytest.mark.parametrize("label", [-1, 3, 2**40, -(2**62)])
def test_a_bad_label_is_named(kernels, label):
    for call in (0, 1):
        with pytest.raises(ValueError, match=rf"row 1 holds {label}, expected a class from 0 to 2 .*-100"):
            if call:
                kernels.softmax_cross_entropy_backward(np.ones((3, 3)), np.array([2, label, 0]), None, IGNORED, 0.0,
                                                       1.0, np.empty((3, 3)))
            else:
                cross_entropy(kernels, np.zeros((3, 3)), [2, label, 0])


@BOTH
def test_the_ignored_label_may_be_a_class(kernels):
    losses, p = np.empty(2), np.empty((2, 2))
    totals = kernels.softmax_cross_entropy_forward(np.zeros((2, 2)), np.array([1, 0]), None, 1, 0.0, losses, p)
    assert losses[0] == 0 and totals[1] == 1


def test_no_classes():
    with pytest.raises(ValueError, match="row 0"):
        cross_entropy(loss, np.zeros((2, 0)), [0, 0])
    losses, _, _, totals = cross_entropy(loss, np.zeros((2, 0)), [IGNORED] * 2)
    assert losses.tolist() == [0, 0] and totals == (0, 0)


# --- 6 extremes ------------------------------------------------------------------------------------------------------

@BOTH
@DTYPES
def test_large_logits(kernels, dtype):
    losses, p, dx, _ = cross_entropy(kernels, [[1e4, 0], [0, 1e4], [-1e4, 1e4]], [0, 0, 0], dtype=dtype)
    assert losses.tolist() == [0, 1e4, 2e4] and p.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert dx.tolist() == [[0, 0], [-1, 1], [-1, 1]]
    losses, p, dx, _ = cross_entropy(kernels, [[1e38, -1e38], [1e38, 1e38]], [1, 0], dtype=dtype)
    np.testing.assert_allclose(losses, [2e38, np.log(2)], rtol=1e-6)
    assert p.tolist() == [[1, 0], [0.5, 0.5]] and dx.tolist() == [[1, -1], [-0.5, 0.5]]


@BOTH
@DTYPES
def test_infinite_logits(kernels, dtype):
    inf = np.inf
    losses, p, dx, _ = cross_entropy(kernels, [[0, -inf], [-inf, 0], [inf, 0], [-inf, -inf]], [0, 0, 0, 0], dtype=dtype)
    assert losses[:2].tolist() == [0, inf] and np.isnan(losses[2:]).all()
    assert p[:2].tolist() == [[1, 0], [0, 1]] and dx[:2].tolist() == [[0, 0], [-1, 1]]
    assert np.isnan(p[2:]).all() and np.isnan(dx[2:]).all()


@BOTH
@pytest.mark.parametrize("shape", [(9, 3), (20, 10), (3, 200)])
def test_nan_spoils_its_own_row_only(kernels, shape):
    for column in (0, 1, shape[1] - 1):
        case = Case(shape, np.float32)
        case.labels[...] = 0
        case.logits[2, column] = np.nan
        got = case.run(kernels, False, 0.0)
        for name in ("losses", "p", "dx"):
            bad = np.isnan(got[name]).reshape(shape[0], -1)
            assert bad[2].all() and bad.sum() == bad[2].size, name
        assert np.isnan(got["totals"][0]) and got["totals"][1] == shape[0]
