"""The kernels of frozen networks: what packs their filters, and what makes a step of them."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinydl._core import inference
from tinydl.ops.conv_algorithm import takes_winograd

__all__ = [
    "Kernel", "activation", "average", "channelwise", "convolution", "copy", "global_mean", "maximum", "product",
]


class Kernel(NamedTuple):
    """How a step is made.

    Attributes
    ----------
    step : callable
        ``step(filters, n, n_tasks, relu)`` makes it for n images at once, an image cut into about n_tasks tasks;
        filters are None where the kernel has none.
    macs : int
        Work of an image in multiply-adds, or elements read where there are none.
    kind : hashable
        Filters packed for this kind serve every kernel of it.
    pack : callable
        ``pack(weight, bias)`` makes the filters.
    takes : str
        What happens to a result before it is stored: 'relu', 'residual'.
    by_row : bool
        Whether the step takes many images at once, as rows of a matrix, so that it is not worth cutting them.
    form : tuple
        What it computes, for who writes it elsewhere: the name of a function of this module and its numbers.
    """

    step: Callable
    macs: int
    kind: Any = None
    pack: Any = None
    takes: str = ""
    by_row: bool = False
    form: tuple = ()


def convolution(geometry, dtype, algorithm):
    """A convolution of `geometry`, whose N does not count."""
    return _convolution(geometry, dtype, algorithm)._replace(form=("convolution", geometry))


def _convolution(geometry, dtype, algorithm):
    _, C, _, _, O, KH, KW, *_, G, P, Q = geometry
    macs, takes = O * (C // G) * KH * KW * P * Q, "relu residual"
    if G > 1 and G == C == O:
        return Kernel(lambda f, n, n_tasks, relu: inference.conv_step(f, geometry, relu, n_tasks), macs, "depthwise",
                      lambda w, b: inference.conv_filters(w, b, G), takes)
    if takes_winograd(geometry, dtype, algorithm, transformed=True):
        return Kernel(lambda f, n, n_tasks, relu: inference.winograd_step(f, (n, *geometry[1:]), relu, n_tasks), macs,
                      "winograd", inference.winograd_filters, takes)
    return Kernel(lambda f, n, n_tasks, relu: inference.conv_step(f, geometry, relu, n_tasks), macs, ("direct", G),
                  lambda w, b: inference.conv_filters(w, b, G), takes)


def channelwise(C, positions):
    """[relu](scale*x + shift + residual) on C channels: a depthwise convolution with windows of one entry."""
    geometry = (1, C, 1, positions, C, 1, 1, 1, 1, 0, 0, 1, 1, C, 1, positions)
    return Kernel(lambda f, n, n_tasks, relu: inference.conv_step(f, geometry, relu, n_tasks), C * positions,
                  "channelwise", lambda w, b: inference.conv_filters(w, b, C), "relu residual",
                  form=("convolution", geometry))


def product(K, O, value):
    """The product with a matrix (O, K) of a value that fills its store of K entries, in whatever order."""
    def pack(w, b):
        rows = np.empty((K, O), np.float32)
        rows[value.offsets()] = w.T
        return inference.linear_filters(rows, b)

    order = value.at, value.dims
    return Kernel(lambda f, n, n_tasks, relu: inference.linear_step(f, relu), K * O, order, pack, "relu", True,
                  ("product", value.offsets()))


def maximum(geometry):
    """The maximum of each window."""
    return Kernel(lambda f, n, n_tasks, relu: inference.max_pool_step(geometry), math.prod(geometry[1:4]),
                  form=("maximum", geometry))


def average(geometry, count_include_pad):
    """The mean of each window."""
    return Kernel(lambda f, n, n_tasks, relu: inference.avg_pool_step(geometry, count_include_pad),
                  math.prod(geometry[1:4]), form=("average", geometry, count_include_pad))


def global_mean(C, positions):
    """The mean over all positions."""
    return Kernel(lambda f, n, n_tasks, relu: inference.global_avg_pool_step(C, positions), C * positions,
                  form=("global_mean", C, positions))


def activation(name, size, parameter):
    """The activation `name`, element by element."""
    return Kernel(lambda f, n, n_tasks, relu: inference.activation_step(name, size, parameter), size,
                  form=("activation", name, size, parameter))


def copy(axes, n_in, x_at, n_out, y_at, fill):
    """Elements of one value into places of another; see `copy_step`."""
    return _copy(axes, n_in, x_at, n_out, y_at, fill)._replace(form=("copy", axes, x_at, y_at, fill))


def _copy(axes, n_in, x_at, n_out, y_at, fill):
    if len(axes) == 2 and n_in == n_out == axes[0][0] * axes[1][0]:
        (rows, *outer), (cols, *inner) = sorted(axes, key=lambda axis: -axis[1])
        if outer == [cols, 1] and inner == [1, rows]:
            return Kernel(lambda f, n, n_tasks, relu: inference.transpose_step(rows, cols), 0)
    return Kernel(lambda f, n, n_tasks, relu: inference.copy_step(axes, n_in, x_at, n_out, y_at, fill), 0)
