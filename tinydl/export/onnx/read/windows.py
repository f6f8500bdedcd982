"""Operators with windows: paddings of any kind become symmetric ones or a padding of their own."""

import numpy as np

from tinydl import ops
from tinydl.export.onnx.read.table import operator
from tinydl.tensor import Tensor

__all__ = ["need_axes", "paddings", "surrounded"]


def paddings(op, sizes, window, stride, dilation):
    """Padding before and after each spatial axis, as auto_pad or pads say it; None where it depends on the sizes."""
    n, auto = len(window), op.get("auto_pad", "NOTSET")
    if auto in ("NOTSET", ""):
        pads = list(op.get("pads", [0] * 2 * n))
        if min(pads) < 0:
            op.refuse(f"has the padding {pads}", "paddings are at least 0; cut the input with a slice before it")
        return pads[:n], pads[n:]
    if auto == "VALID":
        return [0] * n, [0] * n
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        op.refuse(f"has auto_pad={auto!r}", "known are NOTSET, VALID, SAME_UPPER and SAME_LOWER")
    if sizes is None:
        return None
    before, after = [], []
    for size, k, s, d in zip(sizes, window, stride, dilation, strict=True):
        total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
        less, more = total // 2, total - total // 2
        before.append(less if auto == "SAME_UPPER" else more)
        after.append(more if auto == "SAME_UPPER" else less)
    return before, after


def surrounded(x, before, after, fill=0.0):
    """x with padding of its own."""
    if not any(before) and not any(after):
        return x
    widths = [width for pair in zip(reversed(before), reversed(after), strict=True) for width in pair]
    return ops.pad(x, widths, value=fill)


def _settings(op):
    window = list(op["kernel_shape"])
    ones = [1] * len(window)
    return window, list(op.get("strides", ones)), list(op.get("dilations", ones))


def need_axes(op, n):
    """Refuse windows that are neither of a signal nor of an image."""
    if n not in (1, 2):
        op.refuse(f"has windows of {n} axes", "there are networks for signals and images here")


def _ceiled(op, sizes, window, stride, dilation, before, after):
    """Padding behind the last entry with what the last, cut-off windows of ceil_mode need."""
    if not op.get("ceil_mode", 0):
        return after
    found = []
    for size, k, s, d, b, a in zip(sizes, window, stride, dilation, before, after, strict=True):
        room = size + b + a - d * (k - 1) - 1
        count = -(-room // s) + 1
        count -= (count - 1) * s >= size + b  # the last one must begin inside
        found.append(max(a, (count - 1) * s + d * (k - 1) + 1 - size - b))
    return found


@operator("MaxPool")
def max_pool(op, x):
    """The maximum of each window; padding counts as -inf."""
    if len(op.outputs) > 1:
        op.refuse("asks for the places of the maxima", "only their values are made here")
    window, stride, dilation = _settings(op)
    need_axes(op, len(window))
    before, after = paddings(op, x.shape[2:], window, stride, dilation)
    pool = ops.max_pool1d if len(window) == 1 else ops.max_pool2d
    ceil = bool(op.get("ceil_mode", 0))
    if before == after and all(2 * p <= k for p, k in zip(before, window, strict=True)):
        return pool(x, tuple(window), tuple(stride), tuple(before), tuple(dilation), ceil)
    after = _ceiled(op, x.shape[2:], window, stride, dilation, before, after)
    return pool(surrounded(x, before, after, -np.inf), tuple(window), tuple(stride), 0, tuple(dilation))


@operator("AveragePool")
def average_pool(op, x):
    """The mean of each window, of the entries that count."""
    window, stride, dilation = _settings(op)
    need_axes(op, len(window))
    if any(d != 1 for d in dilation):
        op.refuse(f"has dilations={dilation}", "averages of neighbours are made here")
    include, sizes = bool(op.get("count_include_pad", 0)), x.shape[2:]
    before, after = paddings(op, sizes, window, stride, dilation)
    pool = ops.avg_pool1d if len(window) == 1 else ops.avg_pool2d
    ceil = bool(op.get("ceil_mode", 0))
    if before == after and all(2 * p <= k for p, k in zip(before, window, strict=True)):
        return pool(x, tuple(window), tuple(stride), tuple(before), ceil, include)
    behind = _ceiled(op, sizes, window, stride, dilation, before, after)
    # The mean of all entries by the share of those that count.
    counts = np.ones((1, 1, *[size + (b + a) * include for size, b, a in zip(sizes, before, after, strict=True)]),
                     np.float32)
    rest = [b - a for b, a in zip(behind, after, strict=True)] if include else behind
    shares = pool(surrounded(Tensor(counts), [0] * len(before) if include else before, rest), tuple(window),
                  tuple(stride))
    return pool(surrounded(x, before, behind), tuple(window), tuple(stride)) / shares


@operator("GlobalAveragePool")
def global_average_pool(op, x):
    """The mean over all positions."""
    return ops.mean(x, tuple(range(2, x.ndim)), keepdims=True)


@operator("GlobalMaxPool")
def global_max_pool(op, x):
    """The maximum over all positions."""
    return ops.max(x, tuple(range(2, x.ndim)), keepdims=True)
