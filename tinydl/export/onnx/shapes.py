"""Rows of the operations that move values: shapes, indices, joins, padding."""

import numpy as np

from tinydl.export.onnx.package import package
from tinydl.export.onnx.table import Refused, row
from tinydl.ops.indexing import Concatenate, Index
from tinydl.ops.shape import AsType, BroadcastTo, Pad, Permute, Reshape

__all__ = []

_LAST = np.iinfo(np.int64).min  # an end that lies before every entry, for slices that run backwards


@row(Reshape, scales=("shape",))
def reshape(w, node):
    """One length may scale with the batch."""
    return w.add("Reshape", w.input(node["x"]), w.integers(w.shape(node)))


@row(Permute)
def permute(w, node):
    """The axes in another order."""
    return w.add("Transpose", w.input(node["x"]), perm=list(node["order"]))


@row(BroadcastTo, scales=("shape",))
def broadcast_to(w, node):
    """A length that scales with the batch is the one that x has there."""
    x, shape, open_places = node["x"], list(node["shape"]), w.graph.factors(node, "shape")
    for place, factor in open_places.items():
        own = place - (len(shape) - x.ndim)
        if own < 0 or w.graph.free(x).get(own) != factor:
            raise Refused(f"repeats a tensor of shape {x.shape} for each sample; add zeros of that shape made from x")
        shape[place] = 1
    return w.add("Expand", w.input(x), w.integers(shape))


@row(AsType)
def astype(w, node):
    """float32 and float64."""
    return w.add("Cast", w.input(node["x"]), to=package().helper.np_dtype_to_tensor_dtype(node.output.dtype))


@row(Concatenate)
def concatenate(w, node):
    """Tensors one after the other."""
    arrays = node["arrays"]
    return w.add("Concat", *(w.input(x) for x in arrays), axis=node["axis"])


@row(Pad)
def pad(w, node):
    """A constant, a mirror image, the edge, or the other side, which opset 17 lacks: slices put on either end."""
    x, widths, mode = node["x"], node["widths"], node["mode"]
    name = w.input(x)
    if mode != "wrap":
        pads = w.integers([before for before, _ in widths] + [after for _, after in widths])
        fill = [w.constant(node["value"], x.dtype)] if mode == "constant" else []
        return w.add("Pad", name, pads, *fill, mode=mode)
    for axis, (before, after) in enumerate(widths):
        n = x.shape[axis]
        parts = [_sliced(w, name, axis, n - before, n, 1)] if before else []
        parts += [name] + ([_sliced(w, name, axis, 0, after, 1)] if after else [])
        if len(parts) > 1:
            name = w.add("Concat", *parts, axis=axis)
    return name


def _sliced(w, name, axis, start, stop, step):
    return w.add("Slice", name, *(w.integers(number) for number in (start, stop, axis, step)))


@row(Index)
def index(w, node):
    """Numbers, slices and None; or one vector of integers along one axis."""
    x, key = node["x"], node["key"]
    key = list(key) if isinstance(key, tuple) else [key]
    if not node["basic"] and not all(_is_vector(k) or isinstance(k, slice) or k is Ellipsis for k in key):
        raise Refused("has an index of masks or of arrays of several axes; use slices or one vector of integers")
    if sum(map(_is_vector, key)) > 1:
        raise Refused("has an index of several arrays; index one axis after the other")
    key = _spelled(key, x.ndim)
    name, axis, dropped, made = w.input(x), 0, [], []
    for place, k in enumerate(key):
        if k is None:
            made.append(place)
            continue
        name = _taken(w, name, x, axis, k)
        dropped += [axis] if not isinstance(k, slice) and not _is_vector(k) else []
        axis += 1
    if dropped:
        name = w.add("Squeeze", name, w.integers(dropped))
    if made:
        before = [sum(1 for other in key[:place] if other is None or isinstance(other, slice) or _is_vector(other))
                  for place in made]
        name = w.add("Unsqueeze", name, w.integers(before))
    return name if name != w.input(x) else w.add("Identity", name)


def _is_vector(k):
    return not isinstance(k, slice) and k is not None and k is not Ellipsis and np.ndim(k) == 1 \
        and np.asarray(k).dtype.kind in "iu"


def _spelled(key, ndim):
    """The key with an entry for every axis."""
    given = sum(k is not None and k is not Ellipsis for k in key)
    rest = [slice(None)] * (ndim - given)
    place = next((n for n, k in enumerate(key) if k is Ellipsis), len(key))
    return [*key[:place], *rest, *key[place + 1:]]


def _taken(w, name, x, axis, k):
    """What `k` takes along an axis, which stays."""
    if isinstance(k, slice) and k == slice(None):
        return name
    if axis in w.graph.free(x):
        raise Refused(f"takes {k} of the axis of the samples, whose number the file leaves open")
    n = x.shape[axis]
    if _is_vector(k):
        return w.add("Gather", name, w.constant(np.asarray(k, np.int64) % n), axis=axis)
    if not isinstance(k, slice):
        k = slice(int(k) % n, int(k) % n + 1)
    start, stop, step = k.indices(n)
    return _sliced(w, name, axis, start, _LAST if stop < 0 else stop, step)
