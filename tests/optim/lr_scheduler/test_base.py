"""What all schedules share: they multiply, resume to the same bits and refuse what is not theirs."""

import json

import pytest

import tinydl as td
from tinydl.optim import CosineAnnealingLR, LinearLR, MultiStepLR, OneCycleLR, ReduceLROnPlateau, StepLR

MAKERS = {
    "step": lambda opt, **more: StepLR(opt, 2, 0.3, **more),
    "multi": lambda opt, **more: MultiStepLR(opt, [1, 5], **more),
    "linear": lambda opt, **more: LinearLR(opt, 0.1, 1.0, 7, **more),
    "cosine": lambda opt, **more: CosineAnnealingLR(opt, 4, 0.01, **more),
    "one_cycle": lambda opt, **more: OneCycleLR(opt, 0.5, 20, **more),
}


def test_two_schedules_multiply(optimizer, near):
    opt = optimizer()
    warm, drop = LinearLR(opt, 0.5, 1.0, 2), StepLR(opt, 2)
    rates = [opt.param_groups[0]["lr"]]
    for _ in range(3):
        warm.step()
        drop.step()
        rates.append(opt.param_groups[0]["lr"])
    assert rates == near([0.5, 0.75, 0.1, 0.1])


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_resumed_schedule_has_the_same_bits(make, optimizer, path):
    whole = path(make(optimizer()), 15)
    first = make(optimizer())
    path(first, 6)
    saved = json.loads(json.dumps([first.optimizer.state_dict()["param_groups"], first.state_dict()]))
    opt = optimizer()
    second = make(opt)
    opt.load_state_dict({"state": {}, "param_groups": saved[0]})
    second.load_state_dict(saved[1])
    assert path(second, 9) == whole[6:]


def test_last_epoch_goes_on(optimizer, path, near):
    opt = optimizer()
    with pytest.raises(ValueError, match="group 0 has no 'initial_lr'"):
        StepLR(opt, 2, last_epoch=3)
    first = StepLR(opt, 2)
    path(first, 3)
    assert StepLR(opt, 2, last_epoch=3).get_last_lr() == near([0.01])


def test_a_group_that_comes_later(optimizer, near):
    opt = optimizer()
    schedule = CosineAnnealingLR(opt, 1)
    opt.add_param_group({"params": [td.Parameter([2.0])], "lr": 0.5})
    schedule.step()
    schedule.step()
    assert schedule.get_last_lr() == near([1.0, 0.5])


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_state_of_another_schedule_changes_nothing(make, optimizer):
    schedule = make(optimizer())
    before = schedule.state_dict()
    other = ReduceLROnPlateau(optimizer()).state_dict()
    with pytest.raises(ValueError, match="does not fit"):
        schedule.load_state_dict(other)
    with pytest.raises(ValueError, match="last_epoch of the state dict must be like"):
        schedule.load_state_dict({**before, "last_epoch": "7"})
    assert schedule.state_dict() == before


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_last_epoch_goes_on_with_the_same_bits_whatever_rate_was_saved(make, optimizer, path):
    rates = path(make(optimizer()), 15)
    for last in (0, 1, 4, 7, 8):
        for saved in (rates[last], rates[last + 1], 17.0):
            opt = optimizer()
            make(opt)
            opt.param_groups[0]["lr"] = saved
            assert path(make(opt, last_epoch=last), 14 - last) == rates[last + 1:]


def test_when_to_step():
    assert OneCycleLR.per_batch
    assert not any(kind.per_batch for kind in (StepLR, MultiStepLR, LinearLR, CosineAnnealingLR, ReduceLROnPlateau))
    assert ReduceLROnPlateau.needs_metric
    assert not OneCycleLR.needs_metric
