"""Norms, scaling and clipping of gradients: literal values, the twin, threads, arguments, NaN and extremes."""

import math

import numpy as np
import pytest

from tinydl._core import update
from tinydl._core.reference import update as reference
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import Guards, flawed, laid_out

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BOTH = pytest.mark.parametrize("kernels", [update, reference], ids=["kernel", "reference"])
SHAPES = [(16, 3, 3, 3), (16,), (0,), (1,), (128, 300), (7, 5, 3), (), (0, 4), (40000,)]
CHANGES = {"scale": lambda kernels, grads, n=1: kernels.scale(grads, 0.3, n),
           "clip": lambda kernels, grads, n=1: kernels.clip(grads, 0.5, n)}
EACH = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())


def gradients(dtype, guards, seed=0, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return [guards.copy(np.asarray(rng.standard_normal(shape), dtype), "weight") for shape in shapes]


# --- 1 literal values ------------------------------------------------------------------------------------------------

@BOTH
def test_norms_by_hand(kernels):
    grads = [np.array([3.0, 0.0]), np.zeros((0,)), laid_out([[-4.0, 0], [0, 12]], "weight")]
    assert kernels.norms(grads, 2) == 13
    assert kernels.norms(grads, 1) == 19
    assert kernels.norms(grads, math.inf) == 12
    np.testing.assert_allclose(kernels.norms(grads, 3), (27 + 64 + 1728) ** (1 / 3), rtol=1e-15)
    assert kernels.norms([], 2) == 0 and isinstance(kernels.norms([], math.inf), float)


@BOTH
def test_scale_and_clip_by_hand(kernels):
    grads = [np.array([1.0, -6.0]), laid_out([[0.5, 2], [-3, 0]], "weight")]
    kernels.scale(grads, 0.5)
    assert grads[0].tolist() == [0.5, -3] and grads[1].tolist() == [[0.25, 1], [-1.5, 0]]
    kernels.clip(grads, 1.0)
    assert grads[0].tolist() == [0.5, -1] and grads[1].tolist() == [[0.25, 1], [-1, 0]]


# --- 2 equal to the reference ----------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_close_to_the_reference(change, dtype):
    guards = Guards()
    got, expected = gradients(dtype, guards), gradients(dtype, guards)
    change(update, got)
    change(reference, expected)
    guards.check()
    for a, b in zip(got, expected, strict=True):
        assert_close(a, b, 1e-6 if dtype == np.float32 else 1e-14)


@DTYPES
@pytest.mark.parametrize("p", [0.5, 1, 2, 2.5, math.inf])
def test_norms_are_close_to_the_reference(dtype, p):
    grads = gradients(dtype, Guards())
    np.testing.assert_allclose(update.norms(grads, p), reference.norms(grads, p), rtol=1e-13)


def test_types_may_mix_in_a_list():
    narrow, wide = gradients(np.float32, Guards()), gradients(np.float64, Guards())
    mixed = [*gradients(np.float32, Guards()), *gradients(np.float64, Guards())]
    for grads in (narrow, wide, mixed):
        update.scale(grads, 0.3, 2)
    for a, b in zip(mixed, [*narrow, *wide], strict=True):
        assert_same(a, b)
    np.testing.assert_allclose(update.norms(mixed, 2), math.hypot(update.norms(narrow, 2), update.norms(wide, 2)),
                               rtol=1e-14)


# --- 4 threads (3, gradients, has no meaning here) -------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(change, dtype):
    guards, shapes = Guards(), [*SHAPES, (70000,)]
    first = gradients(dtype, guards, 1, shapes)
    change(update, first)
    for n_threads in (1, 2, 3, 7):
        again = gradients(dtype, guards, 1, shapes)
        change(update, again, n_threads)
        for a, b in zip(first, again, strict=True):
            assert_same(a, b)
    guards.check()


def test_norms_have_the_same_bits_for_any_number_of_threads():
    grads = gradients(np.float32, Guards(), 2, [*SHAPES, (100000,)])
    for p in (1, 2, 3, math.inf):
        assert len({update.norms(grads, p, n) for n in (1, 2, 3, 7, 1)}) == 1


# --- 5 arguments -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kernel", ["norms", "scale", "clip"])
def test_refused_arrays(kernel):
    bad = flawed(gradients(np.float32, Guards())[0])
    # A list of gradients may hold any size and either type.
    for what in ("other float", "none of the elements", "one more"):
        del bad[what]
    if kernel != "norms":
        frozen = np.ones(3)
        frozen.flags.writeable = False
        bad["read-only"] = (frozen, ValueError)
    for what, (array, error) in bad.items():
        with pytest.raises(error, match="grads"):
            getattr(update, kernel)([np.ones(2), array], 2.0)
            pytest.fail(what)


@pytest.mark.parametrize("kernel", ["norms", "scale", "clip"])
@pytest.mark.parametrize("n_threads", [0, -1, 1025, 2**31 - 1])
def test_teams_that_cannot_be(kernel, n_threads):
    with pytest.raises(ValueError, match=f"n_threads must be between 1 and 1024, got {n_threads}"):
        getattr(update, kernel)([np.ones(3)], 2.0, n_threads)


def test_norms_accept_read_only_gradients():
    g = np.full(4, 3.0)
    g.flags.writeable = False
    assert update.norms([g], 2) == 6


@BOTH
def test_refused_numbers(kernels):
    for p in (0, -1, math.nan):
        with pytest.raises(ValueError, match="positive"):
            kernels.norms([np.ones(3)], p)


def test_a_negative_limit_is_refused():
    for value in (-1.0, math.nan):
        with pytest.raises(ValueError, match="must not be negative"):
            update.clip([np.ones(3)], value)


def test_empty_lists():
    assert update.norms([], 2) == 0
    update.scale([], 2.0)
    update.clip([], 2.0)


# --- 6 NaN and extremes ----------------------------------------------------------------------------------------------

@BOTH
@DTYPES
@pytest.mark.parametrize("p", [1, 2, 3, math.inf])
def test_nan_propagates_through_norms(kernels, dtype, p):
    for where in (0, 5, 19999, 39999):
        grads = gradients(dtype, Guards())
        grads[-1][where] = math.nan
        grads.append(np.full(3, math.inf, dtype))
        assert math.isnan(kernels.norms(grads, p))
    assert kernels.norms(grads[:-2] + grads[-1:], p) == math.inf


def test_squares_do_not_overflow_in_float32():
    np.testing.assert_allclose(update.norms([np.full(4, 1e30, np.float32)], 2), 2e30, rtol=1e-7)


def test_clip_passes_nan_and_takes_infinities():
    g = np.array([math.nan, math.inf, -math.inf, 0.5, -3], np.float32)
    update.clip([g], 1.0)
    assert math.isnan(g[0]) and g[1:].tolist() == [1, -1, 0.5, -1]


def test_float_environment_is_restored():
    update.scale(gradients(np.float32, Guards()), 0.5, 2)
    assert (np.array([5e-324]) * 1.0 != 0).all()
