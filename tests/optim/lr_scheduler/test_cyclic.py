"""Cycles: literal rates and momenta, what is refused."""

import pytest

import tinydl as td
from tinydl.optim import CyclicLR


@pytest.mark.parametrize(("options", "expected"), [
    ({"step_size_up": 2}, [1, 2, 3, 2, 1, 2, 3]), ({"step_size_up": 1, "step_size_down": 2}, [1, 3, 2, 1, 3, 2, 1]),
    ({"step_size_up": 1, "mode": "triangular2"}, [1, 3, 1, 2, 1, 1.5, 1]),
    ({"step_size_up": 1, "mode": "exp_range", "gamma": 0.5}, [1, 2, 1, 1.25, 1, 1.0625, 1])], ids=range(4))
def test_rates(options, expected, optimizer, path, near):
    assert path(CyclicLR(optimizer(), 1.0, 3.0, cycle_momentum=False, **options), 6) == near(expected)


def test_momentum_does_the_opposite(optimizer, near):
    opt = optimizer(momentum=0.3)
    schedule = CyclicLR(opt, 0.1, 0.2, 2, base_momentum=0.5, max_momentum=0.9)
    found = []
    for _ in range(5):
        found.append(opt.param_groups[0]["momentum"])
        schedule.step()
    assert found == near([0.9, 0.7, 0.5, 0.7, 0.9]) and schedule.per_batch
    adam = optimizer(kind=td.optim.Adam)
    CyclicLR(adam, 0.1, 0.2)
    assert adam.param_groups[0]["betas"] == (0.9, 0.999)


@pytest.mark.parametrize(("options", "message"), [
    ({"mode": "saw"}, "'triangular', 'triangular2' or 'exp_range'"), ({"gamma": 0}, "gamma must be"),
    ({"step_size_up": 0}, "step_size_up must be"), ({"max_lr": [1, 2]}, "have 1 and 2 values for 1")])
def test_refused(options, message, optimizer):
    with pytest.raises(ValueError, match=message):
        CyclicLR(optimizer(), **{"base_lr": 0.1, "max_lr": 0.2, **options})
    with pytest.raises(ValueError, match="pass cycle_momentum=False"):
        CyclicLR(optimizer(kind=td.optim.Adagrad), 0.1, 0.2)
