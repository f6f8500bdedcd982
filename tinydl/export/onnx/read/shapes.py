"""Operators that move values, and the arithmetic of shapes that exporters write around them."""

import math

import numpy as np

from tinydl import ops
from tinydl.export.onnx.read.table import bounded, numbers_of, operator, tensor
from tinydl.tensor import Tensor

__all__ = []


@operator("Identity")
def identity(op, x):
    """x."""
    return x


@operator("Constant")
def constant(op):
    """Its value under one of several names."""
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if name in op.attributes:
            return np.asarray(op[name])
    return op.refuse("holds neither numbers nor an array", "strings and sparse arrays have no place here")


@operator("ConstantOfShape")
def constant_of_shape(op, shape):
    """One value everywhere."""
    value = np.asarray(op.get("value", np.zeros(1, np.float32)))
    return np.full(bounded(op, numbers_of(op, shape, "a shape"), value.itemsize), value.reshape(-1)[0], value.dtype)


@operator("Shape")
def shape(op, x):
    """The lengths as integers."""
    return np.array(x.shape[op.get("start", 0):op.get("end")], np.int64)


@operator("Size")
def size(op, x):
    """The number of entries."""
    return np.array(x.size, np.int64)


@operator("Range")
def integer_range(op, start, stop, step):
    """Integers."""
    bounded(op, [max(0, math.ceil((stop - start) / step))])
    return np.arange(start, stop, step)


@operator("Cast", "CastLike")
def cast(op, x, like=None):
    """Floats stay what the network computes with."""
    if isinstance(x, Tensor):
        return x
    x = np.asarray(x)
    return x.astype(np.asarray(like).dtype if op.kind == "CastLike" else op["to"])


@operator("Reshape")
def reshape(op, x, shape=None):
    """0 keeps a length, -1 follows from the others."""
    shape = numbers_of(op, op.get("shape") if shape is None else shape, "a shape")
    if not op.get("allowzero", 0):
        shape = [x.shape[k] if n == 0 else n for k, n in enumerate(shape)]
    return x.reshape(tuple(shape))


@operator("Flatten")
def flatten(op, x):
    """Two axes."""
    axis = op.get("axis", 1)
    axis += x.ndim if axis < 0 else 0
    return ops.reshape(x, (-1, 1)) if axis == x.ndim else ops.reshape(x, (1, -1)) if axis == 0 else \
        ops.flatten(x, 1) if axis == 1 else ops.flatten(ops.flatten(x, axis), 0, axis - 1)


@operator("Transpose")
def transpose(op, x):
    """The axes reversed by default."""
    return x.transpose(tuple(op.get("perm", range(x.ndim)[::-1])))


def _axes(op, axes):
    return numbers_of(op, op.get("axes") if axes is None else axes, "axes")


@operator("Squeeze")
def squeeze(op, x, axes=None):
    """Axes as an attribute or an input."""
    axes = _axes(op, axes)
    if isinstance(x, Tensor):
        return ops.squeeze(x, None if axes is None else tuple(axes))
    return np.squeeze(x, None if axes is None else tuple(axes))


@operator("Unsqueeze")
def unsqueeze(op, x, axes=None):
    """Axes of the result."""
    axes = _axes(op, axes)
    ndim = len(x.shape) + len(axes)
    if not isinstance(x, Tensor):
        return np.expand_dims(x, tuple(axes))
    for axis in sorted(axis % ndim for axis in axes):
        x = ops.unsqueeze(x, axis)
    return x


@operator("Concat")
def concat(op, *arrays):
    """Of tensors or of integers."""
    if not any(isinstance(x, Tensor) for x in arrays):
        return np.concatenate([np.atleast_1d(x) for x in arrays], op["axis"])
    return ops.concatenate([tensor(x) for x in arrays], op["axis"])


@operator("Split")
def split(op, x, lengths=None):
    """Lengths, or as many equal parts as there are outputs."""
    axis = op.get("axis", 0) % x.ndim
    lengths = numbers_of(op, op.get("split") if lengths is None else lengths, "lengths")
    if lengths is None:
        each = -(-x.shape[axis] // len(op.outputs))
        lengths = [min(each, x.shape[axis] - k * each) for k in range(len(op.outputs))]
    ends = np.cumsum([0, *lengths]).tolist()
    return tuple(x[(slice(None),) * axis + (slice(a, b),)] for a, b in zip(ends, ends[1:], strict=False))


@operator("Slice")
def cut(op, x, starts=None, ends=None, axes=None, steps=None):
    """Numbers as attributes or inputs."""
    given = (("starts", starts), ("ends", ends), ("axes", axes), ("steps", steps))
    starts, ends, axes, steps = (numbers_of(op, op.get(name) if value is None else value, name)
                                 for name, value in given)
    key = [slice(None)] * len(x.shape)
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis, step = axes[k] if axes else k, steps[k] if steps else 1
        n = x.shape[axis]
        start, end = (max(v + n, -1 if step < 0 else 0) if v < 0 else min(v, n) for v in (start, end))
        key[axis] = slice(min(start, n - 1) if step < 0 else start, None if step < 0 and end < 0 else end, step)
    return x[tuple(key)]


@operator("Gather")
def gather(op, x, indices):
    """Along one axis."""
    if isinstance(indices, Tensor):
        op.refuse("looks up what the network computes", "there are no embeddings here")
    indices, axis = np.asarray(indices), op.get("axis", 0)
    if not isinstance(x, Tensor):
        return np.take(x, indices, axis)
    return x[(slice(None),) * (axis % x.ndim) + (int(indices) if indices.ndim == 0 else indices,)]


@operator("Expand")
def expand(op, x, shape):
    """Both shapes are broadcast."""
    shape = np.broadcast_shapes(tuple(x.shape), tuple(numbers_of(op, shape, "a shape")))
    return ops.broadcast_to(x, shape) if isinstance(x, Tensor) else np.broadcast_to(x, shape)


@operator("Pad")
def pad(op, x, pads=None, value=None, axes=None):
    """Numbers as attributes or inputs."""
    pads = numbers_of(op, op.get("pads") if pads is None else pads, "pads")
    value = op.get("value", 0.0) if value is None else float(np.asarray(value))
    widths = [(0, 0)] * x.ndim
    half = len(pads) // 2
    axes = list(range(half)) if axes is None else numbers_of(op, axes, "axes")
    for k, axis in enumerate(axes):
        widths[axis] = pads[k], pads[half + k]
    key = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, widths, strict=True))
    x = x[key] if min(pads) < 0 else x
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    flat = [max(width, 0) for pair in reversed(widths) for width in pair]
    return ops.pad(x, flat, modes[op.get("mode", "constant")], value)
