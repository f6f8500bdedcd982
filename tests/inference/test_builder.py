"""What is joined to what, what must not be, and random networks against their own code."""

import collections

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.inference.builder import Builder
from tinydl.inference.reading import Reader

RNG = np.random.default_rng(0)


class Lambda(nn.Module):
    """A function of x and of layers."""

    def __init__(self, f, *layers):
        self.f = f
        for k, layer in enumerate(layers):
            setattr(self, f"layer{k}", layer)

    def forward(self, x):
        return self.f(x, *self.children())


def built(f, *layers, shape=(2, 4, 6, 5)):
    """The builder of a graph, whose every node must have a form, and the operations that its result needs."""
    graph = Reader(Lambda(f, *layers).eval()).graph(np.zeros(shape, np.float32))
    readers = collections.Counter([id(x) for node in graph.nodes for x in node.varying] + [id(graph.result)])
    builder = Builder(graph, readers, shape[0], "direct")
    assert all(builder.lower(node) for node in graph.nodes)
    builder.output(graph.result)
    return builder, sorted(builder.operations, key=lambda op: op.turn)


def conv(c=4, o=4, **settings):
    return nn.Conv2d(c, o, 3, padding=1, **settings)


def said(operation):
    """Short for what an operation does."""
    kind = operation.kernel.kind
    name = {"copy": "copy"}.get(kind) or (kind if isinstance(kind, str) else kind[0] if kind and isinstance(
        kind[0], str) else "product" if operation.kernel.by_row else "step")
    if operation.weights is not None and operation.weights.scale is not None and name != "channelwise":
        name += "*"
    return name + "+" * (operation.residual is not None) + "!" * operation.relu


JOINED = {
    "conv norm relu": (lambda x, c, b: ops.relu(b(c(x))), [conv(), nn.BatchNorm2d(4)], ["direct*!"]),
    "two norms": (lambda x, c, b, d: d(b(c(x))), [conv(), nn.BatchNorm2d(4), nn.BatchNorm2d(4)], ["direct*"]),
    "scaled": (lambda x, c: ops.relu(-(c(x) * 0.5 - 1) / 3), [conv()], ["direct*!"]),
    "relu norm": (lambda x, c, b: b(ops.relu(c(x))), [conv(), nn.BatchNorm2d(4)], ["direct!", "channelwise"]),
    "norm relu": (lambda x, b: ops.relu(b(x)), [nn.BatchNorm2d(4)], ["channelwise!"]),
    "relu of a view": (lambda x, c: ops.relu(c(x).flatten(1)), [conv()], ["direct!", "step"]),
    "read twice": (lambda x, c: (lambda y: ops.relu(y) + y)(c(x)), [conv()], ["direct", "step", "channelwise+"]),
    "residual": (lambda x, c: ops.relu(x + c(x)), [conv()], ["direct+!"]),
    "residual, then norm": (lambda x, c, b: b(x + c(x)), [conv(), nn.BatchNorm2d(4)], ["direct+", "channelwise"]),
    "two residuals": (lambda x, c: x + (c(x) + x), [conv()], ["direct+", "channelwise+"]),
    "both sides": (lambda x, c, d: c(x) + d(x), [conv(), conv()], ["direct", "direct+"]),
    "after relu": (lambda x, c: x + ops.relu(c(x)), [conv()], ["direct!", "channelwise+"]),
    "twice itself": (lambda x: x + x, [], ["channelwise+"]),
    "the same result twice": (lambda x, c: (lambda y: y + y)(c(x)), [conv()], ["direct", "channelwise+"]),
    "depthwise": (lambda x, c, b: ops.relu(b(c(x)) + x), [conv(groups=4), nn.BatchNorm2d(4)], ["depthwise*+!"]),
    "linear norm": (lambda x, f, b: ops.relu(b(f(x.flatten(1)))), [nn.Linear(120, 7), nn.BatchNorm1d(7)],
                    ["product*!"]),
    "norm of a flat image": (lambda x, c, b: b(c(x).flatten(1)), [conv(), nn.BatchNorm1d(120)],
                             ["direct", "step", "channelwise"]),
    "flat, if one pixel": (lambda x, c, b: b(c(x[:, :, :1, :1]).flatten(1)), [conv(), nn.BatchNorm1d(4)],
                           ["step", "direct*"]),
    "pool relu": (lambda x: ops.relu(ops.max_pool2d(x, 2)), [], ["step", "step"]),
    "constant added": (lambda x, c: c(x) + np.ones((4, 1, 1), "f"), [conv()], ["direct*"]),
    "concatenated": (lambda x, c: ops.concatenate([x, c(x)], 1), [conv()], ["step", "direct", "step"]),
    "linear relu pool": (lambda x, f: ops.relu(f(x.flatten(1))).reshape(2, 1, 2, 2), [nn.Linear(120, 4)], ["product!"]),
}


@pytest.mark.parametrize("name", JOINED)
def test_what_is_joined(name):
    f, layers, expected = JOINED[name]
    _, operations = built(f, *layers)
    assert sorted(map(said, operations)) == sorted(expected)


def test_a_residual_waits_for_what_is_added():
    _, operations = built(lambda x, c, d, e: c(x) + d(e(x)), conv(), conv(), conv())
    by_output = {op.y: k for k, op in enumerate(operations)}
    (last,) = (op for op in operations if op.residual is not None)
    assert by_output[last.residual] < operations.index(last) == 2


def test_views_move_nothing_and_copies_are_made_once():
    _, operations = built(lambda x, f: f(x.transpose(2, 3)[:, 1].reshape(2, -1)[:, ::-1]), nn.Linear(30, 3))
    assert [said(op) for op in operations] == ["step", "product"]
    _, operations = built(lambda x, c: c(x.transpose(1, 2)) + c(x.transpose(1, 2)), conv(6, 6))
    assert [said(op) for op in operations] == ["step", "direct", "direct+"]
    _, operations = built(lambda x, c: (lambda t: c(t) + c(t))(x.transpose(1, 2)), conv(6, 6))
    assert [said(op) for op in operations] == ["step", "direct", "direct+"]


def test_a_linear_layer_reads_any_order():
    _, operations = built(lambda x, c, f: f(ops.relu(c(x)).flatten(1)), conv(), nn.Linear(120, 3))
    assert [said(op) for op in operations] == ["direct!", "product"]


REFUSED = {
    "the batch": lambda x: x[:1], "images mixed": lambda x: x.transpose(1, 0, 2, 3),
    "sum over the batch": lambda x: x.sum(0), "an operand of another shape": lambda x: x + x[:, :1],
    "a constant of every pixel": lambda x: x * np.ones((6, 5), "f"),
    "too large a factor": lambda x: x * np.float32(np.inf), "one over": lambda x: 1 / x,
    "joined batches": lambda x: ops.concatenate([x, x], 0), "a constant part": lambda x: ops.concatenate(
        [x, np.ones((2, 1, 6, 5), "f")], 1),
    "padded batch": lambda x: ops.pad(x, (0, 0, 0, 0, 0, 0, 1, 1)),
    "reflected": lambda x: ops.pad(x, (1, 1), "reflect"), "another type": lambda x: x.astype("float64"),
    "weights that vary": lambda x: ops.linear(x.flatten(1), x.flatten(1)),
    "nothing": lambda x: x[:, :0], "chosen places": lambda x: x[:, [0, 2]], "mean of channels": lambda x: x.mean(1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_form(name):
    graph = Reader(Lambda(REFUSED[name])).graph(np.zeros((2, 4, 6, 5), np.float32))
    builder = Builder(graph, collections.Counter(), 2, "auto")
    assert [builder.lower(node) for node in graph.nodes][-1] is False


def test_other_first_axes_are_others_affair():
    graph = Reader(Lambda(ops.relu)).graph(np.zeros((3, 4), np.float32))
    assert not Builder(graph, collections.Counter(), 2, "auto").lower(graph.nodes[0])


@pytest.mark.parametrize("mean", [0.0, 1.0, 1e3, -1e5])
def test_a_norm_far_from_zero_keeps_its_digits(mean, evaluated):
    norm = nn.BatchNorm2d(4)
    norm.running_mean[...], norm.running_var[...] = mean + np.arange(4), 4.0
    for net in (norm, nn.Sequential(nn.ReLU(), norm) if mean >= 0 else norm, nn.Sequential(conv(), norm)):
        x = (mean + np.arange(4).reshape(4, 1, 1) + 2 * RNG.standard_normal((3, 4, 5, 5))).astype(np.float32)
        expected = evaluated(net, x)
        size = max(1, np.abs(expected).max()) if isinstance(net, nn.Sequential) and net[0] is not norm else 1
        assert np.abs(td.freeze(net)(x) - expected).max() <= 1e-5 * max(size, np.abs(expected).max())


# --- random networks -------------------------------------------------------------------------------------------------

class Random(nn.Module):
    """Operations drawn at random on what is there; the shapes decide what can follow."""

    def __init__(self, seed):
        self.seed, self.layers = seed, nn.ModuleList()

    def layer(self, k, make):
        if k == len(self.layers):
            self.layers.append(make())
        return self.layers[k]

    def forward(self, x):
        rng, k, values = np.random.default_rng(self.seed), 0, [x]
        for _ in range(12):
            x = values[-1 - int(min(rng.geometric(0.6) - 1, len(values) - 1))]
            kind = int(rng.integers(14))
            if x.ndim == 4:
                c, h, w = x.shape[1:]
                other = [v for v in values if v.ndim == 4 and v.shape[2:] == x.shape[2:]]
                if kind == 0:
                    o = int(rng.integers(1, 9))
                    x, k = self.layer(k, lambda c=c, o=o: nn.Conv2d(c, o, 3, padding=1))(x), k + 1
                elif kind == 1:
                    x, k = self.layer(k, lambda c=c: nn.Conv2d(c, c, 1))(x), k + 1
                elif kind == 2:
                    x, k = self.layer(k, lambda c=c: nn.BatchNorm2d(c))(x), k + 1
                elif kind in (3, 4):
                    x = ops.relu(x)
                elif kind == 5:
                    same = [v for v in values if v.shape == x.shape]
                    x = x + same[int(rng.integers(len(same)))]
                elif kind == 6:
                    x = ops.concatenate([x, other[int(rng.integers(len(other)))]], 1)
                elif kind == 7 and min(h, w) > 1:
                    x = ops.max_pool2d(x, 2, 1)
                elif kind == 8:
                    x = x.transpose(2, 3) if rng.integers(2) else x.transpose(1, 2)
                elif kind == 9:
                    x = x[:, ::-1, int(rng.integers(h)):]
                elif kind == 10:
                    x = ops.pad(x, (1, 0, 0, 1), value=0.5)
                elif kind == 11:
                    x = x * np.float32(0.5) - np.linspace(-1, 1, c, dtype="f").reshape(c, 1, 1)
                elif kind == 12:
                    x = x.reshape(x.shape[0], c, w, h)
                else:
                    x = ops.tanh(x) if rng.integers(2) else ops.exp(x / 16)
            if kind == 13 and rng.integers(2):
                x = x.flatten(1)
                x, k = self.layer(k, lambda n=x.shape[1]: nn.Linear(n, 8))(x), k + 1
                x = x.reshape(-1, 2, 2, 2)
            values.append(x)
        return ops.concatenate([v.flatten(1) for v in values[-3:]], 1)


@pytest.mark.parametrize("seed", range(120))
def test_random_networks(seed, check):
    net = Random(seed)
    net(td.tensor(np.zeros((2, 3, 4, 5), np.float32)))  # makes the layers
    check(net, (3, 3, 4, 5), (1, 3, 4, 5), said=None)
