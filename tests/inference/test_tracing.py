"""Traces: tensors without values for the code that runs, and who asked for them."""

import gc
import weakref

import numpy as np
import pytest

import tinydl as td
from tinydl import config, nn, ops
from tinydl.inference.template import Template, Unlike
from tinydl.inference.tracing import ModuleCall, Replay, Trace, Watched


class Net(nn.Module):
    """Two layers and what the test puts between them."""

    def __init__(self, between=lambda x: x):
        self.first, self.second, self.between = nn.Linear(3, 4), nn.Linear(4, 2), between

    def forward(self, x):
        return self.second(self.between(self.first(x)))


def traced(between, N=2):
    net = Net(between).eval()
    return Trace(np.ones((N, 3), np.float32), {}).run(net)


def test_shapes_are_there():
    seen = []
    traced(lambda x: seen.append((x.shape, x.dtype, x.ndim, x.size, len(x), isinstance(x, td.Tensor))) or x)
    assert seen == [((2, 4), np.float32, 2, 8, 2, True)]


def test_a_trace_computes():
    net = Net(ops.relu).eval()
    x = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    trace = Trace(x, {}).run(net)
    with td.no_grad():
        assert np.array_equal(trace.result.computed.data, net(x).data)
    assert trace.read_in is None and [node.name for node in trace.nodes] == ["Linear", "ReLU", "Linear"]
    assert config.mode.recorder is None


READERS = {
    "bool": lambda x: x if x[0, 0] else -x, "item": lambda x: x * x.sum().item(), "float": lambda x: x * float(x.sum()),
    "int": lambda x: x * int(x.sum()), "numpy": lambda x: td.tensor(x.numpy()), "data": lambda x: td.tensor(x.data * 2),
    "asarray": lambda x: td.tensor(np.asarray(x)), "compare": lambda x: ops.where(x > 0, x, 0),
    "argmax": lambda x: x[:, int(x.argmax()) % 4:][:, :0].sum() + x, "sign": lambda x: x * ops.sign(x),
    "repr": lambda x: x if repr(x) else x, "raw": lambda x: td.tensor(x.raw), "tensor": td.tensor,
    "copy": lambda x: td.tensor(np.array(x)),
    "key": lambda x: x[:, x[0].argmax()][:, None] + x,
}


@pytest.mark.parametrize("name", READERS)
def test_whoever_reads_values_is_noted(name):
    trace = traced(READERS[name])
    assert trace.read_in == "" and trace.result.shape == (2, 2)


def test_the_innermost_module_is_named():
    net = nn.Sequential(Net(), Net(READERS["item"])).eval()
    net[0].second = nn.Linear(4, 3)
    assert Trace(np.ones((2, 3), np.float32), {}).run(net).read_in == "1"


@pytest.mark.parametrize("harmless", [
    lambda x: x.detach(), lambda x: x.reshape(len(x), 2, -1).transpose(1, 2).flatten(1),
    lambda x: x[:, ::2].max(axis=1) + x.T[0],
    lambda x: x * np.ones(4, "f"), lambda x: ops.dropout(x, 0.5, False) / 3], ids=range(5))
def test_code_that_reads_nothing(harmless):
    net = Net(lambda x: (harmless(x).sum() + x))
    assert Trace(np.ones((2, 3), np.float32), {}).run(net.eval()).read_in is None


def test_writing_is_noted_and_stopped():
    def write(x):
        x.data = np.zeros((2, 4), "f")

    with pytest.raises(Unlike):
        traced(write)


def test_constants_are_computed_and_are_no_nodes():
    w = td.tensor([[2.0]])
    seen = []
    trace = traced(lambda x: x * (w * 3).item() + (seen.append(float((w + 1).sum())) or 0))
    assert seen == [3.0] and [node.name for node in trace.nodes] == ["Linear", "Mul", "Add", "Linear"]
    assert trace.read_in is None


def test_a_tensor_of_an_earlier_call():
    kept = []

    def keep(x):
        kept.append(x)
        return x + kept[0]

    net = Net(keep).eval()
    first = Trace(np.ones((2, 3), np.float32), {}).run(net)
    assert first.read_in is None and isinstance(kept[0], Watched)
    assert Trace(np.ones((2, 3), np.float32), {}).run(net).read_in == ""
    del first
    kept[0].computed = None  # as in a replay
    with pytest.raises(Unlike):
        Trace(np.ones((2, 3), np.float32), {}).run(net)
    with pytest.raises(Unlike):
        kept[0].numpy()


def test_traces_are_let_go_without_the_help_of_the_collector():
    gc.collect()
    gc.disable()
    try:
        trace = traced(ops.relu)
        seen = weakref.ref(trace), weakref.ref(trace.nodes[0].output)
        del trace
        assert [reference() for reference in seen] == [None, None]
    finally:
        gc.enable()


def test_modules_that_are_called_as_they_are():
    net = nn.Sequential(nn.Linear(3, 3), Net(READERS["item"])).eval()
    call = ModuleCall("1", net[1])
    x = np.ones((2, 3), np.float32)
    trace = Trace(x, {"1": call}).run(net)
    assert [node.name for node in trace.nodes] == ["Linear", "Net"] and trace.read_in is None
    assert trace.nodes[1].function is call and trace.nodes[1].path == ""
    with td.no_grad():
        assert np.array_equal(trace.result.computed.data, net(x).data)
        assert np.array_equal(call.apply(td.tensor(x)).data, net[1](x).data)


def test_a_module_that_gives_values_to_its_caller():
    class Peek(nn.Module):
        def forward(self, x):
            return float(x.sum())

    class Outer(nn.Module):
        def __init__(self):
            self.peek = Peek()

        def forward(self, x):
            return x * self.peek(x)

    net = nn.Sequential(Outer())
    trace = Trace(np.ones((2, 3), np.float32), {"0.peek": ModuleCall("0.peek", net[0].peek)}).run(net)
    assert trace.read_in == "0"


# --- replays ---------------------------------------------------------------------------------------------------------

def learned(net):
    one, other = (Trace(np.ones((n, 3), np.float32), {}).run(net) for n in (2, 3))
    return Template(one, other)


def test_a_replay_says_the_shapes_at_another_batch_size_and_computes_nothing():
    computed = []

    class Costly(td.Function):
        @staticmethod
        def forward(ctx, x):
            computed.append(x.shape)
            return np.repeat(x, 2, axis=0)

    net = Net(Costly.apply).eval()
    template = learned(net)
    replay = Replay(template, (50, 3), {}).run(net)
    assert computed == [(2, 4), (3, 4)] and replay.result.shape == (100, 2)
    assert [node.output.shape for node in replay.nodes] == [(50, 4), (100, 4), (100, 2)]
    assert replay.nodes[0].args[1] is net.first.weight


@pytest.mark.parametrize("between", [
    lambda x: ops.relu(x) if len(x) > 9 else ops.tanh(x), lambda x: x * 2 if len(x) > 9 else x * 3,
    lambda x: x if len(x) > 9 else x + 0, lambda x: ops.neg(-x) if len(x) > 9 else -x,
    lambda x: x / (1 + len(x) // 9), lambda x: x * x.sum().item() if len(x) > 9 else x], ids=range(6))
def test_code_that_depends_on_the_batch_size_is_found_out(between):
    net = Net(between).eval()
    template = learned(net)
    Replay(template, (4, 3), {}).run(net)
    with pytest.raises(Unlike):
        Replay(template, (10, 3), {}).run(net)


def test_code_that_hides_the_difference():
    def hiding(x):
        try:
            return ops.relu(x) if len(x) < 9 else ops.tanh(x)
        except Exception:
            return ops.relu(x)

    net = Net(hiding).eval()
    with pytest.raises(Unlike):
        Replay(learned(net), (10, 3), {}).run(net)


@pytest.mark.parametrize("between", [
    lambda x: x[1:], lambda x: x / len(x), lambda x: x.reshape(-1, 2 + len(x) % 2 * 2)], ids=range(3))
def test_traces_that_have_nothing_in_common(between):
    with pytest.raises(Unlike):
        template = learned(Net(lambda x: (between(x).sum() + x)).eval())
        assert template.nodes
