"""Frozen networks as files: a safetensors file of the arrays, and in its head the operations as JSON.

Nothing in such a file is code: an operation is a name of `tinydl.ops`, and its arguments are numbers, names of arrays
and numbers of earlier results. An integer that scales with the batch is kept as its factor.
"""

from __future__ import annotations

import importlib
import json
import math
from typing import TYPE_CHECKING

import numpy as np

from tinydl import nn
from tinydl._files import atomic_write
from tinydl.function import Function
from tinydl.inference import freeze
from tinydl.inference.portable import portable
from tinydl.ops import geometry
from tinydl.ops.checks import as_input
from tinydl.tensor import Parameter, Tensor
from tinydl.train.tensorfile import TensorFileError, read_tensors, write_tensors

if TYPE_CHECKING:
    from tinydl._types import Path
    from tinydl.inference.freeze import Predictor

__all__ = ["StoredNet", "load_predictor", "save"]

_FORMAT = "tinydl predictor 1"
_MOST = 1 << 28  # numbers of a sample; a file that claims more is damaged
_GEOMETRIES = {kind.__name__: kind for kind in (geometry.ConvGeometry, geometry.ConvGeometry1d, geometry.PoolGeometry,
                                                geometry.PoolGeometry1d)}


# --- out -------------------------------------------------------------------------------------------------------------

class _Writer:
    """Operations of a graph as what JSON holds."""

    def __init__(self, graph):
        self.graph, self.arrays = graph, {}
        self._names = {id(tensor): name for name, tensor in [*graph.model.named_parameters(),
                                                             *graph.model.named_buffers()]}
        self._places = {id(graph.x): 0} | {id(node.output): k for k, node in enumerate(graph.nodes, 1)}
        self._held = []

    def node(self, node):
        """One operation."""
        function = node.function
        if not function.__module__.startswith("tinydl.ops."):
            raise ValueError(f"save: {self.graph.where(node)} is an operation of your own, and a file holds no code; "
                             "save the state dict, and freeze the model again where it is used")
        scaled, names = self.graph.scaled(node), list(node.arguments)
        for name, factors in scaled.items():
            if None in factors:
                raise ValueError(f"save: {self.graph.where(node)} gets {name}, which depends on the batch size in a "
                                 "way that a file does not hold; take lengths from x.shape where shapes are made")
        args = [self.value(x, scaled.get(names[min(k, len(names) - 1)], {})) for k, x in enumerate(node.args)]
        return {"op": f"{function.__module__.removeprefix('tinydl.ops.')}.{function.__name__}", "args": args,
                "kwargs": {name: self.value(x, scaled.get(name, {})) for name, x in node.kwargs.items()}}

    def value(self, x, factors):
        """An argument; {"times": n} is n times the batch size."""
        if isinstance(x, Tensor) and id(x) in self._places:
            return {"result": self._places[id(x)]}
        if isinstance(x, (Tensor, np.ndarray)):
            return {"tensor" if isinstance(x, Tensor) else "array": self._stored(x)}
        if isinstance(x, slice):
            return {"slice": [self.value(part, {}) for part in (x.start, x.stop, x.step)]}
        if x is Ellipsis:
            return {"ellipsis": True}
        if isinstance(x, (tuple, list)):
            # Numbers of the trace, which is of two images.
            items = [{"times": factors[k]} if k in factors else self.value(item, {}) for k, item in enumerate(x)]
            return {type(x).__name__: items}
        if isinstance(x, np.dtype):
            return {"dtype": x.name}
        if isinstance(x, np.generic):
            x = x.item()
        if isinstance(x, float) and not np.isfinite(x):
            return {"float": repr(x)}
        if x is None or isinstance(x, (bool, int, float, str)):
            return x
        raise TypeError(f"save: an argument of type {type(x).__name__} has no form in a file")

    def _stored(self, x):
        name = self._names.get(id(x))
        if name is None:
            name = self._names[id(x)] = f"constant.{len(self._held)}"
            self._held.append(x)
        self.arrays[name] = x.data if isinstance(x, Tensor) else x
        return name


def save(predictor, path, input_shape=None):
    """Write a predictor as a file for `load_predictor`; see `Predictor.save`."""
    if input_shape is None:
        shapes = {shape[1:] for shape in predictor._plans}
        if len(shapes) != 1:
            called = f"was called with {len(shapes)} shapes of sample" if shapes else "was not called yet"
            raise ValueError(f"save: the predictor {called}; pass input_shape, the shape of one sample, such as "
                             "(3, 32, 32)")
        (input_shape,) = shapes
    graph = portable(predictor._model, input_shape, "save")
    writer = _Writer(graph)
    nodes = [writer.node(node) for node in graph.nodes]
    result = writer._places[id(graph.result)]
    head = {"input_shape": list(graph.x.shape[1:]), "nodes": nodes, "result": result, "algorithm": predictor._algorithm}
    with atomic_write(path) as file:
        write_tensors(file, writer.arrays, {"format": _FORMAT, "graph": json.dumps(head)})


# --- back ------------------------------------------------------------------------------------------------------------

class StoredNet(nn.Module):
    """The network of a predictor's file: its operations one after the other."""

    def __init__(self, nodes, result, arrays):
        self._nodes, self._result, self._arrays = tuple(nodes), result, arrays
        self._tensors = {}
        for k, name in enumerate({x["tensor"] for x in _every(nodes) if "tensor" in x}):
            setattr(self, f"parameter{k}", Parameter(arrays[name]) if arrays[name].dtype.kind == "f" else None)
            self._tensors[name] = f"parameter{k}"

    def forward(self, x):
        """What the operations make of x (N, ...)."""
        values = [as_input(x, np.dtype(np.float32))]
        N = len(x)
        for function, args, kwargs in self._nodes:
            values.append(function.apply(*[self._value(a, values, N) for a in args],
                                         **{name: self._value(a, values, N) for name, a in kwargs.items()}))
        return values[self._result]

    def _value(self, x, values, N):
        if not isinstance(x, dict):
            return x
        ((kind, held),) = x.items()
        if kind == "result":
            return values[held]
        if kind == "tensor":
            parameter = getattr(self, self._tensors[held])
            return Tensor(self._arrays[held]) if parameter is None else parameter
        if kind == "array":
            return self._arrays[held]
        if kind == "times":
            return held * N
        if kind == "slice":
            return slice(*[self._value(part, values, N) for part in held])
        if kind == "ellipsis":
            return Ellipsis
        if kind == "dtype":
            return np.dtype(held)
        if kind == "float":
            return float(held)
        items = [self._value(item, values, N) for item in held]
        return items if kind == "list" else tuple(items) if kind == "tuple" else _GEOMETRIES[kind](*items)


def _every(value):
    """The dicts in what JSON holds."""
    if isinstance(value, dict):
        yield value
        value = value.values()
    if isinstance(value, (list, tuple)) or not isinstance(value, (str, int, float, bool, type(None), type)):
        for item in value:
            yield from _every(item)


_KINDS = {"result", "tensor", "array", "times", "slice", "ellipsis", "dtype", "float", "list", "tuple", *_GEOMETRIES}


def _function(name):
    module, _, cls = name.rpartition(".")
    if not module.isidentifier() or not cls.isidentifier():
        raise ValueError(f"there is no operation {name!r}")
    try:
        found = getattr(importlib.import_module(f"tinydl.ops.{module}"), cls)
    except (ImportError, AttributeError):
        raise ValueError(f"there is no operation {name!r}; the file may be of a later version") from None
    if not (isinstance(found, type) and issubclass(found, Function)):
        raise ValueError(f"{name!r} is no operation")
    return found


def _checked(head, arrays):
    """The nodes with their Functions; every value has a form that `StoredNet` knows."""
    nodes = []
    for k, node in enumerate(head["nodes"]):
        function, args, kwargs = _function(node["op"]), node["args"], node["kwargs"]
        for x in (x for part in (*args, *kwargs.values()) for x in _every(part)):
            ((kind, held),) = x.items()
            if kind not in _KINDS or kind in ("tensor", "array") and held not in arrays \
                    or kind == "result" and not 0 <= held <= k:
                raise ValueError(f"operation {k} has {x}")
        nodes.append((function, args, kwargs))
    if not 0 < head["result"] <= len(nodes):
        raise ValueError(f"the result is {head['result']} of {len(nodes)}")
    return nodes


def load_predictor(path: Path) -> Predictor:
    """The predictor of a file that `Predictor.save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Predictor
        For samples of the shape that it was saved for, in any number; several threads may call it.

    Raises
    ------
    TensorFileError
        A ValueError: the file is no predictor's, or some of it has changed. Nothing in such a file can run code.
    OSError
        There is no such file.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import tinydl as td
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "digits.safetensors")
    ...     td.freeze(td.models.digits_cnn()).save(path, (1, 8, 8))
    ...     predictor = td.load_predictor(path)
    >>> predictor(np.zeros((5, 1, 8, 8), np.float32)).shape
    (5, 10)
    """
    arrays, metadata = read_tensors(path)
    if metadata.get("format") != _FORMAT:
        raise TensorFileError(f"{path}: no predictor of this version (its format is {metadata.get('format')!r}); "
                              "td.freeze(net).save(path) writes one")
    try:
        head = json.loads(metadata["graph"])
        net = StoredNet(_checked(head, arrays), head["result"], arrays)
        predictor = freeze(net)
        predictor._algorithm = head["algorithm"]
        if not 0 < math.prod(head["input_shape"]) < _MOST:
            raise ValueError(f"its samples have the shape {head['input_shape']}")
        predictor(np.zeros((1, *head["input_shape"]), np.float32))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, OverflowError,
            MemoryError) as error:
        raise TensorFileError(f"{path}: not a whole predictor: {error}") from None
    return predictor

