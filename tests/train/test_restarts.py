"""The schedule of a run that was made longer."""

import numpy as np
import pytest

import tinydl as td
from tinydl import optim
from tinydl.train.restarts import Restarted


def made():
    """Learning rate 1, then 0.1 from the second step on; twice, from step 3 on again."""
    parameter = td.nn.Parameter(np.zeros(1, np.float32))
    optimizer = optim.SGD([parameter], lr=1.0)
    first, second = (optim.StepLR(optimizer, 1) for _ in range(2))
    return optimizer, Restarted(optimizer, [first, second], [3])


@pytest.mark.parametrize(("step", "lr"), [(0, 1.0), (1, 0.1), (2, 0.01), (3, 1.0), (4, 0.1)])
def test_a_state_is_a_number_of_steps(step, lr):
    optimizer, schedule = made()
    for _ in range(step):
        schedule.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(lr)
    assert schedule.state_dict() == {"last_epoch": step}
    optimizer, other = made()
    other.load_state_dict({"last_epoch": step, "gamma": 0.1})  # of the first schedule alone
    assert optimizer.param_groups[0]["lr"] == pytest.approx(lr)
    schedule.step(), other.step()
    assert schedule.get_last_lr() == other.get_last_lr()


@pytest.mark.parametrize("state", [None, {}, {"last_epoch": -1}, {"last_epoch": "2"}])
def test_what_is_no_state(state):
    with pytest.raises((ValueError, TypeError), match="last_epoch"):
        made()[1].load_state_dict(state)
