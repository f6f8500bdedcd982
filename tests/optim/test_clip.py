"""Gradient clipping."""

import math

import numpy as np
import pytest

import tinydl as td
from tinydl.optim import clip_grad_norm_, clip_grad_value_


def with_gradients(*gradients, dtype=np.float32):
    params = []
    for g in gradients:
        p = td.Parameter(np.zeros(np.shape(g), dtype), dtype=dtype)
        p.grad = np.array(g, dtype)
        params.append(p)
    return params


def test_norm_over_all_parameters():
    params = with_gradients([3.0], [[0.0, 4.0]])
    assert clip_grad_norm_(params, 1.0) == 5.0
    np.testing.assert_allclose(params[0].grad, [0.6], rtol=1e-6)
    np.testing.assert_allclose(params[1].grad, [[0.0, 0.8]], rtol=1e-6)


def test_small_gradients_keep_their_bits():
    params = with_gradients([3.0], [[0.0, 4.0]])
    assert clip_grad_norm_(params, 5.1) == 5.0
    assert params[0].grad.tolist() == [3.0]


@pytest.mark.parametrize(("norm_type", "expected"), [(1, 7.0), (2, 5.0), (3, 91 ** (1 / 3)), (math.inf, 4.0)])
def test_norm_types_and_mixed_dtypes(norm_type, expected):
    params = with_gradients([-3.0]) + with_gradients([[0.0, 4.0]], dtype=np.float64)
    assert clip_grad_norm_(params, 100.0, norm_type) == pytest.approx(expected, rel=1e-12)


def test_generator_one_tensor_and_none():
    a, b = with_gradients([3.0], [4.0])
    b.grad = None
    assert clip_grad_norm_((p for p in (a, b, a)), 10.0) == 3.0  # a shared parameter counts once
    assert clip_grad_norm_(a, 10.0) == 3.0
    assert clip_grad_norm_([b], 10.0) == 0.0
    assert clip_grad_norm_([], 10.0) == 0.0


def test_gradients_of_another_memory_order_and_read_only_ones():
    w = td.Parameter(np.zeros((2, 3), np.float32))
    w.grad = np.full((2, 3), 2.0, np.float32)
    w.grad.flags.writeable = False
    assert clip_grad_norm_([w], 1.0) == pytest.approx(math.sqrt(24))
    assert float(np.sum(w.grad**2)) == pytest.approx(1.0, rel=1e-5)


def test_non_finite():
    (p,) = with_gradients([1.0, math.nan])
    with pytest.raises(RuntimeError, match="the gradients have norm nan"):
        clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    assert p.grad[0] == 1.0
    assert math.isnan(clip_grad_norm_([p], 1.0))
    assert np.isnan(p.grad).all()


def test_values():
    (p,) = with_gradients([-3.0, 0.5, math.nan, math.inf])
    clip_grad_value_([p], 1.0)
    np.testing.assert_array_equal(p.grad, np.float32([-1.0, 0.5, math.nan, 1.0]))


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_bad_arguments(value):
    params = with_gradients([1.0])
    with pytest.raises(ValueError, match=f"max_norm must be .* got {value!r}"):
        clip_grad_norm_(params, value)
    with pytest.raises(ValueError, match=f"clip_value must be .* got {value!r}"):
        clip_grad_value_(params, value)
    if value != math.inf:
        with pytest.raises(ValueError, match="norm_type"):
            clip_grad_norm_(params, 1.0, value)
    with pytest.raises(TypeError, match="ndarray at place 0"):
        clip_grad_norm_([np.ones(3)], 1.0)


@pytest.mark.parametrize(("values", "p", "expected"), [
    ([0.1, -0.1], 1000, 0.1 * 2 ** (1 / 1000)), ([0.5], 2**31, 0.5), ([3.0, 4.0], 700, 4.0),
    ([1e200, 1e200], 2, 2**0.5 * 1e200), ([1e-200, 0.0], 2, 1e-200)])
def test_norms_whose_powers_leave_the_range_of_numbers(values, p, expected):
    w = td.Parameter(np.zeros(len(values)), dtype="f8")
    w.grad = np.array(values)
    assert td.optim.clip_grad_norm_([w], 1e300, p) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("call", "expected"), [(lambda w: td.optim.clip_grad_value_([w], 1.0), [1, -0.5]),
                                                (lambda w: td.optim.clip_grad_norm_([w], 1.0, np.inf), [1, -0.25])])
def test_gradients_of_foreign_byte_order_are_clipped(call, expected):
    w = td.Parameter(np.zeros(2, "f4"))
    w.grad = np.array([2.0, -0.5], ">f4")
    call(w)
    np.testing.assert_allclose(w.grad, expected, 1e-6)
