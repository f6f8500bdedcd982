"""What operations leave to their readers is what they would have computed: every producer before every reader.

The oracle is the same computation with deferral switched off. All of it is in float64, so that rounding hides nothing.
"""

import copy
import functools
import pickle
import threading

import numpy as np
import pytest

import tinydl as td
from tinydl import nn, ops
from tinydl.deferred import Affine, ConvResult, Dense, switched_off
from tinydl.ops.activations import OPERATIONS

SHAPE = (2, 4, 6, 5)


class Square(td.Function):
    """A user's own operation."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return 2 * x * dy


@functools.cache
def values(name, shape, low, high):
    """Random values of a leaf, drawn once."""
    return np.random.default_rng(sum(map(ord, name))).uniform(low, high, shape)


class Leaves:
    """The inputs of one computation: every call with the same name gives the same leaf."""

    def __init__(self):
        self.tensors, self.statistics = {}, {}

    def __call__(self, name, shape=SHAPE, low=-1.0, high=1.0):
        if name not in self.tensors:
            self.tensors[name] = td.tensor(values(name, shape, low, high).copy(), requires_grad=True)
        return self.tensors[name]

    def conv(self, x, name):
        c = x.shape[1]
        return ops.conv2d(x, self(f"{name}.w", (4, c, 3, 3)), self(f"{name}.b", (4,)), padding=1)

    def norm(self, x, name, training=True):
        c = x.shape[1]
        running = self.statistics.setdefault(name, (np.full(c, 0.2), np.full(c, 1.5)))
        return ops.batch_norm(x, self(f"{name}.gamma", (c,), 0.5, 2), self(f"{name}.beta", (c,)), *running,
                              training=training)

    def results(self):
        """Gradients of all leaves and statistics, by name."""
        found = {f"d{name}": x.grad for name, x in self.tensors.items()}
        for name, running in self.statistics.items():
            found[f"{name}.mean"], found[f"{name}.var"] = running
        return found


PRODUCERS = {
    "leaf": lambda p: p("z"),
    "conv": lambda p: p.conv(p("x"), "c"),
    "norm": lambda p: p.norm(p.conv(p("x"), "c"), "n"),
    "norm of leaf": lambda p: p.norm(p("z"), "n"),
    "norm in evaluation": lambda p: p.norm(p.conv(p("x"), "c"), "n", training=False),
    "relu": lambda p: ops.relu(p.conv(p("x"), "c")),
    "norm relu": lambda p: ops.relu(p.norm(p.conv(p("x"), "c"), "n")),
    "leaky_relu": lambda p: ops.leaky_relu(p.conv(p("x"), "c"), -0.5),
    "gelu": lambda p: ops.gelu(p.conv(p("x"), "c")),
    **{f"norm {name}": lambda p, f=f: f(p.norm(p.conv(p("x"), "c"), "n")) for name, f in OPERATIONS.items()},
    "norm in evaluation elu": lambda p: ops.elu(p.norm(p.conv(p("x"), "c"), "n", training=False)),
    "norm of leaf gelu": lambda p: ops.gelu(p.norm(p("z"), "n")),
    "leaky gelu": lambda p: ops.gelu(ops.leaky_relu(p.norm(p.conv(p("x"), "c"), "n"))),
    "sum leaky_relu": lambda p: ops.leaky_relu(ops.add(p.norm(p.conv(p("x"), "c"), "n"), p("x"))),
    "sum": lambda p: ops.add(p.norm(p.conv(p("x"), "c"), "n"), p("x")),
    "sum of norms": lambda p: ops.add(p.norm(p.conv(p("x"), "c"), "n"), p.norm(p.conv(p("x"), "d"), "m")),
    "block": lambda p: ops.relu(ops.add(p.norm(p.conv(p("x"), "c"), "n"), ops.relu(p.conv(p("x"), "d")))),
    "pool": lambda p: ops.max_pool2d(p.conv(p("x"), "c"), 3, stride=1, padding=1),
    "view": lambda p: p.conv(p("x"), "c").reshape(2, 4, 30).reshape(*SHAPE),
    "permuted": lambda p: ops.permute(p.conv(p("x"), "c"), (0, 1, 3, 2)),
    "own": lambda p: Square.apply(p.conv(p("x"), "c")),
    "product": lambda p: p.conv(p("x"), "c") * 2.0,
}
READERS = {
    "conv": lambda p, z: p.conv(z, "r"),
    "depthwise": lambda p, z: ops.conv2d(z, p("r.w", (4, 1, 3, 3)), padding=1, groups=4),
    "norm": lambda p, z: p.norm(z, "r"),
    "norm relu": lambda p, z: ops.relu(p.norm(z, "r")),
    "norm relu conv": lambda p, z: p.conv(ops.relu(p.norm(z, "r")), "s"),
    "relu": lambda p, z: ops.relu(z),
    "relu conv": lambda p, z: p.conv(ops.relu(z), "r"),
    "norm leaky_relu conv": lambda p, z: p.conv(ops.leaky_relu(p.norm(z, "r"), 0.2), "s"),
    "norm gelu conv norm": lambda p, z: p.norm(p.conv(ops.gelu(p.norm(z, "r")), "s"), "t"),
    "leaky_relu conv": lambda p, z: p.conv(ops.leaky_relu(z), "r"),
    "sum": lambda p, z: ops.add(z, p("other", z.shape)),
    "doubled": lambda p, z: ops.add(z, z),
    "block": lambda p, z: ops.relu(ops.add(p.norm(p.conv(ops.relu(p.norm(p.conv(z, "r"), "rn")), "s"), "sn"),
                                           p.norm(p.conv(z, "t"), "tn"))),
    "sum of norms": lambda p, z: ops.relu(ops.add(p.norm(z, "r"), p.norm(z, "s"))),
    "max_pool": lambda p, z: ops.max_pool2d(z, 2),
    "global_mean": lambda p, z: ops.adaptive_avg_pool2d(z, 1),
    "avg_pool": lambda p, z: ops.avg_pool2d(z, 2),
    "linear": lambda p, z: ops.linear(z.flatten(1), p("r.w", (3, 120))),
    "sigmoid": lambda p, z: ops.sigmoid(z),
    "own": lambda p, z: Square.apply(z),
    "view": lambda p, z: ops.permute(z, (0, 2, 3, 1)),
}


def read(p, z, reader):
    return [reader(p, z)]


def looked_at(p, z, reader):
    before = z.numpy().copy()
    y = reader(p, z)
    assert np.array_equal(z.numpy(), before)
    return [y, reader(p, z)]


def two_readers(p, z, reader):
    return [ops.relu(z), reader(p, z), p.conv(z, "another")]


def retained(p, z, reader):
    z.retain_grad()
    y = reader(p, z)
    y.retain_grad()
    p.kept = [z, y]
    return [y, ops.relu(z)]


def mutated_after(p, z, reader):
    y = reader(p, z)
    z.data[...] = 7
    return [y]


def mutated_before(p, z, reader):
    z.data[...] *= 0.5
    z.data[:, 0] += 1
    return [reader(p, z)]


def mutated_between(p, z, reader):
    first = reader(p, z)
    z.data[...] *= 3
    return [first, reader(p, z)]


def held_and_mutated(p, z, reader):
    array = z.data
    y = reader(p, z)
    array[...] = 7
    return [y.detach()]


def result_mutated(p, z, reader):
    y = reader(p, z)
    w = ops.relu(y)
    y.data[...] = -1
    return [w, y.detach(), ops.sigmoid(y)]


def view_mutated(p, z, reader):
    y, w = reader(p, z), z.reshape(-1)
    w.data[...] = 7
    return [y, w.detach()]


def replaced(p, z, reader):
    y = reader(p, z)
    z.data = np.ones_like(z.numpy())
    return [y, reader(p, z)]


def without_gradient(p, z, reader):
    with td.no_grad():
        z = td.ops.relu(z) if z.creator is None else z
        y = reader(p, z)
        w = ops.relu(y)
        z.data[...] = 7
        y.data[...] = 7
    return [w.detach(), y.detach()]


def copied(p, z, reader):
    other = copy.copy(z)
    y = reader(p, other)
    z.data[...] = 7
    return [y.detach()]


def deep_copied(p, z, reader):
    other = copy.deepcopy(z)
    z.data[...] = 7
    return [reader(p, other).detach(), ops.relu(copy.deepcopy(reader(p, other))).detach()]


def pickled(p, z, reader):
    y = pickle.loads(pickle.dumps(reader(p, z)))
    return [ops.relu(y).detach(), reader(p, pickle.loads(pickle.dumps(z))).detach()]


def detached(p, z, reader):
    y = reader(p, z)
    z.detach().data[...] = 7
    return [y, reader(p, z.detach())]


def twice(p, z, reader):
    y = reader(p, z)
    y.backward(np.cos(np.arange(y.size)).reshape(y.shape), retain_graph=True)
    return [y]


ACTIONS = [read, looked_at, two_readers, retained, mutated_after, mutated_before, mutated_between, held_and_mutated,
           result_mutated, view_mutated, replaced, without_gradient, copied, deep_copied, pickled, detached, twice]


def compute(producer, reader, action):
    """Values and gradients of one computation, by name."""
    leaves = Leaves()
    leaves.kept = []
    outputs = action(leaves, PRODUCERS[producer](leaves), READERS[reader])
    loss = None
    for k, y in enumerate(outputs):
        if y.requires_grad:
            upstream = np.sin(1 + k + np.arange(y.size)).reshape(y.shape)
            loss = (y * upstream).sum() if loss is None else loss + (y * upstream).sum()
    try:
        if loss is not None:
            loss.backward()
    except RuntimeError as error:
        # A leaf shares its array with its operations, which find out; other tensors give out copies.
        assert producer == "leaf" and action in (mutated_after, mutated_between, detached)
        return {"error": str(error)}
    results = {f"y{k}": y.numpy() for k, y in enumerate(outputs)}
    results |= {f"grad of kept {k}": z.grad for k, z in enumerate(leaves.kept)}
    return results | leaves.results()


# Activations are rows of one table: one of each way to be computed meets every reader, the others those that load maps.
ROWS = {f"norm {name}" for name in OPERATIONS if name != "gelu"}
LOADING = {"conv", "norm relu conv", "sum", "max_pool", "view"}


@pytest.mark.parametrize(("producer", "reader"), [(producer, reader) for producer in PRODUCERS for reader in READERS
                                                  if producer not in ROWS or reader in LOADING])
def test_deferred_is_computed(producer, reader):
    for action in ACTIONS:
        got = compute(producer, reader, action)
        with switched_off():
            expected = compute(producer, reader, action)
        assert got.keys() == expected.keys()
        for name, value in expected.items():
            if value is None or name == "error":
                assert got[name] == value, (action.__name__, name)
            elif not np.array_equal(got[name], value):
                np.testing.assert_allclose(got[name], value, 1e-9, 1e-10, err_msg=f"{action.__name__}: {name}")


# --- modules ---------------------------------------------------------------------------------------------------------

def net():
    td.manual_seed(3)
    made = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.ResidualBlock(4, 6, 2),
                         nn.BottleneckBlock(6, 3, 12), nn.MaxPool2d(2), nn.Conv2d(12, 4, 1), nn.BatchNorm2d(4),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    return made.double()


def nothing(module, args, output):
    return None


def looking(module, args, output):
    output.data.sum()


def writing(module, args, output):
    output.data[...] *= 1.5


def replacing(module, args, output):
    return output * 0.5


@pytest.mark.parametrize("hook", [nothing, looking, writing, replacing])
def test_hooks(hook):
    results = []
    for off in (False, True):
        layers = net()
        for module in list(layers.modules())[1:]:
            module.register_forward_hook(hook)
        x = np.random.default_rng(0).standard_normal((3, 3, 8, 8))
        parameters = list(layers.parameters())
        found = []
        for _ in range(2):
            if off:
                with switched_off():
                    y = layers(x)
                    y.backward(np.arange(9.0).reshape(3, 3) - 2)
            else:
                y = layers(x)
                y.backward(np.arange(9.0).reshape(3, 3) - 2)
            found += [y.numpy(), *[p.grad.copy() for p in parameters], *layers.state_dict().values()]
        results.append(found)
    for got, expected in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, 1e-9, 1e-10)


# --- what is left, and when ------------------------------------------------------------------------------------------

def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_what_waits_for_its_reader():
    conv, norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
    z = conv(drawn(2, 3, 6, 6))
    assert isinstance(z.raw, ConvResult) and z.raw.moments is None
    assert isinstance(ops.relu(z).raw, Affine) and isinstance(norm(z).raw, Affine)
    y = ops.relu(ops.add(norm(z), norm(conv(drawn(2, 3, 6, 6, seed=1)))))
    assert isinstance(y.raw, Affine) and isinstance(y.raw.residual, Affine)
    assert isinstance(ops.relu(nn.Linear(3, 2)(drawn(2, 3))).raw, Dense)
    assert isinstance(ops.leaky_relu(z).raw, Affine) and isinstance(ops.gelu(z).raw, Dense)
    assert all(isinstance(f(norm(conv(drawn(2, 3, 6, 6)))).raw, Affine) for f in OPERATIONS.values())
    assert isinstance(ops.gelu(ops.relu(norm(z))).raw, Dense)
    with switched_off():
        assert isinstance(norm(conv(drawn(2, 3, 6, 6))).raw, Dense)
        assert isinstance(ops.leaky_relu(conv(drawn(2, 3, 6, 6))).raw, Dense)


def test_what_others_may_write_to_is_computed_at_once():
    norm, buffer = nn.BatchNorm2d(3).eval(), drawn(2, 3, 6, 6)
    for array in (buffer, np.ascontiguousarray(buffer), np.asfortranarray(buffer)):
        kept = array.copy()
        y, z = norm(array), ops.add(norm(nn.Conv2d(3, 3, 1)(array)), array)
        values = [y.numpy().copy(), z.numpy().copy()]
        array[...] = 100
        assert np.array_equal(y.numpy(), values[0]) and np.array_equal(z.numpy(), values[1])
        array[...] = kept
    line = drawn(5, 3)
    y = nn.BatchNorm1d(3).eval()(line)
    expected = y.numpy().copy()
    line[...] = 100
    assert np.array_equal(y.numpy(), expected)


def test_writing_to_a_value_that_was_read():
    x, conv = td.tensor(drawn(2, 3, 6, 6), requires_grad=True), nn.Conv2d(3, 4, 3)
    z = conv(x)
    y = ops.relu(z)
    z.data[...] = 0
    expected = ops.relu(conv(x)).numpy()
    assert np.array_equal(y.numpy(), expected) and expected.any()
    assert not z.numpy().any() and not ops.relu(z).numpy().any()
    y.backward(np.ones_like(expected))
    assert np.array_equal(conv.bias.grad, (expected > 0).sum((0, 2, 3)))


def test_data_is_the_tensors_own_array():
    """It is copied once, where an operation relies on what the tensor held; never for leaves."""
    w = td.tensor(drawn(3, 3), requires_grad=True)
    y = w @ w
    assert w.data is w.data and y.data is y.data
    z = ops.softmax(y)
    kept = z.creator.saved_tensors[0]
    assert z.data is not kept and z.data is z.data
    with td.no_grad():
        z = ops.softmax(y)
        array = z.raw.array()
        assert z.data is array


def test_sums_of_a_convolution_are_those_of_what_it_gave():
    """Written to in between, a result is summed anew."""
    conv, norm, x = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), drawn(4, 3, 8, 8)
    hook = conv.register_forward_hook(lambda module, args, y: y.data.__setitem__((slice(None), 0), 1000 * y.data[:, 0]))
    y = nn.Sequential(conv, norm)(x).numpy()
    np.testing.assert_allclose(y.std((0, 2, 3)), 1, rtol=1e-3)
    hook.remove()
    z = conv(td.tensor(x), about=norm.running_mean)
    assert z.raw.moments is not None
    z.data[:, 0] *= 1000
    np.testing.assert_allclose(norm(z).numpy().std((0, 2, 3)), 1, rtol=1e-3)


def test_switched_off_is_of_this_thread_and_ends():
    with switched_off():
        seen = []
        thread = threading.Thread(target=lambda: seen.append(td.config.mode.deferral))
        thread.start()
        thread.join()
        assert seen == [True] and not td.config.mode.deferral
    assert td.config.mode.deferral
