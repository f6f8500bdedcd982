"""The update kernels: literal steps, the reference twin, threads, arguments, NaN and extremes, guard cells."""

import math

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import update
from tinydl._core.reference import update as reference
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import Guards, flawed, laid_out

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BOTH = pytest.mark.parametrize("kernels", [update, reference], ids=["kernel", "reference"])
SHAPES = [(16, 3, 3, 3), (16,), (0,), (1,), (128, 300), (7, 5, 3), (), (0, 4), (40000,)]
# name -> call(kernels, lists, n_threads); the lists are params, grads and three of buffers.
RULES = {
    "sgd": lambda k, a, n: k.sgd(a[0], a[1], None, 0.1, 0, 0, 0, False, False, n),
    "sgd, decay": lambda k, a, n: k.sgd(a[0], a[1], None, 0.1, 0, 0, 0.01, False, False, n),
    "momentum, first": lambda k, a, n: k.sgd(a[0], a[1], a[2], 0.1, 0.9, 0.5, 0.01, False, True, n),
    "momentum": lambda k, a, n: k.sgd(a[0], a[1], a[2], 0.1, 0.9, 0.25, 0.01, False, False, n),
    "nesterov, first": lambda k, a, n: k.sgd(a[0], a[1], a[2], 0.1, 0.9, 0, 0.01, True, True, n),
    "nesterov": lambda k, a, n: k.sgd(a[0], a[1], a[2], 0.1, 0.9, 0, 0.01, True, False, n),
    "adam": lambda k, a, n: k.adam(a[0], a[1], a[2], a[3], 0.01, 0.9, 0.999, 1e-8, 0.01, False, 3, n),
    "adamw": lambda k, a, n: k.adam(a[0], a[1], a[2], a[3], 0.01, 0.9, 0.999, 1e-8, 0.1, True, 1000, n),
    "rmsprop": lambda k, a, n: k.rmsprop(a[0], a[1], a[3], None, None, 0.01, 0.9, 1e-8, 0.01, 0, n),
    "rmsprop, momentum": lambda k, a, n: k.rmsprop(a[0], a[1], a[3], None, a[2], 0.01, 0.9, 1e-8, 0, 0.5, n),
    "rmsprop, centred": lambda k, a, n: k.rmsprop(a[0], a[1], a[3], a[4], None, 0.01, 0.9, 1e-8, 0, 0, n),
    "rmsprop, all": lambda k, a, n: k.rmsprop(a[0], a[1], a[3], a[4], a[2], 0.01, 0.9, 1e-8, 0.1, 0.5, n),
    "scale": lambda k, a, n: k.scale(a[0], 0.3, n),
    "clip": lambda k, a, n: k.clip(a[0], 0.5, n),
}
EACH = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())


def lists(dtype, guards, seed=0, shapes=SHAPES):
    """Parameters in their memory order, gradients, momentum, squares (large enough to be centred) and means."""
    rng = np.random.default_rng(seed)
    made = []
    for k in range(5):
        made.append([])
        for shape in shapes:
            values = rng.standard_normal(shape)
            values = np.abs(values) + 1 if k == 3 else 0.1 * values if k == 4 else values
            made[-1].append(guards.copy(np.asarray(values, dtype), "weight"))
    return made


# --- 1 literal steps -------------------------------------------------------------------------------------------------

def one(*values):
    return [np.array([value]) for value in values]


@BOTH
def test_sgd_by_hand(kernels):
    p, g, b = [np.array([1.0, 2.0])], [np.array([0.5, -1.0])], [np.full(2, np.nan)]
    kernels.sgd(p, g, b, 0.1, 0.9, 0.5, 0.1, False, True)   # g + 0.1 p = (0.6, -0.8); the first step is not dampened
    np.testing.assert_allclose((p[0], b[0]), ([0.94, 2.08], [0.6, -0.8]), rtol=1e-15)
    kernels.sgd(p, g, b, 0.1, 0.9, 0.5, 0.0, False, False)  # b = 0.9 b + 0.5 g = (0.79, -1.22)
    np.testing.assert_allclose((p[0], b[0]), ([0.861, 2.202], [0.79, -1.22]), rtol=1e-15)
    kernels.sgd(p, g, b, 1.0, 0.9, 0.0, 0.0, True, False)   # b = (1.211, -2.098); p -= g + 0.9 b
    np.testing.assert_allclose((p[0], b[0]), ([0.861 - 1.5899, 2.202 + 2.8882], [1.211, -2.098]), rtol=1e-15)
    kernels.sgd(p, g, None, 2.0, 0, 0, 0, False, False)
    np.testing.assert_allclose(p[0], [0.861 - 2.5899, 2.202 + 4.8882], rtol=1e-15)


@BOTH
def test_the_exercise_step_of_the_course(kernels):
    """Three weights with gradient -18 go from 1 to 1.18 at learning rate 0.01."""
    w1, w2, w3 = np.array([[1.0], [-1]]), np.array([[-1.0, 1], [1, -1]]), np.array([[-1.0, 1]])
    grads = [np.array([[-18.0], [0]]), np.array([[0.0, 0], [-18, 0]]), np.array([[0.0, -18]])]
    kernels.sgd([w1, w2, w3], grads, None, 0.01, 0, 0, 0, False, False)
    assert w1.tolist() == [[1.18], [-1]] and w2.tolist() == [[-1, 1], [1.18, -1]] and w3.tolist() == [[-1, 1.18]]


@BOTH
def test_adam_by_hand(kernels):
    # Bias correction makes the first step lr * sign(g); L2 decay enters the gradient, AdamW's shrinks p.
    p, m, v = one(1.0), one(0.0), one(0.0)
    kernels.adam(p, one(-4.0), m, v, 0.1, 0.9, 0.999, 0.0, 0.0, False, 1)
    np.testing.assert_allclose((p[0], m[0], v[0]), ([1.1], [-0.4], [0.016]), rtol=1e-12)
    p, m, v = one(2.0), one(0.0), one(0.0)
    kernels.adam(p, one(-4.0), m, v, 0.1, 0.9, 0.999, 0.0, 0.5, True, 1)
    np.testing.assert_allclose((p[0], m[0]), ([2 * 0.95 + 0.1], [-0.4]), rtol=1e-12)
    p, m, v = one(2.0), one(0.0), one(0.0)
    kernels.adam(p, one(-4.0), m, v, 0.1, 0.9, 0.999, 0.0, 3.0, False, 1)
    np.testing.assert_allclose((p[0], m[0]), ([1.9], [0.2]), rtol=1e-12)


@BOTH
def test_rmsprop_by_hand(kernels):
    p, s, a, b = one(1.0), one(4.0), one(1.0), one(2.0)
    kernels.rmsprop(p, one(3.0), s, a, b, 0.1, 0.5, 0.0, 0.0, 0.5)
    # s = 2 + 4.5, a = 0.5 + 1.5, d = sqrt(6.5 - 4), b = 1 + 3/d.
    b_new = 1 + 3 / math.sqrt(2.5)
    np.testing.assert_allclose((p[0], s[0], a[0], b[0]), ([1 - 0.1 * b_new], [6.5], [2], [b_new]), rtol=1e-15)


@BOTH
def test_norms_by_hand(kernels):
    grads = [np.array([3.0, 0.0]), np.zeros((0,)), laid_out([[-4.0, 0], [0, 12]], "weight")]
    assert kernels.norms(grads, 2) == 13
    assert kernels.norms(grads, 1) == 19
    assert kernels.norms(grads, math.inf) == 12
    np.testing.assert_allclose(kernels.norms(grads, 3), (27 + 64 + 1728) ** (1 / 3), rtol=1e-15)
    assert kernels.norms([], 2) == 0 and isinstance(kernels.norms([], math.inf), float)


# --- 2 equal to the reference ----------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_close_to_the_reference(rule, dtype):
    guards = Guards()
    got, expected = lists(dtype, guards), lists(dtype, guards)
    for _ in range(3):
        rule(update, got, 1)
        rule(reference, expected, 1)
    guards.check()
    for k in range(5):
        for a, b in zip(got[k], expected[k], strict=True):
            assert_close(a, b, 1e-6 if dtype == np.float32 else 1e-14)
    untouched = lists(dtype, guards)
    for a, b in zip(got[1], untouched[1], strict=True):
        assert_same(a, b, "gradient")


@DTYPES
@pytest.mark.parametrize("p", [0.5, 1, 2, 2.5, math.inf])
def test_norms_are_close_to_the_reference(dtype, p):
    grads = lists(dtype, Guards())[1]
    np.testing.assert_allclose(update.norms(grads, p), reference.norms(grads, p), rtol=1e-13)


def test_types_may_mix_in_a_list():
    guards = Guards()
    narrow, wide = lists(np.float32, guards), lists(np.float64, guards)
    mixed = [[*a, *b] for a, b in zip(lists(np.float32, guards), lists(np.float64, guards), strict=True)]
    for case in (narrow, wide, mixed):
        RULES["adam"](update, case, 2)
    for k in range(5):
        for a, b in zip(mixed[k], [*narrow[k], *wide[k]], strict=True):
            assert_same(a, b)


# --- 4 threads (3, gradients, has no meaning here) -------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(rule, dtype):
    guards, shapes = Guards(), [*SHAPES, (70000,)]
    first = lists(dtype, guards, 1, shapes)
    rule(update, first, 1)
    for n_threads in (1, 2, 3, 7):
        again = lists(dtype, guards, 1, shapes)
        rule(update, again, n_threads)
        for a, b in zip(first, again, strict=True):
            for x, y in zip(a, b, strict=True):
                assert_same(x, y)
    guards.check()


def test_norms_have_the_same_bits_for_any_number_of_threads():
    grads = lists(np.float32, Guards(), 2, [*SHAPES, (100000,)])[1]
    for p in (1, 2, 3, math.inf):
        assert len({update.norms(grads, p, n) for n in (1, 2, 3, 7, 1)}) == 1


# --- 5 arguments -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("rule", ["momentum", "adam", "rmsprop, all"])
def test_refused_arrays(rule):
    names = {"momentum": ["params", "grads", "buffers"], "adam": ["params", "grads", "m", "v"],
             "rmsprop, all": ["params", "grads", "buffers", "squares", "averages"]}[rule]
    for which, name in enumerate(names):
        good = lists(np.float32, Guards())
        bad = flawed(good[which][0])
        bad["row-major"] = (np.ascontiguousarray(good[which][0]), ValueError)
        bad["other shape"] = (laid_out(good[which][0].reshape(3, 16, 3, 3), "weight"), ValueError)
        if name != "grads":
            frozen = good[which][0].copy(order="K")
            frozen.flags.writeable = False
            bad["read-only"] = (frozen, ValueError)
        for what, (array, error) in bad.items():
            case = lists(np.float32, Guards())
            case[which][0] = array
            # Where the parameter itself is flawed in type or order, its neighbour may be named.
            match = None if name == "params" else name
            with pytest.raises((error, AttributeError) if what == "list" else error, match=match):
                RULES[rule](update, case, 1)
                pytest.fail(f"{name}: {what}")


def test_a_parameter_and_its_gradient_in_other_orders_are_refused_with_the_cure():
    p = layout.parameter_like(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"grads\[1\]: shape \(4, 3\) with strides \(24, 8\).*layout.empty_like"):
        update.sgd([np.ones(2), p], [np.ones(2), np.ones((4, 3))], None, 0.1, 0, 0, 0, False, False)


def test_lists_of_other_lengths_are_refused():
    good = lists(np.float32, Guards())
    with pytest.raises(ValueError, match="grads: 2 arrays for 9 params"):
        update.sgd(good[0], good[1][:2], None, 0.1, 0, 0, 0, False, False)
    with pytest.raises(ValueError, match="buffers: momentum = 0.9 needs"):
        update.sgd(good[0], good[1], None, 0.1, 0.9, 0, 0, False, False)
    with pytest.raises(ValueError, match="buffers: momentum = 0.9 needs"):
        update.rmsprop(good[0], good[1], good[3], None, None, 0.1, 0.9, 1e-8, 0, 0.9)
    with pytest.raises(ValueError, match="step: counts from 1, got 0"):
        update.adam(good[0], good[1], good[2], good[3], 0.1, 0.9, 0.999, 1e-8, 0, False, 0)


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
    update.sgd([], [], None, 0.1, 0, 0, 0, False, False)
    update.scale([], 2.0)


# --- 6 NaN and extremes ----------------------------------------------------------------------------------------------

@EACH
@pytest.mark.parametrize("special", [math.nan, math.inf])
def test_special_values_stay_at_their_element(rule, special):
    guards = Guards()
    got = lists(np.float32, guards)
    got[0][0][3, 1, 2, 0] = got[1][0][3, 1, 2, 0] = special
    rule(update, got, 2)
    finite = np.isfinite(got[0][0])
    assert finite.sum() >= finite.size - 1 and all(np.isfinite(p).all() for p in got[0][1:])
    if math.isnan(special):
        assert not finite[3, 1, 2, 0]


@BOTH
@DTYPES
@pytest.mark.parametrize("p", [1, 2, 3, math.inf])
def test_nan_propagates_through_norms(kernels, dtype, p):
    for where in (0, 5, 19999, 39999):
        grads = lists(dtype, Guards())[1]
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
    RULES["adam"](update, lists(np.float32, Guards()), 2)
    assert (np.array([5e-324]) * 1.0 != 0).all()
