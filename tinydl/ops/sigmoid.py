"""Logistic function."""

from tinydl._core import elementwise
from tinydl.ops._activation import Activation, run, run_backward
from tinydl.ops.checks import as_tensor, need_float

__all__ = ["sigmoid"]


class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)); dx = y (1 - y) dy."""

    @staticmethod
    def forward(ctx, x):
        y = run(elementwise.sigmoid_forward, x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return run_backward(elementwise.sigmoid_backward, y, dy)


def sigmoid(x):
    """1 / (1 + exp(-x)), element by element; the gradient is y (1 - y) dy."""
    x = as_tensor(x)
    need_float(x, "sigmoid")
    return Sigmoid.apply(x)
