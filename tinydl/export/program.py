"""A frozen network as a short list of steps on one image, for who computes it elsewhere.

The steps are those of `freeze`: norms are in the weights, ReLU and residual sums in the step before them, images lie
channels-last. Products of matrices are convolutions of one position, and means are average pools, so that there are
five kinds.
"""

import collections
import math

import numpy as np

from tinydl.inference import schedule
from tinydl.inference.builder import Builder
from tinydl.inference.portable import portable
from tinydl.ops.geometry import ConvGeometry, PoolGeometry

__all__ = ["Program", "Step", "program"]


class Step:
    """A step.

    Attributes
    ----------
    kind : {'conv', 'max', 'mean', 'map', 'copy'}
    geometry : ConvGeometry or PoolGeometry or None
    x, y, residual : int
        Stores; residual may be None.
    relu : bool
        Of 'conv': whether max(., 0) follows the sum.
    weight, bias : numpy.ndarray
        Of 'conv': (O, KH, KW, C / G) and (O,), float32.
    include : bool
        Of 'mean': whether padding counts.
    name, parameter
        Of 'map': the activation.
    axes, x_at, y_at, fill
        Of 'copy': triples (length, stride in x, stride in y), where it begins, and what is put everywhere first (None
        for nothing).
    """

    def __init__(self, kind, x, y, residual=None, relu=False, geometry=None, **rest):
        self.kind, self.x, self.y, self.residual, self.relu, self.geometry = kind, x, y, residual, relu, geometry
        self.__dict__.update(rest)


class Program:
    """What `program` returns.

    Attributes
    ----------
    steps : list of Step
    sizes : list of int
        Elements of each store.
    x, y : int
        Stores of the input and the result.
    input_shape, output_shape : tuple of int
        Of one sample.
    name : str
        The model's class.
    """

    def __init__(self, steps, sizes, x, y, input_shape, output_shape, name):
        self.steps, self.sizes, self.x, self.y, self.name = steps, sizes, x, y, name
        self.input_shape, self.output_shape = input_shape, output_shape

    def places(self):
        """Where each store but the input and the result begins in one block of memory, and the length of that.

        Returns
        -------
        (dict of int to int, int)
        """
        lives = schedule.lifetimes(self.steps)
        inner = [store for store in lives if store not in (self.x, self.y)]
        return schedule.arrange(inner, lives, self.sizes)

    @property
    def macs(self):
        """Multiply-adds of one image."""
        return sum(step.geometry.macs for step in self.steps if step.kind == "conv")


def laid(x):
    """Samples (N, ...) as rows in the order of memory that programs read: channels-last where there are positions."""
    rows = np.ascontiguousarray(np.moveaxis(x, 1, -1) if 3 <= x.ndim <= 4 else x)
    return rows.reshape(len(x), math.prod(x.shape[1:]))


def seen(rows, shape):
    """The samples (N, *shape) whose memory the rows are."""
    if 2 <= len(shape) <= 3:
        return np.moveaxis(rows.reshape(len(rows), *shape[1:], shape[0]), -1, 1)
    return rows.reshape(len(rows), *shape)


def program(model, input_shape, owner):
    """The steps of a model for one image.

    Parameters
    ----------
    model : Module
    input_shape : tuple of int
        Shape of one sample, without the batch axis.
    owner : str
        Who asks, for the messages.

    Returns
    -------
    Program

    Raises
    ------
    TypeError, ValueError
        See `tinydl.inference.portable.portable`; and if an operation has no form in frozen networks.
    """
    graph = portable(model, input_shape, owner)
    N, result = graph.x.shape[0], graph.result
    readers = collections.Counter([id(x) for node in graph.nodes for x in node.varying] + [id(result)])
    builder = Builder(graph.trace, readers, N, "direct")
    for node in graph.nodes:
        if not builder.lower(node):
            raise ValueError(f"{owner}: {graph.where(node)} has no form in steps of single images; leave it out of the "
                             "model (a softmax behind the last layer, for example), or write an ONNX file, which holds "
                             "it")
    if result is graph.x:
        raise ValueError(f"{owner}: {type(model).__name__} returns its input")
    y = builder.output(result)
    operations = schedule.needed(builder.operations, [y])
    x = builder.inputs[graph.x]
    return Program([_step(op, builder.sizes) for op in operations], builder.sizes, x, y, graph.x.shape[1:],
                   result.shape[1:], type(model).__name__)


def _step(op, sizes):
    """The Step of an `Operation` of the builder."""
    form, *numbers = op.kernel.form
    stores = {"x": op.x, "y": op.y, "residual": op.residual, "relu": op.relu}
    if form in ("convolution", "product"):
        weight, bias = op.weights.arrays()
        if form == "product":
            order = numbers[0]
            rows = np.empty((len(weight), len(order)), np.float32)
            rows[:, order] = weight
            geometry = ConvGeometry(1, len(order), 1, 1, len(weight), 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1)
            weight = rows[:, None, None, :]
        else:
            geometry = ConvGeometry(1, *numbers[0][1:])
            weight = np.reshape(weight, (geometry.O, geometry.C // geometry.G, geometry.KH, geometry.KW), order="C")
            weight = np.moveaxis(weight, 1, -1)
        bias = np.zeros(geometry.O, np.float32) if bias is None else bias
        return Step("conv", **stores, geometry=geometry, weight=np.ascontiguousarray(weight), bias=bias)
    if form == "maximum":
        return Step("max", **stores, geometry=PoolGeometry(1, *numbers[0][1:]))
    if form == "average":
        return Step("mean", **stores, geometry=PoolGeometry(1, *numbers[0][1:]), include=bool(numbers[1]))
    if form == "global_mean":
        C, positions = numbers
        return Step("mean", **stores, include=True,
                    geometry=PoolGeometry(1, C, 1, positions, 1, positions, 1, 1, 0, 0, 1, 1, 1, 1))
    if form == "activation":
        name, _, parameter = numbers
        return Step("map", **stores, name=name, parameter=parameter)
    axes, x_at, y_at, fill = numbers
    return Step("copy", **stores, axes=[tuple(map(int, axis)) for axis in axes], x_at=int(x_at), y_at=int(y_at),
                fill=None if fill is None else float(fill))
