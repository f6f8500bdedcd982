"""Schedules: literal learning rates, momentum, resuming, errors."""

import json
import math

import pytest

import tinydl as td
from tinydl.optim import (
    SGD,
    Adam,
    CosineAnnealingLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    RMSprop,
    StepLR,
)


def optimizer(lr=1.0, kind=SGD, **options):
    return kind([td.Parameter([1.0])], lr=lr, **options)


def path(schedule, n):
    rates = [schedule.get_last_lr()[0]]
    for _ in range(n):
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
    return rates


def near(values):
    return pytest.approx(values, rel=1e-9, abs=1e-12)


def test_step_lr():
    assert path(StepLR(optimizer(), 2), 5) == near([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_multi_step_lr():
    assert path(MultiStepLR(optimizer(), [3, 1, 3], gamma=0.5), 4) == near([1, 0.5, 0.5, 0.125, 0.125])


def test_linear_lr():
    assert path(LinearLR(optimizer(), 0.25, 1.0, 3), 5) == near([0.25, 0.5, 0.75, 1, 1, 1])
    assert path(LinearLR(optimizer(), 1.0, 0.0, 2), 3) == near([1, 0.5, 0, 0])
    assert path(LinearLR(optimizer(0.3)), 0) == near([0.1])


def test_cosine_climbs_back():
    r = math.sqrt(0.5)
    expected = [1, (1 + r) / 2, 0.5, (1 - r) / 2, 0, (1 - r) / 2, 0.5, (1 + r) / 2, 1]
    assert path(CosineAnnealingLR(optimizer(), 4), 16) == near(expected + expected[1:])
    assert path(CosineAnnealingLR(optimizer(), 2, eta_min=0.5), 4) == near([1, 0.75, 0.5, 0.75, 1])
    assert path(CosineAnnealingLR(optimizer(), 1), 2) == near([1, 0, 1])


def test_cosine_stays_on_the_curve():
    rates = path(CosineAnnealingLR(optimizer(0.1), 300), 900)
    for t, rate in enumerate(rates):
        assert rate == pytest.approx(0.05 * (1 + math.cos(math.pi * t / 300)), abs=1e-9)


def test_one_cycle():
    schedule = OneCycleLR(optimizer(momentum=0.9), max_lr=1.0, total_steps=10)
    momenta = [schedule.optimizer.param_groups[0]["momentum"]]
    rates = [schedule.get_last_lr()[0]]
    for _ in range(9):
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
        momenta.append(schedule.optimizer.param_groups[0]["momentum"])
    assert rates[:3] == near([0.04, 0.52, 1.0])  # peak at step 0.3*10 - 1
    assert rates[-1] == near(4e-6)
    assert momenta[:3] == near([0.95, 0.90, 0.85])
    assert momenta[-1] == near(0.95)
    assert rates[2:] == sorted(rates[2:], reverse=True)
    schedule.step()
    with pytest.raises(ValueError, match="step 11 is past the end of a cycle of 10 steps"):
        schedule.step()


def test_one_cycle_linear_epochs_and_betas():
    schedule = OneCycleLR(optimizer(kind=Adam), [1.0], epochs=2, steps_per_epoch=5, anneal_strategy="linear",
                          pct_start=0.5, div_factor=2.0, final_div_factor=5.0)
    assert schedule.total_steps == 10
    assert path(schedule, 9) == near([0.5, 0.625, 0.75, 0.875, 1.0, 0.82, 0.64, 0.46, 0.28, 0.1])
    assert schedule.optimizer.param_groups[0]["betas"] == (pytest.approx(0.95), 0.999)


@pytest.mark.parametrize("total_steps", [1, 2, 3])
@pytest.mark.parametrize("pct_start", [0.0, 0.3, 0.5, 1.0])
def test_very_short_cycles(total_steps, pct_start):
    rates = path(OneCycleLR(optimizer(), 1.0, total_steps, pct_start=pct_start), total_steps)
    assert all(0 < rate <= 1 for rate in rates)


def test_one_cycle_leaves_momentum_alone():
    opt = optimizer(momentum=0.5)
    OneCycleLR(opt, 1.0, 10, cycle_momentum=False)
    assert opt.param_groups[0]["momentum"] == 0.5


def test_plateau():
    schedule = ReduceLROnPlateau(optimizer(), factor=0.5, patience=1, cooldown=1, min_lr=0.2)
    rates = []
    for metric in (1.0, 0.5, 0.5, 0.49999, math.nan, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0):
        schedule.step(metric)
        rates.append(schedule.get_last_lr()[0])
    # two bad epochs (0.49999 is no better by 1e-4 of the best), one of cooldown, two bad ones, ...; not below 0.2
    assert rates == near([1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2])
    assert schedule.best == 0.5


@pytest.mark.parametrize(("mode", "threshold_mode", "better", "worse"), [
    ("min", "rel", 0.89, 0.91), ("max", "rel", 1.11, 1.09), ("min", "abs", 0.89, 0.91), ("max", "abs", 1.11, 1.09),
])
def test_plateau_thresholds(mode, threshold_mode, better, worse):
    for metric, bad in ((better, 0), (worse, 1)):
        schedule = ReduceLROnPlateau(optimizer(), mode, threshold=0.1, threshold_mode=threshold_mode)
        schedule.step(td.tensor(1.0))
        schedule.step(metric)
        assert schedule.num_bad_epochs == bad


def test_two_schedules_multiply():
    opt = optimizer()
    warm, drop = LinearLR(opt, 0.5, 1.0, 2), StepLR(opt, 2)
    rates = [opt.param_groups[0]["lr"]]
    for _ in range(3):
        warm.step()
        drop.step()
        rates.append(opt.param_groups[0]["lr"])
    assert rates == near([0.5, 0.75, 0.1, 0.1])


MAKERS = {
    "step": lambda opt: StepLR(opt, 2, 0.3),
    "multi": lambda opt: MultiStepLR(opt, [1, 5]),
    "linear": lambda opt: LinearLR(opt, 0.1, 1.0, 7),
    "cosine": lambda opt: CosineAnnealingLR(opt, 4, 0.01),
    "one_cycle": lambda opt: OneCycleLR(opt, 0.5, 20),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_resumed_schedule_has_the_same_bits(make):
    whole = path(make(optimizer()), 15)
    first = make(optimizer())
    path(first, 6)
    saved = json.loads(json.dumps([first.optimizer.state_dict()["param_groups"], first.state_dict()]))
    opt = optimizer()
    second = make(opt)
    opt.load_state_dict({"state": {}, "param_groups": saved[0]})
    second.load_state_dict(saved[1])
    assert path(second, 9) == whole[6:]


def test_resumed_plateau():
    metrics = [3, 2, 2, 2, 2, 1, 1, 1, 1, 1]
    whole = ReduceLROnPlateau(optimizer(), patience=1)
    half = ReduceLROnPlateau(optimizer(), patience=1)
    for m in metrics:
        whole.step(m)
    for m in metrics[:4]:
        half.step(m)
    opt = optimizer()
    rest = ReduceLROnPlateau(opt, patience=1)
    opt.load_state_dict(half.optimizer.state_dict())
    rest.load_state_dict(json.loads(json.dumps(half.state_dict())))
    for m in metrics[4:]:
        rest.step(m)
    assert rest.state_dict() == whole.state_dict()
    assert rest.get_last_lr() == whole.get_last_lr()


def test_last_epoch_goes_on():
    opt = optimizer()
    with pytest.raises(ValueError, match="group 0 has no 'initial_lr'"):
        StepLR(opt, 2, last_epoch=3)
    first = StepLR(opt, 2)
    path(first, 3)
    assert StepLR(opt, 2, last_epoch=3).get_last_lr() == near([0.01])


@pytest.mark.parametrize("make", [
    lambda opt, last: StepLR(opt, 2, 0.3, last_epoch=last),
    lambda opt, last: MultiStepLR(opt, [1, 5], last_epoch=last),
    lambda opt, last: LinearLR(opt, 0.1, 1.0, 7, last_epoch=last),
    lambda opt, last: CosineAnnealingLR(opt, 4, 0.01, last_epoch=last),
    lambda opt, last: OneCycleLR(opt, 0.5, 20, last_epoch=last),
], ids=["step", "multi", "linear", "cosine", "one_cycle"])
def test_last_epoch_goes_on_with_the_same_bits_whatever_rate_was_saved(make):
    rates = path(make(optimizer(), -1), 15)
    for last in (0, 1, 4, 7, 8):
        for saved in (rates[last], rates[last + 1], 17.0):
            opt = optimizer()
            make(opt, -1)
            opt.param_groups[0]["lr"] = saved
            assert path(make(opt, last), 14 - last) == rates[last + 1:]


def test_cosine_goes_on_after_45_steps():
    opt = optimizer(1e-3)
    path(CosineAnnealingLR(opt, 100), 45)
    expected = 5e-4 * (1 + math.cos(0.45 * math.pi))  # 5.782e-4
    assert CosineAnnealingLR(opt, 100, last_epoch=44).get_last_lr() == near([expected])


def test_a_group_that_comes_later():
    opt = optimizer()
    schedule = CosineAnnealingLR(opt, 1)
    opt.add_param_group({"params": [td.Parameter([2.0])], "lr": 0.5})
    schedule.step()
    schedule.step()
    assert schedule.get_last_lr() == near([1.0, 0.5])


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_state_of_another_schedule_changes_nothing(make):
    schedule = make(optimizer())
    before = schedule.state_dict()
    other = ReduceLROnPlateau(optimizer()).state_dict()
    with pytest.raises(ValueError, match="does not fit"):
        schedule.load_state_dict(other)
    with pytest.raises(ValueError, match="last_epoch of the state dict must be like"):
        schedule.load_state_dict({**before, "last_epoch": "7"})
    assert schedule.state_dict() == before


def test_when_to_step():
    assert OneCycleLR.per_batch
    assert not any(kind.per_batch for kind in (StepLR, MultiStepLR, LinearLR, CosineAnnealingLR, ReduceLROnPlateau))
    assert ReduceLROnPlateau.needs_metric
    assert not OneCycleLR.needs_metric


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda o: StepLR(o, 0), ValueError, "step_size must be at least 1, got 0"),
    (lambda o: StepLR(o, 1.5), TypeError, "step_size must be an integer, got 1.5"),
    (lambda o: StepLR(o, 1, math.nan), ValueError, "gamma must be .* got nan"),
    (lambda o: StepLR("opt", 1), TypeError, "optimizer must be a tinydl.optim.Optimizer, got str"),
    (lambda o: MultiStepLR(o, [-1]), ValueError, "milestones must be at least 0, got -1"),
    (lambda o: LinearLR(o, 0.0), ValueError, "start_factor must be .*> 0 and <= 1, got 0.0"),
    (lambda o: LinearLR(o, end_factor=2.0), ValueError, "end_factor must be .* got 2.0"),
    (lambda o: CosineAnnealingLR(o, 0), ValueError, "T_max must be at least 1, got 0"),
    (lambda o: CosineAnnealingLR(o, 1, -math.inf), ValueError, "eta_min must be .* got -inf"),
    (lambda o: OneCycleLR(o, 1.0), ValueError, "give total_steps, or both epochs and steps_per_epoch"),
    (lambda o: OneCycleLR(o, -1.0, 5), ValueError, "max_lr must be .* got -1.0"),
    (lambda o: OneCycleLR(o, [1.0, 2.0], 5), ValueError, "max_lr has 2 values for 1 parameter groups"),
    (lambda o: OneCycleLR(o, 1.0, 5, pct_start=1.5), ValueError, "pct_start must be .* got 1.5"),
    (lambda o: OneCycleLR(o, 1.0, 5, anneal_strategy="exp"), ValueError, "'cos' or 'linear', got 'exp'"),
    (lambda o: ReduceLROnPlateau(o, "least"), ValueError, "mode must be 'min' or 'max', got 'least'"),
    (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "factor must be .*< 1, got 1.0"),
    (lambda o: ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "'rel' or 'abs', got 'x'"),
    (lambda o: ReduceLROnPlateau(o, min_lr=[1, 2]), ValueError, "min_lr has 2 values for 1 parameter groups"),
])
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make(optimizer())


def test_rmsprop_cycles_its_momentum():
    opt = optimizer(kind=RMSprop)
    OneCycleLR(opt, 1.0, 10)
    assert opt.param_groups[0]["momentum"] == near(0.95)
