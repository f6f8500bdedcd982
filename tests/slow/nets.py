"""Random small graphs, drawn as plain data, so that tinydl and PyTorch can build the same one.

A net is a list of nodes. Node k is (kind, inputs, settings): a layer that both libraries name alike, or an operation of
FUNCTIONS; its inputs are numbers of earlier values, 0 is the image. Shapes are worked out here and by no library.
"""

import dataclasses

import numpy as np

BATCH = 3


@dataclasses.dataclass
class Node:
    kind: str
    inputs: tuple
    settings: dict
    shape: tuple
    without_gradient: bool = False  # computed in no_grad
    hooked: bool = False        # a forward hook halves the output


@dataclasses.dataclass
class Plan:
    seed: int
    shape: tuple
    nodes: list
    outputs: tuple          # the values that the head reads
    features: int
    loss: tuple             # (name, settings)
    training: bool

    def __str__(self):
        lines = [f"net {self.seed}: image {self.shape}, {'training' if self.training else 'evaluation'}"]
        lines += [f"{k}: {n.kind}{n.inputs} {n.settings} -> {n.shape}" + " no_grad" * n.without_gradient
                  + " hook" * n.hooked for k, n in enumerate(self.nodes, 1)]
        return "\n".join([*lines, f"head of {self.outputs}: {self.features} features, {self.loss}"])


# --- shapes ----------------------------------------------------------------------------------------------------------

def windows(n, kernel, stride, padding, dilation=1, ceil=False):
    """How many windows an axis of n has; 0 where none fits. A window that would start in the padding is dropped."""
    span = n + 2 * padding - dilation * (kernel - 1) - 1
    if span < 0:
        return 0
    out = (-(-span // stride) if ceil else span // stride) + 1
    return out - (ceil and (out - 1) * stride >= n + padding)


def draws(rng, axes, low, high):
    """A number for every axis, sometimes one for all."""
    if rng.integers(2):
        return int(rng.integers(low, high))
    return tuple(int(rng.integers(low, high)) for _ in range(axes)) if axes > 1 else int(rng.integers(low, high))


def per_axis(value, axes):
    return value if isinstance(value, tuple) else (value,) * axes


# --- one node --------------------------------------------------------------------------------------------------------
# Each takes (rng, shape of the input) and returns (kind, settings, shape), or None where nothing fits.

def convolution(rng, shape):
    c, *sizes = shape
    axes = len(sizes)
    groups = int(rng.choice([g for g in (1, 1, 1, 2, 3, c) if c % g == 0]))
    o = groups * int(rng.integers(1, 1 + max(1, 9 // groups)))
    kernel = draws(rng, axes, 1, 5)
    dilation = draws(rng, axes, 1, 3) if rng.random() < 0.3 else 1
    stride = draws(rng, axes, 1, 4) if rng.random() < 0.4 else 1
    padding = draws(rng, axes, 0, 3)
    if rng.random() < 0.15 and stride == 1:
        padding, out = "same", tuple(sizes)
    else:
        out = tuple(map(windows, sizes, *(per_axis(v, axes) for v in (kernel, stride, padding, dilation))))
    settings = dict(in_channels=c, out_channels=o, kernel_size=kernel, stride=stride, padding=padding,
                    dilation=dilation, groups=groups, bias=bool(rng.integers(4)))
    return (f"Conv{axes}d", settings, (o, *out)) if min(out) > 0 else None


def three_by_three(rng, shape):
    """The shape most nets are made of, which has kernels of its own."""
    c, o = shape[0], int(rng.choice([4, 8, 16]))
    axes = len(shape) - 1
    return f"Conv{axes}d", dict(in_channels=c, out_channels=o, kernel_size=3, padding=1), (o, *shape[1:])


def depthwise(rng, shape):
    c, axes = shape[0], len(shape) - 1
    kernel = int(rng.choice([1, 3, 5]))
    return f"Conv{axes}d", dict(in_channels=c, out_channels=c, kernel_size=kernel, padding=kernel // 2, groups=c,
                                bias=bool(rng.integers(2))), shape


def transposed(rng, shape):
    c, *sizes = shape
    if max(sizes) > 8:
        return None
    o, k, s = int(rng.integers(1, 7)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
    p = int(rng.integers(k))
    out = tuple((n - 1) * s - 2 * p + k for n in sizes)
    return (f"ConvTranspose{len(sizes)}d", dict(in_channels=c, out_channels=o, kernel_size=k, stride=s, padding=p),
            (o, *out)) if min(out) > 0 else None


def batch_norm(rng, shape):
    return f"BatchNorm{max(1, len(shape) - 1)}d", dict(num_features=shape[0], affine=bool(rng.integers(5)),
                                                       momentum=[0.1, 0.5, None][rng.integers(3)]), shape


def layer_norm(rng, shape):
    axes = int(rng.integers(1, len(shape) + 1))
    return "LayerNorm", dict(normalized_shape=shape[-axes:], elementwise_affine=bool(rng.integers(5))), shape


def pool(rng, shape):
    c, *sizes = shape
    axes = len(sizes)
    kernel = draws(rng, axes, 1, 4)
    padding = int(rng.integers(min(per_axis(kernel, axes)) // 2 + 1))
    stride = draws(rng, axes, 1, 4)
    ceil = bool(rng.integers(2))
    settings = dict(kernel_size=kernel, stride=stride, padding=padding, ceil_mode=ceil)
    dilation = 1
    if rng.integers(2):
        kind = f"MaxPool{axes}d"
    else:
        kind = f"AvgPool{axes}d"
        settings["count_include_pad"] = bool(rng.integers(2))
    out = tuple(windows(n, k, s, padding, dilation, ceil) for n, k, s in zip(
        sizes, per_axis(kernel, axes), per_axis(stride, axes), strict=True))
    return (kind, settings, (c, *out)) if min(out) > 0 else None


def adaptive(rng, shape):
    axes = len(shape) - 1
    size = draws(rng, axes, 1, 4)
    kind = ("Max", "Avg")[rng.integers(2)]
    return f"Adaptive{kind}Pool{axes}d", dict(output_size=size), (shape[0], *per_axis(size, axes))


def activation(rng, shape):
    kind = str(rng.choice(["ReLU", "ReLU", "ReLU", "LeakyReLU", "ELU", "GELU", "Hardswish", "Mish", "Sigmoid", "SiLU",
                          "Tanh"]))
    return kind, {}, shape


def softmax(rng, shape):
    return str(rng.choice(["Softmax", "LogSoftmax"])), dict(dim=int(rng.integers(1, len(shape) + 1))), shape


def linear(rng, shape):
    o = int(rng.integers(1, 13))
    return "Linear", dict(in_features=shape[-1], out_features=o, bias=bool(rng.integers(4))), (*shape[:-1], o)


def flattened(rng, shape):
    return "Flatten", {}, (int(np.prod(shape)),)


def scaled(rng, shape):
    return "scale", dict(factor=float(rng.uniform(-2, 2)), shift=float(rng.uniform(-1, 1))), shape


def turned(rng, shape):
    """Axes exchanged: the value is not channels-last in memory any more."""
    return "turn", {}, (*shape[:-2], shape[-1], shape[-2])


def part(rng, shape):
    low = int(rng.integers(shape[0]))
    return "part", dict(low=low), (shape[0] - low, *shape[1:])


SPATIAL = [convolution] * 5 + [three_by_three] * 4 + [depthwise] * 2 + [batch_norm] * 4 + [pool] * 3 + [activation] * 5
SPATIAL += [transposed, layer_norm, adaptive, softmax, scaled, turned, part, flattened]
FLAT = [linear, linear, batch_norm, layer_norm, activation, activation, softmax, scaled, part]


# --- the whole net ---------------------------------------------------------------------------------------------------

def draw(seed):
    """The net of a number."""
    rng = np.random.default_rng(seed)
    axes = int(rng.integers(1, 3))
    image = (int(rng.integers(1, 9)), *(int(n) for n in rng.integers(4, 13, axes)))
    shapes, nodes = [image], []
    while len(nodes) < rng.integers(4, 15):
        at = len(shapes) - 1 - int(min(rng.geometric(0.75) - 1, len(shapes) - 1))
        node = joined(rng, shapes, at) if rng.random() < 0.25 else one(rng, shapes[at], at)
        if node is None or np.prod(node.shape) > 4000:
            continue
        nodes.append(node)
        shapes.append(node.shape)
    read = {i for node in nodes for i in node.inputs}
    outputs = tuple(k for k in range(1, len(shapes)) if k not in read)[-3:]
    loss = [("CrossEntropyLoss", {}), ("CrossEntropyLoss", dict(label_smoothing=0.1)), ("MSELoss", {}),
            ("BCEWithLogitsLoss", {}), ("HuberLoss", dict(delta=0.7)), ("NLLLoss", {})][rng.integers(6)]
    return Plan(seed, image, nodes, outputs, sum(int(np.prod(shapes[k])) for k in outputs), loss,
                bool(rng.random() < 0.7))


def without(plan, **settings):
    """The plan with these settings in all nodes, as hooked=False."""
    return dataclasses.replace(plan, nodes=[dataclasses.replace(node, **settings) for node in plan.nodes])


def one(rng, shape, at):
    made = (SPATIAL if len(shape) > 1 else FLAT)[rng.integers(len(SPATIAL if len(shape) > 1 else FLAT))](rng, shape)
    if made is None:
        return None
    kind, settings, out = made
    return Node(kind, (at,), settings, out, rng.random() < 0.03, kind[0].isupper() and rng.random() < 0.05)


def joined(rng, shapes, at):
    """A sum, a product or a concatenation of two values."""
    shape, kind = shapes[at], str(rng.choice(["add", "add", "add", "mul", "concatenate"]))
    fits = [k for k, other in enumerate(shapes) if (other[1:] == shape[1:] and len(other) == len(shape))
            and (kind == "concatenate" or other[0] in (shape[0], 1))]
    other = int(rng.choice(fits))
    out = (shape[0] + shapes[other][0], *shape[1:]) if kind == "concatenate" else shape
    return Node(kind, (at, other) if rng.integers(2) else (other, at), {}, out)


# --- built -----------------------------------------------------------------------------------------------------------

FUNCTIONS = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "scale": lambda x, factor, shift: x * factor + shift,
    "turn": lambda x: x.permute(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2),
    "part": lambda x, low: x[:, low:],
}


def build(plan, nn, no_grad, concatenate):
    """The net of a plan, from the layers of tinydl or of PyTorch."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            layers = {f"n{k}": getattr(nn, node.kind)(**node.settings)
                      for k, node in enumerate(plan.nodes, 1) if node.kind[0].isupper()}
            for k, node in enumerate(plan.nodes, 1):
                if node.hooked:
                    layers[f"n{k}"].register_forward_hook(lambda module, inputs, output: output * 0.5)
            for name, layer in layers.items():
                setattr(self, name, layer)
            self.head = nn.Linear(plan.features, 4)

        def node(self, k, node, inputs):
            if node.kind[0].isupper():
                return getattr(self, f"n{k}")(*inputs)
            if node.kind == "concatenate":
                return concatenate(inputs, 1)
            return FUNCTIONS[node.kind](*inputs, **node.settings)

        def forward(self, x):
            values = [x]
            for k, node in enumerate(plan.nodes, 1):
                inputs = [values[i] for i in node.inputs]
                if node.without_gradient:
                    with no_grad():
                        values.append(self.node(k, node, inputs))
                else:
                    values.append(self.node(k, node, inputs))
            return self.head(concatenate([values[k].flatten(1) for k in plan.outputs], 1))

    return Net()


def arrays(plan, shapes):
    """(image, state by name, target): values for a plan, given the shapes of its state."""
    rng = np.random.default_rng(10**6 + plan.seed)
    state = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = np.array(0)
        elif name.endswith("running_var"):
            state[name] = rng.uniform(0.5, 2, shape)
        else:
            fan = int(np.prod(shape[1:])) if len(shape) > 1 else 1
            state[name] = rng.standard_normal(shape) / np.sqrt(fan)
    image = rng.standard_normal((BATCH, *plan.shape))
    if plan.loss[0] in ("CrossEntropyLoss", "NLLLoss"):
        target = rng.integers(0, 4, BATCH)
    else:
        target = rng.uniform(0, 1, (BATCH, 4))
    return image, state, target
