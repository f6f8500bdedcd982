"""Hooks: what they see, what they change, and how they go."""

import numpy as np
import pytest

import tinydl as td


def test_a_leaf_is_seen_once_with_the_whole_gradient():
    x, seen = td.tensor([1.0, 2.0], requires_grad=True), []
    handle = x.register_hook(seen.append)
    x.register_hook(lambda g: g * 10)
    (x * x).sum().backward()
    ((x * 2).sum() + (x * 3).sum()).backward()
    assert [g.tolist() for g in seen] == [[2, 4], [5, 5]] and x.grad.tolist() == [70, 90]
    handle.remove()
    handle.remove()
    x.sum().backward()
    assert len(seen) == 2 and x.grad.tolist() == [80, 100]


def test_a_result_passes_on_what_the_hook_returns():
    x = td.tensor([1.0, 2.0], requires_grad=True)
    h = x * 2
    h.retain_grad()
    with h.register_hook(lambda g: np.zeros(2)):
        (h * h).sum().backward()
    assert h.grad.tolist() == [0, 0] and x.grad.tolist() == [0, 0]


def test_a_hook_gets_a_copy():
    x = td.tensor([1.0], requires_grad=True)

    def spoil(gradient):
        gradient.data[...] = np.nan
    (x * 2).register_hook(spoil)
    h = x * 3
    h.register_hook(spoil)
    h.sum().backward()
    assert x.grad.tolist() == [3]


def test_refused():
    x = td.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="needs a tensor that requires a gradient"):
        td.ones(1).register_hook(print)
    with pytest.raises(TypeError, match="takes a function of the gradient, got 3"):
        x.register_hook(3)
    x.register_hook(lambda g: g[:1])
    with pytest.raises(ValueError, match=r"of shape \(1,\) in place of one of \(2,\)"):
        x.sum().backward()
