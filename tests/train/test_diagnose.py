"""The first number that is not finite is found where it appears, and the net is left as it was."""

import numpy as np
import pytest

import tinydl as td
from tinydl.train.diagnose import NonFiniteLossError, first_nonfinite

X = np.ones((4, 3), np.float32)


@pytest.fixture
def net():
    td.manual_seed(0)
    return td.nn.Sequential(td.nn.Linear(3, 5), td.nn.BatchNorm1d(5), td.nn.Dropout(0.5), td.nn.Linear(5, 2))


def test_a_bad_input_is_named_by_its_sample(net):
    x = X.copy()
    x[2, 1] = np.inf
    assert first_nonfinite(net, x) == "sample 2 of the batch already holds a value that is not finite"


@pytest.mark.parametrize("name", ["3.weight", "1.running_var"])
def test_a_bad_parameter_or_statistic_is_named(net, name):
    net.state_dict()[name][...] = np.nan
    state = net.state_dict()
    state[name] = np.full_like(state[name], np.nan)
    net.load_state_dict(state)
    assert first_nonfinite(net, X) == (
        f"{name} is not finite since an earlier step; a smaller learning rate is the usual cure")


def test_the_layer_that_overflows_is_named(net):
    net[0].weight.data[...] = 3e38
    assert first_nonfinite(net, X) == (
        "the first output that is not finite is that of layer '0', Linear(in_features=3, out_features=5, bias=True)")


def test_a_net_without_fault_leaves_the_loss(net):
    assert first_nonfinite(net, X) == "every layer's output is finite, so it is the loss itself (logits too large?)"


def test_nothing_of_the_net_or_the_random_state_changes(net):
    before, state = {k: np.array(v) for k, v in net.state_dict().items()}, td.random.state()
    first_nonfinite(net, X)
    assert td.random.state() == state
    assert all(np.array_equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training


def test_the_error_is_a_floating_point_error():
    assert issubclass(NonFiniteLossError, FloatingPointError)
