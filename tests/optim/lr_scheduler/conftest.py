"""One parameter, its optimiser, and the learning rates that a schedule gives it."""

import pytest

import tinydl as td


def _optimizer(lr=1.0, kind=td.optim.SGD, **options):
    return kind([td.Parameter([1.0])], lr=lr, **options)


def _path(schedule, n):
    """The learning rate at first and after each of n steps."""
    rates = [schedule.get_last_lr()[0]]
    for _ in range(n):
        schedule.step()
        rates.append(schedule.get_last_lr()[0])
    return rates


@pytest.fixture
def optimizer():
    return _optimizer


@pytest.fixture
def path():
    return _path


@pytest.fixture
def near():
    return lambda values: pytest.approx(values, rel=1e-9, abs=1e-12)
