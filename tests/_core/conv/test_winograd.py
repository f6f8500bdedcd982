"""Winograd forward: error against float64, fused maps and sums, threads, arguments, NaN; guards are the Case's."""

import numpy as np
import pytest

from tinydl._core import conv
from tinydl._core.operands import Map, Moments
from tinydl._core.reference import conv as reference
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close, assert_same, relative_error
from tinydl.testing.convolutions import LAYERS, WINOGRAD, Case, Problem
from tinydl.testing.guards import flawed, laid_out

EACH = pytest.mark.parametrize("problem", WINOGRAD.values(), ids=WINOGRAD.keys())
OPTIONS = pytest.mark.parametrize("options", [{}, {"fused": True}, {"fused": True, "activation": "relu"},
                                                {"fused": True, "activation": "leaky_relu"}], ids=str)
SMALL = Problem((1, 4, 9, 9), (4, 4, 3, 3), 1, 1)


def make(problem, seed=0):
    return Case(problem, np.float32, np.random.default_rng(seed), exact=False)


def check(case, **options):
    """The result against float64; the sums against those of the kernel's own result."""
    got = case.forward(conv.winograd_forward, sums=True, **options)
    assert_close(got["y"], case.wide().forward(reference.conv_forward, **options)["y"],
                 bound("winograd", np.float32, case.w.shape[1]))
    off = got["y"].astype(np.float64) - case.about[:, None, None]
    assert_close(got["sums"], np.stack([off.sum((2, 3)), (off**2).sum((2, 3))], 1), 1e-5)


@pytest.mark.parametrize("kernels", [conv, reference], ids=["kernel", "twin"])
def test_worked_constant_image(kernels):
    # A filter of ones over an image of ones counts the pixels under it: 9 inside, 6 at an edge, 4 in a corner.
    x, w = laid_out(np.ones((1, 1, 4, 4)), "activation", np.float32), np.ones((1, 1, 3, 3), np.float32)
    y = np.empty_like(x)
    kernels.winograd_forward(x, w, None, y, Problem(x.shape, w.shape, 1, 1).geometry, None, None, 1)
    expected = [[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]]
    np.testing.assert_allclose(y[0, 0], expected, rtol=2e-6)


@EACH
@OPTIONS
def test_close_to_the_twin(problem, options):
    check(make(problem), **options)


@pytest.mark.parametrize("name", ["vgg_small.conv2/2", "vgg_small.conv6/2", "resnet20.layer2/2", "mnist_cnn.conv2/2"])
def test_close_on_layers_of_the_networks(name):
    check(make(LAYERS[name]), fused=True, activation="relu")


def test_error_of_a_thousand_random_shapes_stays_in_its_bound():
    rng = np.random.default_rng(1)
    for trial in range(1000):
        pad = int(rng.integers(0, 3))
        h, w = (int(rng.integers(max(1, 3 - 2 * pad), 15)) for _ in range(2))
        c, o = (int(n) for n in rng.integers(1, 40, 2))
        case = make(Problem((int(rng.integers(1, 5)), c, h, w), (o, c, 3, 3), 1, pad), trial)
        got, expected = case.forward(conv.winograd_forward)["y"], case.wide().forward(reference.conv_forward)["y"]
        assert relative_error(got, expected) <= bound("winograd", np.float32, c), case.geo


@pytest.mark.parametrize("mean", [1e2, 1e4, 1e6])
def test_a_mean_far_from_zero_costs_no_digits(mean):
    case = make(Problem((4, 17, 9, 9), (20, 17, 3, 3), 1, 1))
    case.x += np.float32(mean)
    case.centre += np.float32(mean)
    check(case, fused=True, activation="relu")


@EACH
def test_same_bits_for_any_number_of_threads_and_on_repeat(problem):
    case = make(problem)
    options = {"fused": True, "activation": "relu", "sums": True}
    first = case.forward(conv.winograd_forward, 1, **options)
    for n_threads in (1, 2, 3, 7):
        for name, array in case.forward(conv.winograd_forward, n_threads, **options).items():
            assert_same(array, first[name], f"{name} with {n_threads} threads")


def test_empty_batch():
    case = make(Problem((0, 3, 6, 6), (4, 3, 3, 3), 1, 1))
    assert case.forward(conv.winograd_forward, sums=True)["sums"].shape == (0, 2, 4)


@pytest.mark.parametrize("position, value", [(5, 5), (7, 2), (11, 2), (13, 2), (9, 3)])
def test_refused_geometries(position, value):
    case = make(SMALL)
    case.geo = (*case.geo[:position], value, *case.geo[position + 1:])
    for run, kernel in ((case.forward, conv.winograd_forward), (case.backward, conv.winograd_backward)):
        with pytest.raises(ValueError, match="geometry"):
            run(kernel)


def test_float64_is_refused():
    with pytest.raises(TypeError, match="float64|<f8"):
        make(SMALL).wide().forward(conv.winograd_forward)


@pytest.mark.parametrize("name", ["x", "w", "b"])
def test_refused_arrays(name):
    for what, (array, error) in flawed(getattr(make(SMALL), name)).items():
        case = make(SMALL)
        call = [case.x, case.w, case.b, case.dy.copy(order="K"), case.geo, None, None, 1]
        call[("x", "w", "b").index(name)] = array
        with pytest.raises(error, match="bias" if name == "b" else name):
            conv.winograd_forward(*call)
            pytest.fail(f"winograd_forward took {name}: {what}")


def test_an_input_that_is_missing_is_refused():
    # It once meant that only the moments of y were wanted; y would stay as it is.
    case = make(SMALL)
    with pytest.raises(TypeError, match="x: expected a NumPy array, got NoneType"):
        conv.winograd_forward(None, case.w, case.b, case.dy.copy(order="K"), case.geo, None, None, 1)


def test_refused_maps_and_moments():
    case, three, four = make(SMALL), np.ones(3, np.float32), np.ones(4, np.float32)
    for on_x, moments, name in ((Map(four, three, four), None, "shift"), (Map(four, four, three), None, "centre"),
                                (None, Moments(three, np.empty((1, 2, 4), np.float32)), "about"),
                                (None, Moments(four, np.empty((1, 2, 3), np.float32)), "sums")):
        with pytest.raises(ValueError, match=name):
            conv.winograd_forward(case.x, case.w, None, case.dy.copy(order="K"), case.geo, on_x, moments, 1)


def test_nan_stays_in_the_blocks_that_read_it():
    case = make(Problem((2, 16, 12, 12), (16, 16, 3, 3), 1, 1))
    case.x[1, 3, 0, 0] = np.nan
    y = case.forward(conv.winograd_forward)["y"]
    assert np.isnan(y[1, :, :2, :2]).all()
    assert np.isfinite(y[0]).all() and np.isfinite(y[1, :, 8:, 8:]).all()


def test_read_only_inputs_are_accepted():
    case = make(SMALL)
    for array in case.inputs():
        array.flags.writeable = False
    case.forward(conv.winograd_forward, fused=True, sums=True)


def test_float_environment_is_restored():
    make(SMALL).forward(conv.winograd_forward, 2)
    assert np.float64(5e-324) * 1 != 0
