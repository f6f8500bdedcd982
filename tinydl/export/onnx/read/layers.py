"""Nodes that become layers: those with trained weights and a mode.

`LAYERS` holds, by operator, a function of (op, arrays, rank) that returns the layer with its weights, or None where the
node is something more general, which a row of the table computes. `arrays` are the constant inputs by place, None for
what is absent or computed.
"""

import numpy as np

from tinydl import nn, ops
from tinydl.export.onnx.read.windows import need_axes, paddings, surrounded
from tinydl.tensor import Parameter

__all__ = ["LAYERS"]


class PaddedConv1d(nn.Conv1d):
    """A convolution with another padding before than after."""

    sides: tuple = ()

    def forward(self, x, about=None):
        """Pad, then convolve."""
        return super().forward(surrounded(x, *self.sides), about)


class PaddedConv2d(nn.Conv2d):
    """A convolution with another padding before than after."""

    sides: tuple = ()

    def forward(self, x, about=None):
        """Pad, then convolve."""
        return super().forward(surrounded(x, *self.sides), about)


class CroppedConvTranspose1d(nn.ConvTranspose1d):
    """A transposed convolution of whose result the ends are cut off."""

    sides: tuple = ()

    def forward(self, x):
        """Convolve, then cut."""
        return _cropped(super().forward(x), *self.sides)


class CroppedConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution of whose result the ends are cut off."""

    sides: tuple = ()

    def forward(self, x):
        """Convolve, then cut."""
        return _cropped(super().forward(x), *self.sides)


def _cropped(y, before, after):
    return y[(slice(None), slice(None), *(slice(b, n - a) for b, a, n in zip(before, after, y.shape[2:],
                                                                                strict=True)))]


def _filled(layer, weight, bias):
    layer.weight.data[...] = weight
    if bias is not None:
        layer.bias.data[...] = np.reshape(bias, -1)
    return layer


def _conv(op, arrays, rank):
    _, weight, *bias = arrays
    bias = bias[0] if bias else None
    if weight is None or len(op.inputs) > 2 and op.inputs[2] and bias is None:
        op.refuse("has filters that are computed", "they must be constant")
    window = weight.shape[2:]
    need_axes(op, len(window))
    stride, dilation = (tuple(op.get(name, [1] * len(window))) for name in ("strides", "dilations"))
    sides = paddings(op, None, window, stride, dilation)
    settings = dict(kernel_size=window, stride=stride, dilation=dilation, groups=op.get("group", 1),
                    bias=bias is not None)
    channels = weight.shape[1] * settings["groups"], weight.shape[0]
    plain, padded = ((nn.Conv1d, PaddedConv1d), (nn.Conv2d, PaddedConv2d))[len(window) - 1]
    if sides is None and op["auto_pad"] == "SAME_UPPER":
        return _filled(plain(*channels, padding="same", **settings), weight, bias)
    if sides is None:
        op.refuse("has auto_pad='SAME_LOWER'", "export with padding in numbers")
    if sides[0] == sides[1]:
        return _filled(plain(*channels, padding=tuple(sides[0]), **settings), weight, bias)
    layer = _filled(padded(*channels, **settings), weight, bias)
    layer.sides = tuple(map(tuple, sides))
    return layer


def _conv_transpose(op, arrays, rank):
    _, weight, *bias = arrays
    bias = bias[0] if bias else None
    if weight is None:
        op.refuse("has filters that are computed", "they must be constant")
    window = weight.shape[2:]
    need_axes(op, len(window))
    ones, none = [1] * len(window), [0] * len(window)
    if op.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or "output_shape" in op.attributes:
        op.refuse("says the shape of its result and not its padding", "export with pads and output_padding")
    stride, dilation = tuple(op.get("strides", ones)), tuple(op.get("dilations", ones))
    pads, extra = list(op.get("pads", none * 2)), list(op.get("output_padding", none))
    before, after = pads[:len(window)], pads[len(window):]
    settings = dict(kernel_size=window, stride=stride, dilation=dilation, groups=op.get("group", 1),
                    bias=bias is not None)
    channels = weight.shape[0], weight.shape[1] * settings["groups"]
    plain, cropped = ((nn.ConvTranspose1d, CroppedConvTranspose1d),
                      (nn.ConvTranspose2d, CroppedConvTranspose2d))[len(window) - 1]
    if before == after:
        return _filled(plain(*channels, padding=tuple(before), output_padding=tuple(extra), **settings), weight, bias)
    layer = _filled(cropped(*channels, **settings), weight, bias)
    cut = [a - e for a, e in zip(after, extra, strict=True)]
    if min(cut) < 0:
        op.refuse(f"has pads={pads} and output_padding={extra}", "export with the same padding on both sides")
    layer.sides = tuple(before), tuple(cut)
    return layer


def _gemm(op, arrays, rank):
    _, weight, *bias = arrays
    bias = bias[0] if bias else None
    plain = op.get("alpha", 1.0) == op.get("beta", 1.0) == 1.0 and not op.get("transA", 0)
    if weight is None or not plain or len(op.inputs) > 2 and (bias is None or bias.size != weight.shape[
            0 if op.get("transB", 0) else 1]):
        return None
    weight = weight if op.get("transB", 0) else weight.T
    return _filled(nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None), weight, bias)


def _matmul(op, arrays, rank):
    weight, bias = arrays[1], arrays[2] if len(arrays) > 2 else None
    if weight is None or weight.ndim != 2 or rank == 1:
        return None
    return _filled(nn.Linear(*weight.shape, bias=bias is not None), weight.T, bias)


def _batch_norm(op, arrays, rank):
    _, scale, bias, mean, var = arrays
    if any(array is None for array in (scale, bias, mean, var)):
        op.refuse("has statistics that are computed", "they must be constant")
    if op.get("training_mode", 0) and len(op.outputs) > 1:
        # A file that was exported for training: the running statistics are results there, which nobody needs here.
        op.outputs = op.outputs[:1]
    kind = nn.BatchNorm1d if rank in (2, 3) else nn.BatchNorm2d
    layer = kind(scale.size, eps=op.get("epsilon", 1e-5), momentum=1 - op.get("momentum", 0.9))
    _filled(layer, scale, bias)
    layer.running_mean[...], layer.running_var[...] = mean, var
    return layer


def _dropout(op, arrays, rank):
    ratio = arrays[1] if len(arrays) > 1 else op.get("ratio")
    op.outputs = op.outputs[:1]
    return nn.Dropout(0.5 if ratio is None else float(ratio))


class PReLU(nn.Module):
    """x where x > 0, weight * x elsewhere."""

    def __init__(self, weight):
        self.weight = Parameter(np.array(weight, np.float32))

    def forward(self, x):
        """Element by element, a slope for each channel."""
        return ops.relu(x) - ops.relu(-x) * self.weight


def _prelu(op, arrays, rank):
    if arrays[1] is None:
        op.refuse("has slopes that are computed", "they must be constant")
    return PReLU(arrays[1])


LAYERS = {"Conv": _conv, "ConvTranspose": _conv_transpose, "Gemm": _gemm, "MatMul": _matmul,
          "BatchNormalization": _batch_norm, "Dropout": _dropout, "PRelu": _prelu}
