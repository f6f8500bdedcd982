"""Exponential linear unit."""

from tinydl import layout
from tinydl._core import elementwise
from tinydl.ops._activation import Activation, run, run_backward
from tinydl.ops.checks import as_tensor, need_float

__all__ = ["elu"]


class ELU(Activation):
    """y = x for x > 0, a (exp(x) - 1) otherwise; dx = dy or a exp(x) dy."""

    @staticmethod
    def forward(ctx, x, alpha):
        x = layout.channels_last(x)
        ctx.save_for_backward(x, alpha)
        return run(elementwise.elu_forward, x, alpha)

    @staticmethod
    def backward(ctx, dy):
        x, alpha = ctx.saved_tensors
        return run_backward(elementwise.elu_backward, x, dy, alpha)


def elu(x, alpha=1.0):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere (Clevert et al., 2015).

    Parameters
    ----------
    x : Tensor
    alpha : float
    """
    x = as_tensor(x)
    need_float(x, "elu")
    return ELU.apply(x, alpha=alpha)
