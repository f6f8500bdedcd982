import pytest

import tinydl as td
from tinydl.train.schedules import after_epoch, load_schedules, per_batch, schedules_of, state_of_schedules


def optimizer():
    return td.optim.SGD(td.nn.Linear(1, 1).parameters(), lr=1.0)


def test_none_one_or_several():
    opt = optimizer()
    step, cycle = td.optim.StepLR(opt, 1), td.optim.OneCycleLR(optimizer(), 1.0, total_steps=4, cycle_momentum=False)
    assert schedules_of(None) == [] and schedules_of(step) == [step] and schedules_of((step, cycle)) == [step, cycle]
    assert per_batch([step, cycle]) == [cycle] and per_batch(None) == []


def test_factors_of_several_multiply():
    opt = optimizer()
    warm = td.optim.LinearLR(opt, 0.25, 1.0, 3)
    both = [warm, td.optim.ReduceLROnPlateau(opt, factor=0.5, patience=0)]
    rates = [opt.param_groups[0]["lr"]]
    for loss in (3.0, 2.0, 2.0, 2.0):
        after_epoch(both, {"loss": 9.0, "val_loss": loss})
        rates.append(opt.param_groups[0]["lr"])
    # Linear 1/4, 1/2, 3/4, 1, 1; from the third epoch on the loss stands still.
    assert rates == pytest.approx([0.25, 0.5, 0.75, 0.5, 0.25])


def test_without_validation_a_plateau_is_that_of_the_loss():
    opt = optimizer()
    plateau = td.optim.ReduceLROnPlateau(opt, factor=0.5, patience=0)
    for loss in (3.0, 3.0):
        after_epoch(plateau, {"loss": loss})
    assert opt.param_groups[0]["lr"] == 0.5


def test_states():
    opt = optimizer()
    step = td.optim.StepLR(opt, 1)
    one, several = state_of_schedules(step), state_of_schedules([step, td.optim.ReduceLROnPlateau(opt)])
    assert state_of_schedules(None) is None and isinstance(one, dict) and len(several) == 2
    step.step()
    load_schedules(step, one)
    assert step.last_epoch == 0
    load_schedules(None, None)
    with pytest.raises(ValueError, match="made with 2 schedules, this trainer has 1"):
        load_schedules(step, several)
    with pytest.raises(ValueError, match="made with no schedules, this trainer has 1"):
        load_schedules(step, None)
