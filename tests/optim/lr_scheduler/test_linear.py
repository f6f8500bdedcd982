"""A straight line from one factor to another."""

import pytest

import tinydl as td
from tinydl.optim import SGD, LinearLR


def test_linear_lr(optimizer, path, near):
    assert path(LinearLR(optimizer(), 0.25, 1.0, 3), 5) == near([0.25, 0.5, 0.75, 1, 1, 1])
    assert path(LinearLR(optimizer(), 1.0, 0.0, 2), 3) == near([1, 0.5, 0, 0])
    assert path(LinearLR(optimizer(0.3)), 0) == near([0.1])


def groups_of(*rates):
    return SGD([{"params": [td.Parameter([1.0])], "lr": lr} for lr in rates])


def test_each_group_has_a_length_of_its_own(near):
    optimizer = groups_of(1.0, 3.0)
    schedule = LinearLR(optimizer, 1.0, 0.0, [4, 2], per_batch=True)
    rates = [schedule.get_last_lr()]
    for _ in range(5):
        schedule.step()
        rates.append(schedule.get_last_lr())
    assert [lr for lr, _ in rates] == near([1, 0.75, 0.5, 0.25, 0, 0])
    assert [lr for _, lr in rates] == near([3, 1.5, 0, 0, 0, 0])
    again = LinearLR(groups_of(1.0, 3.0), 1.0, 0.0, [9, 9], per_batch=True)
    again.load_state_dict(schedule.state_dict())
    assert again.total_iters == [4, 2] and again.last_epoch == 5
    optimizer.add_param_group({"params": [td.Parameter([1.0])], "lr": 7.0})
    schedule.step()
    assert schedule.get_last_lr()[2] == 7.0


def test_per_batch():
    one, other = (LinearLR(groups_of(1.0), per_batch=value) for value in (False, True))
    assert not one.per_batch and other.per_batch
    assert "per_batch" not in one.state_dict() and other.state_dict()["per_batch"] is True


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda o: LinearLR(o, 0.0), ValueError, "start_factor must be .*>= 1e-300 and <= 1, got 0.0"),
    (lambda o: LinearLR(o, end_factor=2.0), ValueError, "end_factor must be .* got 2.0"),
    (lambda o: LinearLR(o, total_iters=0), ValueError, "total_iters must be at least 1, got 0"),
    (lambda o: LinearLR(o, total_iters=[2, 3]), ValueError, "total_iters has 2 values for 1 parameter groups"),
    (lambda o: LinearLR(o, total_iters=[2.5]), TypeError, "total_iters must be an integer, got 2.5"),
])
def test_bad_arguments(make, error, message, optimizer):
    with pytest.raises(error, match=message):
        make(optimizer())
