"""Leaky rectified linear unit."""

from tinydl import layout
from tinydl._core import elementwise
from tinydl.ops._activation import Activation, run, run_backward
from tinydl.ops.checks import as_tensor, need_float

__all__ = ["leaky_relu"]


class LeakyReLU(Activation):
    """y = x for x > 0, s x otherwise; dx = dy or s dy."""

    @staticmethod
    def forward(ctx, x, slope):
        x = layout.channels_last(x)
        ctx.save_for_backward(x, slope)
        return run(elementwise.leaky_relu_forward, x, slope)

    @staticmethod
    def backward(ctx, dy):
        x, slope = ctx.saved_tensors
        return run_backward(elementwise.leaky_relu_backward, x, dy, slope)


def leaky_relu(x, negative_slope=0.01):
    """x where x > 0, negative_slope * x elsewhere; at 0 the gradient is negative_slope dy.

    Parameters
    ----------
    x : Tensor
    negative_slope : float
    """
    x = as_tensor(x)
    need_float(x, "leaky_relu")
    return LeakyReLU.apply(x, slope=negative_slope)
