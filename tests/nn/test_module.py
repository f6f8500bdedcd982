import copy
import pickle
from collections import OrderedDict, deque

import numpy as np
import pytest

import tinydl as td
from tinydl import nn


class Block(nn.Module):
    def __init__(self):
        self.b = nn.Linear(2, 2)
        self.scale = nn.Parameter(np.ones(2, np.float32))
        self.register_buffer("count", np.array(0))
        self.a = nn.Linear(2, 2, bias=False)

    def forward(self, x):
        return self.a(self.b(x)) * self.scale


def test_names_in_the_order_of_assignment():
    net = nn.Sequential(Block(), nn.ReLU(), Block())
    names = ["scale", "b.weight", "b.bias", "a.weight"]
    assert [n for n, _ in net.named_parameters()] == [f"{k}.{n}" for k in (0, 2) for n in names]
    assert list(Block().state_dict()) == ["scale", "count", "b.weight", "b.bias", "a.weight"]
    assert [n for n, _ in net.named_modules()] == ["", "0", "0.b", "0.a", "1", "2", "2.b", "2.a"]
    assert [n for n, _ in net.named_children()] == ["0", "1", "2"]
    assert [n for n, _ in net.named_buffers("net")] == ["net.0.count", "net.2.count"]
    assert len(list(net.buffers())) == 2 and len(list(net.modules())) == 8


def test_repr_like_pytorch():
    assert repr(nn.Sequential(nn.Linear(1, 2), nn.Sequential(nn.ReLU()))) == (
        "Sequential(\n  (0): Linear(in_features=1, out_features=2, bias=True)\n"
        "  (1): Sequential(\n    (0): ReLU()\n  )\n)"
    )


def test_train_and_eval_reach_every_module():
    net = nn.Sequential(nn.Sequential(nn.Dropout()), nn.ReLU())
    assert net.training and net.eval() is net
    assert not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())
    with pytest.raises(TypeError, match="True or False, got 'yes'"):
        net.train("yes")


def test_zero_grad_and_requires_grad():
    net = nn.Linear(2, 1)
    net(np.ones((1, 2))).sum().backward()
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not net(np.ones((1, 2))).requires_grad
    assert net.requires_grad_()(np.ones((1, 2))).requires_grad


def test_apply_children_first():
    seen = []
    net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["ReLU", "Tanh", "Sequential", "Sequential"]


class Holder(nn.Module):
    """Holds a container in an attribute and adds to it afterwards."""

    def __init__(self, container=None, add=None):
        self.linear = nn.Linear(2, 2)
        self.h = container
        if add is not None:
            add(self)

    def forward(self, x):
        return self.linear(x)


HIDDEN = r"Holder\.h: a plain \w+ hides its modules .* use nn.ModuleList"


@pytest.mark.parametrize("make", [
    lambda m: [m], lambda m: (m,), lambda m: {"a": m}, lambda m: {m}, lambda m: frozenset([m]), lambda m: deque([m]),
    lambda m: [[m]], lambda m: [1, (2, {"a": [m]})], lambda m: OrderedDict(a=m), lambda m: {"a": {"b": m}},
], ids=range(10))
def test_containers_of_modules_are_refused(make):
    for item in (nn.ReLU(), nn.Parameter(np.ones(2))):
        with pytest.raises(TypeError, match=HIDDEN):
            Holder(make(item))
    Holder(make(1))


@pytest.mark.parametrize(("container", "add"), [
    ([], lambda net: net.h.append(nn.Linear(2, 2))),
    ([[]], lambda net: net.h[0].append(nn.Linear(2, 2))),
    ({}, lambda net: net.h.update(a=nn.Linear(2, 2))),
    ({"a": []}, lambda net: net.h["a"].append(nn.Parameter(np.ones(2)))),
    (set(), lambda net: net.h.add(nn.ReLU())),
], ids=range(5))
@pytest.mark.parametrize("use", [
    lambda net: net(np.ones((1, 2))),
    lambda net: list(net.parameters()),
    lambda net: net.state_dict(),
    lambda net: net.load_state_dict({}),
    lambda net: net.eval(),
    lambda net: nn.Sequential(nn.ReLU(), net)(np.ones((1, 2))),
    lambda net: nn.Sequential(nn.ReLU(), net).state_dict(),
], ids=["forward", "parameters", "state_dict", "load_state_dict", "eval", "inner forward", "inner state_dict"])
def test_what_was_added_to_a_container_afterwards_is_refused_where_it_matters(container, add, use):
    with pytest.raises(TypeError, match=HIDDEN):
        use(Holder(copy.deepcopy(container), add))


def test_a_list_of_modules_that_are_registered_too_hides_nothing():
    net = Holder([], lambda net: net.h.extend([net.linear, net.linear.weight]))
    net.again = [net.linear]
    net(np.ones((1, 2)))
    assert [name for name, _ in net.named_parameters()] == ["linear.weight", "linear.bias"]


def test_an_attribute_that_was_refused_is_as_before():
    net = Holder([1])
    for name in ("h", "more"):
        with pytest.raises(TypeError):
            setattr(net, name, [nn.ReLU()])
    assert net.h == [1] and not hasattr(net, "more")


def test_forward_missing():
    with pytest.raises(NotImplementedError, match="Empty defines no forward"):
        type("Empty", (nn.Module,), {})()(1)


def test_conversion():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    assert net.double() is net
    assert {a.dtype for a in net.state_dict().values()} == {np.dtype(np.float64), np.dtype(np.int64)}
    assert net(np.ones((4, 2), np.float32)).dtype == np.float64
    net.float()
    assert net(np.ones((4, 2))).dtype == np.float32
    with pytest.raises(TypeError, match="float32 or float64, got float16"):
        net.to(np.float16)


def test_copies_are_independent_and_keep_ties():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.BatchNorm1d(2))
    net[1].weight = net[0].weight
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other[1].weight is other[0].weight is not net[0].weight
        assert [n for n, _ in other.named_parameters()] == [n for n, _ in net.named_parameters()]
        x = np.random.default_rng(0).normal(size=(5, 2))
        np.testing.assert_array_equal(other.eval()(x).data, net.eval()(x).data)
        other[0].weight.data[...] = 0
        assert net[0].weight.data.any()
        other.train()(x).sum().backward()
        assert net[0].weight.grad is None


# --- state ---------------------------------------------------------------------------------------------------------


def test_state_is_a_snapshot_in_c_order():
    net = nn.Conv2d(2, 3, 3)
    state = net.state_dict()
    before = state["weight"].copy()
    net.weight.data += 1
    assert np.array_equal(state["weight"], before) and state["weight"].flags.c_contiguous


def test_load_and_return():
    a, b = Block(), Block()
    a.count[...] = 7
    missing, unexpected = b.load_state_dict(a.state_dict())
    assert missing == [] and unexpected == [] and b.count == 7
    x = np.ones((1, 2))
    np.testing.assert_array_equal(a(x).data, b(x).data)


def test_load_keeps_the_arrays():
    net = Block()
    arrays = [p.data for p in net.parameters()]
    net.load_state_dict(Block().state_dict())
    assert all(p.data is a for p, a in zip(net.parameters(), arrays, strict=True))


def test_every_fault_in_one_message_and_nothing_changed():
    net = Block()
    before = net.state_dict()
    state = Block().state_dict()
    del state["scale"], state["a.weight"]
    state["extra"] = state["other"] = np.ones(1)
    state["b.weight"] = np.ones((3, 2))
    state["b.bias"] = np.array(["x", "y"])
    with pytest.raises(ValueError) as error:
        net.load_state_dict(state)
    message = str(error.value)
    for part in (
        "missing: scale, a.weight",
        "unexpected: extra, other",
        "b.weight has shape (3, 2), the module needs (2, 2)",
        "b.bias holds <U1",
    ):
        assert part in message, message
    assert all(np.array_equal(v, before[k]) for k, v in net.state_dict().items())


def test_not_strict():
    net = Block()
    state = {"b.bias": np.array([5.0, 6.0]), "extra": np.ones(1)}
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["scale", "count", "b.weight", "a.weight"] and result.unexpected_keys == ["extra"]
    assert net.b.bias.data.tolist() == [5, 6]
    with pytest.raises(ValueError, match="b.bias has shape"):
        net.load_state_dict({"b.bias": np.ones(3)}, strict=False)


def test_tensors_load_too():
    net = nn.Linear(2, 2)
    net.load_state_dict({"weight": td.tensor(np.eye(2)), "bias": [1, 2]})
    assert net.weight.data.tolist() == [[1, 0], [0, 1]] and net.bias.data.tolist() == [1, 2]


# --- shared parameters ---------------------------------------------------------------------------------------------


def tied():
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2))
    net[2].weight = net[0].weight
    return net


def test_a_shared_parameter_is_one():
    net = tied()
    assert [n for n, _ in net.named_parameters()] == ["0.weight", "0.bias", "2.bias"]
    assert [n for n, _ in net.named_parameters(remove_duplicate=False)] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.bias"]


def test_gradient_of_a_shared_parameter_is_the_sum():
    net = tied()
    plain = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2))
    plain.load_state_dict({**net.state_dict(), "2.weight": net[0].weight})
    x = np.random.default_rng(0).normal(size=(5, 2))
    net(x).sum().backward()
    plain(x).sum().backward()
    np.testing.assert_allclose(net[0].weight.grad, plain[0].weight.grad + plain[2].weight.grad, rtol=1e-6)


def test_tied_names_resolve_on_load():
    net = tied()
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    bias = {"0.bias": np.zeros(2), "2.bias": np.zeros(2)}
    for names in (["0.weight"], ["2.weight"], ["0.weight", "2.weight"]):
        net.load_state_dict({**bias, **dict.fromkeys(names, values)})
        assert np.array_equal(net[0].weight.data, values) and net[2].weight is net[0].weight
    with pytest.raises(ValueError, match="2.weight and 0.weight are one shared parameter here but differ"):
        net.load_state_dict({**bias, "0.weight": values, "2.weight": values + 1})
    with pytest.raises(ValueError, match="missing: 0.weight"):
        net.load_state_dict(bias)


def test_a_shared_module_is_one():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    assert len(list(net.parameters())) == 2 and list(net.state_dict()) == ["0.weight", "0.bias"]
    assert len(list(net.modules())) == 3
    net(np.ones((1, 2)))


def test_scanned_linear_equals_convolution():
    """A Linear applied to every window by a loop is Conv1d: outputs and gradients."""
    td.manual_seed(0)
    conv, linear = nn.Conv1d(3, 4, 5), nn.Linear(15, 4)
    linear.load_state_dict({"weight": conv.weight.data.reshape(4, 15), "bias": conv.bias.data})
    x = td.tensor(np.random.default_rng(0).normal(size=(2, 3, 12)), dtype="float32")
    scanned = td.ops.stack([linear(x[:, :, k : k + 5].flatten(1)) for k in range(8)], 2)
    y = conv(x)
    np.testing.assert_allclose(scanned.data, y.data, atol=1e-6)
    (scanned**2).sum().backward()
    (y**2).sum().backward()
    np.testing.assert_allclose(linear.weight.grad.reshape(4, 3, 5), conv.weight.grad, rtol=1e-4, atol=1e-5)


# --- buffers and hooks ---------------------------------------------------------------------------------------------


def test_buffers():
    net = nn.Module()
    net.register_buffer("mean", np.zeros(2))
    net.register_buffer("none", None)
    assert list(net.state_dict()) == ["mean"] and net.none is None
    net.register_buffer("mean", np.ones(2))
    assert net.mean.tolist() == [1, 1]
    with pytest.raises(ValueError, match="identifier, got 'a.b'"):
        net.register_buffer("a.b", np.zeros(2))
    with pytest.raises(ValueError, match="has an attribute 'forward' already"):
        net.register_buffer("forward", np.zeros(2))


def test_hooks():
    net = nn.Linear(2, 2)
    seen = []
    handle = net.register_forward_hook(
        lambda module, inputs, output: seen.append((module, inputs[0].shape, output.shape))
    )
    with net.register_forward_hook(lambda module, inputs, output: output * 0):
        assert not net(np.ones((3, 2))).data.any()
    assert net(np.ones((3, 2))).data.any()
    handle.remove()
    handle.remove()
    net(np.ones((3, 2)))
    assert seen == [(net, (3, 2), (3, 2))] * 2


def test_a_buffer_of_unequal_rows():
    with pytest.raises(ValueError, match=r"lists of equal lengths .*, got \[\[1\], \[1, 2\]\]"):
        nn.Module().register_buffer("mean", [[1], [1, 2]])


@pytest.mark.parametrize("change", [lambda net: net(np.ones((2, 2))), lambda net: net.eval(), lambda net: net.train()])
def test_no_use_adds_an_attribute(change):
    """Another thread may be walking through them: a dict that grows meanwhile is a RuntimeError there."""
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.ReLU(), nn.Dropout(0.5), nn.LayerNorm(2))
    before = [list(module.__dict__) for module in net.modules()]
    change(net)
    assert [list(module.__dict__) for module in net.modules()] == before


def test_arguments_that_nobody_takes():
    class Plain(nn.Module):
        pass

    assert Plain().training
    for wrong in (lambda: Plain(1), lambda: Plain(a=1)):
        with pytest.raises(TypeError, match=r"Plain\(\) takes no arguments"):
            wrong()
