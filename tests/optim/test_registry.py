"""Optimisers by name: the table, and what it makes."""

import pytest

import tinydl as td
from tinydl.optim import BY_NAME, Optimizer

# The base; what is made of other optimisers; what takes only some of a net's parameters.
NAMELESS = {Optimizer, td.optim.Lookahead, td.optim.MultiOptimizer, td.optim.Muon}


def test_every_optimiser_has_a_name():
    kinds = {choice.kind for choice in BY_NAME.values()}
    assert kinds == {kind for kind in vars(td.optim).values()
                     if isinstance(kind, type) and issubclass(kind, Optimizer)} - NAMELESS
    assert {name: choice.kind.__name__.lower() for name, choice in BY_NAME.items()} == {n: n for n in BY_NAME}


@pytest.mark.parametrize("name", BY_NAME)
def test_an_optimiser_made_by_its_name(name):
    choice = BY_NAME[name]
    made = choice.make([td.Parameter([1.0])])
    assert type(made) is choice.kind and made.defaults["lr"] == choice.lr
    made = choice.make([td.Parameter([1.0])], lr=0.25, weight_decay=0.5)
    assert (made.defaults["lr"], made.defaults["weight_decay"]) == (0.25, 0.5)


def test_sgd_by_name_has_nesterov_momentum():
    defaults = BY_NAME["sgd"].make([td.Parameter([1.0])]).defaults
    assert (defaults["momentum"], defaults["nesterov"]) == (0.9, True)
    assert not BY_NAME["sgd"].make([td.Parameter([1.0])], nesterov=False).defaults["nesterov"]
