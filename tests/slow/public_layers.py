"""Calls of every layer, loss and initialisation of tinydl.nn, in the form of public_operations.py.

The layer of PyTorch gets the weights of ours by their names.
"""

import math

import numpy as np
from arguments import Real, Whole, maybe, normal, pick, shape, sizes
from public_kernels import classes, images, reduction, small, some_classes, window
from public_words import probabilities

from tinydl import nn

ROWS = {}


def layer(name, draw, named=None, meant=lambda given: given):
    """The row of a layer: `draw(rng)` gives (arguments of the constructor, of the call).

    `meant` makes PyTorch's arguments of the constructor of them.
    """
    def row(rng):
        made, called = draw(rng)
        n, training, double = len(made), maybe(rng), maybe(rng, 0.3)
        kept = {}

        def ours(*given):
            net = getattr(nn, name)(*given[:n])
            net = net.double().train(training) if double else net.train(training)
            kept.update({key: np.array(value) for key, value in net.state_dict().items()})
            return (net(*given[n:]), *(value for key, value in net.state_dict().items() if "running" in key))

        def theirs(T, *given):
            net = getattr(T.nn, named or name)(*meant(given[:n])).double()
            net.load_state_dict({key: T.tensor(value) for key, value in kept.items()})
            net.train(training)
            # A layer takes an array of booleans for one of float32.
            y = net(*(x.double() if T.is_tensor(x) and x.dtype == T.bool else x for x in given[n:]))
            return (y, *(value for key, value in net.state_dict().items() if "running" in key))

        return [*made, *called], ours, theirs
    ROWS[f"nn.{name}"] = row


def padding(rng, n):
    return pick(rng, 0, small(rng, n), "same", "valid")


def convolution(n):
    def draw(rng):
        groups = pick(rng, 1, 1, 2, 3)
        c, o = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
        mode = pick(rng, "zeros", "zeros", "reflect", "replicate", "circular")
        return [c, o, int(rng.integers(1, 4)), window(rng, n), padding(rng, n), window(rng, n), groups, maybe(rng),
                mode], [normal(rng, sizes(rng, 1)[0], c, *(int(k) for k in rng.integers(1, 9, n)))]

    def transposed(rng):
        groups = pick(rng, 1, 1, 2)
        c, o = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
        return [c, o, int(rng.integers(1, 4)), window(rng, n), small(rng, n), pick(rng, 0, 0, 1), groups, maybe(rng),
                pick(rng, 1, 2)], [normal(rng, sizes(rng, 1)[0], c, *(int(k) for k in rng.integers(1, 7, n)))]

    layer(f"Conv{n}d", draw)
    layer(f"ConvTranspose{n}d", transposed)


def pools(n):
    layer(f"MaxPool{n}d", lambda rng: ([window(rng, n), pick(rng, None, window(rng, n)), pick(rng, 0, small(rng, n)),
                                        pick(rng, 1, 2), False, maybe(rng)][:4], [images(rng, n)]))
    layer(f"AvgPool{n}d", lambda rng: ([window(rng, n), pick(rng, None, window(rng, n)), pick(rng, 0, small(rng, n)),
                                        maybe(rng), maybe(rng)], [images(rng, n)]))
    for kind in ("Max", "Avg"):
        layer(f"Adaptive{kind}Pool{n}d", lambda rng: ([pick(rng, 1, window(rng, n), 5)], [images(rng, n)]))


def norm(n):
    def draw(rng):
        dims = shape(rng, 2, 3) if n == 1 else sizes(rng, 4)
        dims = (dims[0], max(dims[1], 1), *dims[2:])
        return [dims[1], float(10**rng.uniform(-6, -1)), pick(rng, None, 0.1, float(rng.random())), maybe(rng),
                maybe(rng)], [normal(rng, *dims)]
    layer(f"BatchNorm{n}d", draw)


for _n in (1, 2):
    convolution(_n)
    pools(_n)
    norm(_n)

for _name in ("Identity", "ReLU", "Sigmoid", "Tanh"):
    layer(_name, lambda rng: ([], [normal(rng, *shape(rng))]))
for _name in ("GELU", "GELUTanh", "Hardswish", "Mish", "SiLU"):
    ROWS[f"nn.{_name}"] = lambda rng, name=_name: (
        [normal(rng, *shape(rng))], lambda x: getattr(nn, name)()(x),
        lambda T, x: (T.nn.GELU("tanh") if name == "GELUTanh" else getattr(T.nn, name)())(x.clamp(min=-1e3)))
layer("LeakyReLU", lambda rng: ([float(rng.normal())], [normal(rng, *shape(rng))]))
layer("ELU", lambda rng: ([float(rng.uniform(0, 2))], [normal(rng, *shape(rng))]))


def over_axis(rng):
    dims = shape(rng, 1)
    return [int(rng.integers(-len(dims), len(dims)))], [normal(rng, *dims)]


# None is the channels' axis. PyTorch, which warns of it, takes the first axis of three.
for _name in ("Softmax", "LogSoftmax"):
    layer(_name, over_axis, meant=lambda given: [1 if given[0] is None else given[0]])


def dropped(rng):
    p = pick(rng, 0.0, 0.5)
    return [p, normal(rng, *shape(rng))], lambda p, x: nn.Dropout(p).train(p == 0)(x), lambda T, p, x: x


ROWS["nn.Dropout"] = dropped
layer("Flatten", lambda rng: ([*pick(rng, [], [0], [1, 2], [-2, -1])], [normal(rng, *shape(rng, 1))]))


def unflattened(rng):
    parts = sizes(rng, int(rng.integers(1, 4)))
    dims = list(sizes(rng, 2))
    axis = int(rng.integers(2))
    dims[axis] = math.prod(parts)
    return [pick(rng, axis, axis - 2), parts], [normal(rng, *dims)]


layer("Unflatten", unflattened)


def grouped(rng):
    groups = int(rng.integers(1, 4))
    c = groups * int(rng.integers(1, 4))
    return [groups, c, float(10**rng.uniform(-6, -1)), maybe(rng)], [normal(rng, *sizes(rng, 1), c, *shape(rng, 0, 3))]


layer("GroupNorm", grouped)


def over_last(rng):
    dims = tuple(max(1, n) for n in shape(rng, 1))
    own = dims[len(dims) - int(rng.integers(1, len(dims) + 1)):]
    return [own, float(10**rng.uniform(-6, -1)), maybe(rng), maybe(rng)], [normal(rng, *sizes(rng, 1), *dims)]


layer("LayerNorm", over_last)
layer("Linear", lambda rng: ([k := int(rng.integers(1, 6)), int(rng.integers(1, 6)), maybe(rng)],
                             [normal(rng, *shape(rng, 0, 3), k)]))


def blocks(name, widths):
    """Residual blocks have no counterpart; without a norm they are compositions of what has."""
    def draw(rng):
        c = int(rng.integers(1, 4))
        made = [c, *widths(rng), pick(rng, None, c, 2), pick(rng, 1, 2), maybe(rng), pick(rng, None, True)]

        def ours(*given):
            return getattr(nn, name)(*given[:-1])(given[-1])
        return [*made, normal(rng, *sizes(rng, 1), c, *sizes(rng, 2, 1))], ours, None
    ROWS[f"nn.{name}"] = draw


blocks("ResidualBlock", lambda rng: ())
blocks("BottleneckBlock", lambda rng: (int(rng.integers(1, 4)),))


# --- containers ------------------------------------------------------------------------------------------------------

def in_a_row(rng):
    k = int(rng.integers(1, 4))
    return [nn.Linear(k, 2), nn.ReLU(), nn.Identity(), normal(rng, *sizes(rng, 1), k)], \
        lambda *given: nn.Sequential(*given[:-1])(given[-1]), None


def listed(rng):
    def ours(modules, at, module):
        made = nn.ModuleList(modules)
        made.insert(at, module)
        return len(made.append(module)) and None
    return [[nn.ReLU(), nn.Linear(1, 1)], int(rng.integers(3)), nn.Linear(1, 1)], ours, None


def module(rng):
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    method, arguments = pick(
        rng, ("load_state_dict", [{k: np.array(v) for k, v in net.state_dict().items()}, True]), ("train", [True]),
        ("to", ["float64"]), ("register_buffer", ["b", np.zeros(2, "f4")]), ("requires_grad_", [False]),
        ("apply", [len]), ("forward", [np.ones((3, 2), "f4")]))
    if not hasattr(net, method):
        method, arguments = "train", [True]

    def ours(*given):
        getattr(net, method)(*given)
        return net(np.ones((2, 2), "f4")).numpy().shape
    return arguments, ours, None


def parameter(rng):
    return [normal(rng, *shape(rng), gradient=False), maybe(rng)], lambda x, needed: nn.Parameter(x, needed).data, \
        lambda T, x, needed: x


ROWS |= {"nn.Sequential": in_a_row, "nn.ModuleList": listed, "nn.Module": module, "nn.Parameter": parameter}


# --- losses ----------------------------------------------------------------------------------------------------------

def loss(name, draw):
    layer(name, draw)


def pair(rng, *before):
    dims = shape(rng)
    return [*before], [normal(rng, *dims), normal(rng, *dims)]


ROWS["nn.MSELoss"] = lambda rng: (
    [reduction(rng), *pair(rng)[1]], lambda r, x, t: nn.MSELoss(r)(x, t),
    lambda T, r, x, t: T.nn.MSELoss(reduction=r)(x, t))
ROWS["nn.HuberLoss"] = lambda rng: (
    [reduction(rng), float(rng.uniform(0.1, 2)), *pair(rng)[1]], lambda r, d, x, t: nn.HuberLoss(r, d)(x, t),
    lambda T, r, d, x, t: T.nn.HuberLoss(reduction=r, delta=d)(x, t))


def factors(rng, n):
    return Real(rng.uniform(0.1, 2, n).astype(np.float32), gradient=False, finite=True) if maybe(rng, 0.4) else None


def binary(rng):
    dims = shape(rng)
    target = Real(rng.random(dims), finite=True) if maybe(rng, 0.7) else Whole(rng.integers(0, 2, dims))
    return [factors(rng, dims[-1:]), reduction(rng), factors(rng, dims[-1:]), normal(rng, *dims, finite=True),
            target], \
        lambda w, r, p, x, t: nn.BCEWithLogitsLoss(w, r, p)(x, t), \
        lambda T, w, r, p, x, t: T.nn.BCEWithLogitsLoss(w, reduction=r, pos_weight=p)(x, t.double())


def of_classes(name):
    def draw(rng):
        dims, labels, weight, ignored = classes(rng)
        if weight is not None:  # layers keep their factors in float32
            weight.array, weight.finite = weight.array.astype(np.float32), True
        smoothing = [pick(rng, 0.0, float(rng.random()))] if name == "CrossEntropyLoss" else []
        return [weight, ignored, reduction(rng), *smoothing, normal(rng, *dims), labels], \
            lambda *given: getattr(nn, name)(*given[:-2])(*given[-2:]), \
            lambda T, w, ignored, r, *given: getattr(T.nn, name)(
                w, ignore_index=ignored, reduction=r, **({"label_smoothing": given[0]} if smoothing else {}))(
                some_classes(given[-2]), given[-1].long())
    ROWS[f"nn.{name}"] = draw


ROWS["nn.BCEWithLogitsLoss"] = binary
of_classes("CrossEntropyLoss")
of_classes("NLLLoss")


# --- initial values --------------------------------------------------------------------------------------------------

def initial(name, arguments, check, least=0):
    """What `check(values, *arguments)` says of the values is compared with zeros."""
    def draw(rng):
        def ours(*given):
            tensor = given[0] if isinstance(given[0], nn.Parameter) else nn.Parameter(given[0])
            made = getattr(nn.init, name)(tensor, *given[1:])
            return np.asarray(bool(check(made.data, *given[1:])) if made.size else True)
        dims = tuple(max(1, n) for n in shape(rng, least))
        return [normal(rng, *dims, gradient=False), *arguments(rng)], ours, lambda T, *given: T.tensor(True)
    ROWS[f"nn.init.{name}"] = draw


def fans(x):
    return x.shape[1] * math.prod(x.shape[2:]), x.shape[0] * math.prod(x.shape[2:])


def orthonormal(x, gain):
    if not gain:
        return not x.any()
    flat = x.reshape(len(x), -1).astype(np.float64) / gain
    product = flat @ flat.T if len(flat) <= flat.shape[1] else flat.T @ flat
    return np.allclose(product, np.eye(len(product)), atol=1e-4)


initial("constant_", lambda rng: [float(rng.normal())], lambda x, value: np.allclose(x, value, equal_nan=True))
initial("zeros_", lambda rng: [], lambda x: not x.any())
initial("ones_", lambda rng: [], lambda x: (x == 1).all())
initial("uniform_", lambda rng: sorted(rng.normal(size=2).tolist()), lambda x, a, b: (x >= a).all() and (x <= b).all())
initial("normal_", lambda rng: [float(rng.normal()), float(rng.random())],
        lambda x, mean, std: (np.abs(x - mean) <= 8 * std + 1e-6).all())
initial("trunc_normal_", lambda rng: [0.0, 1.0, -1.0, 1.0], lambda x, mean, std, a, b: (x >= a - 1e-6).all()
        and (x <= b + 1e-6).all())
initial("xavier_uniform_", lambda rng: [1.0], lambda x, gain: (np.abs(x) <= gain * math.sqrt(6 / sum(fans(x)))
                                                              + 1e-6).all(), 2)
initial("xavier_normal_", lambda rng: [1.0], lambda x, gain: np.isfinite(x).all() or gain > 1e37, 2)
initial("kaiming_uniform_", lambda rng: [0, "fan_in", "relu"], lambda x, *_: np.isfinite(x).all(), 2)
initial("kaiming_normal_", lambda rng: [0, "fan_out", "leaky_relu"], lambda x, *_: np.isfinite(x).all(), 2)
initial("orthogonal_", lambda rng: [float(rng.uniform(0.5, 2))], orthonormal, 2)
initial("dirac_", lambda rng: [], lambda x: x.sum() == min(x.shape[:2]), 3)
initial("small_", lambda rng: [0.01], lambda x, scale: np.isfinite(x).all() or scale > 1e37, 2)
initial("scale_", lambda rng: [2.0], lambda x, factor: True)
ROWS["nn.init.calculate_gain"] = lambda rng: (
    [pick(rng, "linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"), pick(rng, None, 0.2)],
    nn.init.calculate_gain, lambda T, name, slope: np.float64(T.nn.init.calculate_gain(name, slope)).reshape(()))
ROWS["nn.init.default_"] = lambda rng: (
    [normal(rng, 3, 2, gradient=False), int(rng.integers(1, 9))],
    lambda x, fan: np.asarray((np.abs(nn.init.default_(w := nn.Parameter(x), None, fan) or w.data) <=
                               1 / math.sqrt(fan)).all()), lambda T, *given: T.tensor(True))


# --- layers and losses of one operation, which public_words.py judges ------------------------------------------------

for _name in ("SELU", "ReLU6", "LogSigmoid"):
    layer(_name, lambda rng: ([], [normal(rng, *shape(rng))]))
for _name in ("L1Loss", "SmoothL1Loss"):
    layer(_name, lambda rng: ([], [Real(rng.standard_normal(dims := shape(rng)), finite=True),
                                   Real(rng.standard_normal(dims), finite=True)]))
layer("BCELoss", lambda rng: ([], [*probabilities(rng, shape(rng))]))
layer("KLDivLoss", lambda rng: ([], [Real(rng.standard_normal(dims := shape(rng)), finite=True),
                                     Real(rng.uniform(0.1, 1, dims), finite=True)]))
for _n in (1, 2):
    for _kind in ("Zero", "Reflection", "Replication"):
        layer(f"{_kind}Pad{_n}d", lambda rng, n=_n: (
            [tuple(int(k) for k in rng.integers(0, 2, 2 * n))],
            [normal(rng, *sizes(rng, 2, 1), *(int(k) for k in rng.integers(2, 6, n)))]))
    layer(f"ConstantPad{_n}d", lambda rng, n=_n: (
        [int(rng.integers(3)), float(rng.normal())], [normal(rng, *sizes(rng, 2, 1), *sizes(rng, n, 1))]))
    layer(f"InstanceNorm{_n}d", lambda rng, n=_n: (
        [3, 1e-5, 0.1, maybe(rng)], [normal(rng, *sizes(rng, 1), 3, *(int(k) for k in rng.integers(2, 5, n)))]))
layer("PixelShuffle", lambda rng: ([2], [normal(rng, *sizes(rng, 1), 4, *sizes(rng, 2))]))
layer("Unfold", lambda rng: ([window(rng, 2)], [images(rng, 2)]))
