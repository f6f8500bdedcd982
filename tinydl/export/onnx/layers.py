"""Rows of the operations with windows, weights or statistics."""

import math

import numpy as np

from tinydl.export.onnx.table import Refused, row
from tinydl.ops.adaptive_pool import AdaptiveAvgPool, AdaptiveMaxPool, GlobalAvgPool
from tinydl.ops.avg_pool import AvgPool
from tinydl.ops.batch_norm import BatchNorm
from tinydl.ops.columns import Fold, Unfold
from tinydl.ops.conv import Conv
from tinydl.ops.conv_transpose import ConvTranspose
from tinydl.ops.group_norm import GroupNorm
from tinydl.ops.layer_norm import LayerNorm
from tinydl.ops.linear import Linear
from tinydl.ops.matmul import MatMul
from tinydl.ops.max_pool import MaxPool

__all__ = []


def _optional(w, *arrays):
    """Names of inputs of which the last may be absent."""
    return [w.input(array) for array in arrays if array is not None]


def _spatial(geometry):
    """Window, stride, padding and dilation along the spatial axes that the arrays have."""
    n = geometry.n_spatial
    pairs = (geometry.window, geometry.stride, (geometry.PH, geometry.PW), (geometry.DH, geometry.DW))
    return [list(pair[2 - n:]) for pair in pairs]


@row(Conv, scales=("geometry", "shape"))
def conv(w, node):
    """The convolution with its own padding."""
    window, stride, padding, dilation = _spatial(node["geometry"])
    return w.add("Conv", *_optional(w, node["x"], node["w"], node["b"]), kernel_shape=window, strides=stride,
                 pads=padding * 2, dilations=dilation, group=node["geometry"].G)


def _transposed(w, inputs, geometry):
    """The transpose of the convolution of a geometry; what the stride leaves undetermined becomes output padding."""
    n = geometry.n_spatial
    window, stride, padding, dilation = _spatial(geometry)
    sizes, counts = (geometry.H, geometry.W)[2 - n:], (geometry.P, geometry.Q)[2 - n:]
    extra = [size - ((p - 1) * s - 2 * pad + d * (k - 1) + 1)
             for size, p, k, s, pad, d in zip(sizes, counts, window, stride, padding, dilation, strict=True)]
    return w.add("ConvTranspose", *inputs, kernel_shape=window, strides=stride, pads=padding * 2, dilations=dilation,
                 group=geometry.G, output_padding=extra)


@row(ConvTranspose, scales=("geometry", "shape"))
def conv_transpose(w, node):
    """The transposed convolution."""
    return _transposed(w, _optional(w, node["x"], node["weight"], node["bias"]), node["geometry"])


def _one_tap_each(geometry):
    """Filters that each take one entry of a window, (C * KH * KW, 1, KH, KW): what unfolding convolves with."""
    taps = math.prod(geometry.window)
    filters = np.tile(np.eye(taps, dtype=np.float32), (geometry.C, 1))
    return filters.reshape(geometry.C * taps, 1, *geometry.window)


def _grouped(geometry):
    return geometry._replace(O=geometry.C * math.prod(geometry.window), G=geometry.C)


@row(Unfold, scales=("geometry",))
def unfold(w, node):
    """A convolution with a filter for each entry of a window, its positions in one axis."""
    geometry = _grouped(node["geometry"])
    window, stride, padding, dilation = _spatial(geometry)
    y = w.add("Conv", w.input(node["x"]), w.constant(_one_tap_each(geometry)), kernel_shape=window, strides=stride,
              pads=padding * 2, dilations=dilation, group=geometry.G)
    return w.add("Reshape", y, w.integers([-1, geometry.O, geometry.P * geometry.Q]))


@row(Fold, scales=("geometry",))
def fold(w, node):
    """The transpose of that convolution."""
    geometry = _grouped(node["geometry"])
    x = w.add("Reshape", w.input(node["x"]), w.integers([-1, geometry.O, geometry.P, geometry.Q]))
    return _transposed(w, [x, w.constant(_one_tap_each(geometry))], geometry)


@row(Linear)
def linear(w, node):
    """Gemm for vectors, a product and a sum with more axes."""
    x, weight, bias = node["x"], node["w"], node["b"]
    if x.ndim == 2:
        return w.add("Gemm", *_optional(w, x, weight, bias), transB=1)
    y = w.add("MatMul", w.input(x), w.add("Transpose", w.input(weight), perm=[1, 0]))
    return y if bias is None else w.add("Add", y, w.input(bias))


@row(MatMul)
def matmul(w, node):
    """The product, with NumPy's rules for leading axes."""
    return w.add("MatMul", w.input(node["a"]), w.input(node["b"]))


@row(BatchNorm)
def batch_norm(w, node):
    """By running statistics; those of the batch would be wrong constants."""
    if node["training"]:
        raise Refused("normalises by the statistics of the batch also in evaluation mode, so that one sample's result "
                      "depends on the others; build the layer with track_running_stats=True and train it again")
    C = node["x"].shape[1]
    gamma = np.ones(C, np.float32) if node["gamma"] is None else node["gamma"]
    beta = np.zeros(C, np.float32) if node["beta"] is None else node["beta"]
    mean, var = (w.input(node[name], np.float32) for name in ("running_mean", "running_var"))
    return w.add("BatchNormalization", w.input(node["x"]), w.input(gamma), w.input(beta), mean, var,
                 epsilon=node["eps"])


@row(LayerNorm)
def layer_norm(w, node):
    """Over the last axes."""
    own = node["x"].shape[-node["n_axes"]:]
    weight = np.ones(own, np.float32) if node["weight"] is None else node["weight"]
    return w.add("LayerNormalization", w.input(node["x"]), w.input(weight), *_optional(w, node["bias"]),
                 axis=-node["n_axes"], epsilon=node["eps"])


@row(GroupNorm)
def group_norm(w, node):
    """Instance normalisation of each group as one channel, then weight and bias by channel."""
    x, G = node["x"], node["num_groups"]
    ones = w.constant(np.ones(G, np.float32)), w.constant(np.zeros(G, np.float32))
    grouped = w.add("Reshape", w.input(x), w.integers([0, G, -1]))
    y = w.add("InstanceNormalization", grouped, *ones, epsilon=node["eps"])
    y = w.add("Reshape", y, w.integers([-1, *x.shape[1:]]))
    by_channel = w.integers([-1, *(1,) * (x.ndim - 2)])
    if node["weight"] is not None:
        y = w.add("Mul", y, w.add("Reshape", w.input(node["weight"]), by_channel))
    if node["bias"] is not None:
        y = w.add("Add", y, w.add("Reshape", w.input(node["bias"]), by_channel))
    return y


def _ends(geometry):
    """Padding behind the last entry so that the windows are those of the geometry, as also ceil_mode makes them."""
    sizes, counts = (geometry.H, geometry.W), (geometry.P, geometry.Q)
    ends = [max((p - 1) * s + reach - size - pad, 0) for size, p, s, reach, pad in
            zip(sizes, counts, geometry.stride, geometry.reach, (geometry.PH, geometry.PW), strict=True)]
    return ends[2 - geometry.n_spatial:]


def _padded(w, x, before, after, fill):
    """x with spatial padding of its own."""
    pads = w.integers([0, 0, *before, 0, 0, *after])
    return w.add("Pad", x, pads, w.constant(np.float32(fill)))


@row(MaxPool, scales=("geometry", "shape"))
def max_pool(w, node):
    """Windows that are cut off at the end (ceil_mode) come from padding there."""
    window, stride, before, dilation = _spatial(node["geometry"])
    x, after = w.input(node["x"]), _ends(node["geometry"])
    if any(pad >= k for pad, k in zip([*before, *after], window * 2, strict=True)):  # runtimes refuse as much
        x, before = _padded(w, x, before, after, -np.inf), [0] * len(before)
        after = before
    return w.add("MaxPool", x, kernel_shape=window, strides=stride, pads=[*before, *after], dilations=dilation)


@row(AvgPool, scales=("geometry", "shape"))
def avg_pool(w, node):
    """Entries that count are padding of the input's own; what a cut-off window has beyond that never counts."""
    window, stride, before, _ = _spatial(node["geometry"])
    x, after = w.input(node["x"]), _ends(node["geometry"])
    if node["count_include_pad"] and any(before):
        x = _padded(w, x, before, before, 0)
        after, before = [max(a - b, 0) for a, b in zip(after, before, strict=True)], [0] * len(before)
    if any(pad >= k for pad, k in zip(after, window, strict=True)):
        raise Refused(f"has a last window of {window} that begins beyond the input; make the stride smaller")
    return w.add("AveragePool", x, kernel_shape=window, strides=stride, pads=[*before, *after], count_include_pad=0)


@row(GlobalAvgPool, scales=("shape",))
def global_avg_pool(w, node):
    """The mean over all positions, whose axes stay or go."""
    x = node["x"]
    if node.output.ndim == x.ndim:
        return w.add("GlobalAveragePool", w.input(x))
    return w.add("ReduceMean", w.input(x), axes=list(range(2, x.ndim)), keepdims=0)


def _adaptive(w, node, pool, reduce):
    """Equal windows are a pool; others are made one by one along each axis, as a window is a product of intervals."""
    x, counts = node["x"], node["shape"][2:]
    sizes = x.shape[2:]
    if all(size % count == 0 for size, count in zip(sizes, counts, strict=True)):
        window = [size // count for size, count in zip(sizes, counts, strict=True)]
        return w.add(pool, w.input(x), kernel_shape=window, strides=window)
    y = w.input(x)
    for axis, (size, count) in enumerate(zip(sizes, counts, strict=True), 2):
        parts = []
        for k in range(count):
            ends = w.integers(k * size // count), w.integers(-(-(k + 1) * size // count))
            parts.append(w.add(reduce, w.add("Slice", y, *ends, w.integers(axis)), axes=[axis], keepdims=1))
        y = w.add("Concat", *parts, axis=axis)
    return y


@row(AdaptiveAvgPool, scales=("shape",))
def adaptive_avg_pool(w, node):
    """Means of windows."""
    return _adaptive(w, node, "AveragePool", "ReduceMean")


@row(AdaptiveMaxPool, scales=("shape",))
def adaptive_max_pool(w, node):
    """Maxima of windows."""
    return _adaptive(w, node, "MaxPool", "ReduceMax")
