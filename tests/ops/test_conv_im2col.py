"""The convolution that writes out its windows: equal to the twin of the direct one, and selectable for every layer."""

import itertools

import numpy as np
import pytest

import tinydl as td
from tinydl import layout, nn
from tinydl._core.operands import Map, Moments, Pending
from tinydl._core.reference import conv as reference
from tinydl.inspect import summary
from tinydl.ops import conv_im2col
from tinydl.testing.compare import assert_close
from tinydl.testing.guards import exact_integers
from tinydl.testing.problems import CONVS, select

EACH = pytest.mark.parametrize("problem", select(CONVS, "small"), ids=lambda p: p.name)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
GROUPED = next(p for p in select(CONVS, "small") if p.G > 1)


def weight_like(w):
    return np.full_like(w, np.nan, order="K")


class Case:
    """Arrays of integers: sums are exact in any order, so results are equal or wrong."""

    def __init__(self, problem, dtype):
        rng, self.geometry = np.random.default_rng(0), problem.geometry

        def make(shape, kind="row"):
            return exact_integers(rng, shape, dtype, kind)

        C, O = problem.C, problem.O
        self.x, self.w, self.b = make(problem.x_shape, "activation"), make(problem.w_shape, "weight"), make((O,))
        self.dy, self.z = make(problem.y_shape, "activation"), make(problem.y_shape, "activation")
        self.residual = make(problem.x_shape, "activation")
        self.on_x = Map(make((C,)), make((C,)), make((C,)), "relu")
        self.mask = Map(make((O,)), make((O,)), make((O,)), "relu")
        self.pending = Pending(self.dy, self.z, self.mask, make((O,)), make((O,)), make((O,)))
        self.x_about, self.y_about = make((C,)), make((O,))
        self.n = problem.N

    def forward(self, run, bias, fused):
        y = layout.empty(self.dy.shape, self.x.dtype)
        moments = Moments(self.y_about, np.empty((self.n, 2, len(self.b)), self.x.dtype)) if fused else None
        run(self.x, self.w, self.b if bias else None, y, self.geometry, self.on_x if fused else None, moments, 2)
        return [y, *([moments.sums] if fused else [])]

    def backward(self, run, bias, fused):
        dx, dw, db = layout.empty_like(self.x), weight_like(self.w), np.empty_like(self.b)
        moments = Moments(self.x_about, np.empty((self.n, 2, len(self.x_about)), self.x.dtype)) if fused else None
        run(self.x, self.pending if fused else self.dy, self.w, dx, dw, db if bias else None, self.geometry,
            self.on_x if fused else None, self.residual if fused else None, moments, 2)
        return [dx, dw, *([db] if bias else []), *([moments.sums] if fused else [])]


def assert_equal(got, expected):
    for a, b in zip(got, expected, strict=True):
        assert np.array_equal(a, b)


def assert_close_all(got, expected):
    for a, b in zip(got, expected, strict=True):
        assert_close(a, b, 1e-6)


@EACH
@DTYPES
def test_equal_to_the_twin_of_the_direct_convolution(problem, dtype):
    case = Case(problem, dtype)
    for bias, fused in itertools.product((True, False), (True, False)):
        # With maps on both sides the sums of wide layers outgrow the 24 bits of float32.
        compare = assert_close_all if fused and dtype == np.float32 else assert_equal
        compare(case.forward(conv_im2col.forward, bias, fused), case.forward(reference.conv_forward, bias, fused))
        compare(case.backward(conv_im2col.backward, bias, fused), case.backward(reference.conv_backward, bias, fused))


def test_what_nobody_asks_for_is_left_out():
    case = Case(GROUPED, np.float64)
    dx, dw = layout.empty_like(case.x), weight_like(case.w)
    expected = case.backward(reference.conv_backward, False, False)
    conv_im2col.backward(case.x, case.dy, case.w, dx, None, None, case.geometry, None, None, None, 1)
    conv_im2col.backward(case.x, case.dy, None, None, dw, None, case.geometry, None, None, None, 1)
    assert_equal([dx, dw], expected)


def test_inputs_are_not_written():
    case = Case(GROUPED, np.float32)
    arrays = [case.x, case.w, case.b, case.dy, case.z, case.residual]
    before = [a.copy() for a in arrays]
    case.forward(conv_im2col.forward, True, True)
    case.backward(conv_im2col.backward, True, True)
    assert_equal(arrays, before)


def test_nan_reaches_the_windows_that_see_it():
    x = layout.zeros((1, 2, 5, 5))
    x[0, 1, 0, 0] = np.nan
    with td.conv_algorithm("im2col"):
        y = td.ops.conv2d(td.tensor(x), td.tensor(np.ones((3, 2, 3, 3), np.float32)), padding=1).data
    seen = np.zeros((5, 5), bool)
    seen[:2, :2] = True
    assert np.array_equal(np.isnan(y), np.broadcast_to(seen, (1, 3, 5, 5)))


# --- as a setting ----------------------------------------------------------------------------------------------------

LAYERS = [(nn.Conv2d, dict(kernel_size=3)), (nn.Conv2d, dict(kernel_size=(3, 2), stride=(1, 2), padding=(2, 1))),
          (nn.Conv2d, dict(kernel_size=3, dilation=2, padding=1, groups=2)), (nn.Conv2d, dict(kernel_size=3, groups=4)),
          (nn.Conv1d, dict(kernel_size=5, stride=2, padding=2)), (nn.Conv1d, dict(kernel_size=3, groups=2))]


@pytest.mark.parametrize(("layer", "options"), LAYERS, ids=lambda value: str(getattr(value, "__name__", value)))
def test_gradients(gradcheck, layer, options):
    rng = np.random.default_rng(1)
    made = layer(4, 4, **options).double()
    x = rng.normal(size=(2, 4, 7, 8) if layer is nn.Conv2d else (2, 4, 11))
    call = td.ops.conv2d if layer is nn.Conv2d else td.ops.conv1d
    options = {name: value for name, value in options.items() if name != "kernel_size"}
    with td.conv_algorithm("im2col"):
        gradcheck(lambda x, w, b: call(x, w, b, **options), x, made.weight.data, made.bias.data)


def network(name):
    """Results of a training step under the setting `name`, and the algorithms that its summary says."""
    td.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(3, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
                        nn.Conv2d(24, 24, 3, padding=1, groups=24), nn.Conv2d(24, 40, 3, stride=2, groups=4),
                        nn.BatchNorm2d(40), nn.ReLU(), nn.Conv2d(40, 33, 3, dilation=2), nn.ReLU(), nn.Flatten())
    x = td.tensor(np.random.default_rng(0).standard_normal((5, 3, 14, 13)), dtype="float64", requires_grad=True)
    net.double()
    with td.conv_algorithm(name):
        y = net(x)
        (y * y).sum().backward()
        algorithms = {row.algorithm for row in summary(net, (3, 14, 13)).rows if row.algorithm}
    return [y.data, x.grad, *[p.grad for p in net.parameters()]], algorithms


def test_a_network_gives_the_same_as_by_the_direct_convolution():
    (direct, _), (im2col, algorithms) = network("direct"), network("im2col")
    assert algorithms == {"im2col"}
    for ours, theirs in zip(im2col, direct, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def test_a_frozen_network_keeps_the_setting():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten(), nn.Linear(128, 4))
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    with td.conv_algorithm("im2col"), pytest.warns(RuntimeWarning, match="Conv"):
        frozen = td.freeze(net.eval())
        got = frozen(x)
    with td.conv_algorithm("direct"), td.no_grad():
        np.testing.assert_allclose(got, net(x).data, rtol=1e-4, atol=1e-5)


def test_the_same_bits_for_any_number_of_threads():
    threads, results = td.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            td.set_num_threads(n)
            results.append(network("im2col")[0])
    finally:
        td.set_num_threads(threads)
    for others in results[1:]:
        assert_equal(others, results[0])
