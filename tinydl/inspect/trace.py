"""One forward pass taken apart: which operation ran in which module, how much it computed and what it saw."""

import copy
import math

import numpy as np

from tinydl.config import enable_grad
from tinydl.function import Context
from tinydl.ops.geometry import PoolGeometry
from tinydl.tensor import Tensor

__all__ = ["Call", "Field", "Trace", "trace"]

_REDUCED = {"Sum": 0, "Mean": 0, "Var": 0, "Max": 1, "Min": 1}  # where these keep the axes they reduced


class Field:
    """What one entry of an array sees of the input, per spatial axis of the input.

    Parameters
    ----------
    extent : tuple of int
        Length of the piece of the input that the entry depends on; padding counts as input.
    jump : tuple of float
        Distance in the input between the pieces of neighbouring entries.
    size : tuple of int
        Entries along the axis.
    """

    __slots__ = ("extent", "jump", "size")

    def __init__(self, extent, jump, size):
        self.extent, self.jump, self.size = tuple(extent), tuple(jump), tuple(size)

    def windows(self, reach, stride, size):
        """After windows of `reach` entries at a distance of `stride`: extent + (reach - 1) * jump, jump * stride."""
        extent = [e + (r - 1) * j for e, r, j in zip(self.extent, reach, self.jump, strict=True)]
        return Field([math.ceil(e) for e in extent], [j * s for j, s in zip(self.jump, stride, strict=True)], size)

    def merged(self, axes):
        """After an operation that reads whole axes: every entry sees what all of them together see."""
        reach = [s if k in axes else 1 for k, s in enumerate(self.size)]
        after = self.windows(reach, [0 if k in axes else 1 for k in range(len(self.size))], self.size)
        after.size = tuple(1 if k in axes else s for k, s in enumerate(self.size))
        return after


class Call:
    """One call of one module.

    Attributes
    ----------
    path : str
        Dotted name of the module, '' for the net itself.
    module : nn.Module
        The module of the copy that was traced.
    output_shape : tuple of int
        Without the batch axis.
    field : Field
        What an entry of the output sees.
    nodes : list of Context
        Operations that ran in this module and not in one below it.
    multiply_adds : int
        Of those operations.
    activation_bytes : int
        Of their results.
    """

    def __init__(self, path, module, first):
        self.path, self.module, self.first, self.last = path, module, first, None
        self.output_shape, self.field, self.nodes = (), None, []
        self.creator = None

    @property
    def multiply_adds(self):
        return sum(multiply_adds(node) for node in self.nodes)

    @property
    def activation_bytes(self):
        return sum(math.prod(node.output[0]) * node.output[1].itemsize for node in self.nodes)


class Trace:
    """The calls of a forward pass in the order in which they ended; the last is the net itself.

    Parameters
    ----------
    calls : list of Call
    """

    def __init__(self, calls):
        self.calls = calls


def trace(net, input_shape):
    """Run a copy of `net` on one sample of zeros in evaluation mode and take the pass apart.

    Parameters
    ----------
    net : nn.Module
        Stays as it is.
    input_shape : tuple of int
        Shape of one sample, without the batch axis.

    Returns
    -------
    Trace
    """
    shape = sample_shape(input_shape)
    net = copy.deepcopy(net).eval()
    dtype = next((p.dtype for p in net.parameters()), np.dtype(np.float32))
    x = Tensor(np.zeros((1, *shape), dtype), requires_grad=True)
    calls = []
    for path, module in net.named_modules():
        module._forward_hooks = ()
        module.__dict__["forward"] = _recorded(module.forward, path, module, calls)
    with enable_grad():
        net(x)
    _attribute(calls)
    _see(calls, x, len(shape) - 1)
    return Trace(calls)


def sample_shape(input_shape):
    """The shape of a sample as a tuple of positive ints."""
    shape = (input_shape,) if hasattr(input_shape, "__index__") else tuple(input_shape)
    if not shape or not all(hasattr(n, "__index__") and n >= 1 for n in shape):
        raise ValueError(f"input_shape is the shape of one sample, such as (3, 32, 32), got {input_shape!r}")
    return tuple(int(n) for n in shape)


def _now():
    """A number between those of the operations made before and after."""
    return Context(None).number


def _recorded(forward, path, module, calls):
    def run(*args, **kwargs):
        call = Call(path, module, _now())
        output = forward(*args, **kwargs)
        call.last = _now()
        if isinstance(output, Tensor):
            call.output_shape, call.creator = output.shape[1:], output.creator
        calls.append(call)
        return output
    return run


def reachable(roots):
    """Every operation that `roots` depend on, in the order in which they ran."""
    seen = {root for root in roots if root is not None}
    stack = list(seen)
    while stack:
        for edge in stack.pop().edges:
            if isinstance(edge, Context) and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return sorted(seen, key=lambda node: node.number)


def _attribute(calls):
    """Give every operation to the innermost call during which it ran."""
    inner = sorted(calls, key=lambda call: -call.first)
    for node in reachable([call.creator for call in calls]):
        next(call for call in inner if call.first < node.number < call.last).nodes.append(node)


# --- multiply-adds -------------------------------------------------------------------------------------------------

def geometry_of(node):
    """Geometry of a convolution's node, else None."""
    if node.name in ("Conv", "DepthwiseConv"):
        return node.geometry
    return node.saved_tensors[2] if node.name == "ConvTranspose" else None


def multiply_adds(node):
    """Multiply-adds of an operation: those of convolutions and matrix products; everything else counts nothing."""
    geometry = geometry_of(node)
    if geometry is not None:
        return geometry.macs
    if node.name == "Linear":
        return math.prod(node.output[0]) * node.saved_tensors[1].shape[1]
    if node.name == "MatMul":
        return math.prod(node.output[0]) * node.saved_tensors[0].shape[-1]
    return 0


# --- receptive fields ----------------------------------------------------------------------------------------------

def _see(calls, x, n):
    """Fill `field` of every call; `n` is the number of spatial axes of the input `x`."""
    n = max(n, 0)
    start = Field((1,) * n, (1.0,) * n, x.shape[2:])
    fields = {}
    for node in reachable([call.creator for call in calls]):
        parents = [(fields[edge], edge.output[0]) if isinstance(edge, Context) else (start, x.shape)
                   for edge in node.edges if edge is x or edge in fields]
        if parents:
            fields[node] = _after(node, *_longest(parents), n)
    for call in calls:
        call.field = fields.get(call.creator, start)


def _longest(parents):
    """The parent that sees most; with branches this follows the longest path."""
    field, shape = max(parents, key=lambda parent: parent[0].extent)
    extent = [max(extents) for extents in zip(*(f.extent for f, _ in parents), strict=True)]
    return Field(extent, field.jump, field.size), shape


def _after(node, field, shape, n):
    """The field of a node from that of its input, which has `shape`."""
    if n == 0:
        return field
    out = node.output[0]
    spatial = len(out) == n + 2
    size = out[2:] if spatial else field.size
    every = range(n)
    if node.name in ("Conv", "DepthwiseConv", "MaxPool", "AvgPool"):
        geometry = geometry_of(node)
        if geometry is None:
            geometry = next(saved for saved in node.saved_tensors if isinstance(saved, PoolGeometry))
        return field.windows(geometry.reach[-n:], geometry.stride[-n:], size)
    if node.name == "ConvTranspose":
        geometry = geometry_of(node)
        strides = geometry.stride[-n:]
        reach = [-(-r // s) for r, s in zip(geometry.reach[-n:], strides, strict=True)]
        return field.windows(reach, [1 / s for s in strides], size)
    if node.name in ("AdaptiveAvgPool", "AdaptiveMaxPool", "GlobalAvgPool"):
        reach, stride = [], []
        for h, p in zip(shape[2:], (out[2:] if spatial else (1,) * n), strict=True):
            reach.append(max(-(-(i + 1) * h // p) - i * h // p for i in range(p)))
            stride.append(h / p if p > 1 else 0)
        return field.windows(reach, stride, size if spatial else (1,) * n)
    if node.name in ("Linear", "MatMul"):
        return field.merged((n - 1,) if spatial else every)
    if node.name == "LayerNorm":
        return Field(field.merged(every).extent, (0.0,) * n, size)
    if node.name in _REDUCED:
        reduced = node.saved_tensors[_REDUCED[node.name]]
        return field.merged([k for k in every if k + 2 in reduced] if len(shape) == n + 2 else every)
    return Field(field.extent, field.jump, size)
