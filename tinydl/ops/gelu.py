"""Gaussian error linear unit."""

from tinydl import layout
from tinydl._core import elementwise
from tinydl.ops._activation import Activation, run, run_backward
from tinydl.ops.checks import as_tensor, need_float

__all__ = ["gelu"]


class GELU(Activation):
    """y = x Phi(x); dx = (Phi(x) + x phi(x)) dy."""

    @staticmethod
    def forward(ctx, x):
        x = layout.channels_last(x)
        ctx.save_for_backward(x)
        return run(elementwise.gelu_forward, x)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return run_backward(elementwise.gelu_backward, x, dy)


def gelu(x):
    """x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2 the normal distribution (Hendrycks and Gimpel, 2016)."""
    x = as_tensor(x)
    need_float(x, "gelu")
    return GELU.apply(x)
