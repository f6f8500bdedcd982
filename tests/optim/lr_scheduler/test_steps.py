"""Learning rates that fall at set steps."""

import math

import pytest

from tinydl.optim import MultiStepLR, StepLR


def test_step_lr(optimizer, path, near):
    assert path(StepLR(optimizer(), 2), 5) == near([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_multi_step_lr(optimizer, path, near):
    assert path(MultiStepLR(optimizer(), [3, 1, 3], gamma=0.5), 4) == near([1, 0.5, 0.5, 0.125, 0.125])


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda o: StepLR(o, 0), ValueError, "step_size must be at least 1, got 0"),
    (lambda o: StepLR(o, 1.5), TypeError, "step_size must be an integer, got 1.5"),
    (lambda o: StepLR(o, 1, math.nan), ValueError, "gamma must be .* got nan"),
    (lambda o: StepLR("opt", 1), TypeError, "optimizer must be a tinydl.optim.Optimizer, got str"),
    (lambda o: MultiStepLR(o, [-1]), ValueError, "milestones must be at least 0, got -1"),
])
def test_bad_arguments(make, error, message, optimizer):
    with pytest.raises(error, match=message):
        make(optimizer())
