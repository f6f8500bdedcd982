"""One cycle of the learning rate, and momentum against it."""

import pytest

from tinydl.optim import Adam, OneCycleLR, RMSprop


def test_one_cycle(optimizer, near):
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


def test_one_cycle_linear_epochs_and_betas(optimizer, path, near):
    schedule = OneCycleLR(optimizer(kind=Adam), [1.0], epochs=2, steps_per_epoch=5, anneal_strategy="linear",
                          pct_start=0.5, div_factor=2.0, final_div_factor=5.0)
    assert schedule.total_steps == 10
    assert path(schedule, 9) == near([0.5, 0.625, 0.75, 0.875, 1.0, 0.82, 0.64, 0.46, 0.28, 0.1])
    assert schedule.optimizer.param_groups[0]["betas"] == (pytest.approx(0.95), 0.999)


@pytest.mark.parametrize("total_steps", [1, 2, 3])
@pytest.mark.parametrize("pct_start", [0.0, 0.3, 0.5, 1.0])
def test_very_short_cycles(total_steps, pct_start, optimizer, path):
    rates = path(OneCycleLR(optimizer(), 1.0, total_steps, pct_start=pct_start), total_steps)
    assert all(0 < rate <= 1 for rate in rates)


def test_one_cycle_leaves_momentum_alone(optimizer):
    opt = optimizer(momentum=0.5)
    OneCycleLR(opt, 1.0, 10, cycle_momentum=False)
    assert opt.param_groups[0]["momentum"] == 0.5


def test_rmsprop_cycles_its_momentum(optimizer, near):
    opt = optimizer(kind=RMSprop)
    OneCycleLR(opt, 1.0, 10)
    assert opt.param_groups[0]["momentum"] == near(0.95)


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda o: OneCycleLR(o, 1.0), ValueError, "give total_steps, or both epochs and steps_per_epoch"),
    (lambda o: OneCycleLR(o, -1.0, 5), ValueError, "max_lr must be .* got -1.0"),
    (lambda o: OneCycleLR(o, [1.0, 2.0], 5), ValueError, "max_lr has 2 values for 1 parameter groups"),
    (lambda o: OneCycleLR(o, 1.0, 5, pct_start=1.5), ValueError, "pct_start must be .* got 1.5"),
    (lambda o: OneCycleLR(o, 1.0, 5, anneal_strategy="exp"), ValueError, "'cos' or 'linear', got 'exp'"),
])
def test_bad_arguments(make, error, message, optimizer):
    with pytest.raises(error, match=message):
        make(optimizer())
