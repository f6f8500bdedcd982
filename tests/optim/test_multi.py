"""MultiOptimizer: what it adds to its optimisers. Threads, resuming and the rest are in test_optimizer."""

import copy
import json

import numpy as np
import pytest

import tinydl as td
from tinydl.optim import SGD, Adam, LinearLR, MultiOptimizer, OneCycleLR


def two(lr=1.0):
    """SGD over a and b, Adam over c."""
    a, b, c = (td.Parameter([value]) for value in (1.0, 2.0, 3.0))
    return (a, b, c), MultiOptimizer(SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=lr, momentum=0.5),
                                     Adam([c], lr=0.25))


def give(params, *grads):
    for p, g in zip(params, grads, strict=True):
        p.grad = np.array([g], np.float32)


def test_each_parameter_by_its_own_rule():
    params, opt = two()
    give(params, 0.5, 2.0, -7.0)
    opt.step()
    # 1 - 1 * 0.5, 2 - 0.5 * 2, and a first step of Adam is lr against the sign
    np.testing.assert_allclose([p.data.item() for p in params], [0.5, 1.0, 3.25], rtol=1e-6)
    assert [group["lr"] for group in opt.param_groups] == [1.0, 0.5, 0.25]
    assert set(opt.state) == set(params)
    opt.zero_grad()
    assert all(p.grad is None for p in params)
    assert repr(opt).count("group") == 3


def test_closure():
    params, opt = two()

    def closure():
        give(params, 1.0, 0.0, 0.0)
        return "loss"

    assert opt.step(closure) == "loss"
    assert params[0].data.item() == 0.0


def test_one_schedule_moves_all_groups():
    params, opt = two()
    schedule = LinearLR(opt, 1.0, 0.5, total_iters=2)
    schedule.step()
    assert schedule.get_last_lr() == pytest.approx([0.75, 0.375, 0.1875])
    cycle = OneCycleLR(two()[1], max_lr=[1.0, 2.0, 3.0], total_steps=10)
    groups = cycle.optimizer.param_groups
    assert [group["lr"] for group in groups] == pytest.approx([0.04, 0.08, 0.12])
    assert groups[0]["momentum"] == groups[2]["betas"][0] == 0.95


def test_state_dict_numbers_the_parameters_through():
    params, opt = two()
    give(params, 0.5, 2.0, -7.0)
    opt.step()
    saved = opt.state_dict()
    assert [group["params"] for group in saved["param_groups"]] == [[0], [1], [2]]
    assert {k: sorted(values) for k, values in saved["state"].items()} == {
        0: ["momentum_buffer"], 1: ["momentum_buffer"], 2: ["exp_avg", "exp_avg_sq", "step"]}


def test_state_dict_through_json():
    params, opt = two()
    give(params, 0.5, 2.0, -7.0)
    opt.step()
    saved = opt.state_dict()
    plain = json.loads(json.dumps(saved, default=lambda array: array.tolist()))
    others, other = two(lr=0.125)
    other.load_state_dict(plain)
    assert other.param_groups[0]["lr"] == 1.0
    for k, p in enumerate(others):
        for name, value in saved["state"][k].items():
            np.testing.assert_array_equal(other.state[p][name], value)


def spoil(saved, what):
    if what == "groups":
        saved["param_groups"].pop()
    elif what == "keys":
        del saved["state"]
    elif what == "second":
        saved["param_groups"][2]["eps"] = -1.0
    elif what == "index":
        saved["state"][9] = saved["state"].pop(2)
    elif what == "entry":
        saved["state"][2]["momentum_buffer"] = saved["state"][2].pop("exp_avg")


@pytest.mark.parametrize("what, message", [
    ("groups", "has 2 parameter groups, the optimiser 3"), ("keys", "has the keys 'state' and 'param_groups'"),
    ("second", "Adam: eps must be"), ("index", "state for parameter 9"), ("entry", "Adam: .*momentum_buffer"),
])
def test_a_state_dict_that_does_not_fit_changes_nothing(what, message):
    params, opt = two()
    give(params, 0.5, 2.0, -7.0)
    opt.step()
    before = opt.state_dict()
    _, other = two(lr=0.125)
    saved = copy.deepcopy(other.state_dict())
    saved["state"] = copy.deepcopy(before["state"])
    saved["state"][0]["momentum_buffer"] += 1
    spoil(saved, what)
    groups = opt.param_groups
    with pytest.raises(ValueError, match=message):
        opt.load_state_dict(saved)
    assert opt.state_dict()["param_groups"] == before["param_groups"]
    assert all(old is new for old, new in zip(groups, opt.param_groups, strict=True))
    assert opt.state_dict()["state"][0] == before["state"][0]


def test_refuses():
    params, opt = two()
    with pytest.raises(ValueError, match="got no optimisers"):
        MultiOptimizer()
    with pytest.raises(TypeError, match="optimiser 0 must be a tinydl.optim.Optimizer, got tuple"):
        MultiOptimizer(params)
    with pytest.raises(ValueError, match=r"shape \(1,\) belongs to optimisers 0 and 1"):
        MultiOptimizer(SGD(params), SGD(params[:1]))
    with pytest.raises(TypeError, match="one of its .optimizers"):
        opt.add_param_group({"params": params})
