"""Winograd kernels: error against float64, fused maps and sums, threads, arguments, NaN, guard cells."""

import numpy as np
import pytest
from tinydl._core.operands import Map, Moments, Pending

from tinydl._core import conv
from tinydl._core.reference import conv as reference
from tinydl.testing.compare import assert_close, assert_same, relative_error
from tinydl.testing.guards import Guards, laid_out
from tinydl.testing.problems import CONVS

# N, C, H, W, O, padding: whole and cut 4x4 blocks, channels off the vector width, bands, many images in a block.
SHAPES = [(2, 16, 8, 8, 16, 1), (3, 32, 9, 7, 40, 1), (5, 17, 6, 6, 33, 0), (9, 64, 8, 8, 64, 1),
          (1, 20, 32, 32, 24, 1), (2, 3, 5, 5, 70, 2), (33, 40, 4, 4, 24, 1), (2, 48, 13, 30, 16, 1),
          (1, 1, 1, 1, 1, 1), (1, 5, 3, 3, 2, 0), (40, 2, 3, 50, 3, 1), (1, 130, 6, 5, 129, 1)]
EACH = pytest.mark.parametrize("shape", SHAPES, ids=str)


def geometry(N, C, H, W, O, pad):
    return (N, C, H, W, O, 3, 3, 1, 1, pad, pad, 1, 1, 1, H + 2 * pad - 2, W + 2 * pad - 2)


def bound(geo):
    """Largest norm-wise error of a weight gradient: it grows with the number of terms of its sums."""
    N, P, Q = geo[0], geo[14], geo[15]
    return 2e-5 * max(1, (N * P * Q / 8) ** 0.4)


class Case:
    """Arrays of one shape; `run` gives every result, with guards and inputs checked."""

    def __init__(self, shape, seed=0):
        self.geo = geometry(*shape)
        N, C, H, W, O, _ = shape
        P, Q = self.geo[14:]
        rng = np.random.default_rng(seed)

        def make(shape, kind="row"):
            return laid_out(rng.standard_normal(shape), kind, np.float32)

        self.x, self.dy = make((N, C, H, W), "activation"), make((N, O, P, Q), "activation")
        self.w = make((O, C, 3, 3), "weight")
        self.y_above = make((N, O, P, Q), "activation")
        self.bias, self.about, self.x_about = make((O,)), make((O,)), make((C,))
        self.scale, self.shift = make((C,)), make((C,))
        self.above = tuple(make((O,)) for _ in range(5))

    def inputs(self):
        return [a for a in vars(self).values() if isinstance(a, np.ndarray)] + list(self.above)

    def run(self, n_threads=1, fused=True, relu=True):
        before = [a.copy() for a in self.inputs()]
        guards = Guards()
        N, C, O = self.geo[0], self.geo[1], self.geo[4]
        y, dx = (guards.empty(like.shape, np.float32, "activation") for like in (self.dy, self.x))
        dw, db = guards.copy(self.w, "weight"), guards.copy(self.bias)
        sums, dx_sums = guards.empty((N, 2, O), np.float32), guards.empty((N, 2, C), np.float32)
        on_x, dy = None, self.dy
        if fused:
            on_x = Map(self.scale, self.shift, np.zeros_like(self.scale), relu)
            scale, shift, a, b, c = self.above
            dy = Pending(self.dy, self.y_above, Map(scale, shift, np.zeros_like(scale), relu), a, b, c)
        conv.winograd_forward(self.x, self.w, self.bias, y, self.geo, on_x, Moments(self.about, sums), n_threads)
        conv.winograd_backward(self.x, dy, self.w, dx, dw, db, self.geo, on_x, None,
                                   Moments(self.x_about, dx_sums), n_threads)
        guards.check()
        for array, copy in zip(self.inputs(), before, strict=True):
            assert_same(array, copy, "an input")
        return {"y": y, "dx": dx, "dw": dw, "db": db, "sums": sums, "dx_sums": dx_sums}

    def expected(self, result, fused=True, relu=True):
        """The same by the direct twin in float64; the sums of what the kernel itself computed."""
        def up(array):
            return array.astype(np.float64)

        def column(v):
            return up(v)[:, None, None]

        x, dy, mask = up(self.x), up(self.dy), np.ones(self.x.shape, bool)
        if fused:
            x = column(self.scale) * x + column(self.shift)
            s, t, a, b, c = map(column, self.above)
            above = up(self.y_above)
            if relu:
                mask = x > 0
                x = np.where(mask, x, 0)
                dy = np.where(s * above + t > 0, dy, 0)
            dy = a * dy + b * above + c
        y, dx, dw, db = np.empty(self.dy.shape), np.empty(self.x.shape), up(self.w), up(self.bias)
        reference.conv_forward(x, up(self.w), up(self.bias), y, self.geo, None, None, 1)
        reference.conv_backward_input(dy, up(self.w), dx, self.geo, 1)
        reference.conv_backward_weight(x, dy, dw, db, self.geo, None, 1)
        off = up(result["y"]) - column(self.about)
        dz = np.where(mask, up(result["dx"]), 0)
        return {"y": y, "dx": dx, "dw": dw, "db": db, "sums": np.stack([off.sum((2, 3)), (off**2).sum((2, 3))], 1),
                "dx_sums": np.stack([dz.sum((2, 3)), (dz * (up(self.x) - column(self.x_about))).sum((2, 3))], 1)}


def check(case, **options):
    result = case.run(**options)
    expected = case.expected(result, **options)
    bounds = {"y": 2e-5, "dx": 2e-5, "dw": bound(case.geo), "db": 1e-5, "sums": 1e-5, "dx_sums": 1e-5}
    for name, limit in bounds.items():
        assert_close(result[name], expected[name], limit, name)


def test_worked_constant_image():
    # A filter of ones over an image of ones counts the pixels under it: 9 inside, 6 at an edge, 4 in a corner.
    x = laid_out(np.ones((1, 1, 4, 4)), "activation", np.float32)
    w = laid_out(np.ones((1, 1, 3, 3)), "weight", np.float32)
    y = laid_out(np.empty((1, 1, 4, 4)), "activation", np.float32)
    conv.winograd_forward(x, w, None, y, geometry(1, 1, 4, 4, 1, 1), None, None, 1)
    expected = [[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]]
    np.testing.assert_allclose(y[0, 0], expected, rtol=2e-6)


@EACH
@pytest.mark.parametrize("options", [{"fused": False}, {"fused": True, "relu": False}, {"fused": True}], ids=str)
def test_close_to_the_direct_reference(shape, options):
    check(Case(shape), **options)


@pytest.mark.parametrize("name", ["vgg_small.conv2/2", "vgg_small.conv6/2", "resnet20.layer2/2", "mnist_cnn.conv2/2"])
def test_close_on_layers_of_the_networks(name):
    (p,) = [p for p in CONVS if p.name == name]
    check(Case((p.N, p.C, p.H, p.W, p.O, p.PH)))


def test_error_of_a_thousand_random_shapes_stays_in_its_bounds():
    rng = np.random.default_rng(1)
    for trial in range(1000):
        pad = int(rng.integers(0, 3))
        H, W = (int(rng.integers(max(1, 3 - 2 * pad), 15)) for _ in range(2))
        shape = (int(rng.integers(1, 5)), int(rng.integers(1, 40)), H, W, int(rng.integers(1, 40)), pad)
        case = Case(shape, trial)
        result = case.run(fused=False)
        expected = case.expected(result, fused=False)
        for name, limit in (("y", 2e-5), ("dx", 2e-5), ("dw", bound(case.geo))):
            assert relative_error(result[name], expected[name]) <= limit, (shape, name)


@EACH
def test_same_bits_for_any_number_of_threads_and_on_repeat(shape):
    case = Case(shape)
    first = case.run(1)
    for n_threads in (1, 2, 3, 7):
        for name, array in case.run(n_threads).items():
            assert_same(array, first[name], f"{name} with {n_threads} threads")


@EACH
def test_statistics_have_the_bits_of_forward(shape):
    case = Case(shape)
    result = case.run()
    again = np.empty_like(result["sums"])
    conv.winograd_statistics(result["y"], case.geo, Moments(case.about, again), 2)
    assert_same(again, result["sums"])


def test_empty_batch_gives_zero_gradients():
    geo = geometry(0, 3, 6, 6, 4, 1)
    x, dy = np.empty((0, 3, 6, 6), np.float32), np.empty((0, 4, 6, 6), np.float32)
    w = laid_out(np.ones((4, 3, 3, 3)), "weight", np.float32)
    dw, db = laid_out(np.ones((4, 3, 3, 3)), "weight", np.float32), np.ones(4, np.float32)
    conv.winograd_forward(x, w, None, dy, geo, None, None, 1)
    conv.winograd_backward(x, dy, w, np.empty_like(x), dw, db, geo, None, None, None, 1)
    assert not dw.any() and not db.any()


@pytest.mark.parametrize("at, value", [(5, 5), (7, 2), (11, 2), (13, 2), (9, 3)])
def test_refused_geometries(at, value):
    geo = list(geometry(1, 4, 9, 9, 4, 1))
    geo[at] = value
    x = laid_out(np.zeros((1, 4, 9, 9)), "activation", np.float32)
    w = laid_out(np.zeros((4, 4, 3, 3)), "weight", np.float32)
    with pytest.raises(ValueError, match="geometry"):
        conv.winograd_forward(x, w, None, x.copy(order="K"), tuple(geo), None, None, 1)


def test_float64_is_refused():
    x = laid_out(np.zeros((1, 4, 6, 6)), "activation", np.float64)
    w = laid_out(np.zeros((4, 4, 3, 3)), "weight", np.float64)
    with pytest.raises(TypeError, match="float64|<f8"):
        conv.winograd_forward(x, w, None, x.copy(order="K"), geometry(1, 4, 6, 6, 4, 1), None, None, 1)


def test_nan_stays_in_the_blocks_that_read_it():
    case = Case((2, 16, 12, 12, 16, 1))
    case.x[1, 3, 0, 0] = np.nan
    y = case.run(fused=False)["y"]
    assert np.isnan(y[1, :, :2, :2]).all()
    assert np.isfinite(y[0]).all() and np.isfinite(y[1, :, 8:, 8:]).all()


def test_read_only_inputs_are_accepted():
    case = Case(SHAPES[0])
    for array in case.inputs():
        array.flags.writeable = False
    case.run()


def test_float_environment_is_restored():
    Case(SHAPES[0]).run(2)
    assert np.float64(5e-324) * 1 != 0


@EACH
def test_residual_and_plain_relu_masks(shape):
    case = Case(shape)
    y = case.y_above.copy(order="K")
    residual = case.x[::-1].copy(order="K")
    dx, dw = np.empty_like(case.x), np.empty_like(case.w)
    conv.winograd_backward(case.x, Pending(case.dy, y, Map(relu=True)), case.w, dx, dw, None, case.geo,
                               Map(relu=True), residual, None, 2)
    masked = np.where(y <= 0, 0, case.dy).astype(np.float64)
    expected_dx, expected_dw = np.empty(dx.shape), np.empty(dw.shape)
    reference.conv_backward_input(masked, case.w.astype(np.float64), expected_dx, case.geo, 1)
    x = np.maximum(case.x, 0).astype(np.float64)
    reference.conv_backward_weight(x, masked, expected_dw, None, case.geo, None, 1)
    assert_close(dx, expected_dx + residual, 2e-5)
    assert_close(dw, expected_dw, bound(case.geo))
