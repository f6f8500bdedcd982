"""A graph as a list of items: programs, and between them the operations that have no form in one."""

import collections

import numpy as np

from tinydl import config, layout
from tinydl.inference.builder import Builder
from tinydl.inference.schedule import compiled
from tinydl.tensor import Tensor, from_result

__all__ = ["Differs", "Items", "cut"]


class Differs(Exception):
    """An operation gave another shape than it did when the graph was made."""


class Segment:
    """Nodes that a program computes.

    Parameters
    ----------
    graph : tinydl.graph.Graph
    readers : mapping of int
    N : int
        Length of the first axis of all values.
    algorithm : str
    packed : Packed
    """

    def __init__(self, graph, readers, N, algorithm, packed):
        self.graph, self.readers, self.N, self.algorithm, self.packed = graph, readers, N, algorithm, packed
        self.nodes, self.results = [], []
        self.builder = self._builder(False)
        self._row_major = None

    def _builder(self, row_major):
        return Builder(self.graph, self.readers, self.N, self.algorithm, row_major)

    def take(self, node):
        """Whether the node has a form here; if so it belongs to the segment."""
        if not self.builder.lower(node):
            return False
        self.nodes.append(node)
        return True

    @property
    def works(self):
        """Whether there is more to do than moving values about."""
        return any(op.kernel.macs for op in self.builder.operations)

    def close(self, results):
        """Make the program for these of the values; what is made of it for other layouts comes when it is needed."""
        self.results = results
        self._channels_last = compiled(self.builder, results, self.packed)
        self.inputs = list(self.builder.inputs)  # those that the program reads
        del self.builder
        shape = self.inputs[0].shape
        self._has_other = len(self.inputs) == 1 and len(shape) > 2 and shape[1] > 1

    def _other(self):
        """The program for row-major inputs."""
        if self._row_major is None:
            builder = self._builder(True)
            for node in self.nodes:
                builder.lower(node)
            self._row_major = compiled(builder, self.results, self.packed)
        return self._row_major

    def __call__(self, x):
        """The array of the only result from that of the only input."""
        n_threads = config.team()
        y = self._channels_last.predict(x, n_threads)
        if y is None and self._has_other and x.flags.c_contiguous:
            y = self._other().predict(x, n_threads)
        return self._channels_last.predict(layout.channels_last(x), n_threads) if y is None else y

    def run(self, values):
        """Put the results into `values`, arrays by the id of their tensor."""
        if len(self.inputs) == 1:
            x = values[id(self.inputs[0])]
        else:
            x = np.concatenate([_flat(values[id(tensor)]) for tensor in self.inputs])
        y = self(x)
        if len(self.results) == 1:
            values[id(self.results[0])] = y
            return
        y, at = y.reshape(-1), 0
        for tensor in self.results:
            values[id(tensor)] = _shaped(y[at:at + tensor.size], tensor.shape)
            at += tensor.size


def _flat(x):
    """The memory of an array as `layout.empty` would lay it."""
    x = layout.channels_last(x)
    return (np.moveaxis(x, 1, -1) if 3 <= x.ndim <= 4 else x).reshape(-1)


def _shaped(flat, shape):
    """The array of `shape` whose memory this is."""
    if 3 <= len(shape) <= 4:
        return np.moveaxis(flat.reshape(shape[0], *shape[2:], shape[1]), -1, 1)
    return flat.reshape(shape)


class Ordinary:
    """A node that is computed as it is outside of frozen networks."""

    def __init__(self, node):
        self.node, self.inputs, self.results = node, list(dict.fromkeys(node.varying)), [node.output]

    def run(self, values):
        """Put the result into `values`."""
        known = {id(x): from_result(values[id(x)], None) for x in self.inputs}
        y = self.node.function.apply(*_with(self.node.args, known), **_with(self.node.kwargs, known))
        if y.shape != self.node.output.shape or y.dtype != self.node.output.dtype:
            raise Differs
        values[id(self.node.output)] = y.data


def _with(arguments, known):
    """The arguments with the tensors of the graph replaced."""
    if isinstance(arguments, Tensor):
        return known.get(id(arguments), arguments)
    if type(arguments) in (tuple, list):
        return type(arguments)([_with(argument, known) for argument in arguments])
    if type(arguments) is dict:
        return {name: _with(argument, known) for name, argument in arguments.items()}
    return arguments


class Items:
    """What computes a graph for one shape of the input.

    Attributes
    ----------
    unknown : list of Node
        Those without a form in a program.
    """

    def __init__(self, items, start, result, algorithm, unknown):
        self._items, self._start, self._result, self._algorithm = items, id(start), id(result), algorithm
        self.unknown = unknown
        last = {id(x): k for k, item in enumerate(items) for x in item.inputs}
        self._done = [[x for x, k in last.items() if k == n and x != id(result)] for n in range(len(items))]
        self._alone = items[0] if len(items) == 1 and isinstance(items[0], Segment) else None

    def __call__(self, x):
        """The array of results for an array of inputs; a fresh one."""
        if self._alone is not None:
            return self._alone(x)
        values = {self._start: x}
        with config.no_grad(), config.conv_algorithm(self._algorithm):
            for item, done in zip(self._items, self._done, strict=True):
                item.run(values)
                for tensor in done:
                    del values[tensor]
        y = values[self._result]
        return y.copy(order="K") if np.may_share_memory(x, y) else y


def cut(graph, result, algorithm, packed):
    """The items that compute the tensor `result` of a graph with one input.

    Parameters
    ----------
    graph : tinydl.graph.Graph
    result : Tensor
    algorithm : {'auto', 'direct', 'winograd', 'im2col'}
    packed : Packed

    Returns
    -------
    Items
    """
    nodes = _needed(graph, result)
    readers = collections.Counter([id(x) for node in nodes for x in node.varying] + [id(result)])
    items: list = []
    unknown = []
    for node in nodes:
        lengths = {x.shape[:1] for x in node.varying}
        N = lengths.pop()[0] if len(lengths) == 1 and () not in lengths else None
        if items and isinstance(items[-1], Segment) and items[-1].N == N and items[-1].take(node):
            continue
        segment = None if N is None else Segment(graph, readers, N, algorithm, packed)
        if segment is not None and segment.take(node):
            items.append(segment)
        else:
            items.append(Ordinary(node))
            if node.describe().kind != "permutation":
                unknown.append(node)
    made: list = []
    for item in items:
        if isinstance(item, Segment) and not item.works:
            made += [Ordinary(node) for node in item.nodes]
        else:
            made.append(item)
    wanted = {id(result)}
    for item in reversed(made):
        if isinstance(item, Segment):
            item.close([node.output for node in item.nodes if id(node.output) in wanted])
        wanted.update(id(x) for x in item.inputs)
    return Items(made, graph.inputs[0], result, algorithm, unknown)


def _needed(graph, result):
    """The nodes that vary and that the result depends on, in their order."""
    needed, found = {id(result)}, []
    for node in reversed(graph.nodes):
        if id(node.output) in needed and node.varying:
            needed.update(id(x) for x in node.varying)
            found.append(node)
    return found[::-1]
