"""SGD: its formula with literal numbers."""

import numpy as np
import pytest

import tinydl as td
from tinydl.optim import SGD


def steps(gradients, start=1.0, **options):
    w = td.Parameter(np.array([start]), dtype=np.float64)
    optimizer = SGD([w], **options)
    path = []
    for g in gradients:
        w.grad = np.array([g], float)
        optimizer.step()
        path.append(w.data.item())
    return path


def test_course_two_layer_exercise():
    # dloss/dw = -18 with learning rate 0.01 takes the touched weights from 1 to 1.18
    assert steps([-18.0], lr=0.01) == pytest.approx([1.18], rel=1e-12)


def test_momentum():
    # v = 2, 0.9*2 + 1 = 2.8; w = 1 - 0.1*2 = 0.8, 0.8 - 0.28 = 0.52
    assert steps([2.0, 1.0], lr=0.1, momentum=0.9) == pytest.approx([0.8, 0.52], rel=1e-12)


def test_dampening_spares_the_first_step():
    # v = 2, 0.9*2 + 0.5*1 = 2.3
    assert steps([2.0, 1.0], lr=0.1, momentum=0.9, dampening=0.5) == pytest.approx([0.8, 0.57], rel=1e-12)


def test_nesterov():
    # g + 0.9*v = 2 + 1.8 = 3.8; then v = 2.8, 1 + 2.52 = 3.52
    assert steps([2.0, 1.0], lr=0.1, momentum=0.9, nesterov=True) == pytest.approx([0.62, 0.268], rel=1e-12)


def test_weight_decay_enters_the_gradient():
    # g = 2 + 0.5*1 = 2.5, w = 0.75; g = 1 + 0.375 = 1.375, v = 2.25 + 1.375 = 3.625
    assert steps([2.0, 1.0], lr=0.1, momentum=0.9, weight_decay=0.5) == pytest.approx([0.75, 0.3875], rel=1e-12)


def test_the_learning_rate_stays_outside_the_buffer():
    w = td.Parameter(np.array([1.0]), dtype=np.float64)
    optimizer = SGD([w], lr=0.1, momentum=0.9)
    for g, lr in ((2.0, 0.1), (1.0, 0.01)):
        optimizer.param_groups[0]["lr"] = lr
        w.grad = np.array([g])
        optimizer.step()
    assert w.data.item() == pytest.approx(0.8 - 0.01 * 2.8, rel=1e-12)


def test_without_momentum_nothing_is_kept():
    w = td.Parameter([1.0])
    w.grad = np.ones(1, np.float32)
    optimizer = SGD([w])
    optimizer.step()
    assert not any(optimizer.state.values())
