"""Cosine annealing with warm restarts: literal rates, fractions of epochs."""

import pytest

from tinydl.optim import CosineAnnealingWarmRestarts


def test_rates(optimizer, path, near):
    assert path(CosineAnnealingWarmRestarts(optimizer(), 2, eta_min=0.5), 4) == near([1, 0.75, 1, 0.75, 1])
    assert path(CosineAnnealingWarmRestarts(optimizer(), 2, T_mult=2), 6) == near(
        [1, 0.5, 1, 0.5 + 2**-1.5, 0.5, 0.5 - 2**-1.5, 1])
    opt = optimizer()
    CosineAnnealingWarmRestarts(opt, 2)
    assert CosineAnnealingWarmRestarts(opt, 2, last_epoch=2).get_last_lr() == near([0.5])


def test_between_epochs(optimizer, near):
    schedule = CosineAnnealingWarmRestarts(optimizer(), 4)
    schedule.step(3.0 - 1)
    assert schedule.get_last_lr() == near([0.5])
    schedule.step(4 + 4 / 3)
    assert schedule.get_last_lr() == near([0.75]) and schedule.last_epoch == 5


def test_refused(optimizer):
    for arguments in ((0,), (2, 0), (2, 1, -1)):
        with pytest.raises(ValueError, match="CosineAnnealingWarmRestarts: .* must be"):
            CosineAnnealingWarmRestarts(optimizer(), *arguments)
