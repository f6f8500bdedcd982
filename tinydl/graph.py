"""The graph of a computation: which operations ran, what each read and what it made.

`recording` notes every call of `Function.apply`. It follows the identity of tensors, so it needs no gradients, and it
sees functional code, branches and shared layers as they are. What an operation computes is told once, by its Function:
`describe` says what there is to know of a call, `lower` how a frozen network computes it. Summaries, receptive fields,
gradient flow and `freeze` read the same graph::

    x = Tensor(images)
    with recording(x) as graph:
        net(x)
    sum(node.describe().multiply_adds for node in graph.nodes)
"""

import contextlib
import functools
from typing import NamedTuple

from tinydl import config
from tinydl.tensor import Tensor

__all__ = ["Call", "Description", "Graph", "Node", "recording", "tensors_in"]


class Description(NamedTuple):
    """What an operation says of one of its calls.

    Attributes
    ----------
    multiply_adds : int
        Biases excluded; everything but convolutions and matrix products counts nothing.
    algorithm : str
        Name of the kernels, where there is a choice.
    kind : str
        What the result is of the tensors it varies with: 'permutation' (their entries, in another order or shape),
        'selection' (every entry is one of theirs), 'diagonal' (every entry depends on the entry in its place),
        'affine', 'multilinear' (affine in each of them while the others stay), or ''.
    reach, stride : tuple of number
        For operations with windows, by spatial axis: entries of the input from the first to the last one that an entry
        of the result reads, and the distance of the windows of neighbouring entries.
    whole : tuple of int
        Axes of the input along which every entry of the result reads everything.
    """

    multiply_adds: int = 0
    algorithm: str = ""
    kind: str = ""
    reach: tuple = ()
    stride: tuple = ()
    whole: tuple = ()


@functools.lru_cache(maxsize=256)
def _parameters(forward):
    """Names of the positional arguments of forward after ctx, and the signature where it takes more than those."""
    import inspect  # takes 10 ms to load, and only a graph needs it

    signature = inspect.signature(forward)
    _, *found = signature.parameters.values()
    simple = all(p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty or
                 p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in found)
    return tuple([p.name for p in found]), None if simple else signature


class Node:
    """One call of an operation; ``node["x"]`` is the argument x of its forward.

    Attributes
    ----------
    function : type
        The Function.
    args, kwargs : tuple, dict
        What `apply` got.
    output : Tensor
        What it returned.
    number : int
        Place in the graph.
    varying : tuple of Tensor
        The tensors among the arguments that depend on an input of the graph.
    path : str
        Dotted name of the innermost module it ran in, as far as the graph follows one.
    """

    __slots__ = ("function", "args", "kwargs", "output", "number", "varying", "path", "_arguments")

    def __init__(self, function, args, kwargs, output, number, varying, path):
        self.function, self.args, self.kwargs, self.output = function, args, kwargs, output
        self.number, self.varying, self.path = number, varying, path
        self._arguments = None

    @property
    def name(self):
        """Name of the operation."""
        return self.function.__name__

    @property
    def arguments(self):
        """Arguments of forward (after ctx) by name, defaults included; tensors are tensors here."""
        if self._arguments is None:
            names, signature = _parameters(self.function.forward)
            if signature is None:
                self._arguments = {**dict(zip(names, self.args, strict=False)), **self.kwargs}
            else:
                bound = signature.bind(None, *self.args, **self.kwargs)
                bound.apply_defaults()
                self._arguments = dict(list(bound.arguments.items())[1:])
        return self._arguments

    def __getitem__(self, name):
        return self.arguments[name]

    def varies(self, name):
        """Whether the argument `name` is a tensor that depends on an input of the graph."""
        return any(self[name] is x for x in self.varying)

    def describe(self):
        """What the operation says of this call, a `Description`."""
        return self.function.describe(self)


class Call:
    """One call of a module's forward.

    Attributes
    ----------
    path : str
        Dotted name of the module, '' for the one that is followed itself.
    module : Module
    nodes : list of Node
        Operations that ran in it and not in a module below it.
    output
        What it returned.
    """

    def __init__(self, path, module):
        self.path, self.module, self.nodes, self.output = path, module, [], None


class Graph:
    """The operations of a computation in the order in which they ran.

    Parameters
    ----------
    *inputs : Tensor
        What the computation starts from: `Node.varying` says what depends on them.

    Attributes
    ----------
    inputs : tuple of Tensor
    nodes : list of Node
    calls : list of Call
        Calls of the modules that the graph follows, in the order in which they ended.
    """

    notes_constants = True  # whether operations that depend on no input are nodes

    def __init__(self, *inputs):
        self.inputs, self.nodes, self.calls = inputs, [], []
        self._makers = {id(x): None for x in inputs}  # of everything that varies; the graph keeps the tensors alive
        self._open = []  # calls under way

    def varies(self, x):
        """Whether the tensor `x` is an input or depends on one."""
        return id(x) in self._makers

    def maker(self, x):
        """The node that made `x`, a tensor that varies; None for an input."""
        return self._makers[id(x)]

    def apply(self, function, args, kwargs):
        """What `Function.apply` does while this graph records: run the operation and note it."""
        varying = self.varying_in(args, kwargs)
        config.mode.recorder = None  # what a forward calls in turn is part of the operation
        try:
            output = self.compute(function, args, kwargs, varying)
        finally:
            config.mode.recorder = self
        if varying or self.notes_constants:
            node = Node(function, args, kwargs, output, len(self.nodes), varying, self.path)
            self.nodes.append(node)
            if self._open:
                self._open[-1].nodes.append(node)
            if varying:
                self._makers[id(output)] = node
        return output

    def varying_in(self, args, kwargs):
        """The tensors among the arguments of an operation that depend on an input."""
        return tuple([x for x in tensors_in((args, kwargs)) if id(x) in self._makers])

    def compute(self, function, args, kwargs, varying):
        """The result of an operation."""
        return function.apply(*args, **kwargs)

    @property
    def path(self):
        """Dotted name of the innermost module under way, '' outside of all."""
        return self._open[-1].path if self._open else ""

    @contextlib.contextmanager
    def following(self, net):
        """Note the calls of `net` and the modules below it, and which operations run in them, within the context."""
        modules = list(net.named_modules())
        before = [module.__dict__.get("forward") for _, module in modules]
        try:
            for path, module in modules:
                module.__dict__["forward"] = self.followed(path, module, module.forward)
            yield self
        finally:
            for (_, module), forward in zip(modules, before, strict=True):
                if forward is None:
                    module.__dict__.pop("forward", None)
                else:
                    module.__dict__["forward"] = forward

    def followed(self, path, module, forward):
        """The forward of a module that notes its calls."""
        def run(*args, **kwargs):
            if config.mode.recorder is not self:
                return forward(*args, **kwargs)  # another thread's call, or part of an operation
            call = Call(path, module)
            self._open.append(call)
            try:
                call.output = self.call(call, forward, args, kwargs)
            finally:
                self._open.pop()
            self.calls.append(call)
            return call.output
        return run

    def call(self, call, forward, args, kwargs):
        """The result of a module's forward."""
        return forward(*args, **kwargs)


def tensors_in(value):
    """The tensors in nested tuples, lists and dicts, in order and as often as they appear, as a list."""
    found: list = []
    _collect(value, found)
    return found


def _collect(value, found):
    if isinstance(value, Tensor):
        found.append(value)
    elif isinstance(value, dict):
        _collect(tuple(value.values()), found)
    elif isinstance(value, (tuple, list)):
        for item in value:
            if type(item) is not int and isinstance(item, (Tensor, tuple, list, dict)):
                _collect(item, found)


@contextlib.contextmanager
def recording(*inputs):
    """Note every operation that this thread computes, within the context.

    Parameters
    ----------
    *inputs : Tensor
        What the computation starts from, where it matters what depends on them.

    Yields
    ------
    Graph

    Examples
    --------
    >>> import tinydl as td
    >>> x = td.tensor([1.0, -2.0])
    >>> with recording(x) as graph:
    ...     y = td.ops.relu(x * 3 + 1)
    >>> [node.name for node in graph.nodes]
    ['Mul', 'Add', 'ReLU']
    >>> graph.maker(y)["x"] is graph.nodes[1].output
    True
    """
    graph, before = Graph(*inputs), config.mode.recorder
    config.mode.recorder = graph
    try:
        yield graph
    finally:
        config.mode.recorder = before
