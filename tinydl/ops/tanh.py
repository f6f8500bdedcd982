"""Hyperbolic tangent."""

from tinydl._core import elementwise
from tinydl.ops._activation import Activation, run, run_backward
from tinydl.ops.checks import as_tensor, need_float

__all__ = ["tanh"]


class Tanh(Activation):
    """y = tanh(x); dx = (1 - y^2) dy."""

    @staticmethod
    def forward(ctx, x):
        y = run(elementwise.tanh_forward, x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return run_backward(elementwise.tanh_backward, y, dy)


def tanh(x):
    """tanh(x) = (e^x - e^-x) / (e^x + e^-x), element by element; the gradient is (1 - y^2) dy."""
    x = as_tensor(x)
    need_float(x, "tanh")
    return Tanh.apply(x)
