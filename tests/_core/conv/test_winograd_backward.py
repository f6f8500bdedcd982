"""Winograd gradients: error against float64, maps, masks, sums, residuals, threads, arguments, NaN."""

import numpy as np
import pytest

from tinydl._core import conv
from tinydl._core.operands import Map, Moments, Pending
from tinydl._core.reference import conv as reference
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close, assert_same, relative_error
from tinydl.testing.convolutions import LAYERS, SLOPE, WINOGRAD, Case, Problem
from tinydl.testing.guards import flawed, laid_out

EACH = pytest.mark.parametrize("problem", WINOGRAD.values(), ids=WINOGRAD.keys())
FUSED = {"fused": True, "pending": True, "sums": True}
ALL = {**FUSED, "activation": "relu", "residual": True}
OPTIONS = pytest.mark.parametrize("options", [{"sums": True}, FUSED, ALL, {**FUSED, "activation": "leaky_relu"}],
                                  ids=str)
SMALL = Problem((1, 4, 9, 9), (4, 4, 3, 3), 1, 1)


def make(problem, seed=0):
    return Case(problem, np.float32, np.random.default_rng(seed), exact=False)


def bounds(case):
    """Largest norm-wise error of each gradient."""
    tiles = case.geo[0] * -(-case.geo[14] // 4) * -(-case.geo[15] // 4)
    return {"dx": bound("winograd", np.float32, case.w.shape[0]), "dw": bound("winograd", np.float32, tiles),
            "db": bound("sum", np.float32, case.geo[0] * case.geo[14] * case.geo[15])}


def check(case, fused=False, activation="", **options):
    """The gradients against float64; the sums against those of the kernel's own dx."""
    options = {"fused": fused, "activation": activation, **options}
    got, wide = case.backward(conv.winograd_backward, **options), case.wide()
    expected = wide.backward(reference.conv_backward, **options)
    for name, limit in bounds(case).items():
        assert_close(got[name], expected[name], limit, name)
    dx = got["dx"].astype(np.float64)
    if fused and activation:
        scale, shift, centre, x_about = (v[:, None, None] for v in (wide.scale, wide.shift, wide.centre, wide.x_about))
        dx = np.where(scale * (wide.x - centre) + shift > 0, dx, SLOPE * dx if activation == "leaky_relu" else 0)
    x_about = wide.x_about[:, None, None]
    assert_close(got["sums"], np.stack([dx.sum((2, 3)), (dx * (wide.x - x_about)).sum((2, 3))], 1), 1e-5, "sums")


def test_worked_constant_images():
    # With ones everywhere a tap's gradient counts the pixels that it reaches: 16 in the middle, 12 and 9 at a border.
    ones = laid_out(np.ones((1, 1, 4, 4)), "activation", np.float32)
    w, dx, db = np.ones((1, 1, 3, 3), np.float32), np.empty_like(ones), np.empty(1, np.float32)
    dw = np.empty_like(w)
    for kernels in (conv, reference):
        kernels.winograd_backward(ones, ones, w, dx, dw, db, Problem(ones.shape, w.shape, 1, 1).geometry, None, None,
                                  None, 1)
        np.testing.assert_allclose(dw[0, 0], [[9, 12, 9], [12, 16, 12], [9, 12, 9]], rtol=2e-6)
        np.testing.assert_allclose(dx[0, 0], [[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]], rtol=2e-6)
        assert db == [16]


@EACH
@OPTIONS
def test_close_to_the_twin(problem, options):
    check(make(problem), **options)


@pytest.mark.parametrize("name", ["vgg_small.conv2/2", "vgg_small.conv6/2", "resnet20.layer2/2", "mnist_cnn.conv2/2"])
def test_close_on_layers_of_the_networks(name):
    check(make(LAYERS[name]), **FUSED, activation="relu")


def test_error_of_a_thousand_random_shapes_stays_in_its_bounds():
    rng = np.random.default_rng(1)
    for trial in range(1000):
        pad = int(rng.integers(0, 3))
        h, w = (int(rng.integers(max(1, 3 - 2 * pad), 15)) for _ in range(2))
        c, o = (int(n) for n in rng.integers(1, 40, 2))
        case = make(Problem((int(rng.integers(1, 5)), c, h, w), (o, c, 3, 3), 1, pad), trial)
        got, expected = case.backward(conv.winograd_backward), case.wide().backward(reference.conv_backward)
        for name in ("dx", "dw"):
            assert relative_error(got[name], expected[name]) <= bounds(case)[name], (case.geo, name)


@pytest.mark.parametrize("mean", [1e2, 1e4, 1e6])
def test_a_mean_far_from_zero_costs_no_digits(mean):
    case = make(Problem((4, 17, 9, 9), (20, 17, 3, 3), 1, 1))
    for array in (case.x, case.centre, case.x_about, case.y_above, case.above[2]):
        array += np.float32(mean)
    check(case, **FUSED, activation="relu")


@EACH
def test_plain_relu_masks_and_residual(problem):
    case = make(problem)
    dx, dw = np.empty_like(case.x), np.empty_like(case.w)
    clamp = Map(activation="relu")
    conv.winograd_backward(case.x, Pending(case.dy, case.y_above, clamp), case.w, dx, dw, None, case.geo, clamp,
                           case.residual, None, 2)
    masked = np.where(case.y_above <= 0, 0, case.dy).astype(np.float64)
    expected_dx, expected_dw = np.empty(dx.shape), np.empty(dw.shape)
    reference.conv_backward_input(masked, case.w, expected_dx, case.geo, 1)
    reference.conv_backward_weight(np.maximum(case.x, 0), masked, expected_dw, None, case.geo, None, 1)
    assert_close(dx, expected_dx + case.residual, bounds(case)["dx"])
    assert_close(dw, expected_dw, bounds(case)["dw"])


@pytest.mark.parametrize("wanted", ["dx", "dw", "dw db", "dx dw"])
def test_each_gradient_alone_has_the_same_bits(wanted):
    case = make(WINOGRAD["33 images"])
    every = case.backward(conv.winograd_backward)
    for name, array in case.backward(conv.winograd_backward, wanted=wanted).items():
        assert_same(array, every[name], name)


@EACH
def test_same_bits_for_any_number_of_threads_and_on_repeat(problem):
    case = make(problem)
    first = case.backward(conv.winograd_backward, 1, **ALL)
    for n_threads in (1, 2, 3, 7):
        for name, array in case.backward(conv.winograd_backward, n_threads, **ALL).items():
            assert_same(array, first[name], f"{name} with {n_threads} threads")


def test_empty_batch_gives_zero_gradients():
    got = make(Problem((0, 3, 6, 6), (4, 3, 3, 3), 1, 1)).backward(conv.winograd_backward, sums=True)
    assert not got["dw"].any() and not got["db"].any() and got["dx"].shape[0] == got["sums"].shape[0] == 0


@pytest.mark.parametrize("name", ["x", "dy", "w", "residual"])
def test_refused_arrays(name):
    good = getattr(make(SMALL), name)
    for what, (array, error) in flawed(good).items():
        case = make(SMALL)
        call = {"x": case.x, "dy": case.dy, "w": case.w, "dx": np.empty_like(case.x), "dw": np.empty_like(case.w),
                "db": None, "geometry": case.geo, "on_x": None, "residual": case.residual, "moments": None,
                "n_threads": 1}
        with pytest.raises(error, match=name):
            conv.winograd_backward(*{**call, name: array}.values())
            pytest.fail(f"winograd_backward took {name}: {what}")


def test_what_belongs_together():
    case = make(SMALL)
    dx, dw, db = np.empty_like(case.x), np.empty_like(case.w), np.empty_like(case.b)
    moments = Moments(case.x_about, np.empty((1, 2, 4), np.float32))
    with pytest.raises(ValueError, match="scale and shift"):
        conv.winograd_backward(case.x, case.dy, case.w, dx, None, None, case.geo, Map(activation="relu"), None, moments,
                               1)
    for x, sums in ((None, dw), (case.x, None)):
        with pytest.raises(TypeError, match="db needs dw"):
            conv.winograd_backward(x, case.dy, case.w, dx, sums, db, case.geo, None, None, None, 1)


def test_read_only_inputs_are_accepted():
    case = make(SMALL)
    for array in case.inputs():
        array.flags.writeable = False
    case.backward(conv.winograd_backward, **FUSED, residual=True)


def test_nan_stays_in_the_blocks_that_read_it():
    case = make(Problem((2, 16, 12, 12), (16, 16, 3, 3), 1, 1))
    case.dy[1, 3, 0, 0] = np.nan
    dx = case.backward(conv.winograd_backward, wanted="dx")["dx"]
    assert np.isnan(dx[1, :, :2, :2]).all()
    assert np.isfinite(dx[0]).all() and np.isfinite(dx[1, :, 8:, 8:]).all()


def test_float_environment_is_restored():
    make(SMALL).backward(conv.winograd_backward, 2)
    assert np.float64(5e-324) * 1 != 0
