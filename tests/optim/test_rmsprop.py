"""RMSprop: its formula with literal numbers."""

import math

import numpy as np
import pytest

import tinydl as td
from tinydl.optim import RMSprop


def steps(gradients, start=1.0, **options):
    w = td.Parameter(np.array([start]))
    optimizer = RMSprop([w], **options)
    path = []
    for g in gradients:
        w.grad = np.array([g], float)
        optimizer.step()
        path.append(w.data.item())
    return path


def test_plain():
    # s = .25*4 = 1: 2/1; s = .75*1 + .25*1 = 1: 1/1
    assert steps([2.0, 1.0], lr=0.1, alpha=0.75, eps=0.0) == pytest.approx([0.8, 0.7], rel=1e-12)


def test_eps_is_added_after_the_root():
    assert steps([2.0], lr=0.1, alpha=0.75, eps=1.0) == pytest.approx([0.9], rel=1e-12)


def test_momentum():
    # b = 2, 0.5*2 + 1 = 2
    assert steps([2.0, 1.0], lr=0.1, alpha=0.75, eps=0.0, momentum=0.5) == pytest.approx([0.8, 0.6], rel=1e-12)


def test_centered():
    # s = 1, a = .5: sqrt(1 - .25)
    expected = 1 - 0.1 * 2 / math.sqrt(0.75)
    assert steps([2.0], lr=0.1, alpha=0.75, eps=0.0, centered=True) == pytest.approx([expected], rel=1e-12)


def test_weight_decay_and_defaults():
    # g = 1 + 1*1 = 2
    assert steps([1.0], lr=0.1, alpha=0.75, eps=0.0, weight_decay=1.0) == pytest.approx([0.8], rel=1e-12)
    assert RMSprop([td.Parameter([1.0])]).defaults == {
        "lr": 0.01, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0, "centered": False}
