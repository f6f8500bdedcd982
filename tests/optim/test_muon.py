"""Muon: its Newton-Schulz steps beside the singular value decomposition, its formula with literal numbers."""

import math

import numpy as np
import pytest

import tinydl as td
from tinydl.optim import Muon
from tinydl.optim.muon import orthogonalised

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def by_decomposition(matrix, steps, coefficients=COEFFICIENTS):
    """The singular values alone go through the polynomial, in float64."""
    u, s, v = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    s = s / np.sqrt((s * s).sum())
    for _ in range(steps):
        s = coefficients[0] * s + coefficients[1] * s**3 + coefficients[2] * s**5
    return u * s @ v


# --- orthogonalised ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype, atol", [(np.float32, 2e-6), (np.float64, 1e-13)])
@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (6, 6), (1, 4), (4, 1), (1, 1), (130, 33), (33, 130)])
def test_newton_schulz_is_a_polynomial_of_the_singular_values(shape, dtype, atol):
    matrix = np.random.default_rng(0).normal(size=shape).astype(dtype)
    before = matrix.copy()
    for steps in (1, 3, 5):
        x = orthogonalised(matrix, COEFFICIENTS, steps, 1e-7, 2)
        assert x.dtype == dtype
        np.testing.assert_allclose(x, by_decomposition(matrix, steps), atol=atol)
    np.testing.assert_array_equal(matrix, before)


def test_a_diagonal_by_hand():
    # |(3, 4)| = 5: s = 0.6, 0.8; one step with (2, -1.5, 0.5): 2 s - 1.5 s^3 + 0.5 s^5
    x = orthogonalised(np.diag([3.0, 4.0]), (2.0, -1.5, 0.5), 1, 1e-7, 1)
    np.testing.assert_allclose(x, np.diag([1.2 - 0.324 + 0.03888, 1.6 - 0.768 + 0.16384]), rtol=1e-14)


def test_five_steps_bring_all_directions_to_about_one():
    matrix = np.random.default_rng(1).normal(size=(40, 90))
    s = np.linalg.svd(orthogonalised(matrix, COEFFICIENTS, 5, 1e-7, 1), compute_uv=False)
    assert s.min() > 0.6 and s.max() < 1.3


def test_a_zero_matrix_stays_zero():
    assert not orthogonalised(np.zeros((3, 4), np.float32), COEFFICIENTS, 3, 1e-7, 1).any()


# --- Muon ----------------------------------------------------------------------------------------------------------

def one_number(gradients, start=1.0, **options):
    """The path of a 1x1 matrix: its orthogonal matrix is the polynomial of 1, or of -1."""
    w = td.Parameter([[start]], dtype=np.float64)
    optimizer = Muon([w], ns_coefficients=(2.0, -1.5, 0.5), ns_steps=1, **options)
    path = []
    for g in gradients:
        w.grad = np.array([[g]])
        optimizer.step()
        path.append(w.data.item())
    return path


def test_only_the_direction_counts():
    # 2 - 1.5 + 0.5 = 1
    assert one_number([7.0, -0.02], lr=0.1, weight_decay=0, momentum=0) == pytest.approx([0.9, 1.0], rel=1e-12)


def test_momentum_and_nesterov():
    # m = 0.5, then 0.25 - 0.45 = -0.2, then -0.1 + 0.15 = 0.05
    assert one_number([1.0, -0.9, 0.3], lr=0.1, weight_decay=0, momentum=0.5, nesterov=False) == \
        pytest.approx([0.9, 1.0, 0.9], rel=1e-12)
    # m = 0.9, then 0.81 - 0.05 = 0.76 and 0.9 * 0.76 - 0.05 = 0.634
    assert one_number([9.0, -0.5], lr=0.1, weight_decay=0, momentum=0.9) == pytest.approx([0.9, 0.8], rel=1e-12)
    # m = 0.5 * 1, then 0.25 - 0.15 = 0.1; 0.5 * 0.1 - 0.15 = -0.1: Nesterov turns where the momentum does not
    assert one_number([1.0, -0.3], lr=0.1, weight_decay=0, momentum=0.5) == pytest.approx([0.9, 1.0], rel=1e-12)
    assert one_number([1.0, -0.3], lr=0.1, weight_decay=0, momentum=0.5, nesterov=False) == \
        pytest.approx([0.9, 0.8], rel=1e-12)


def test_weight_decay_is_decoupled():
    # 1 - 0.1*0.5 = 0.95 of 2 is 1.9, less 0.1
    assert one_number([1.0], start=2.0, lr=0.1, weight_decay=0.5) == pytest.approx([1.8], rel=1e-12)


def test_renormalised_before_the_step():
    # |w| = 3 becomes sqrt(1) = 1, less 0.1
    assert one_number([1.0], start=3.0, lr=0.1, weight_decay=0, renormalise=True) == pytest.approx([0.9], rel=1e-12)


@pytest.mark.parametrize("name, factor", [(None, math.sqrt(3)), ("original", math.sqrt(3)),
                                          ("match_rms_adamw", 0.2 * math.sqrt(6))])
def test_adjusted_learning_rate(name, factor):
    # A = 6, B = 2
    w = td.Parameter(np.zeros((6, 2)), dtype=np.float64)
    w.grad = np.random.default_rng(0).normal(size=(6, 2))
    Muon([w], lr=0.5, adjust_lr_fn=name).step()
    np.testing.assert_allclose(w.data, -0.5 * factor * by_decomposition(w.grad, 5), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(6, 2, 3, 3), (20, 2, 3, 2), (4, 3, 5)])
def test_filters_are_the_rows_of_a_matrix(shape):
    rng = np.random.default_rng(0)
    w = td.Parameter(rng.normal(size=shape), dtype=np.float64)
    first, grads, momentum = w.data.copy(), rng.normal(size=(2, *shape)), np.zeros(shape)
    optimizer = Muon([w], lr=0.3, momentum=0.6, ns_steps=3, renormalise=True, weight_decay=0.1)
    expected, rows = first, shape[0]
    for g in grads:
        w.grad = g
        optimizer.step()
        momentum = 0.6 * momentum + 0.4 * g
        step = by_decomposition((0.4 * g + 0.6 * momentum).reshape(rows, -1), 3).reshape(shape)
        expected = expected * math.sqrt(rows) / np.sqrt((expected**2).sum()) * (1 - 0.3 * 0.1)
        expected = expected - 0.3 * math.sqrt(max(1, rows / math.prod(shape[1:]))) * step
    np.testing.assert_allclose(w.data, expected, rtol=1e-9, atol=1e-12)


def test_weights_of_zero_are_not_divided_by_their_norm():
    w = td.Parameter(np.zeros((2, 2)))
    w.grad = np.eye(2, dtype=np.float32)
    Muon([w], renormalise=True).step()
    assert np.isfinite(w.data).all()


# --- checks --------------------------------------------------------------------------------------------------------

def test_no_vectors():
    with pytest.raises(ValueError, match=r"parameter 1 has shape \(3,\), which is no matrix.*MultiOptimizer"):
        Muon(td.Parameter(np.ones(shape)) for shape in ((2, 2), (3,)))
    with pytest.raises(TypeError, match="parameter 0 must be a tensor, got float"):
        Muon([1.0])


@pytest.mark.parametrize("options, error, message", [
    ({"ns_steps": 0}, ValueError, "ns_steps must be at least 1, got 0"),
    ({"ns_steps": 2.0}, TypeError, "ns_steps must be an integer, got 2.0"),
    ({"ns_coefficients": (1, 2)}, ValueError, r"ns_coefficients must be three numbers, got \(1, 2\)"),
    ({"ns_coefficients": (1, math.nan, 2)}, ValueError, r"ns_coefficients\[1\] must be a finite number, got nan"),
    ({"momentum": 1.0}, ValueError, "momentum must be a finite number >= 0 and < 1, got 1.0"),
    ({"eps": 0}, ValueError, "eps must be a finite number > 0, got 0"),
    ({"adjust_lr_fn": "adamw"}, ValueError, "must be None, 'original' or 'match_rms_adamw', got 'adamw'"),
])
def test_bad_hyper_parameters(options, error, message):
    with pytest.raises(error, match=message):
        Muon([td.Parameter(np.ones((2, 2)))], **options)
