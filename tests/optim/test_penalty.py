"""The p-norm penalty."""

import math

import numpy as np
import pytest

import tinydl as td
from tinydl.optim import penalty


@pytest.mark.parametrize(("p", "value", "gradient"), [
    (1, 0.6, [0.1, -0.1, 0.1]), (2, 1.4, [0.2, -0.4, 0.6]), (3, 3.6, [0.3, -1.2, 2.7]),
])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_course(p, value, gradient, dtype):
    w = td.tensor([[1.0, -2.0, 3.0]], dtype=dtype, requires_grad=True)
    loss = penalty([w], p, 0.1)
    loss.backward()
    assert loss.item() == pytest.approx(value, rel=1e-6)
    assert loss.dtype == dtype
    np.testing.assert_allclose(w.grad, [gradient], rtol=1e-6)


def test_a_power_that_is_no_integer():
    w = td.tensor([[4.0, -4.0, 0.0]], dtype=np.float64, requires_grad=True)
    loss = penalty([w], 1.5, 2.0)
    loss.backward()
    assert loss.item() == pytest.approx(32.0, rel=1e-12)
    np.testing.assert_allclose(w.grad, [[6.0, -6.0, 0.0]], rtol=1e-12)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_zero_weights_have_gradient_zero(p):
    w = td.tensor([[0.0, -0.0]], requires_grad=True)
    penalty([w], p, 1.0).backward()
    np.testing.assert_array_equal(w.grad, [[0.0, 0.0]])


def test_biases_and_norms_are_exempt_by_default():
    weight, bias = td.Parameter([[2.0]]), td.Parameter([3.0])
    assert penalty([weight, bias], 2, 1.0).item() == 4.0
    assert penalty([weight, bias], 2, 1.0, exempt=False).item() == 13.0
    assert penalty([weight, bias], 2, 1.0, exempt=lambda w: w.ndim == 2).item() == 9.0
    assert penalty([bias], 2, 1.0).item() == 9.0  # nothing else was given: it was meant


def test_groups():
    a, b = td.Parameter([[2.0]]), td.Parameter([[3.0]])
    loss = penalty([{"params": [a]}, {"params": b, "p": 1, "alpha": 10.0}], 2, 1.0)
    loss.backward()
    assert loss.item() == 34.0
    assert (a.grad.item(), b.grad.item()) == (4.0, 10.0)


def test_shared_and_frozen_parameters():
    w, frozen = td.Parameter([[2.0]]), td.Parameter([[1.0]], requires_grad=False)
    loss = penalty([w, w, frozen], 2, 1.0)
    loss.backward()
    assert loss.item() == 5.0
    assert w.grad.item() == 4.0
    assert frozen.grad is None


def test_as_a_term_of_a_loss():
    w = td.Parameter([[2.0]])
    ((w * 3.0).sum() + penalty([w], 2, 0.5)).backward()
    assert w.grad.item() == 5.0


@pytest.mark.parametrize(("arguments", "message"), [
    (dict(p=0.5), "p must be .*>= 1, got 0.5"), (dict(p=math.nan), "p must be .* got nan"),
    (dict(p=math.inf), "p must be .* got inf"), (dict(alpha=-1.0), "alpha must be .* got -1.0"),
    (dict(alpha=math.nan), "alpha must be .* got nan"), (dict(params=[]), "no parameters"),
    (dict(params=[{"params": [], "q": 1}]), "keys params, p, alpha and exempt"),
])
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        penalty(**{"params": [td.Parameter([[1.0]])], **arguments})


def test_not_a_tensor():
    with pytest.raises(TypeError, match="parameter 0 must be a tensor, got ndarray"):
        penalty([np.ones((2, 2))])


def test_integers_have_no_penalty():
    with pytest.raises(TypeError, match="penalty needs float32 or float64 values, got int64"):
        td.penalty([td.tensor(np.ones((2, 2), int))])
