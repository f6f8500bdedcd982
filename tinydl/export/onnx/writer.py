"""to_onnx: a model as an ONNX file."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import index_of
from tinydl._files import atomic_write
from tinydl._version import __version__
from tinydl.export.onnx.package import package
from tinydl.export.onnx.table import ROWS, Refused
from tinydl.inference.portable import portable
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinydl._types import Array, Floats, Path
    from tinydl.nn.module import Module

__all__ = ["Writer", "to_onnx"]

OPSET, IR = 17, 8
_ROOMS = ("layers", "pointwise", "shapes")  # where the rows are


class Writer:
    """An ONNX graph to be.

    Parameters
    ----------
    graph : Portable

    Attributes
    ----------
    nodes, initializers : list
    """

    def __init__(self, graph):
        self.graph, self._onnx = graph, package()
        self.nodes, self.initializers = [], []
        self._names: dict = {}      # of tensors and arrays, by id
        self._held: list = []       # what those ids belong to
        self._unwritten: dict = {}  # parameters that nothing has read yet, by name
        self._taken: set = set()
        self._at = ""
        for name, parameter in graph.model.named_parameters():
            self._parameter(parameter, name)
        for name, buffer in graph.model.named_buffers():
            self._parameter(buffer, name)

    # --- words -------------------------------------------------------------------------------------------------------

    def input(self, x, dtype=None):
        """The name of an argument: a tensor of the graph, or a constant tensor, array or number (as `dtype`)."""
        if isinstance(x, Tensor) and self.graph.trace.varies(x):
            return self._names[id(x)]
        held = x
        array = np.asarray(x.data if isinstance(x, Tensor) else x)
        if dtype is not None and array.dtype != dtype:
            held = array = array.astype(dtype)
        known = self._names.get(id(held))
        if known in self._unwritten:
            self._store(known, self._unwritten.pop(known))
        return known or self.constant(array)

    def constant(self, values, dtype=None):
        """The name of a constant."""
        name = self._fresh(f"{self._at}/constant")
        self._store(name, np.asarray(values, dtype))
        return name

    def integers(self, values):
        """The name of a constant vector of int64, as shapes and axes are."""
        return self.constant(np.atleast_1d(np.asarray(values, np.int64)))

    def add(self, op, *inputs, n_outputs=1, **attributes):
        """Add a node; the name of its result, or a list of them.

        Parameters
        ----------
        op : str
            Operator of opset 17.
        *inputs : str
            Names; '' for an optional input that is left out.
        n_outputs : int
        **attributes
        """
        outputs = [self._fresh(f"{self._at}/{op}") for _ in range(n_outputs)]
        self.nodes.append(self._onnx.helper.make_node(op, list(inputs), outputs, name=outputs[0], **attributes))
        return outputs[0] if n_outputs == 1 else outputs

    def shape(self, node, name="shape"):
        """The argument `name` of a node, a shape, with -1 for the length that scales with the batch."""
        factors = self.graph.factors(node, name)
        if len(factors) > 1:
            raise Refused(f"has a shape {node[name]} in which {len(factors)} lengths scale with the batch; only one "
                          "can be left open")
        return [-1 if k in factors else n for k, n in enumerate(node[name])]

    # --- the whole ---------------------------------------------------------------------------------------------------

    def write(self, node):
        """Add what a node of the graph is."""
        row = ROWS.get(node.function)
        where = self.graph.where(node)
        if row is None:
            raise ValueError(f"to_onnx: {where} has no form in ONNX; give its Function a row with "
                             "tinydl.export.onnx.row, or leave it to the program that runs the file")
        for name in self.graph.scaled(node):
            if name not in row.scales:
                raise ValueError(f"to_onnx: {where} gets {name}={_short(node[name])}, which depends on the batch size, "
                                 "and an ONNX file holds no such number; make it from x by operations")
        self._at = f"/{node.path.replace('.', '/')}".rstrip("/")
        try:
            self._names[id(node.output)] = row.write(self, node)
        except Refused as found:
            raise ValueError(f"to_onnx: {where} {found}") from None

    def begin(self, mean, std):
        """Make the graph's input, which is normalised first where that is asked for."""
        name = self._fresh("input")
        if mean is not None:
            C = len(mean)
            name = self.add("Sub", name, self.constant(mean.reshape(C, *(1,) * (self.graph.x.ndim - 2))))
        if std is not None:
            name = self.add("Div", name, self.constant(std.reshape(len(std), *(1,) * (self.graph.x.ndim - 2))))
        self._names[id(self.graph.x)] = name

    def model(self, metadata):
        """The ONNX model, checked."""
        helper, result = self._onnx.helper, self.graph.result
        self._at = ""
        output = self._fresh("output")
        self.nodes.append(helper.make_node("Identity", [self._names[id(result)]], [output], name=output))
        kind = helper.np_dtype_to_tensor_dtype(result.dtype)
        lengths = [self._length(n, self.graph.free(result).get(k)) for k, n in enumerate(result.shape)]
        graph = helper.make_graph(
            self.nodes, type(self.graph.model).__name__,
            [helper.make_tensor_value_info("input", self._onnx.TensorProto.FLOAT, ["N", *self.graph.x.shape[1:]])],
            [helper.make_tensor_value_info(output, kind, lengths)], self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR,
                                  producer_name="tinydl", producer_version=__version__)
        helper.set_model_props(model, metadata)
        self._onnx.checker.check_model(model, full_check=True)
        return model

    # --- names -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _length(n, factor):
        return n if factor is None else "N" if factor == 1 else f"{factor}N"

    def _fresh(self, wanted):
        name, k = wanted, 1
        while name in self._taken:
            name, k = f"{wanted}_{k}", k + 1
        self._taken.add(name)
        return name

    def _parameter(self, tensor, name):
        """A parameter or buffer has its own name, and is written once something reads it."""
        if id(tensor) not in self._names:
            self._names[id(tensor)] = self._fresh(name)
            self._held.append(tensor)
            self._unwritten[name] = np.asarray(tensor.data if isinstance(tensor, Tensor) else tensor)

    def _store(self, name, array):
        # Weights are channels-last in memory, and a file holds them in logical order.
        self.initializers.append(self._onnx.numpy_helper.from_array(np.array(array, order="C"), name))


def _short(value):
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."


def _statistic(values, name, channels):
    """The mean or the standard deviation of the channels as (C,) float32, or None."""
    if values is None:
        return None
    try:
        array = np.atleast_1d(np.asarray(values, np.float32))
    except (TypeError, ValueError):
        raise TypeError(f"to_onnx: {name} must be numbers, got {values!r}") from None
    if array.shape not in ((1,), (channels,)) or not np.isfinite(array).all() or name == "std" and (array <= 0).any():
        raise ValueError(f"to_onnx: {name} must be {'positive' if name == 'std' else 'finite'}, one number or one for "
                         f"each of the {channels} channels, got {values!r}")
    return array


def to_onnx(model: Module, path: Path, input_shape: Sequence[int], *, mean: Floats | Array | None = None,
            std: Floats | Array | None = None, class_names: Sequence[str] | None = None) -> None:
    """Write a model as an ONNX file (opset 17), which other programs run.

    The operations are read from the model's own code, which runs with two and with three random images in evaluation
    mode: modules of one's own, branches and shared layers come out as they are. The batch size stays open. Parameters
    keep their names. What is written is what `onnx.checker` finds whole.

    Parameters
    ----------
    model : Module
        With float32 parameters; it stays as it is.
    path : path-like
        The file, which is written whole or not at all.
    input_shape : tuple of int
        Shape of one sample, without the batch axis.
    mean, std : float or array of float, shape (C,), optional
        The file's input is then (x - mean) / std's x: what a data set did to the training images, such as ``data.mean``
        and ``data.std``, of images that were scaled as before.
    class_names : sequence of str, optional
        Kept in the file as metadata, a JSON list under "class_names".

    Raises
    ------
    TypeError
        If the model is no module, has parameters of another type than float32 or a forward hook, or `class_names` holds
        no strings.
    ValueError
        If an operation has no form in ONNX, or uses statistics of the batch in evaluation mode; if the model's code
        reads the values of a tensor, draws random numbers, or does something else at another batch size; if the shape
        is none that the model takes. Nothing is written then.
    ImportError
        Without the package onnx.

    See Also
    --------
    from_onnx : The way back.
    tinydl.export.onnx.row : A form for an operation of one's own.
    """
    path = _path(path)
    for room in _ROOMS:
        importlib.import_module(f"tinydl.export.onnx.{room}")
    names = _names(class_names)
    w = Writer(portable(model, input_shape, "to_onnx"))
    channels = w.graph.x.shape[1]
    w.begin(_statistic(mean, "mean", channels), _statistic(std, "std", channels))
    with np.errstate(all="ignore"):
        for node in w.graph.nodes:
            w.write(node)
    result = w.graph.result
    if names and (result.ndim < 2 or result.shape[1] != len(names)):
        raise ValueError(f"to_onnx: {len(names)} class_names for outputs of shape (N, "
                         f"{', '.join(map(str, result.shape[1:]))}); there must be one for each entry of axis 1")
    content = w.model({"class_names": json.dumps(names)} if names else {})
    if content.ByteSize() >= 2**31:
        raise ValueError(f"to_onnx: an ONNX file holds less than 2 GB, the model has {content.ByteSize():,} bytes")
    with atomic_write(path) as file:
        file.write(content.SerializeToString(deterministic=True))


def _path(path):
    if index_of(path) is not None or not hasattr(path, "__fspath__") and not isinstance(path, str):
        raise TypeError(f"to_onnx: path must be the name of a file, got {path!r}")
    return path


def _names(class_names):
    if class_names is None:
        return []
    names = [class_names] if isinstance(class_names, str) else list(class_names)
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"to_onnx: class_names must be a list of strings, got {class_names!r}")
    return names
