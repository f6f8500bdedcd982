"""Operators that make images larger or smaller, and move entries between channels and positions."""

import math

import numpy as np

from tinydl import ops
from tinydl.export.onnx.read.table import bounded, numbers_of, operator, tensor
from tinydl.ops.resampling import Resample
from tinydl.tensor import Tensor

__all__ = []

# Where entry k of m lies among n, by coordinate_transformation_mode; in float32 as runtimes compute it, because
# 'nearest' rounds the result.
_PLACES = {
    "half_pixel": lambda k, n, m, scale: (k + np.float32(0.5)) / scale - np.float32(0.5),
    "pytorch_half_pixel": lambda k, n, m, scale: (k + np.float32(0.5)) / scale - np.float32(0.5) if m > 1 else 0 * k,
    "align_corners": lambda k, n, m, scale: k * np.float32(n - 1) / np.float32(m - 1) if m > 1 else 0 * k,
    "asymmetric": lambda k, n, m, scale: k / scale,
}
_ROUNDED = {
    "round_prefer_floor": lambda at: np.ceil(at - np.float32(0.5)),
    "round_prefer_ceil": lambda at: np.floor(at + np.float32(0.5)),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _resized(x, axis, length, scale, linear, coordinates, rounding):
    """x with `length` entries along an axis."""
    n = x.shape[axis]
    at = _PLACES[coordinates](np.arange(length, dtype=np.float32), n, length, np.float32(scale))
    if not linear:
        low = np.clip(_ROUNDED[rounding](at), 0, n - 1).astype(np.int64)
        return Resample.apply(x, axis=axis, low=low, high=low, weight=None)
    at = np.clip(at.astype(np.float64), 0, n - 1)
    low = np.floor(at).astype(np.int64)
    return Resample.apply(x, axis=axis, low=low, high=np.minimum(low + 1, n - 1), weight=at - low)


def _one_of(op, name, default, known):
    value = op.get(name, default)
    if value not in known:
        op.refuse(f"has {name}={value!r}", f"known are {', '.join(known)}")
    return value


@operator("Resize", "Upsample", settings=True)
def resize(op, x, *inputs):
    """The nearest entries, or straight lines between two, along each axis."""
    x, old = tensor(x), op.kind == "Upsample" or op.version < 11
    roi, scales, sizes = (None, *inputs, None)[:3] if old else (*inputs, None, None, None)[:3]
    scales = op.get("scales") if scales is None or not np.size(scales) else np.asarray(scales, np.float32).tolist()
    sizes = numbers_of(op, sizes if sizes is not None and np.size(sizes) else None, "sizes")
    linear = _one_of(op, "mode", "nearest", ("nearest", "linear")) == "linear"
    coordinates = _one_of(op, "coordinate_transformation_mode", "asymmetric" if old else "half_pixel", _PLACES)
    rounding = _one_of(op, "nearest_mode", "floor" if old else "round_prefer_floor", _ROUNDED)
    _one_of(op, "keep_aspect_ratio_policy", "stretch", ("stretch",))
    _one_of(op, "antialias", 0, (0,))
    axes = op.get("axes", range(x.ndim))
    for k, axis in enumerate(axis % x.ndim for axis in axes):
        n = x.shape[axis]
        length = math.floor(n * np.float32(scales[k])) if sizes is None else sizes[k]
        if n and length and (length != n or sizes is None and scales[k] != 1):
            x = _resized(x, axis, length, length / n if sizes is not None else scales[k], linear, coordinates,
                         rounding)
    return x


@operator("DepthToSpace")
def depth_to_space(op, x):
    """Channels as blocks of b x b pixels; by 'CRD' as `pixel_shuffle`, by 'DCR' the blocks come first."""
    b, mode = op["blocksize"], _one_of(op, "mode", "DCR", ("DCR", "CRD"))
    if mode == "CRD":
        return ops.pixel_shuffle(x, b)
    N, C, H, W = x.shape
    apart = x.reshape((N, b, b, C // (b * b), H, W)).transpose((0, 3, 4, 1, 5, 2))
    return apart.reshape((N, C // (b * b), H * b, W * b))


@operator("SpaceToDepth")
def space_to_depth(op, x):
    """Blocks of b x b pixels as channels."""
    b, (N, C, H, W) = op["blocksize"], x.shape
    apart = x.reshape((N, C, H // b, b, W // b, b)).transpose((0, 3, 5, 1, 2, 4))
    return apart.reshape((N, C * b * b, H // b, W // b))


@operator("Tile")
def tile(op, x, times):
    """x so often along each axis."""
    times = numbers_of(op, times, "the number of repetitions")
    if isinstance(x, Tensor):
        return ops.repeat(x, times)
    bounded(op, [n * k for n, k in zip(np.shape(x), times, strict=True)])
    return np.tile(x, times)
