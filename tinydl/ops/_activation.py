"""The common shape of an activation: one kernel forward, one backward, on dense arrays."""

from tinydl import layout
from tinydl._core.parallel import get_num_threads
from tinydl.function import Operation
from tinydl.graph import Description

__all__ = ["Activation", "run"]


def run(kernel, array, *arguments):
    """kernel(array, out, *arguments, n_threads) into a new array of the same shape."""
    array = layout.channels_last(array)
    out = layout.empty(array.shape, array.dtype)
    kernel(array, out, *arguments, get_num_threads())
    return out


def run_backward(kernel, saved, dy, *arguments):
    """kernel(saved, dy, dx, *arguments, n_threads) into a new array; the three have one memory order."""
    dx = layout.empty(saved.shape, saved.dtype)
    kernel(saved, layout.channels_last(dy), dx, *arguments, get_num_threads())
    return dx


class Activation(Operation):
    """Base of the activations."""

    @staticmethod
    def describe(node):
        return Description(kind="diagonal")
