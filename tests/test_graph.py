"""The graph of a computation: what is noted, what depends on what, and what operations say of themselves."""

import threading

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.graph import Description, Graph, recording, tensors_in

RNG = np.random.default_rng(0)


def drawn(*shape):
    return td.tensor(RNG.standard_normal(shape).astype(np.float32))


def test_arguments_have_the_names_of_forward():
    x, w, b = drawn(2, 3, 5, 5), drawn(4, 3, 3, 3), drawn(4)
    with recording(x) as graph:
        y = ops.conv2d(x, w, b, stride=2)
        z = ops.concatenate([y, y], axis=1)
    conv, joined = graph.nodes
    assert conv["x"] is x and conv["w"] is w and conv["b"] is b and conv.output is y and conv.name == "Conv"
    assert joined["arrays"] == (y, y) and joined["axis"] == 1 and joined.output is z
    assert (conv.number, joined.number) == (0, 1)


def test_defaults_are_arguments_too():
    class Scale(td.Function):
        @staticmethod
        def forward(ctx, x, factor=3, *, offset=1, **others):
            return x * factor + offset

    with recording() as graph:
        Scale.apply(drawn(2), offset=2, unit="m")
    assert dict(list(graph.nodes[0].arguments.items())[1:]) == {"factor": 3, "offset": 2, "others": {"unit": "m"}}


def test_what_varies_with_the_inputs():
    x, w = drawn(2, 3), drawn(3, 3)
    with recording(x) as graph:
        constant = w * 2
        y = td.ops.matmul(x, constant)
        z = y + constant[:1]
    double, product, _, total = graph.nodes
    assert double.varying == () and product.varying == (x,) and total.varying == (y,)
    assert product.varies("a") and not product.varies("b")
    assert graph.varies(z) and not graph.varies(constant) and not graph.varies(w)
    assert graph.maker(z) is total and graph.maker(x) is None


def test_an_argument_twice_varies_twice():
    x = drawn(2)
    with recording(x) as graph:
        ops.add(x, x)
    assert graph.nodes[0].varying == (x, x)


@pytest.mark.parametrize("with_gradients", [True, False])
def test_recording_changes_nothing(with_gradients):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2)).eval()
    x = td.tensor(drawn(2, 3, 5, 5), requires_grad=with_gradients)
    expected = net(x)
    with recording(x) as graph:
        y = net(x)
    assert np.array_equal(y.data, expected.data) and y.requires_grad == expected.requires_grad
    if with_gradients:
        y.sum().backward()
        assert x.grad is not None and y.creator.name == "Linear"
    assert [node.name for node in graph.nodes] == ["Conv", "BatchNorm", "ReLU", "Reshape", "Linear"]


def test_what_a_forward_calls_is_part_of_its_operation():
    class Composed(td.Function):
        @staticmethod
        def forward(ctx, x):
            return ops.relu(td.tensor(x)).data

    with recording() as graph:
        Composed.apply(drawn(2))
    assert [node.name for node in graph.nodes] == ["Composed"]


def test_recordings_nest_and_end():
    x = drawn(2)
    with recording() as outer:
        ops.relu(x)
        with recording() as inner:
            ops.tanh(x)
        with pytest.raises(TypeError), recording():
            ops.relu("text")
        ops.sigmoid(x)
    ops.exp(x)
    assert [node.name for node in outer.nodes] == ["ReLU", "Sigmoid"] and len(inner.nodes) == 1


def test_other_threads_are_not_recorded():
    with recording() as graph:
        thread = threading.Thread(target=lambda: ops.relu(drawn(2)))
        thread.start()
        thread.join()
    assert graph.nodes == []


def test_modules_that_a_graph_follows():
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))
    x = drawn(1, 2)
    with recording(x) as graph, graph.following(net):
        net(x)
    assert [call.path for call in graph.calls] == ["0", "1.0", "1", ""]
    assert [call.module for call in graph.calls[:2]] == [net[0], net[1][0]]
    assert "forward" not in net.__dict__
    with pytest.raises(ValueError), recording(x) as graph, graph.following(net):
        net(drawn(1, 3))
    assert "forward" not in net[0].__dict__ and graph.path == ""


def test_tensors_in_nested_arguments():
    a, b = drawn(1), drawn(2)
    assert [t is a for t in tensors_in((a, [b, {"k": a}], 3, "x", np.ones(2)))] == [True, False, True]


# --- what operations say of themselves -------------------------------------------------------------------------------

def described(f, *shapes):
    """The description of the last operation of f."""
    inputs = [drawn(*shape) for shape in shapes]
    with recording(*inputs) as graph:
        f(*inputs)
    return graph.nodes[-1].describe()


IMAGE = (2, 4, 9, 9)


@pytest.mark.parametrize(("f", "expected"), [
    (lambda x: ops.conv2d(x, drawn(6, 2, 3, 5), stride=(2, 1), dilation=(1, 2), groups=2),
     Description(2 * 6 * 2 * 15 * 4 * 1, "direct", "multilinear", (3, 9), (2, 1))),
    (lambda x: ops.conv2d(x, td.Parameter(drawn(4, 1, 3, 3)), groups=4),
     Description(2 * 4 * 9 * 49, "depthwise", "multilinear", (3, 3), (1, 1))),
    (lambda x: ops.conv_transpose2d(x, drawn(4, 3, 4, 4), stride=2),
     Description(2 * 4 * 3 * 16 * 81, "direct", "multilinear", (2, 2), (0.5, 0.5))),
    (lambda x: ops.max_pool2d(x, 2, dilation=3), Description(kind="selection", reach=(4, 4), stride=(2, 2))),
    (lambda x: ops.avg_pool2d(x, 3, 1), Description(kind="affine", reach=(3, 3), stride=(1, 1))),
    (lambda x: ops.adaptive_avg_pool2d(x, (3, 1)), Description(kind="affine", reach=(3, 9), stride=(3, 0))),
    (lambda x: ops.adaptive_max_pool2d(x, (2, 9)), Description(kind="selection", reach=(5, 1), stride=(4.5, 1))),
    (ops.global_avg_pool, Description(kind="affine", reach=(9, 9), stride=(0, 0))),
    (lambda x: ops.linear(x, drawn(5, 9)), Description(2 * 4 * 9 * 5 * 9, kind="multilinear", whole=(3,))),
    (lambda x: x @ drawn(9, 7), Description(2 * 4 * 9 * 7 * 9, kind="multilinear", whole=(3,))),
    (lambda x: drawn(5, 9) @ x, Description(2 * 4 * 5 * 9 * 9, kind="multilinear", whole=(2,))),
    (lambda x: ops.softmax(x, 1), Description(whole=(1,))),
    (lambda x: ops.layer_norm(x, (9, 9)), Description(whole=(2, 3))),
    (lambda x: ops.group_norm(x, 2), Description(whole=(2, 3))),
    (lambda x: ops.group_norm(x, 1), Description(whole=(1, 2, 3))),
    (lambda x: x.mean((2, 3)), Description(kind="affine", whole=(2, 3))),
    (lambda x: x.max(axis=3), Description(kind="selection", whole=(3,))),
    (lambda x: x.var(0), Description(whole=(0,))),
    (lambda x: x[:, :, ::2, 1::-1], Description(kind="selection", reach=(1, 1), stride=(2, 1))),
    (lambda x: x[:, 1], Description(kind="selection")),
    (lambda x: x[np.array([0, 1])], Description(kind="selection")),
    (lambda x: x.reshape(2, -1), Description(kind="permutation")), (lambda x: x.T, Description(kind="permutation")),
    (lambda x: ops.pad(x, (1, 1)), Description(kind="affine")),
    (lambda x: ops.broadcast_to(x, (3, *IMAGE)), Description(kind="selection")),
    (lambda x: ops.concatenate([x, x]), Description(kind="affine")),
    (ops.relu, Description(kind="diagonal")), (ops.gelu, Description(kind="diagonal")),
    (ops.exp, Description(kind="diagonal")), (ops.dropout, Description(kind="diagonal")),
    (lambda x: x + 1, Description(kind="affine")), (lambda x: 1 - x, Description(kind="affine")),
    (lambda x: -x, Description(kind="affine")), (lambda x: x * 2, Description(kind="multilinear")),
    (lambda x: x / 2, Description(kind="affine")), (lambda x: 2 / x, Description()),
    (lambda x: x**2, Description()), (lambda x: ops.maximum(x, 0), Description()),
    (lambda x: ops.batch_norm(x, running_mean=np.zeros(4, "f"), running_var=np.ones(4, "f"), training=False),
     Description(kind="affine")),
    (ops.batch_norm, Description()),
], ids=str)
def test_descriptions(f, expected):
    assert described(f, IMAGE) == expected


def test_signals_have_one_axis_of_windows():
    told = described(lambda x: ops.conv1d(x, drawn(5, 4, 3), stride=2), (2, 4, 11))
    assert told.multiply_adds == 2 * 5 * 4 * 3 * 5 and told.reach[-1:] == (3,) and told.stride[-1:] == (2,)


def test_an_operation_of_ones_own_says_nothing_unless_it_wants_to():
    class Silent(td.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    class Told(Silent):
        @staticmethod
        def describe(node):
            return Description(multiply_adds=node.output.size, kind="diagonal")

    assert described(Silent.apply, (2, 3)) == Description() and Silent.lower(None, None) is None
    assert described(Told.apply, (2, 3)).multiply_adds == 6


def test_a_graph_of_ones_own_may_replace_the_computation():
    class Shapes(Graph):
        def compute(self, function, args, kwargs, varying):
            return td.tensor([7.0])

    graph = Shapes()
    td.config.mode.recorder = graph
    try:
        assert ops.relu(drawn(2)).item() == 7
    finally:
        td.config.mode.recorder = None
    assert graph.nodes[0].output.item() == 7
