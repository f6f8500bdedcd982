"""NAdam, RAdam and Lion: literal steps, hyper-parameters, state."""

import numpy as np
import pytest

import tinydl as td
from tinydl.optim import Lion, NAdam, RAdam


def run(kind, n, first=(1.0, -2.0), **options):
    """n steps from `first` with the gradients k (0.5, -1) for k = 1, 2, ..."""
    w = td.Parameter(np.array(first), dtype=np.float64)
    optimizer = kind([w], **options)
    for k in range(1, n + 1):
        w.grad = np.array([0.5, -1.0]) * k
        optimizer.step()
    return w, optimizer


@pytest.mark.parametrize(("kind", "n", "options", "expected"), [
    (NAdam, 3, {"lr": 0.1}, [0.7018802008537799, -1.701880198743299]),
    (NAdam, 3, {"lr": 0.1, "weight_decay": 0.2, "decoupled_weight_decay": True},
     [0.649181644488608, -1.590373642432141]),
    (RAdam, 7, {"lr": 0.1}, [0.4723759413498717, -0.9505045059677236]),
    (RAdam, 5, {"lr": 0.1, "betas": (0.9, 0.8), "weight_decay": 0.2}, [0.3877174740653968, -0.7754349481307936]),
])
def test_literal_values(kind, n, options, expected):
    np.testing.assert_allclose(run(kind, n, **options)[0].data, expected, rtol=1e-12)


def test_steps_of_lion_have_one_size():
    # w - lr (sign + decay w): 1 -> 1 - 0.1 (1 + 0.5) = 0.85, -2 -> -2 + 0.1 (1 + 1) = -1.8
    w, optimizer = run(Lion, 1, lr=0.1, weight_decay=0.5)
    np.testing.assert_allclose(w.data, [0.85, -1.8], rtol=1e-12)
    np.testing.assert_allclose(optimizer.state[w]["exp_avg"], [0.005, -0.01], rtol=1e-12)


@pytest.mark.parametrize("kind", [NAdam, RAdam, Lion])
def test_a_state_goes_on_with_the_same_bits(kind):
    whole, _ = run(kind, 6)
    half, first = run(kind, 3)
    w = td.Parameter(half.data.copy(), dtype=np.float64)
    second = kind([w])
    second.load_state_dict(first.state_dict())
    for k in (4, 5, 6):
        w.grad = np.array([0.5, -1.0]) * k
        second.step()
    assert np.array_equal(w.data, whole.data)


@pytest.mark.parametrize(("make", "message"), [
    (lambda w: NAdam([w], betas=(1.0, 0.9)), r"NAdam: betas\[0\] must be"),
    (lambda w: NAdam([w], momentum_decay=-1), "NAdam: momentum_decay must be"),
    (lambda w: RAdam([w], decoupled_weight_decay="yes"), "RAdam: decoupled_weight_decay must be True or False"),
    (lambda w: Lion([w], betas=0.9), "Lion: betas must be two numbers, got 0.9"),
    (lambda w: Lion([w], lr=float("nan")), "Lion: lr must be")])
def test_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make(td.Parameter([1.0]))
