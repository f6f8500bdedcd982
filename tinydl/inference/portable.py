"""The graph of a model for use elsewhere: operations alone, the same ones for every batch size."""

import copy

import numpy as np

from tinydl.inference.reading import Apart, Reader, Whole
from tinydl.inference.template import Unlike, scaling
from tinydl.nn.module import Module

__all__ = ["Portable", "portable", "snapshot"]

_FLOAT = np.dtype(np.float32)


def snapshot(model, owner):
    """A copy of a model of float32 in evaluation mode, which nobody trains.

    Parameters
    ----------
    model : Module
    owner : str
        Who asks, for the messages.

    Raises
    ------
    TypeError
        For what is no module, parameters of another type, a forward hook, which nobody would call, or a forward among
        the attributes, of which no copy can be made.
    """
    if not isinstance(model, Module):
        raise TypeError(f"{owner} takes a module, got {type(model).__name__}")
    for name, parameter in model.named_parameters():
        if parameter.dtype != _FLOAT:
            raise TypeError(f"{owner} computes in float32, {name} is {parameter.dtype}; convert with model.float()")
    for path, module in model.named_modules():
        called = f"{type(module).__name__} ({path})" if path else type(module).__name__
        if module._forward_hooks:
            raise TypeError(f"{owner}: {called} has a forward hook, which the result would not call; remove it, "
                            "or predict with model.eval() inside no_grad()")
        if "forward" in vars(module):
            raise TypeError(f"{owner}: {called} has a forward among its attributes, which belongs to that very module; "
                            "define it in a class, or predict with model.eval() inside no_grad()")
    if type(model).forward is Module.forward:
        raise TypeError(f"{owner}: {type(model).__name__} defines no forward")
    return copy.deepcopy(model).eval().requires_grad_(False)


class Portable:
    """What `portable` returns.

    Attributes
    ----------
    model : Module
        The snapshot.
    trace : Trace
        Of two images.
    nodes : list of Node
        Those the result depends on, in their order; their arrays are of two images.
    result : Tensor
    """

    def __init__(self, model, trace, template):
        self.model, self.trace, self._template = model, trace, template
        self.result = trace.result
        needed, self.nodes = {id(self.result)}, []
        for node in reversed(trace.nodes):
            if id(node.output) in needed:
                needed.update(id(x) for x in node.varying)
                self.nodes.insert(0, node)

    @property
    def x(self):
        """The input, a tensor of the trace."""
        return self.trace.inputs[0]

    def factors(self, node, name):
        """{place: factor} of the integers in the argument `name` that are a factor times the batch size."""
        return self.scaled(node).get(name, {})

    def scaled(self, node):
        """Arguments of a node that scale with the batch: {name: {place: factor}}."""
        _, arguments, _, _ = self._template.nodes[node.number]
        found = {}
        positional, by_name = scaling(arguments)
        names = list(node.arguments)
        for k, factors in positional.items():
            found[names[min(k, len(names) - 1)]] = factors
        return {**found, **by_name}

    def free(self, x):
        """The shape of a tensor of the graph: {place: factor} of the lengths that scale with the batch."""
        maker = self.trace.maker(x)
        return {0: 1} if maker is None else self._template.nodes[maker.number][2].factors

    def where(self, node):
        """What to call a node in a message."""
        return f"{node.name} ({node.path or type(self.model).__name__})"


def portable(model, input_shape, owner):
    """The graph of a model, read from two runs of its code with two and with three images.

    Parameters
    ----------
    model : Module
        Is copied; see `snapshot`.
    input_shape : tuple of int
        Shape of one sample, without the batch axis.
    owner : str
        Who asks, for the messages.

    Returns
    -------
    Portable

    Raises
    ------
    TypeError
        See `snapshot`.
    ValueError
        If the code reads the values of a tensor, draws random numbers, changes its state, does something else at
        another batch size, or returns anything but one tensor that depends on its input.
    """
    model = snapshot(model, owner)
    shape = (input_shape,) if hasattr(input_shape, "__index__") else tuple(input_shape)
    if not shape or not all(hasattr(n, "__index__") and n >= 1 for n in shape):
        raise ValueError(f"{owner}: input_shape is the shape of one sample, such as (3, 32, 32), got {input_shape!r}")
    samples = np.random.default_rng(0).random((3, *map(int, shape)), np.float32)
    try:
        trace, template = Reader(model).learned(samples)
    except Unlike as found:
        raise ValueError(f"{owner}: {_called(model, found.path)} does something else for 3 images than for 2 (or at "
                         "every call): a file holds one computation for every batch size. Take lengths from "
                         "x.shape, and draw no random numbers in evaluation mode") from None
    except Apart as found:
        raise ValueError(f"{owner}: {_called(model, found.path)} {found.why}: a file holds operations, not the Python "
                         "code that chooses them. Write what depends on values as an operation, such as td.ops.where "
                         "or td.ops.clip") from None
    except Whole as found:
        raise ValueError(f"{owner}: {type(model).__name__} {found}; let forward return one tensor") from None
    return Portable(model, trace, template)


def _called(model, path):
    return f"{type(dict(model.named_modules())[path]).__name__} ({path})" if path else type(model).__name__
