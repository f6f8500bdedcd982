"""Lower learning rates where a metric stops falling."""

import json
import math

import pytest

import tinydl as td
from tinydl.optim import ReduceLROnPlateau


def test_plateau(optimizer, near):
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
def test_plateau_thresholds(mode, threshold_mode, better, worse, optimizer):
    for metric, bad in ((better, 0), (worse, 1)):
        schedule = ReduceLROnPlateau(optimizer(), mode, threshold=0.1, threshold_mode=threshold_mode)
        schedule.step(td.tensor(1.0))
        schedule.step(metric)
        assert schedule.num_bad_epochs == bad


def test_resumed_plateau(optimizer):
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


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda o: ReduceLROnPlateau(o, "least"), ValueError, "mode must be 'min' or 'max', got 'least'"),
    (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "factor must be .*< 1, got 1.0"),
    (lambda o: ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "'rel' or 'abs', got 'x'"),
    (lambda o: ReduceLROnPlateau(o, min_lr=[1, 2]), ValueError, "min_lr has 2 values for 1 parameter groups"),
])
def test_bad_arguments(make, error, message, optimizer):
    with pytest.raises(error, match=message):
        make(optimizer())


def test_the_first_metric(optimizer):
    """As PyTorch, which begins with inf as the best: 0 is better, inf and NaN are not, -inf never is when it rises."""
    for mode, metric, bad in (("min", 0.0, 0), ("min", math.inf, 1), ("min", math.nan, 1), ("min", -math.inf, 0),
                              ("max", 0.0, 0), ("max", -math.inf, 1), ("max", math.inf, 0)):
        for threshold_mode in ("rel", "abs"):
            schedule = ReduceLROnPlateau(optimizer(), mode, threshold_mode=threshold_mode)
            schedule.step(metric)
            assert schedule.num_bad_epochs == bad, (mode, metric)
