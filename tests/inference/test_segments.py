"""Graphs as programs and ordinary operations: modules of one's own, in every composition."""

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.graph import tensors_in
from tinydl.inference.reading import Reader
from tinydl.inference.segments import Ordinary, Segment, cut
from tinydl.inference.weights import Packed

BATCHES = (1, 2, 7, 64)


class Functional(nn.Module):
    """Convolutions as functions, operators for the rest."""

    def __init__(self):
        self.w1, self.b1 = nn.Parameter(np.random.default_rng(1).normal(size=(8, 3, 3, 3)).astype("f") / 5), None
        self.norm, self.fc = nn.BatchNorm2d(8), nn.Linear(8 * 4 * 4, 5)

    def forward(self, x):
        x = (x - 0.5) / 0.25
        x = ops.max_pool2d(self.norm(ops.conv2d(x, self.w1, self.b1, padding=1)).relu(), 2)
        return self.fc(x.reshape(x.shape[0], -1))


class Block(nn.Module):
    """x + scaled F(x), ReLU first."""

    def __init__(self, c):
        self.norm1, self.conv1 = nn.BatchNorm2d(c), nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(c), nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        y = self.conv1(ops.relu(self.norm1(x)))
        return x + 0.1 * self.conv2(ops.relu(self.norm2(y)))


class Residual(nn.Module):
    def __init__(self):
        self.stem, self.blocks = nn.Conv2d(3, 16, 3, padding=1), nn.ModuleList([Block(16) for _ in range(2)])
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.fc(x.mean((2, 3)))


class Inception(nn.Module):
    """Four branches joined along the channels, twice."""

    def __init__(self, c):
        self.one, self.three = nn.Conv2d(c, 4, 1), nn.Conv2d(c, 6, 3, padding=1)
        self.five, self.pooled = nn.Sequential(nn.Conv2d(c, 3, 1), nn.ReLU(), nn.Conv2d(3, 5, 5, padding=2)), nn.Conv2d(
            c, 2, 1)

    def forward(self, x):
        branches = [self.one(x), self.three(x), self.five(x), self.pooled(ops.max_pool2d(x, 3, 1, 1))]
        return ops.relu(ops.concatenate(branches, axis=1))


class UNet(nn.Module):
    """Down and up again, with what was there before beside what comes back; nearest neighbours by repetition."""

    def __init__(self, transposed):
        self.down, self.low = nn.Conv2d(2, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)
        self.up = nn.ConvTranspose2d(12, 12, 2, stride=2) if transposed else None
        self.out = nn.Conv2d(20, 3, 3, padding=1)

    def forward(self, x):
        skip = ops.relu(self.down(x))
        y = ops.relu(self.low(ops.max_pool2d(skip, 2)))
        if self.up is not None:
            y = self.up(y)
        else:
            y = ops.concatenate([y.unsqueeze(3)] * 2, 3).reshape(*y.shape[:3], 2, y.shape[3])
            y = y.transpose(0, 1, 2, 4, 3).reshape(y.shape[0], 12, y.shape[2], 2 * y.shape[4])
            y = ops.concatenate([y.unsqueeze(3)] * 2, 3).reshape(y.shape[0], 12, 2 * y.shape[2], y.shape[3])
        return self.out(ops.concatenate([skip, y], axis=1))


class Shared(nn.Module):
    """One convolution three times, with two norms, and one that nobody trains."""

    def __init__(self):
        self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.other = nn.BatchNorm2d(4, affine=False)

    def forward(self, x):
        y = self.norm(self.conv(x))
        return self.conv(self.other(self.conv(y))) + y


class Attention(nn.Module):
    """Squeeze and excite: an ordinary product between two programs."""

    def __init__(self):
        self.conv, self.a, self.b = nn.Conv2d(3, 8, 3), nn.Linear(8, 4), nn.Linear(4, 8)
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, x):
        y = ops.relu(self.conv(x))
        gate = ops.sigmoid(self.b(ops.relu(self.a(ops.global_avg_pool(y)))))
        return self.out(y * gate.reshape(-1, 8, 1, 1))


class Cube(td.Function):
    @staticmethod
    def forward(ctx, x):
        return x**3


class OwnFunction(nn.Module):
    def __init__(self):
        self.conv, self.fc = nn.Conv2d(1, 4, 3), nn.Linear(16, 3)

    def forward(self, x):
        return self.fc(Cube.apply(ops.relu(self.conv(x))).flatten(1))


class Lowered(Cube):
    @staticmethod
    def lower(node, builder):
        return builder.clamp(node["x"])


class Mixer(nn.Module):
    """Tokens and channels mixed by turns, without attention: transposes and matrix products."""

    def __init__(self):
        self.patch = nn.Conv2d(3, 12, 4, stride=4)
        self.tokens, self.channels = nn.Linear(4, 4), nn.Linear(12, 12)
        self.fc = nn.Linear(12, 3)

    def forward(self, x):
        x = self.patch(x).flatten(2)
        x = x + ops.relu(self.tokens(x))
        x = x + ops.relu(self.channels(x.transpose(1, 2))).transpose(1, 2)
        return self.fc(x.mean(2))


class Frames(nn.Module):
    """Every frame of a film by itself, then their mean: the first axis of the values changes on the way."""

    def __init__(self):
        self.conv, self.fc = nn.Conv2d(2, 4, 3), nn.Linear(16, 3)

    def forward(self, x):
        n, t = x.shape[:2]
        y = ops.relu(self.conv(x.reshape(n * t, *x.shape[2:]))).flatten(1)
        return self.fc(y.reshape(n, t, -1).mean(1))


class Shuffle(nn.Module):
    """Channels in groups, then shuffled; slices and padding."""

    def __init__(self):
        self.grouped, self.depth = nn.Conv2d(6, 12, 1, groups=3), nn.Conv2d(12, 12, 3, padding=1, groups=12)

    def forward(self, x):
        n, _, h, w = x.shape
        y = self.grouped(x).reshape(n, 3, 4, h, w).transpose(1, 2).reshape(n, 12, h, w)
        y = self.depth(ops.pad(y[:, :, 1:, ::2], (1, 0, 2, 1), value=0.5))
        return ops.concatenate([y[:, :5], -y[:, 5:]], axis=2 if y.shape[1] == 10 else 1)


class Heads(nn.Module):
    """Two heads side by side, one of them with the input itself."""

    def __init__(self):
        self.body, self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(14, 2)

    def forward(self, x):
        y = ops.relu(self.body(x))
        return ops.concatenate([self.a(y), self.b(ops.concatenate([x, y], 1)), x], 1)


class Scaled(nn.Module):
    """Constants of every kind beside the activations."""

    def __init__(self):
        self.conv, self.scale = nn.Conv2d(3, 3, 1), nn.Parameter(np.array([1.0, -2.0, 3.0], "f").reshape(3, 1, 1))
        self.register_buffer("mean", np.array([[[0.1]], [[0.2]], [[0.3]]], "f"))

    def forward(self, x):
        x = 2 - (x - self.mean) / self.scale
        y = self.conv(x) * self.scale.reshape(1, 3, 1, 1) + np.float32(3)
        return ops.relu(-y / 2 + self.mean) + np.ones((3, 5, 5), "f") * x


class Normed(nn.Module):
    """Weights that are computed anew at every call."""

    def __init__(self):
        self.v, self.g = nn.Parameter(np.random.default_rng(2).normal(size=(4, 6)).astype("f")), nn.Parameter(
            np.ones((4, 1), "f"))

    def forward(self, x):
        return ops.linear(x, self.g * self.v / (self.v * self.v).sum(1, keepdims=True).sqrt())


class Broadcast(nn.Module):
    """A sum without a form, which a program ahead of it cannot take but has looked at."""

    def __init__(self):
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        return ops.log_softmax(x[:, 2:], axis=3) + self.conv(x)


NETS = {
    "functional": (Functional(), (3, 8, 8), []), "residual": (Residual(), (3, 8, 8), []),
    "inception": (nn.Sequential(Inception(3), Inception(17), nn.Conv2d(17, 4, 3)), (3, 7, 6), []),
    "u-net": (UNet(True), (2, 8, 8), ["ConvTranspose (up)"]), "u-net by copies": (UNet(False), (2, 8, 6), []),
    "shared": (Shared(), (4, 6, 5), []),
    "attention": (Attention(), (3, 7, 7), ["Mul (Attention)"]),
    "own function": (OwnFunction(), (1, 4, 4), ["Cube (OwnFunction) has no frozen form"]),
    "mixer": (Mixer(), (3, 8, 8), ["Linear (tokens), Linear (channels)"]), "frames": (Frames(), (5, 2, 4, 4), ["Mean"]),
    "shuffle": (Shuffle(), (6, 5, 7), []), "heads": (Heads(), (6,), []), "scaled": (Scaled(), (3, 5, 5), ["Mul"]),
    "normed": (Normed(), (6,), []), "broadcast": (Broadcast(), (3, 5, 4), ["LogSoftmax (Broadcast), Add (Broadcast)"]),
}


@pytest.mark.parametrize("name", NETS)
def test_modules_of_ones_own(name, check):
    net, shape, said = NETS[name]
    check(net, *((n, *shape) for n in BATCHES), said=said)


@pytest.mark.parametrize("name", ["residual", "inception", "u-net", "shared", "shuffle", "heads", "own function"])
def test_no_images(name, check):
    net, shape, said = NETS[name]
    check(net, (0, *shape), said=said)


def items_of(net, x):
    graph = Reader(net.eval()).graph(x)
    return graph, cut(graph, graph.result, "auto", Packed())


def kinds(items):
    return [[node.name for node in item.nodes] if isinstance(item, Segment) else item.node.name
            for item in items._items]


def test_only_what_has_no_form_is_ordinary():
    _, items = items_of(Attention(), np.zeros((2, 3, 7, 7), "f"))
    assert kinds(items) == [["Conv", "ReLU", "GlobalAvgPool", "Linear", "ReLU", "Linear", "Sigmoid", "Reshape"], "Mul",
                            ["Conv"]]
    assert [node.name for node in items.unknown] == ["Mul"]
    assert len(items._items[0].results) == 2 and isinstance(items._items[1], Ordinary)


def test_values_that_only_move_are_ordinary_views():
    _, items = items_of(nn.Sequential(nn.Softmax(), nn.Flatten(), nn.Softmax()), np.zeros((2, 3, 2), "f"))
    assert kinds(items) == ["Softmax", "Reshape", "Softmax"]
    assert [node.name for node in items.unknown] == ["Softmax", "Softmax"]


def test_each_length_of_the_first_axis_has_its_program():
    _, items = items_of(Frames(), np.zeros((2, 5, 2, 4, 4), "f"))
    assert kinds(items) == ["Reshape", ["Conv", "ReLU", "Reshape"], "Reshape", "Mean", ["Linear"]]
    assert [item.N for item in items._items if isinstance(item, Segment)] == [10, 2]


class Dead(nn.Module):
    def __init__(self):
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        self.b(ops.tanh(x))
        return self.a(x)


def test_what_nobody_reads_is_left_out():
    graph, items = items_of(Dead(), np.zeros((2, 3), "f"))
    assert len(graph.nodes) == 3 and kinds(items) == [["Linear"]]


def test_values_are_let_go_when_nobody_needs_them():
    net = nn.Sequential(*[nn.Softmax() for _ in range(4)])
    _, items = items_of(net, np.zeros((2, 3), "f"))
    held = []

    class Watching(dict):
        def __delitem__(self, key):
            super().__delitem__(key)
            held.append(len(self))

    values = Watching()
    values[items._start] = np.ones((2, 3), "f")
    for item, done in zip(items._items, items._done, strict=True):
        item.run(values)
        for tensor in done:
            del values[tensor]
    assert held == [1, 1, 1, 1] and len(values) == 1


def test_a_form_that_a_function_of_ones_own_names(rng):
    class Net(OwnFunction):
        def forward(self, x):
            return self.fc(Lowered.apply(ops.relu(self.conv(x))).flatten(1))

    graph, items = items_of(Net(), rng.standard_normal((3, 1, 4, 4)).astype("f"))
    assert kinds(items) == [["Conv", "ReLU", "Lowered", "Reshape", "Linear"]]
    assert len(list(tensors_in(graph.nodes[2].args))) == 1
