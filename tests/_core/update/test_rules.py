"""The rules of optimisers: literal steps, the reference twin, threads, arguments, NaN and extremes, guard cells."""

import functools
import math

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import update
from tinydl._core.reference import update as reference
from tinydl.testing.bounds import bound
from tinydl.testing.compare import assert_close, assert_same
from tinydl.testing.guards import Guards, flawed, laid_out

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BOTH = pytest.mark.parametrize("kernels", [update, reference], ids=["kernel", "reference"])
SHAPES = [(16, 3, 3, 3), (16,), (0,), (1,), (128, 300), (7, 5, 3), (), (0, 4), (40000,)]
# name -> (which rule, its numbers, which of the lists below are its slots)
RULES = {
    "sgd": ("sgd", (0.1, 0, 0, 0, False, False), [None]),
    "sgd, decay": ("sgd", (0.1, 0, 0, 0.01, False, False), [None]),
    "momentum, first": ("sgd", (0.1, 0.9, 0.5, 0.01, False, True), [2]),
    "momentum": ("sgd", (0.1, 0.9, 0.25, 0.01, False, False), [2]),
    "nesterov, first": ("sgd", (0.1, 0.9, 0, 0.01, True, True), [2]),
    "nesterov": ("sgd", (0.1, 0.9, 0, 0.01, True, False), [2]),
    "adam": ("adam", (0.01, 0.9, 0.999, 1e-8, 0.01, False, 3), [2, 3]),
    "adamw": ("adam", (0.01, 0.9, 0.999, 1e-8, 0.1, True, 1000), [2, 3]),
    "rmsprop": ("rmsprop", (0.01, 0.9, 1e-8, 0.01, 0, False), [3, None, None]),
    "rmsprop, momentum": ("rmsprop", (0.01, 0.9, 1e-8, 0, 0.5, False), [3, None, 2]),
    "rmsprop, centred": ("rmsprop", (0.01, 0.9, 1e-8, 0, 0, True), [3, 4, None]),
    "adagrad": ("adagrad", (0.01, 0.1, 0.01, 1e-10, 3), [3]),
    "adadelta": ("adadelta", (0.5, 0.9, 1e-6, 0.01), [3, 5]),
    "radam, first": ("radam", (0.01, 0.9, 0.999, 1e-8, 0.01, False, 3), [2, 3]),
    "radam": ("radam", (0.01, 0.9, 0.999, 1e-8, 0.1, True, 50), [2, 3]),
    "nadam": ("nadam", (0.01, 0.9, 0.999, 1e-8, 0.01, False, 3, (0.45, 0.46, 0.09)), [2, 3]),
    "nadam, decoupled": ("nadam", (0.01, 0.9, 0.999, 1e-8, 0.1, True, 9, (0.45, 0.46, 0.01)), [2, 3]),
    "lion": ("lion", (0.01, 0.9, 0.99, 0.1), [2]),
    "rmsprop, all": ("rmsprop", (0.01, 0.9, 1e-8, 0.1, 0.5, True), [3, 4, 2]),
}
EACH = pytest.mark.parametrize("rule", RULES)


def step(kernels, rule, case, n_threads=1):
    """One step of a rule of the table on params, grads and three lists of buffers."""
    name, numbers, slots = RULES[rule]
    made = getattr(kernels, name)(*numbers)
    assert made.uses == tuple(k is not None for k in slots)
    kernels.step(made, case[0], case[1], [None if k is None else case[k] for k in slots], n_threads)


@functools.cache
def drawn(dtype, seed, shapes):
    """Parameters, gradients, momentum, squares (large enough to be centred), means, squares; nobody writes to them."""
    rng = np.random.default_rng(seed)
    made = []
    for k in range(6):
        made.append([])
        for shape in shapes:
            values = rng.standard_normal(shape)
            values = np.abs(values) + 1 if k in (3, 5) else 0.1 * values if k == 4 else values
            made[-1].append(laid_out(values, "weight", dtype))
            made[-1][-1].flags.writeable = False
    return made


def lists(dtype, guards, seed=0, shapes=SHAPES):
    """Guarded copies of what is drawn, in the memory order of parameters."""
    return [[guards.copy(values, "weight") for values in each] for each in drawn(dtype, seed, tuple(shapes))]


# --- 1 literal steps -------------------------------------------------------------------------------------------------

def one(*values):
    return [np.array([value]) for value in values]


@BOTH
def test_sgd_by_hand(kernels):
    p, g, b = [np.array([1.0, 2.0])], [np.array([0.5, -1.0])], [np.full(2, np.nan)]
    # g + 0.1 p = (0.6, -0.8); the first step is not dampened
    kernels.step(kernels.sgd(0.1, 0.9, 0.5, 0.1, False, True), p, g, [b])
    np.testing.assert_allclose((p[0], b[0]), ([0.94, 2.08], [0.6, -0.8]), rtol=1e-15)
    # b = 0.9 b + 0.5 g = (0.79, -1.22)
    kernels.step(kernels.sgd(0.1, 0.9, 0.5, 0.0, False, False), p, g, [b])
    np.testing.assert_allclose((p[0], b[0]), ([0.861, 2.202], [0.79, -1.22]), rtol=1e-15)
    # b = (1.211, -2.098); p -= g + 0.9 b
    kernels.step(kernels.sgd(1.0, 0.9, 0.0, 0.0, True, False), p, g, [b])
    np.testing.assert_allclose((p[0], b[0]), ([0.861 - 1.5899, 2.202 + 2.8882], [1.211, -2.098]), rtol=1e-15)
    kernels.step(kernels.sgd(2.0, 0, 0, 0, False, False), p, g, [None])
    np.testing.assert_allclose(p[0], [0.861 - 2.5899, 2.202 + 4.8882], rtol=1e-15)


@BOTH
def test_the_exercise_step_of_the_course(kernels):
    """Three weights with gradient -18 go from 1 to 1.18 at learning rate 0.01."""
    w1, w2, w3 = np.array([[1.0], [-1]]), np.array([[-1.0, 1], [1, -1]]), np.array([[-1.0, 1]])
    grads = [np.array([[-18.0], [0]]), np.array([[0.0, 0], [-18, 0]]), np.array([[0.0, -18]])]
    kernels.step(kernels.sgd(0.01, 0, 0, 0, False, False), [w1, w2, w3], grads, [None])
    assert w1.tolist() == [[1.18], [-1]] and w2.tolist() == [[-1, 1], [1.18, -1]] and w3.tolist() == [[-1, 1.18]]


@BOTH
def test_adam_by_hand(kernels):
    # Bias correction makes the first step lr * sign(g); L2 decay enters the gradient, AdamW's shrinks p.
    p, m, v = one(1.0), one(0.0), one(0.0)
    kernels.step(kernels.adam(0.1, 0.9, 0.999, 0.0, 0.0, False, 1), p, one(-4.0), [m, v])
    np.testing.assert_allclose((p[0], m[0], v[0]), ([1.1], [-0.4], [0.016]), rtol=1e-12)
    p, m, v = one(2.0), one(0.0), one(0.0)
    kernels.step(kernels.adam(0.1, 0.9, 0.999, 0.0, 0.5, True, 1), p, one(-4.0), [m, v])
    np.testing.assert_allclose((p[0], m[0]), ([2 * 0.95 + 0.1], [-0.4]), rtol=1e-12)
    p, m, v = one(2.0), one(0.0), one(0.0)
    kernels.step(kernels.adam(0.1, 0.9, 0.999, 0.0, 3.0, False, 1), p, one(-4.0), [m, v])
    np.testing.assert_allclose((p[0], m[0]), ([1.9], [0.2]), rtol=1e-12)


@BOTH
def test_rmsprop_by_hand(kernels):
    p, s, a, b = one(1.0), one(4.0), one(1.0), one(2.0)
    kernels.step(kernels.rmsprop(0.1, 0.5, 0.0, 0.0, 0.5, True), p, one(3.0), [s, a, b])
    # s = 2 + 4.5, a = 0.5 + 1.5, d = sqrt(6.5 - 4), b = 1 + 3/d.
    b_new = 1 + 3 / math.sqrt(2.5)
    np.testing.assert_allclose((p[0], s[0], a[0], b[0]), ([1 - 0.1 * b_new], [6.5], [2], [b_new]), rtol=1e-15)


@BOTH
def test_adadelta_by_hand(kernels):
    # s = 2 + 4.5 = 6.5 and u = 1: d = sqrt(1.5 / 7) 3; u = 0.5 + d^2 / 2.
    p, s, u = one(1.0), one(4.0), one(1.0)
    kernels.step(kernels.adadelta(0.1, 0.5, 0.5, 0.0), p, one(3.0), [s, u])
    d = math.sqrt(1.5 / 7) * 3
    np.testing.assert_allclose((p[0], s[0], u[0]), ([1 - 0.1 * d], [6.5], [0.5 + d * d / 2]), rtol=1e-15)


@BOTH
def test_lion_by_hand(kernels):
    # 0.5 m + 0.5 g is 1, 0 and -0.5; m = 0.75 m + 0.25 g; p shrinks by a tenth of lr and moves by lr.
    p, g, m = [np.array([1.0, 1.0, -2.0])], [np.array([3.0, 2.0, -3.0])], [np.array([-1.0, -2.0, 2.0])]
    kernels.step(kernels.lion(0.5, 0.5, 0.75, 0.1), p, g, [m])
    np.testing.assert_allclose((p[0], m[0]), ([0.45, 0.95, -1.4], [0, -1, 0.75]), rtol=1e-15)


@BOTH
def test_nadam_by_hand(kernels):
    # m = 0.5 + 1 = 1.5, v = 1; (1 - 0.4)/(1 - 0.2) 2 + 0.5/(1 - 0.1) 1.5 over sqrt(1 / 0.25).
    p, m, v = one(1.0), one(1.0), one(0.0)
    kernels.step(kernels.nadam(0.1, 0.5, 0.75, 0.0, 0.0, False, 1, (0.4, 0.5, 0.2)), p, one(2.0), [m, v])
    np.testing.assert_allclose((p[0], m[0], v[0]), ([1 - 0.1 * (1.5 + 0.75 / 0.9) / 2], [1.5], [1.0]), rtol=1e-14)


@BOTH
def test_radam_by_hand(kernels):
    # The first step with beta2 = 0.5 has n = 3 - 2 = 1: momentum alone. With 0.95 and step 100 n is about 39 - 1.2.
    p, m, v = one(1.0), one(0.0), one(0.0)
    kernels.step(kernels.radam(0.1, 0.5, 0.5, 0.0, 0.0, False, 1), p, one(2.0), [m, v])
    np.testing.assert_allclose((p[0], m[0], v[0]), ([0.8], [1.0], [2.0]), rtol=1e-14)
    p, m, v = one(1.0), one(1.0), one(4.0)
    kernels.step(kernels.radam(0.1, 0.0, 0.95, 0.0, 0.0, False, 100), p, one(2.0), [m, v])
    n = 39 - 200 * 0.95**100 / (1 - 0.95**100)
    r = math.sqrt((n - 4) * (n - 2) * 39 / (35 * 37 * n) * (1 - 0.95**100))
    np.testing.assert_allclose(p[0], [1 - 0.1 * r * 2 / 2], rtol=1e-14)


@BOTH
def test_adagrad_by_hand(kernels):
    # s = 7 + 9 = 16: 0.1 * 3/4; then g = 5 + 2 * p, the learning rate 0.1 / (1 + 1 * 0.25) = 0.08.
    p, s = one(1.0), one(7.0)
    kernels.step(kernels.adagrad(0.1, 0.25, 0.0, 0.0, 1), p, one(3.0), [s])
    np.testing.assert_allclose((p[0], s[0]), ([0.925], [16]), rtol=1e-15)
    kernels.step(kernels.adagrad(0.1, 0.25, 2.0, 1.0, 2), p, one(5.0), [s])
    np.testing.assert_allclose(s[0], [16 + 6.85**2], rtol=1e-15)
    np.testing.assert_allclose(p[0], [0.925 - 0.08 * 6.85 / (math.sqrt(16 + 6.85**2) + 1)], rtol=1e-15)


# --- 2 equal to the reference ----------------------------------------------------------------------------------------

@EACH
@DTYPES
def test_close_to_the_reference(rule, dtype):
    guards = Guards()
    got, expected = lists(dtype, guards), lists(dtype, guards)
    for _ in range(3):
        step(update, rule, got)
        step(reference, rule, expected)
    guards.check()
    for k in range(5):
        for a, b in zip(got[k], expected[k], strict=True):
            assert_close(a, b, bound("update", dtype))
    untouched = lists(dtype, guards)
    for a, b in zip(got[1], untouched[1], strict=True):
        assert_same(a, b, "gradient")


def test_types_may_mix_in_a_list():
    guards = Guards()
    narrow, wide = lists(np.float32, guards), lists(np.float64, guards)
    mixed = [[*a, *b] for a, b in zip(lists(np.float32, guards), lists(np.float64, guards), strict=True)]
    for case in (narrow, wide, mixed):
        step(update, "adam", case, 2)
    for k in range(5):
        for a, b in zip(mixed[k], [*narrow[k], *wide[k]], strict=True):
            assert_same(a, b)


# --- 4 threads (3, gradients, has no meaning here) -------------------------------------------------------------------

@EACH
@DTYPES
def test_same_bits_for_any_number_of_threads(rule, dtype):
    guards, shapes = Guards(), [*SHAPES, (70000,)]
    first = lists(dtype, guards, 1, shapes)
    step(update, rule, first)
    for n_threads in (1, 2, 3, 7):
        again = lists(dtype, guards, 1, shapes)
        step(update, rule, again, n_threads)
        for a, b in zip(first, again, strict=True):
            for x, y in zip(a, b, strict=True):
                assert_same(x, y)
    guards.check()


# --- 5 arguments -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("rule", ["momentum", "adam", "rmsprop, all", "adagrad"])
def test_refused_arrays(rule):
    names = dict(enumerate(["params", "grads"])) | {
        k: rf"slots\[{place}\]" for place, k in enumerate(RULES[rule][2]) if k is not None}
    for which, name in names.items():
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
                step(update, rule, case)
                pytest.fail(f"{name}: {what}")


def test_a_parameter_and_its_gradient_in_other_orders_are_refused_with_the_cure():
    p = layout.parameter_like(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"grads\[1\]: shape \(4, 3\) with strides \(24, 8\).*layout.empty_like"):
        update.step(update.sgd(0.1, 0, 0, 0, False, False), [np.ones(2), p], [np.ones(2), np.ones((4, 3))], [None])


def test_lists_of_other_lengths_are_refused():
    good, plain, momentum = lists(np.float32, Guards()), (0.1, 0, 0, 0, False, False), (0.1, 0.9, 0, 0, False, False)
    with pytest.raises(ValueError, match="grads: 2 arrays for 9 params"):
        update.step(update.sgd(*plain), good[0], good[1][:2], [None])
    with pytest.raises(ValueError, match=r"slots\[0\]: 3 arrays for 9 params"):
        update.step(update.sgd(*momentum), good[0], good[1], [good[2][:3]])
    with pytest.raises(ValueError, match="the rule takes 1 lists, got 0"):
        update.step(update.sgd(*plain), good[0], good[1], [])
    with pytest.raises(ValueError, match=r"slots\[0\]: the rule needs one array per parameter, got None"):
        update.step(update.sgd(*momentum), good[0], good[1], [None])
    with pytest.raises(ValueError, match=r"slots\[2\]: the rule needs one array per parameter, got None"):
        update.step(update.rmsprop(0.1, 0.9, 1e-8, 0, 0.9, False), good[0], good[1], [good[3], None, None])
    with pytest.raises(TypeError, match="rule"):
        update.step(None, good[0], good[1], [])


@pytest.mark.parametrize("n_threads", [0, -1, 1025, 2**31 - 1])
def test_teams_that_cannot_be(n_threads):
    case = lists(np.float32, Guards())
    with pytest.raises(ValueError, match=f"n_threads must be between 1 and 1024, got {n_threads}"):
        step(update, "adam", case, n_threads)


def test_arrays_that_a_rule_does_not_use_are_left_alone():
    case = lists(np.float32, Guards())
    update.step(update.sgd(0.1, 0, 0, 0, False, False), case[0], case[1], [case[2]])
    for array, before in zip(case[2], lists(np.float32, Guards())[2], strict=True):
        assert_same(array, before, "buffer")


def test_the_first_step_is_the_first():
    with pytest.raises(ValueError, match="step: counts from 1, got 0"):
        update.adam(0.1, 0.9, 0.999, 1e-8, 0, False, 0)
    with pytest.raises(ValueError, match="step: counts from 1, got -1"):
        update.adagrad(0.1, 0, 0, 1e-10, -1)


def test_empty_lists():
    update.step(update.sgd(0.1, 0, 0, 0, False, False), [], [], [None])


# --- 6 NaN and extremes ----------------------------------------------------------------------------------------------

@EACH
@pytest.mark.parametrize("special", [math.nan, math.inf])
def test_special_values_stay_at_their_element(rule, special):
    guards = Guards()
    got = lists(np.float32, guards)
    got[0][0][3, 1, 2, 0] = got[1][0][3, 1, 2, 0] = special
    step(update, rule, got, 2)
    finite = np.isfinite(got[0][0])
    assert finite.sum() >= finite.size - 1 and all(np.isfinite(p).all() for p in got[0][1:])
    if math.isnan(special):
        assert not finite[3, 1, 2, 0]


@BOTH
@EACH
@DTYPES
def test_an_infinite_weight_stays_infinite_without_decay(kernels, rule, dtype):
    """As in PyTorch, where a decay of 0 does not look at the weight."""
    name, numbers, slots = RULES[rule]
    at = {"sgd": 3, "adam": 4, "rmsprop": 3, "adagrad": 2, "adadelta": 3, "radam": 4, "nadam": 4, "lion": 3}[name]
    p, grad = [np.array([math.inf, -math.inf, 1.0], dtype)], [np.array([0.5, 2.0, 1.0], dtype)]
    kept = [[np.ones(3, dtype)] for _ in slots]
    kernels.step(getattr(kernels, name)(*numbers[:at], 0.0, *numbers[at + 1:]), p, grad, kept)
    assert p[0][:2].tolist() == [math.inf, -math.inf] and np.isfinite(p[0][2])
    assert all(np.isfinite(array).all() for (array,) in kept)


@BOTH
def test_steps_of_radam_without_a_denominator_do_not_look_at_it(kernels):
    """The square of the gradient has overflowed; the step is the momentum's alone."""
    p, m, v = [np.float32([0.0])], [np.float32([0.0])], [np.float32([0.0])]
    with np.errstate(over="ignore"):
        kernels.step(kernels.radam(1.0, 0.5, 0.999, 1e-8, 0.0, False, 1), p, [np.float32([2e30])], [m, v])
    assert p[0] == np.float32(-2e30) and v[0] == np.inf


def test_float_environment_is_restored():
    step(update, "adam", lists(np.float32, Guards()), 2)
    assert (np.array([5e-324]) * 1.0 != 0).all()
