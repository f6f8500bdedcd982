"""from_onnx: the network of an ONNX file."""

from __future__ import annotations

import importlib
import json
import re
from typing import TYPE_CHECKING

import numpy as np

from tinydl import nn
from tinydl._check import path_of
from tinydl._files import open_file
from tinydl.export.onnx.package import package
from tinydl.export.onnx.read.layers import LAYERS
from tinydl.export.onnx.read.table import READERS, SETTINGS, Op
from tinydl.ops.checks import as_input
from tinydl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from tinydl._types import Path

__all__ = ["OnnxNet", "from_onnx"]

_ROOMS = ("axes", "pointwise", "resampling", "shapes", "windows")  # where the rows are
_DOTTED = re.compile(r"\w+(\.\w+)*")  # PyTorch's names; Keras has slashes
_TAKEN = frozenset(dir(nn.Module))


class Group(nn.Module):
    """Modules under the names that their file gives them."""


class OnnxNet(nn.Module):
    """The network of an ONNX file.

    Its layers are those of `tinydl.nn` under the names that their weights have in the file, and it trains as any other:
    batch norm and dropout follow the mode, which is evaluation at the start.

    Attributes
    ----------
    input_shape : tuple of int or None
        Shape of one sample, None for a length that the file leaves open.
    class_names : list of str
        As far as the file's metadata hold them under that name.
    """

    def __init__(self, ops, constants, source, result):
        self._ops, self._constants, self._source, self._result = tuple(ops), constants, source, result
        self._last = {}
        for k, op in enumerate(ops):
            for name in op.inputs:
                self._last[name] = k
        self.input_shape, self.class_names = None, []

    def forward(self, x):
        """What the file computes of x (N, ...)."""
        values = {self._source: as_input(x, np.dtype(np.float32))}
        for k, op in enumerate(self._ops):
            given = [self._value(name, values) for name in op.inputs]
            made = self._at(op.layer)(given[0]) if op.layer else op.read(given)
            for name, value in zip(op.outputs, made if type(made) is tuple else (made,), strict=False):
                values[name] = value
            for name in op.inputs:
                if self._last[name] == k and name != self._result:
                    values.pop(name, None)
        return values[self._result]

    def _value(self, name, values):
        if not name:
            return None
        if name in values:
            return values[name]
        held = self._constants[name]
        return self._at(held) if isinstance(held, str) else held

    def _at(self, path):
        found = self
        for part in path.split("."):
            found = getattr(found, part)
        return found


class _Reading:
    """A file on its way to a network."""

    def __init__(self, model, where):
        self.onnx, self.where = package(), where
        helper, graph = self.onnx.helper, model.graph
        versions = {entry.domain: entry.version for entry in model.opset_import}
        self.version = versions.get("", versions.get("ai.onnx", 0))
        if self.version < 7:
            raise ValueError(f"from_onnx: {where} is of opset {self.version}, known are those from 7 on; convert it "
                             "with onnx.version_converter")
        self.arrays = {t.name: self._array(t) for t in graph.initializer}
        self.initial = frozenset(self.arrays)
        sources = [x for x in graph.input if x.name not in self.arrays]
        if len(sources) != 1 or len(graph.output) != 1:
            raise ValueError(f"from_onnx: {where} has the inputs {[x.name for x in sources]} and the outputs "
                             f"{[y.name for y in graph.output]}; a network here has one of each")
        (self.source,), (self.result,) = sources, graph.output
        self.ranks = self._ranks(model)
        self.ops = [Op(node.op_type, node.name, node.input, node.output, self._attributes(node, helper), self.version)
                    for node in graph.node]
        self._known(graph)
        self._fold()

    def _array(self, tensor):
        if tensor.data_location == self.onnx.TensorProto.EXTERNAL:
            raise ValueError(f"from_onnx: {self.where} keeps the values of {tensor.name} in another file; save it as "
                             "one file with onnx.save(model, path, save_as_external_data=False)")
        try:
            array = self.onnx.numpy_helper.to_array(tensor)
        except (ValueError, TypeError, LookupError) as error:  # of a type or length that there is not
            raise ValueError(f"from_onnx: {self.where}: the values of {tensor.name} cannot be read: {error}") from None
        return array.astype(np.float32) if array.dtype.kind == "f" or array.dtype.name == "bfloat16" else array

    def _attributes(self, node, helper):
        found = {}
        for attribute in node.attribute:
            value = helper.get_attribute_value(attribute)
            if isinstance(value, self.onnx.TensorProto):
                value = self._array(value)
            elif isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            elif node.op_type == "Cast" and attribute.name == "to":
                if value not in self.onnx.TensorProto.DataType.values():
                    raise ValueError(f"from_onnx: {self.where}: Cast ({node.name}) is to the type {value}, which ONNX "
                                     "does not have")
                value = helper.tensor_dtype_to_np_dtype(value)
            found[attribute.name] = value
        return found

    def _ranks(self, model):
        try:
            inferred = self.onnx.shape_inference.infer_shapes(model).graph
        except Exception:  # a file without types: layers say what they take
            inferred = model.graph
        return {value.name: len(value.type.tensor_type.shape.dim)
                for value in [*inferred.value_info, *inferred.input, *inferred.output]
                if value.type.tensor_type.HasField("shape")}

    def _known(self, graph):
        unknown = {op.kind for op in self.ops} - READERS.keys() - LAYERS.keys()
        foreign = {node.domain for node in graph.node} - {"", "ai.onnx"}
        if unknown or foreign:
            what = ", ".join(sorted(unknown)) or f"operators of {', '.join(sorted(foreign))}"
            raise ValueError(f"from_onnx: {self.where} has {what}, which has no form here; known are "
                             f"{', '.join(sorted(READERS.keys() | LAYERS.keys()))}")

    def _fold(self):
        """Compute what is constant: integers, and floats that a layer takes as its weights.

        Other floats may come from parameters, which train.
        """
        readers: dict = {self.result.name: ["the result"]}
        for op in self.ops:
            for name in op.inputs:
                readers.setdefault(name, []).append(op.kind)
        kept = []
        for op in self.ops:
            arrays = [self.arrays.get(name) if name else None for name in op.inputs]
            constant = op.kind in READERS and len(op.outputs) == 1 and all(
                array is not None or not name for name, array in zip(op.inputs, arrays, strict=True))
            to_layers = {*readers.get(op.outputs[0], [])} <= LAYERS.keys()
            floats = any(array is not None and array.dtype.kind == "f" for array in arrays)
            result = op.read(arrays) if constant and (to_layers or not floats) else None
            if result is None:
                kept.append(op)
            else:
                self.arrays[op.outputs[0]] = np.asarray(result.data if isinstance(result, Tensor) else result)
        self.ops = kept

    def network(self):
        """The network, in evaluation mode."""
        self._join_biases()
        constants: dict = {}
        net = OnnxNet(self.ops, constants, self.source.name, self.result.name)
        used: dict = {}  # layers by what they are made of, as a file may call one several times
        for k, op in enumerate(self.ops):
            make = LAYERS.get(op.kind)
            arrays = [self.arrays.get(name) for name in op.inputs]
            layer = None if make is None else op.made(make, arrays, self.ranks.get(op.inputs[0]))
            if layer is None:
                continue
            key = (op.kind, op.inputs[1:], repr(sorted(op.attributes.items(), key=str)))
            if len(op.inputs) > 1 and key in used:
                op.layer = used[key]
            else:
                op.layer = used[key] = self._placed(net, self._path(op, k), layer)
            op.inputs = op.inputs[:1]
        values = {name for op in self.ops for name in op.inputs[:1 if op.kind in SETTINGS else None]}
        for name in dict.fromkeys(name for op in self.ops for name in op.inputs):
            array = self.arrays.get(name)
            if array is None:
                continue
            trained = name in self.initial & values and array.dtype.kind == "f" and array.size > 1 \
                and "constant" not in name.lower()
            path = ".".join(re.sub(r"[^\w.]", "_", name).strip("._").split("..")) or "weight"
            constants[name] = self._placed(net, path, Parameter(array)) if trained else array
        self._checked(constants)
        return net.eval()

    def _join_biases(self):
        """x W + b of a product and a sum is one layer."""
        readers: dict = {}
        for op in self.ops:
            for name in op.inputs:
                readers.setdefault(name, []).append(op)
        gone = set()
        for op in self.ops:
            weight = self.arrays.get(op.inputs[1]) if op.kind == "MatMul" else None
            after = readers.get(op.outputs[0], [])
            if weight is None or weight.ndim != 2 or [other.kind for other in after] != ["Add"] \
                    or op.outputs[0] == self.result.name:
                continue
            (add,) = after
            bias = next((name for name in add.inputs if name in self.arrays), "")
            if bias and self.arrays[bias].shape == weight.shape[1:]:
                op.inputs, op.outputs = (*op.inputs, bias), add.outputs
                gone.add(id(add))
        self.ops = [op for op in self.ops if id(op) not in gone]

    def _path(self, op, k):
        """Where a layer goes: the name of its weight without the last part, if that is a name."""
        weight = op.inputs[1] if len(op.inputs) > 1 else ""
        path = weight.replace("/", ".").rpartition(".")[0]
        return path if _DOTTED.fullmatch(path) else f"{op.kind.lower()}{k}"

    def _placed(self, net, path, thing):
        """Put a module or parameter at a path that is free, or as near as can be; the path."""
        *above, last = path.split(".")
        at, parts = net, []
        for part in above:
            child = getattr(at, part, None) if part not in _TAKEN else None
            if not isinstance(child, Group):
                part = self._free(at, part)
                child = Group()
                setattr(at, part, child)
            at = child
            parts.append(part)
        last = self._free(at, last)
        setattr(at, last, thing)
        return ".".join([*parts, last])

    @staticmethod
    def _free(module, name):
        wanted, k = name, 1
        while hasattr(module, name):
            name, k = f"{wanted}_{k}", k + 1
        return name

    def _checked(self, constants):
        made = {self.source.name} | constants.keys()
        for op in self.ops:
            for name in op.inputs:
                if name and name not in made:
                    op.refuse(f"reads {name!r}, which nothing has made", "the file is not whole")
            made.update(op.outputs)
        if self.result.name not in made:
            raise ValueError(f"from_onnx: {self.where}: nothing makes the output {self.result.name!r}")


def from_onnx(path: Path) -> OnnxNet:
    """Read an ONNX file as a network that predicts and trains.

    Convolutions, products, batch norms and dropout become the layers of `tinydl.nn`; everything else is computed by
    operations. What PyTorch's and Keras' exporters write of convolutional networks is read, their arithmetic of shapes
    included.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    OnnxNet
        In evaluation mode, with parameters of float32 under the file's names as far as these are names.

    Raises
    ------
    ValueError
        If the file is no whole ONNX file, keeps its values elsewhere, has several inputs or outputs, or operators that
        have no form here; the message names them.
    OSError
        If there is no such file.
    ImportError
        Without the package onnx.

    See Also
    --------
    to_onnx : The way out.
    """
    onnx = package()
    path = path_of(path)
    for room in _ROOMS:
        importlib.import_module(f"tinydl.export.onnx.read.{room}")
    with open_file(path) as file:
        content = file.read()
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's own classes have no common base
        fault = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"from_onnx: {path} is no whole ONNX file: {fault}") from None
    reading = _Reading(model, path)
    net = reading.network()
    dims = reading.source.type.tensor_type.shape.dim
    net.input_shape = tuple(d.dim_value or None for d in dims)[1:]
    held = {entry.key: entry.value for entry in model.metadata_props}
    try:
        names = json.loads(held.get("class_names", "[]"))
    except ValueError:
        names = []
    net.class_names = names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []
    return net
