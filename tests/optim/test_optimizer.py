"""Groups, checks, saving: what every optimiser has from its base class."""

import copy
import json
import math

import numpy as np
import pytest

import tinydl as td
from tinydl import layout
from tinydl.optim import SGD, Adagrad, Adam, AdamW, MultiOptimizer, Muon, RMSprop


def muon_and_sgd(params):
    """Muon for the matrices, SGD for the rest."""
    kinds = {True: lambda p: Muon(p, lr=0.1, renormalise=True), False: lambda p: SGD(p, lr=0.1, momentum=0.9)}
    params = list(params)
    groups = [(kind, [p for p in params if (p.ndim > 1) == matrix]) for matrix, kind in kinds.items()]
    return MultiOptimizer(*(kind(group) for kind, group in groups if group))


MAKERS = {
    "sgd": lambda params: SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda params: Adam(params, lr=0.1, weight_decay=0.01),
    "adamw": lambda params: AdamW(params, lr=0.1),
    "rmsprop": lambda params: RMSprop(params, lr=0.1, momentum=0.9, centered=True),
    "adagrad": lambda params: Adagrad(params, lr=0.1, lr_decay=0.01, initial_accumulator_value=0.1),
    "muon": muon_and_sgd,
}
every = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def some_parameters(dtype=np.float32):
    rng = np.random.default_rng(3)
    return [td.Parameter(rng.standard_normal(shape).astype(dtype), dtype=dtype)
            for shape in [(5, 3, 3, 3), (5,), (4, 7), (6, 2, 3), (1, 1)]]


def set_gradients(params, seed):
    rng = np.random.default_rng(seed)
    for p in params:
        p.grad = layout.empty_like(p.data)
        p.grad[...] = rng.standard_normal(p.shape)


def values(params):
    return [p.data.copy() for p in params]


def run(optimizer, params, steps):
    for seed in steps:
        set_gradients(params, seed)
        optimizer.step()


# --- construction --------------------------------------------------------------------------------------------------

def test_generator_and_defaults():
    params = some_parameters()
    optimizer = SGD(p for p in params)
    assert optimizer.param_groups[0]["params"] == params
    assert optimizer.param_groups[0]["lr"] == 1e-3
    assert "5 parameters" in repr(optimizer)


def test_groups_override_defaults():
    a, b, c = some_parameters()[:3]
    optimizer = SGD([{"params": [a, b]}, {"params": c, "lr": 0.5}], lr=0.1)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    for p in (a, b, c):
        p.grad = layout.zeros_like(p.data) + 1
    before = values([a, b, c])
    optimizer.step()
    for p, old, lr in zip((a, b, c), before, (0.1, 0.1, 0.5), strict=True):
        np.testing.assert_allclose(p.data, old - lr, rtol=1e-6)


def test_a_shared_parameter_is_updated_once():
    w = td.Parameter([[1.0, 2.0]])
    optimizer = SGD([w, w], lr=1.0)
    w.grad = np.ones((1, 2), np.float32)
    optimizer.step()
    assert w.data.tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize(("params", "error", "message"), [
    ([], ValueError, "empty parameter list"),
    ([np.ones(3)], TypeError, "parameter 0 must be a tensor, got ndarray"),
    (td.Parameter([1.0]), TypeError, r"write \[parameter\]"),
    ({"params": []}, TypeError, r"write \[group\]"),
    ([{"lr": 1.0}], TypeError, "with the key 'params'"),
    ([{"params": [td.Parameter([1.0])], "learning_rate": 1}], ValueError, "unknown hyper-parameter 'learning_rate'"),
    ([td.tensor(np.arange(3))], TypeError, "must be float32 or float64, got int64"),
])
def test_bad_parameters(params, error, message):
    with pytest.raises(error, match=message):
        SGD(params)


def test_a_parameter_in_two_groups():
    w = td.Parameter([1.0])
    with pytest.raises(ValueError, match="in another parameter group"):
        SGD([{"params": [w]}, {"params": [w]}])


def test_not_a_leaf():
    w = td.Parameter([1.0])
    with pytest.raises(ValueError, match="only leaf tensors"):
        SGD([w * 2.0])


BAD = [math.nan, math.inf, -1.0]


@pytest.mark.parametrize(("kind", "name"), [
    *[(SGD, name) for name in ("lr", "momentum", "weight_decay")],
    *[(Adam, name) for name in ("lr", "eps", "weight_decay")],
    *[(AdamW, name) for name in ("lr", "eps", "weight_decay")],
    *[(RMSprop, name) for name in ("lr", "alpha", "eps", "weight_decay", "momentum")],
    *[(Muon, name) for name in ("lr", "momentum", "weight_decay", "eps")],
    *[(Adagrad, name) for name in ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")],
])
@pytest.mark.parametrize("value", BAD)
def test_bad_hyper_parameters(kind, name, value):
    with pytest.raises(ValueError, match=rf"{kind.__name__}: {name} must be .*, got {value!r}"):
        kind([td.Parameter([[1.0]])], **{name: value})


@pytest.mark.parametrize("value", ["fast", None, True, [1.0]])
def test_hyper_parameters_that_are_no_numbers(value):
    with pytest.raises(TypeError, match="lr must be a number"):
        SGD([td.Parameter([1.0])], lr=value)


@pytest.mark.parametrize("betas", [(1.0, 0.9), (0.9, -0.1), (math.nan, 0.9), (0.9,), 0.9])
def test_bad_betas(betas):
    with pytest.raises(ValueError, match="betas"):
        Adam([td.Parameter([1.0])], betas=betas)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9, "dampening": 0.1}])
def test_nesterov_needs_momentum(options):
    with pytest.raises(ValueError, match="nesterov=True needs momentum > 0 and dampening = 0"):
        SGD([td.Parameter([1.0])], nesterov=True, **options)


@every
@pytest.mark.parametrize("value", BAD)
def test_a_learning_rate_that_goes_bad_between_steps(make, value):
    params = some_parameters()
    optimizer = make(params)
    run(optimizer, params, [1])
    before = values(params)
    optimizer.param_groups[0]["lr"] = value
    for _ in range(2):
        with pytest.raises(ValueError, match="lr must be"):
            run(optimizer, params, [2])
    for p, old in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.data, old)


# --- steps ---------------------------------------------------------------------------------------------------------

@every
def test_zero_grad_and_parameters_without_gradient(make):
    params = some_parameters()
    optimizer = make(params)
    set_gradients(params, 1)
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)
    before = values(params)
    optimizer.step()
    for p, old in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.data, old)


@every
def test_gradients_are_not_written(make):
    params = some_parameters()
    optimizer = make(params)
    for seed in range(3):
        set_gradients(params, seed)
        before = [p.grad.copy() for p in params]
        optimizer.step()
        for p, old in zip(params, before, strict=True):
            np.testing.assert_array_equal(p.grad, old)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(make, dtype):
    results, n_before = [], td.get_num_threads()
    try:
        for n in (1, 2, 3, 7):
            td.set_num_threads(n)
            params = some_parameters(dtype) + [td.Parameter(np.linspace(-1, 1, 40000).astype(dtype), dtype=dtype)]
            run(make(params), params, range(3))
            results.append(values(params))
    finally:
        td.set_num_threads(n_before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@every
def test_late_gradients_and_mixed_dtypes_equal_separate_optimisers(make):
    together = some_parameters() + some_parameters(np.float64)
    apart = copy.deepcopy(together)
    one, many = make(together), [make([p]) for p in apart]
    for seed in range(4):
        for params in (together, apart):
            set_gradients(params, seed)
            params[0].grad = params[0].grad if seed > 0 else None
            params[-1].grad = params[-1].grad if seed % 2 else None
        one.step()
        for optimizer in many:
            optimizer.step()
    for p, q in zip(together, apart, strict=True):
        np.testing.assert_array_equal(p.data, q.data)


@every
def test_memory_order_of_gradient_and_values_does_not_matter(make):
    params, others = some_parameters(), some_parameters()
    first, second = make(params), make(others)
    for seed in range(3):
        set_gradients(params, seed)
        set_gradients(others, seed)
        for p in others:
            p.grad = np.ascontiguousarray(p.grad)
        if seed == 1:
            for p in others:
                p.data = np.ascontiguousarray(p.data)
        first.step()
        second.step()
    for p, q in zip(params, others, strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_gradient_of_a_wrong_shape():
    w = td.Parameter(np.ones((2, 3), np.float32))
    w.grad = np.ones((3, 2), np.float32)
    with pytest.raises(ValueError, match=r"shape \(2, 3\) has a gradient of shape \(3, 2\)"):
        SGD([w]).step()


def test_closure():
    w = td.Parameter([3.0])
    optimizer = SGD([w], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert w.data.tolist() == [0.0]


@every
def test_nan_gradients_reach_the_weights(make):
    w = td.Parameter([1.0, 2.0])
    w.grad = np.array([math.nan, 1.0], np.float32)
    make([w]).step()
    assert np.isnan(w.data[0])
    assert np.isfinite(w.data[1])


@every
def test_an_empty_parameter(make):
    w = td.Parameter(np.zeros((0, 3), np.float32))
    w.grad = np.zeros((0, 3), np.float32)
    make([w]).step()


# --- saving --------------------------------------------------------------------------------------------------------

@every
def test_resumed_run_has_the_bits_of_the_uninterrupted_one(make):
    whole, halves = some_parameters(), some_parameters()
    run(make(whole), whole, range(6))
    first = make(halves)
    run(first, halves, range(3))
    saved, weights = first.state_dict(), values(halves)
    run(first, halves, [7])  # what was saved are copies: later steps leave them alone
    for p, old in zip(halves, weights, strict=True):
        p.data[...] = old
    second = make(halves)
    second.load_state_dict(saved)
    run(second, halves, range(3, 6))
    for p, q in zip(whole, halves, strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_shape_of_a_state_dict():
    params = some_parameters()[:2]
    optimizer = Adam(params)
    assert optimizer.state_dict() == {
        "state": {}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0,
                                       "params": [0, 1]}]}
    run(optimizer, params, [0])
    saved = optimizer.state_dict()
    assert list(saved["state"]) == [0, 1]
    assert set(saved["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    assert saved["state"][0]["step"] == 1


def test_a_state_dict_through_json():
    params = some_parameters()
    optimizer = Adam(params)
    run(optimizer, params, [0])
    as_lists = copy.deepcopy(optimizer.state_dict())
    for entry in as_lists["state"].values():
        entry.update({name: value.tolist() for name, value in entry.items() if name != "step"})
    other = Adam(params)
    other.load_state_dict(json.loads(json.dumps(as_lists)))
    assert other.param_groups[0]["betas"] == (0.9, 0.999)
    for p in params:
        np.testing.assert_array_equal(other.state[p]["exp_avg"], optimizer.state[p]["exp_avg"])


def broken(name):
    params = some_parameters()
    optimizer = Adam(params)
    run(optimizer, params, [0])
    saved = optimizer.state_dict()
    if name == "keys":
        del saved["state"]
    elif name == "groups":
        saved["param_groups"].append(saved["param_groups"][0])
    elif name == "parameters":
        saved["param_groups"][0]["params"].pop()
    elif name == "option":
        del saved["param_groups"][0]["eps"]
    elif name == "foreign":
        saved["param_groups"][0]["amsgrad"] = True
    elif name == "lr":
        saved["param_groups"][0]["lr"] = math.nan
    elif name == "index":
        saved["state"][17] = saved["state"].pop(0)
    elif name == "entry":
        saved["state"][0]["momentum_buffer"] = saved["state"][0].pop("exp_avg")
    elif name == "shape":
        saved["state"][3]["exp_avg"] = np.zeros(3)
    elif name == "step":
        saved["state"][3]["step"] = -1
    return params, saved


@pytest.mark.parametrize(("name", "message"), [
    ("keys", "has the keys 'state' and 'param_groups'"), ("groups", "has 2 parameter groups, the optimiser 1"),
    ("parameters", "has 4 parameters, the optimiser's has 5"), ("option", "lacks eps"), ("foreign", "amsgrad=True"),
    ("lr", "lr must be .* got nan"), ("index", "state for parameter 17"), ("entry", "unknown entries momentum_buffer"),
    ("shape", r"exp_avg of parameter 3 has shape \(3,\)"), ("step", "step of parameter 3 must be a count, got -1"),
])
def test_a_state_dict_that_does_not_fit_changes_nothing(name, message):
    params, saved = broken(name)
    optimizer = Adam(params, lr=0.25)
    run(optimizer, params, [5, 6])
    before = optimizer.state_dict()
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(saved)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for k, entry in before["state"].items():
        for key, value in entry.items():
            np.testing.assert_array_equal(after["state"][k][key], value)


@pytest.mark.parametrize("make", [lambda p: td.optim.SGD(p, lr=0.5, momentum=0.5, dampening=0.5),
                                  lambda p: td.optim.Adam(p, lr=0.5)])
def test_a_step_for_which_there_is_no_memory_has_not_been(make, monkeypatch):
    """Weights and state are those before it, also before the first step, which has a rule of its own."""
    def weight():
        w = td.Parameter(np.array([1.0, 2.0]))
        w.grad = np.array([1.0, -1.0], "f4")
        return w

    def fails(*_):
        raise MemoryError

    w, other = weight(), weight()
    opt, right = make([w]), make([other])
    for _ in range(2):
        before = w.numpy().copy(), repr(opt.state_dict())
        with monkeypatch.context() as patch, pytest.raises(MemoryError):
            patch.setattr("tinydl.optim.optimizer.update.step", fails)
            opt.step()
        assert (w.numpy() == before[0]).all() and repr(opt.state_dict()) == before[1]
        opt.step()
        right.step()
        assert (w.numpy() == other.numpy()).all() and repr(opt.state_dict()) == repr(right.state_dict())
