"""A program in float32 with NumPy: what quantisation measures the ranges of values with."""

import numpy as np

from tinydl.export import windows
from tinydl.ops.activations import ROWS

__all__ = ["run"]


def run(program, rows):
    """The values of all stores, a list; None where nothing is.

    Parameters
    ----------
    program : Program
    rows : numpy.ndarray of float32, shape (N, elements of the input)
        Images as `tinydl.export.program.laid` lays them.
    """
    stores = [None] * len(program.sizes)
    stores[program.x] = rows
    for step in program.steps:
        x = stores[step.x]
        if step.kind == "conv":
            y = windows.convolved(x, step.weight, step.geometry)
            y = (y.reshape(len(x), -1, step.geometry.O) + step.bias).reshape(len(x), -1)
            if step.residual is not None:
                y += stores[step.residual]
            y = np.maximum(y, 0) if step.relu else y
        elif step.kind == "max":
            y = windows.pooled(x, step.geometry, np.max, -np.inf)
        elif step.kind == "mean":
            y = windows.pooled(x, step.geometry, np.sum, 0).reshape(len(x), -1, step.geometry.C)
            y = (y / windows.counts(step.geometry, step.include)[:, None]).reshape(len(x), -1)
        elif step.kind == "map":
            y = mapped(x, step)
        else:
            y = stores[step.y]
            if y is None:
                y = np.zeros((len(x), program.sizes[step.y]), np.float32)
            if step.fill is not None:
                y[:] = step.fill
            windows.copied(x, y, step)
        stores[step.y] = np.asarray(y, np.float32)
    return stores


def mapped(x, step):
    """The activation of a step of kind 'map', in float64."""
    with np.errstate(all="ignore"):
        return ROWS[step.name].at(np.asarray(x, np.float64), step.parameter)
