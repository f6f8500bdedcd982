"""A model in evaluation as a list of nodes: norms folded into the layers before them, activations and sums joined on.

Evaluation makes a batch norm the map scale*x + shift per output channel, so it goes into the weights and the bias of
the convolution or Linear before it: W' = scale W, b' = scale b + shift, in float64 and rounded once.
"""

from functools import partial

import numpy as np

from tinydl import layout, nn
from tinydl.nn.module import Module

__all__ = ["Call", "Convolution", "Dense", "Flatten", "Norm", "Pool", "Rectifier", "read"]


class Node:
    """One operation; `x` is the number of the node it reads, -1 for the network's input.

    Attributes
    ----------
    relu : bool
        Whether results below 0 become 0, after everything else.
    addend : int or None
        Number of the node whose value is added before that.
    filters : dict
        Packed filters by what they were packed for; all shapes share them.
    """

    relu = False
    addend = None
    takes_relu = takes_addend = False

    def __init__(self, x):
        self.x = x
        self.filters = {}


class _Weighted(Node):
    """A layer with a weight, whose first axis are the output channels."""

    takes_relu = True

    def __init__(self, x, weight, bias):
        super().__init__(x)
        self.weight, self.bias = weight, bias

    def fold(self, scale, shift):
        """Apply the map scale*y + shift to what the layer computes; scale and shift are float64."""
        dtype = self.weight.dtype
        weight = self.weight * scale.reshape(-1, *(1,) * (self.weight.ndim - 1))
        self.weight = layout.parameter_like(weight, dtype)
        self.bias = (shift if self.bias is None else scale * self.bias + shift).astype(dtype)


class Convolution(_Weighted):
    """A convolution with zero padding."""

    takes_addend = True

    def __init__(self, x, weight, bias, stride, padding, dilation, groups):
        super().__init__(x, weight, bias)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups


class Dense(_Weighted):
    """A Linear layer on (N, in)."""


class Norm(Node):
    """The map scale*x + shift per channel, where there is no layer to fold it into."""

    takes_relu = True

    def __init__(self, x, scale, shift, ranks):
        super().__init__(x)
        self.scale, self.shift, self.ranks = scale.astype(np.float32), shift.astype(np.float32), ranks


class Pool(Node):
    """A pooling layer; `layer` holds the geometry."""

    def __init__(self, x, layer):
        super().__init__(x)
        self.layer = layer


class Flatten(Node):
    """(N, C, ...) to (N, C * ...)."""


class Rectifier(Node):
    """max(x, 0) where no node before could take it."""


class Call(Node):
    """A layer that is called as it is."""

    def __init__(self, x, layer):
        super().__init__(x)
        self.layer = layer


def read(model):
    """The nodes of a model in evaluation mode, in order: the last one is the result, none is the input itself."""
    reader = _Reader()
    reader.read(model, -1, "")
    return reader.nodes


class _Reader:
    def __init__(self):
        self.nodes = []
        self.floor = 0  # nodes below have a second reader, so that nothing may be joined to them

    def add(self, node):
        self.nodes.append(node)
        return len(self.nodes) - 1

    def joinable(self, x, takes):
        """The node x where an operation may be joined to it, else None."""
        node = self.nodes[x] if x >= self.floor else None
        return node if node is not None and getattr(node, takes) and not node.relu else None

    def rectify(self, x):
        node = self.joinable(x, "takes_relu")
        if node is None:
            return self.add(Rectifier(x))
        node.relu = True
        return x

    def read(self, module, x, name):
        """Add the nodes of `module` on the value x; returns the number of its result."""
        owner = next(cls for cls in type(module).__mro__ if "forward" in cls.__dict__)
        known = "forward" not in module.__dict__ and (owner.__module__.startswith("tinydl.nn.") and owner is not Module)
        if module._forward_hooks:
            raise TypeError(f"freeze: {_called(module, name)} has a forward hook, which a frozen network would not "
                            "call; remove it, or predict with model.eval() inside no_grad()")
        if "in_order" in owner.__dict__ and "forward" not in module.__dict__:
            for part, inner in module.in_order():
                x = self.read(inner, x, f"{name}.{part}" if name else part)
            return x
        if not known:
            raise TypeError(f"freeze does not know what {_called(module, name)} computes; predict with model.eval() "
                            "inside no_grad() instead, or build the network from the layers of tinydl.nn")
        reader, result = _READERS.get(owner.forward), None
        if reader is not None:
            mark, floor = len(self.nodes), self.floor
            result = reader(self, module, x, name)
            self.floor = floor
            if result is None:
                del self.nodes[mark:]
        return self.add(Call(x, module)) if result is None else result


def _called(module, name):
    return f"{type(module).__name__} ({name})" if name else type(module).__name__


# --- one reader a layer; None where its arguments need the layer itself ----------------------------------------------

def _convolution(reader, layer, x, name):
    padding = layer.zero_padding()
    if padding is None:
        return None
    bias = None if layer.bias is None else layer.bias.data
    return reader.add(Convolution(x, layer.weight.data, bias, layer.stride, padding, layer.dilation, layer.groups))


def _linear(reader, layer, x, name):
    return reader.add(Dense(x, layer.weight.data, None if layer.bias is None else layer.bias.data))


@np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore")
def _batch_norm(reader, layer, x, name):
    if not layer.track_running_stats:
        return None
    scale = 1 / np.sqrt(layer.running_var.astype(np.float64) + layer.eps)
    if layer.weight is not None:
        scale = scale * layer.weight.data
    shift = -layer.running_mean * scale
    if layer.bias is not None:
        shift = shift + layer.bias.data
    node = reader.joinable(x, "takes_relu")
    ranks = layer._ranks
    fits = isinstance(node, _Weighted) and len(node.weight) == len(scale) and node.weight.ndim in ranks
    if fits and node.addend is None:
        node.fold(scale, shift)
        return x
    return reader.add(Norm(x, scale, shift, ranks))


def _relu(reader, layer, x, name):
    return reader.rectify(x)


def _nothing(reader, layer, x, name):
    return x


def _flatten(reader, layer, x, name):
    return reader.add(Flatten(x)) if (layer.start_dim, layer.end_dim) == (1, -1) else None


def _pool(reader, layer, x, name):
    return reader.add(Pool(x, layer))


def _adaptive(reader, layer, x, name):
    averages = isinstance(layer, (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)) and set(layer.output_size) == {1}
    return reader.add(Pool(x, layer)) if averages else None


def _block(reader, block, x, name, n_convs):
    """ReLU(s(x) + F(x)): the sum and the ReLU are joined to the last convolution of F."""
    start = reader.floor = len(reader.nodes)
    shortcut = x if block.downsample is None else reader.read(block.downsample, x, f"{name}.downsample")
    reader.floor = len(reader.nodes)
    y = x
    for k in range(1, n_convs + 1):
        if k > 1:
            y = reader.rectify(y)
        y = reader.read(getattr(block, f"conv{k}"), y, f"{name}.conv{k}")
        norm = getattr(block, f"bn{k}")
        if norm is not None:
            y = reader.read(norm, y, f"{name}.bn{k}")
    last = reader.joinable(y, "takes_addend")
    if last is None or last.addend is not None or any(isinstance(node, Call) for node in reader.nodes[start:]):
        return None
    last.addend, last.relu = shortcut, True
    return y


_READERS = {
    nn.Conv2d.forward: _convolution, nn.Linear.forward: _linear, nn.BatchNorm2d.forward: _batch_norm,
    nn.ReLU.forward: _relu, nn.Dropout.forward: _nothing, nn.Identity.forward: _nothing, nn.Flatten.forward: _flatten,
    nn.MaxPool2d.forward: _pool, nn.AvgPool2d.forward: _pool, nn.AdaptiveAvgPool2d.forward: _adaptive,
    nn.ResidualBlock.forward: partial(_block, n_convs=2), nn.BottleneckBlock.forward: partial(_block, n_convs=3),
}
