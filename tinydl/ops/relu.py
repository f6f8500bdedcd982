"""ReLU."""

import numpy as np

from tinydl import layout
from tinydl._core import batchnorm_backward, elementwise
from tinydl._core.operands import Map, Pending
from tinydl._core.parallel import get_num_threads
from tinydl.function import Function
from tinydl.graph import Description
from tinydl.ops.checks import as_tensor, need_float
from tinydl.ops.deferred import Affine, ConvResult, DeferredGradient, array_of

__all__ = ["ReLU", "relu"]


class ReLU(Function):
    """y = max(x, 0), element by element; dx = dy where y > 0, else 0.

    NaN passes in both directions. After a convolution, a batch norm or a residual sum
    the clamp is left to the next operation.

    Source: Nair and Hinton, Rectified linear units improve restricted Boltzmann machines, ICML 2010.
    """

    takes_deferred = True
    takes_deferred_gradient = True
    trusted = True

    @staticmethod
    def forward(ctx, x):
        if isinstance(x, Affine) and not x.relu and x.value is None:
            y = x.with_relu()
        elif isinstance(x, ConvResult):
            y = Affine.relu_of(x.array)
        else:
            x = array_of(x)
            if not (x.flags.c_contiguous or layout.is_channels_last(x)):
                x = layout.channels_last(x)
            y = layout.empty_like(x)
            elementwise.relu_forward(x, y, get_num_threads())
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        if isinstance(y, Affine):
            if y.residual is None:
                # The mask is left to the batch norm below, which reads x anyway.
                sums = dy.sums if isinstance(dy, DeferredGradient) and dy.affine is y else None
                dz = array_of(dy)
                return DeferredGradient(layout.channels_last(dz), y, relu=True, sums=sums)
            return _residual_gradient(y, layout.channels_last(array_of(dy)), ctx.owns_gradient)
        dy = array_of(dy)
        dx = layout.empty_like(y)
        if dy.strides != dx.strides:
            dy, laid = layout.empty_like(y), dy
            dy[...] = laid
        elementwise.relu_backward(y, dy, dx, get_num_threads())
        return dx

    @staticmethod
    def describe(node):
        return Description(kind="diagonal")

    @staticmethod
    def lower(node, builder):
        return builder.clamp(node["x"])


def _residual_gradient(y, dz, in_place):
    """The gradient of a residual sum, with the sums that its batch norm needs made in the same pass."""
    C = y.shape[1]
    sums, masked = np.empty((1, 2, C)), dz if in_place and dz.flags.writeable else layout.empty_like(y.x)
    by_sign = Pending(dz, y.materialise(), Map(relu=True))
    batchnorm_backward.backward_reduce(by_sign, y.x, y.map.centre, sums, masked, get_num_threads())
    return DeferredGradient(masked, y, sums=sums)


def relu(x):
    """max(x, 0), element by element; NaN passes. See `ReLU`."""
    x = as_tensor(x)
    need_float(x, "relu")
    return ReLU.apply(x)
