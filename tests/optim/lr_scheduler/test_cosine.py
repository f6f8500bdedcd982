"""Half a cosine down, and up again."""

import math

import pytest

from tinydl.optim import CosineAnnealingLR


def test_cosine_climbs_back(optimizer, path, near):
    r = math.sqrt(0.5)
    expected = [1, (1 + r) / 2, 0.5, (1 - r) / 2, 0, (1 - r) / 2, 0.5, (1 + r) / 2, 1]
    assert path(CosineAnnealingLR(optimizer(), 4), 16) == near(expected + expected[1:])
    assert path(CosineAnnealingLR(optimizer(), 2, eta_min=0.5), 4) == near([1, 0.75, 0.5, 0.75, 1])
    assert path(CosineAnnealingLR(optimizer(), 1), 2) == near([1, 0, 1])


def test_cosine_stays_on_the_curve(optimizer, path):
    rates = path(CosineAnnealingLR(optimizer(0.1), 300), 900)
    for t, rate in enumerate(rates):
        assert rate == pytest.approx(0.05 * (1 + math.cos(math.pi * t / 300)), abs=1e-9)


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda o: CosineAnnealingLR(o, 0), ValueError, "T_max must be at least 1, got 0"),
    (lambda o: CosineAnnealingLR(o, 1, -math.inf), ValueError, "eta_min must be .* got -inf"),
])
def test_bad_arguments(make, error, message, optimizer):
    with pytest.raises(error, match=message):
        make(optimizer())


def test_cosine_goes_on_after_45_steps(optimizer, path, near):
    opt = optimizer(1e-3)
    path(CosineAnnealingLR(opt, 100), 45)
    expected = 5e-4 * (1 + math.cos(0.45 * math.pi))  # 5.782e-4
    assert CosineAnnealingLR(opt, 100, last_epoch=44).get_last_lr() == near([expected])
