"""Adam, AdamW, RMSprop, Adagrad and Adadelta: their formulas with literal numbers."""

import math

import numpy as np
import pytest

import tinydl as td
from tinydl.optim import Adadelta, Adagrad, Adam, AdamW, RMSprop


def steps(kind, gradients, start=1.0, **options):
    w = td.Parameter(np.array([start]), dtype=np.float64)
    optimizer = kind([w], **options)
    path = []
    for g in gradients:
        w.grad = np.array([g], float)
        optimizer.step()
        path.append(w.data.item())
    return path


# --- Adam and AdamW ------------------------------------------------------------------------------------------------

def test_the_first_step_is_the_learning_rate():
    assert steps(Adam, [123.0], lr=0.1, eps=0.0) == pytest.approx([0.9], rel=1e-12)


def test_two_steps():
    # m = 0.2*0.5.., beta = (0.5, 0.75): m1 = 1, v1 = 1; m1/(1-.5) = 2, v1/(1-.75) = 4: step 2/2 = 1
    # m2 = .5*1 + .5*0 = .5, v2 = .75*1 + .25*0 = .75; .5/.75 = 2/3, .75/(1-.5625) = 12/7: (2/3)/sqrt(12/7)
    expected = [0.9, 0.9 - 0.1 * (2 / 3) / math.sqrt(12 / 7)]
    assert steps(Adam, [2.0, 0.0], lr=0.1, betas=(0.5, 0.75), eps=0.0) == pytest.approx(expected, rel=1e-12)


def test_eps_is_added_after_the_root():
    assert steps(Adam, [2.0], lr=0.1, eps=2.0) == pytest.approx([1 - 0.1 * 2 / (2 + 2)], rel=1e-12)


def test_decay_is_l2_in_adam_and_decoupled_in_adamw():
    # without a gradient Adam still moves by lr: its decay passes through the moments; AdamW only shrinks w
    assert steps(Adam, [0.0], lr=0.1, weight_decay=0.5, eps=0.0) == pytest.approx([0.9], rel=1e-12)
    assert steps(AdamW, [0.0], lr=0.1, weight_decay=0.5) == pytest.approx([0.95], rel=1e-12)
    assert steps(AdamW, [3.0], lr=0.1, weight_decay=0.5, eps=0.0) == pytest.approx([0.85], rel=1e-12)


def test_defaults():
    w = td.Parameter([1.0])
    assert Adam([w]).defaults == {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0}
    assert AdamW([w]).defaults == {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2}


# --- RMSprop -------------------------------------------------------------------------------------------------------

def test_rmsprop():
    # s = .25*4 = 1: 2/1; s = .75*1 + .25*1 = 1: 1/1
    assert steps(RMSprop, [2.0, 1.0], lr=0.1, alpha=0.75, eps=0.0) == pytest.approx([0.8, 0.7], rel=1e-12)


def test_eps_of_rmsprop_is_added_after_the_root():
    assert steps(RMSprop, [2.0], lr=0.1, alpha=0.75, eps=1.0) == pytest.approx([0.9], rel=1e-12)


def test_rmsprop_with_momentum():
    # b = 2, 0.5*2 + 1 = 2
    assert steps(RMSprop, [2.0, 1.0], lr=0.1, alpha=0.75, eps=0.0, momentum=0.5) == pytest.approx([0.8, 0.6], rel=1e-12)


def test_centered_rmsprop():
    # s = 1, a = .5: sqrt(1 - .25)
    expected = 1 - 0.1 * 2 / math.sqrt(0.75)
    assert steps(RMSprop, [2.0], lr=0.1, alpha=0.75, eps=0.0, centered=True) == pytest.approx([expected], rel=1e-12)


def test_centered_rmsprop_of_gradients_that_resemble_each_other():
    """Float32 loses of the variance what is kept of the mean square, and not what is lost in their difference."""
    alpha, eps = 0.01, np.finfo(np.float32).eps
    w = td.Parameter(np.zeros(1000, np.float32))
    optimizer = RMSprop([w], lr=1.0, alpha=alpha, eps=0.0, centered=True)
    mean = variance = np.zeros(1000)
    for size in (1.0, 0.9):
        before, w.grad = w.data.astype(float), (size * np.linspace(1, 2, 1000)).astype(np.float32)
        g = w.grad.astype(float)
        square = variance + mean**2
        variance = alpha * (variance + (1 - alpha) * (g - mean)**2)
        mean = alpha * mean + (1 - alpha) * g
        optimizer.step()
        right = g / np.sqrt(variance)
        # Square and mean were each rounded once, and the difference of the gradients from the mean.
        lost = alpha * 4 * eps * square / (2 * variance)
        np.testing.assert_allclose(before - w.data, right, rtol=8 * eps + lost.max())
    assert 8 * eps + lost.max() < 1e-4


def test_weight_decay_and_defaults_of_rmsprop():
    # g = 1 + 1*1 = 2
    assert steps(RMSprop, [1.0], lr=0.1, alpha=0.75, eps=0.0, weight_decay=1.0) == pytest.approx([0.8], rel=1e-12)
    assert RMSprop([td.Parameter([1.0])]).defaults == {
        "lr": 0.01, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0, "centered": False}


# --- Adagrad -------------------------------------------------------------------------------------------------------

def test_adagrad():
    # s = 9: 3/3; s = 25: 4/5
    assert steps(Adagrad, [3.0, 4.0], lr=0.1, eps=0.0) == pytest.approx([0.9, 0.82], rel=1e-12)


def test_adagrad_starts_where_it_is_told():
    # s = 7 + 9 = 16: 3/4; s = 16 + 9 = 25: 3/5
    expected = [1 - 0.1 * 0.75, 1 - 0.1 * 0.75 - 0.1 * 0.6]
    assert steps(Adagrad, [3.0, 3.0], lr=0.1, initial_accumulator_value=7.0) == pytest.approx(expected, rel=1e-9)


def test_adagrad_lowers_its_learning_rate():
    # 0.1, 0.1/1.5, 0.1/2 times 3/3, 4/5 and 0
    expected = [0.9, 0.9 - 0.08 / 1.5, 0.9 - 0.08 / 1.5 - 0.05 * 12 / 13]
    assert steps(Adagrad, [3.0, 4.0, 12.0], lr=0.1, lr_decay=0.5, eps=0.0) == pytest.approx(expected, rel=1e-12)


def test_weight_decay_eps_and_defaults_of_adagrad():
    # g = 1 + 2*1 = 3: 3/(3 + 1)
    assert steps(Adagrad, [1.0], lr=0.1, weight_decay=2.0, eps=1.0) == pytest.approx([0.925], rel=1e-12)
    assert Adagrad([td.Parameter([1.0])]).defaults == {
        "lr": 0.01, "lr_decay": 0, "weight_decay": 0, "initial_accumulator_value": 0, "eps": 1e-10}


def test_adagrad_against_its_formula_in_numpy():
    rng = np.random.default_rng(0)
    w = td.Parameter(rng.standard_normal((7, 5, 3, 3)), dtype=np.float64)
    optimizer = Adagrad([w], lr=0.3, lr_decay=0.1, weight_decay=0.05, initial_accumulator_value=0.2)
    want, s = w.data.copy(), np.full(w.shape, 0.2)
    for t in range(1, 8):
        w.grad = rng.standard_normal(w.shape)
        optimizer.step()
        g = w.grad + 0.05 * want
        s += g**2
        want -= 0.3 / (1 + (t - 1) * 0.1) * g / (np.sqrt(s) + 1e-10)
    np.testing.assert_allclose(w.data, want, rtol=1e-13)
    np.testing.assert_allclose(optimizer.state[w]["sum"], s, rtol=1e-13)
    assert set(optimizer.state_dict()["state"][0]) == {"step", "sum"}


# --- Adadelta ------------------------------------------------------------------------------------------------------

def test_adadelta():
    # PyTorch's values of three steps from 1 and -2 with gradients k (0.5, -1).
    w = td.Parameter(np.array([1.0, -2.0]), dtype=np.float64)
    optimizer = Adadelta([w], lr=0.5, eps=1e-2, weight_decay=0.1)
    for k in (1, 2, 3):
        w.grad = np.array([0.5, -1.0]) * k
        optimizer.step()
    np.testing.assert_allclose(w.data, [0.461395074346023, -1.4219648228673893], rtol=1e-12)


@pytest.mark.parametrize(("options", "message"), [({"rho": 1.5}, "rho"), ({"lr": -1}, "lr"),
                                                 ({"eps": math.nan}, "eps")])
def test_bad_hyper_parameters_of_adadelta(options, message):
    with pytest.raises(ValueError, match=f"Adadelta: {message} must be"):
        Adadelta([td.Parameter([1.0])], **options)
