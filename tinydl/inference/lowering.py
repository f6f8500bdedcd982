"""Nodes and the shape of an input as a `Program`: which step computes what, and where its values lie."""

import math

import numpy as np

from tinydl import nn
from tinydl._core import elementwise, inference, pool
from tinydl.inference.network import Convolution, Dense, Flatten, Norm, Pool, Rectifier
from tinydl.ops.checks import pool_geometry
from tinydl.ops.conv import conv_geometry
from tinydl.ops.conv_algorithm import takes_winograd

__all__ = ["Unfit", "lower"]

_LINE = 16               # float32 elements of a cache line
_CHUNK_BYTES = 1 << 19   # values of the images that one thread takes through a stage: half of a 1 MB L2
_FEWEST_CHUNKS = 8       # fewer are no split for many threads: the steps are split instead
_TASK_MACS = 1 << 18     # multiply-adds worth a task
_MOST_TASKS = 8          # tasks of one step on few images
_PARALLEL_MACS = 1 << 21     # multiply-adds below which a second thread costs more than it gains


class Unfit(Exception):
    """The nodes do not take this shape; the model itself says why, or computes it."""


class _Value:
    """A value of logical `shape` (without N): channels-last, or (`swapped`) with the matrix `split` the other way."""

    def __init__(self, store, shape, swapped=False, split=None):
        self.store, self.shape, self.swapped = store, shape, swapped
        self.split = (shape[0], math.prod(shape[1:])) if split is None else split  # (C, positions)

    @property
    def size(self):
        return math.prod(self.shape)


class _Operation:
    """A step to be: make(n, n_tasks) gives it for n images at once, an image cut into about n_tasks tasks."""

    def __init__(self, make, x, y, addend, macs, dense):
        self.make, self.x, self.y, self.addend, self.macs, self.dense = make, x, y, addend, macs, dense


class _Lowering:
    def __init__(self, nodes, shape, swapped, algorithm):
        self.N, self.row_major, self.algorithm = shape[0], swapped, algorithm
        self.sizes = [math.prod(shape[1:])]  # of the stores: elements an image
        self.operations = []
        # Nodes are numbered through the whole network: the first one here reads the number before its own.
        source = nodes[0].x
        swapped = swapped and len(shape) > 2 and min(shape[1], math.prod(shape[2:])) > 1
        self.values = {source: _Value(0, shape[1:], swapped)}
        for k, node in enumerate(nodes, source + 1):
            value = self.values[node.x]
            addend = None if node.addend is None else self.canonical(self.values[node.addend])
            self.values[k] = _LOWERED[type(node)](self, node, value, addend)
        self.result = self.canonical(self.values[source + len(nodes)])

    def step(self, make, x, shape, addend=None, macs=0, dense=False, swapped=False, split=None):
        """Record a step that reads x and makes a value of `shape`."""
        self.sizes.append(math.prod(shape))
        y = _Value(len(self.sizes) - 1, shape, swapped, split)
        added = None if addend is None else addend.store
        self.operations.append(_Operation(make, x.store, y.store, added, macs, dense))
        return y

    def canonical(self, value):
        """The value channels-last, or row-major where it has one axis."""
        if not value.swapped:
            return value
        C, positions = value.split
        rows, cols = (positions, C) if len(value.shape) == 1 else (C, positions)
        return self.step(lambda n, n_tasks: inference.transpose_step(rows, cols), value, value.shape, split=value.split)


def _images(shape, rank):
    """The shape with a stand-in for N, when it has so many axes."""
    if len(shape) != rank or not all(shape):
        raise Unfit
    return (1, *shape)


def _convolution(low, node, value, addend):
    shape, weight = _images(value.shape, node.weight.ndim - 1), node.weight.shape
    geometry, out = conv_geometry(shape, weight, node.stride, node.padding, node.dilation, node.groups)
    if addend is not None and addend.shape != out[1:]:
        raise Unfit
    if node.groups > 1 and node.groups == shape[1] == out[1]:
        key, pack = "depthwise", inference.depthwise_filters
    elif takes_winograd(geometry, node.weight.dtype, low.algorithm, transformed=True):
        key, pack = "winograd", inference.winograd_filters
    else:
        key, pack = "direct", lambda w, b: inference.conv_filters(w, b, node.groups)

    def make(n, n_tasks):
        filters = _packed(node, key, lambda: pack(node.weight, node.bias))
        if key == "depthwise":
            return inference.depthwise_step(filters, geometry, node.relu)
        if key == "winograd":
            return inference.winograd_step(filters, (n, *geometry[1:]), node.relu, n_tasks)
        return inference.conv_step(filters, geometry, node.relu, n_tasks)

    return low.step(make, low.canonical(value), out[1:], addend, math.prod(out) * math.prod(weight[1:]))


def _packed(node, key, pack):
    """The filters of a node, packed once for each `key`."""
    if key not in node.filters:
        node.filters[key] = pack()
    return node.filters[key]


def _dense(low, node, value, addend):
    O, K = node.weight.shape
    if value.shape != (K,):
        raise Unfit
    split = value.split if value.swapped else None

    def weight():
        w = node.weight.T
        if split is None:
            return np.ascontiguousarray(w)
        # The activation lies channels-last in memory: its features come in that order.
        return np.ascontiguousarray(w.reshape(*split, O).transpose(1, 0, 2)).reshape(K, O)

    def make(n, n_tasks):
        filters = _packed(node, split, lambda: inference.linear_filters(weight(), node.bias))
        return inference.linear_step(filters, node.relu)

    return low.step(make, value, (O,), macs=K * O, dense=True)


def _norm(low, node, value, addend):
    C = len(node.scale)
    if value.shape[0] != C or len(value.shape) + 1 not in node.ranks:
        raise Unfit
    value = low.canonical(value)
    positions = value.size // C
    geometry = (1, C, 1, positions, C, 1, 1, 1, 1, 0, 0, 1, 1, C, 1, positions)

    def make(n, n_tasks):
        filters = _packed(node, "norm", lambda: inference.depthwise_filters(node.scale.reshape(C, 1, 1), node.shift))
        return inference.depthwise_step(filters, geometry, node.relu)

    return low.step(make, value, value.shape, macs=value.size)


def _pool(low, node, value, addend):
    layer, value = node.layer, low.canonical(value)
    one = isinstance(layer, (nn.MaxPool1d, nn.AvgPool1d, nn.AdaptiveAvgPool1d))
    shape = _images(value.shape, 2 if one else 3)
    if isinstance(layer, (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)):
        out = (*shape[:2], *(1,) * (len(shape) - 2))
        return low.step(lambda n, n_tasks: pool.global_avg_pool_step(shape[1], math.prod(shape[2:])), value, out[1:],
                        macs=value.size)
    greatest = isinstance(layer, (nn.MaxPool1d, nn.MaxPool2d))
    dilation = layer.dilation if greatest else (1,) * len(layer.kernel_size)
    geometry, out = pool_geometry(shape, layer.kernel_size, layer.stride, layer.padding, dilation, layer.ceil_mode)

    def make(n, n_tasks):
        return pool.max_pool_step(geometry) if greatest else pool.avg_pool_step(geometry, layer.count_include_pad)

    return low.step(make, value, out[1:], macs=value.size)


def _flatten(low, node, value, addend):
    C, positions = value.split
    if len(value.shape) == 1:
        return value
    # The same memory: channels-last is the transpose of the logical order (C, positions).
    return _Value(value.store, (value.size,), not value.swapped and min(C, positions) > 1, value.split)


def _rectifier(low, node, value, addend):
    size = value.size
    return low.step(lambda n, n_tasks: elementwise.relu_step(size), value, value.shape, macs=size,
                    swapped=value.swapped, split=value.split)


_LOWERED = {Convolution: _convolution, Dense: _dense, Norm: _norm, Pool: _pool, Flatten: _flatten,
            Rectifier: _rectifier}


def lower(nodes, shape, swapped, algorithm):
    """A program for inputs of `shape`.

    Parameters
    ----------
    nodes : list of Node
        Without `Call`.
    shape : tuple of int
        (N, C, *spatial) or (N, features).
    swapped : bool
        Whether the input is row-major in memory, not channels-last.
    algorithm : {'auto', 'direct', 'winograd'}

    Returns
    -------
    tinydl._core.inference.Program

    Raises
    ------
    Unfit, ValueError
        If the nodes cannot take this shape.
    """
    if len(shape) < 2 or not all(shape[1:]):
        raise Unfit
    low = _Lowering(nodes, shape, swapped, algorithm)
    if not low.operations or low.result.store == 0:
        raise Unfit
    return _schedule(low)


def _schedule(low):
    """Stages, chunks and places: what lives in one stage only lies in the block of a chunk, as long as it is needed."""
    N, operations, last = low.N, low.operations, low.result.store
    split = next((k for k, op in enumerate(operations) if op.dense), len(operations))
    stages = [range(split), range(split, len(operations))]
    made, read = {}, {}
    for k, op in enumerate(operations):
        made[op.y] = k
        for store in (op.x, op.addend):
            read[store] = k
    places, private, shared, plan = {0: ("input", 0)}, 0, 0, []
    places[last] = ("output", 0)
    for stage in stages:
        inner = [s for s in made if made[s] in stage and s != last and read[s] in stage]
        for s in made:
            if made[s] in stage and s != last and s not in inner:
                places[s] = ("shared", shared)
                shared += _aligned(N * low.sizes[s])
        _, peak = _arrange(inner, made, read, low.sizes, 1)
        chunk = max(1, _CHUNK_BYTES // (4 * max(1, peak)))
        n_chunks = -(-N // chunk)
        if n_chunks < _FEWEST_CHUNKS or stage is stages[1]:
            n_chunks = 1
        chunk = max(1, -(-N // n_chunks))
        found, peak = _arrange(inner, made, read, low.sizes, chunk)
        places.update({s: ("private", at) for s, at in found.items()})
        private = max(private, peak)
        plan.append((stage, chunk, n_chunks))
    entries = []
    for stage, chunk, n_chunks in plan:
        made_steps = []
        for k in stage:
            op = operations[k]
            n_tasks = 1
            if n_chunks == 1:
                n_tasks = -(-max(1, min(_MOST_TASKS, N * op.macs // _TASK_MACS)) // max(1, N))
            step = op.make(chunk, n_tasks)
            made_steps.append((step, *(None if s is None else (*places[s], low.sizes[s])
                                       for s in (op.x, op.y, op.addend))))
        entries.append((chunk, made_steps))
    threaded = N * sum(op.macs for op in operations) > _PARALLEL_MACS
    return inference.Program([entry for entry in entries if entry[1]], low.row_major, low.sizes[0],
                           (N, *low.result.shape), shared, private, threaded)


def _aligned(n):
    return -(-n // _LINE) * _LINE


def _arrange(stores, made, read, sizes, images):
    """Offsets of the stores in a block and its size: each at the first gap that is free while it lives."""
    placed, offsets, size = [], {}, 0
    for s in sorted(stores, key=made.get):
        n, begin, end = _aligned(images * sizes[s]), made[s], read[s]
        at = 0
        for other_at, other_n, other_begin, other_end in sorted(placed):
            if other_begin <= end and begin <= other_end and at < other_at + other_n and other_at < at + n:
                at = other_at + other_n
        placed.append((at, n, begin, end))
        offsets[s], size = at, max(size, at + n)
    return offsets, size
