"""Twin of `_core/elementwise.pyx`: activations and addition; the formulas are the rows of activations.py."""

import numpy as np

from tinydl._core.reference.activations import ROWS

__all__ = ["activation_backward", "activation_forward", "add", "relu_backward", "relu_forward"]


def activation_forward(name, x, y, parameter, n_threads=1):
    """y = the activation `name` of x."""
    row = ROWS[name]
    with np.errstate(invalid="ignore", over="ignore"):
        y[...] = row.value(np.asarray(x, np.float64), *row.arguments(parameter))


def activation_backward(name, saved, dy, dx, parameter, n_threads=1):
    """dx = dy times the derivative, from what the row wants saved: x or y."""
    row = ROWS[name]
    with np.errstate(invalid="ignore", over="ignore"):
        dx[...] = row.gradient(np.asarray(saved, np.float64), dy, *row.arguments(parameter))


def relu_forward(x, y, n_threads=1):
    """y = max(x, 0); NaN passes."""
    y[...] = np.where(x < 0, 0, x)


def relu_backward(y, dy, dx, n_threads=1):
    """dx = dy where y > 0 (or NaN), else 0."""
    dx[...] = np.where(y <= 0, 0, dy)


def add(a, b, y, n_threads=1):
    """y = a + b; y may be a or b."""
    y[...] = a + b
