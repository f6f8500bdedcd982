"""Schedules made of others: literal rates, states, what is refused."""

import json

import pytest

from tinydl.optim import (
    ChainedScheduler,
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def sequence(opt):
    return SequentialLR(opt, [LinearLR(opt, 0.5, total_iters=2), ExponentialLR(opt, 0.5), StepLR(opt, 1, 0.1)], [2, 4])


def chain(opt):
    return ChainedScheduler([LinearLR(opt, 0.5, total_iters=2), StepLR(opt, 2, 0.1)])


@pytest.mark.parametrize(("make", "expected"), [
    (sequence, [0.5, 0.75, 1, 0.5, 1, 0.1, 0.01]),
    (chain, [0.5, 0.75, 0.1, 0.1, 0.01, 0.01, 0.001])], ids=["one", "all"])
def test_rates_and_states(make, expected, optimizer, path, near):
    assert path(make(optimizer()), 6) == near(expected)
    first = make(optimizer())
    path(first, 3)
    saved = json.loads(json.dumps([first.optimizer.state_dict()["param_groups"], first.state_dict()]))
    opt = optimizer()
    second = make(opt)
    opt.load_state_dict({"state": {}, "param_groups": saved[0]})
    second.load_state_dict(saved[1])
    assert path(second, 3) == near(expected[3:])
    second.restart()
    assert second.get_last_lr() == near(expected[:1])


def test_a_state_that_does_not_fit_changes_nothing(optimizer):
    made = sequence(optimizer())
    before = made.state_dict()
    for state in ({}, {**before, "schedulers": before["schedulers"][:2]}, {**before, "more": 1},
                  {**before, "schedulers": before["schedulers"][::-1]}):
        with pytest.raises(ValueError, match="state dict"):
            made.load_state_dict(state)
        assert made.state_dict() == before


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda opt, other: SequentialLR(opt, [StepLR(opt, 1)], [2]), ValueError, "1 schedules need 0 ascending"),
    (lambda opt, other: SequentialLR(opt, [StepLR(opt, 1)] * 3, [4, 2]), ValueError, "ascending milestones"),
    (lambda opt, other: SequentialLR(opt, [StepLR(opt, 1), StepLR(other, 1)], [2]), ValueError, "another optimiser"),
    (lambda opt, other: ChainedScheduler([]), ValueError, "got no schedules"),
    (lambda opt, other: ChainedScheduler([ReduceLROnPlateau(opt)]), TypeError, "takes no metric"),
    (lambda opt, other: ChainedScheduler([CosineAnnealingLR(opt, 3), OneCycleLR(opt, 0.1, 9, cycle_momentum=False)]),
     ValueError, "CosineAnnealingLR per epoch, OneCycleLR per batch"),
    (lambda opt, other: SequentialLR(opt, [StepLR(opt, 1)], [], last_epoch=3), ValueError, "last_epoch is -1")])
def test_refused(make, error, message, optimizer):
    with pytest.raises(error, match=message):
        make(optimizer(), optimizer())
