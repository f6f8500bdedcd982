"""The steps of a program on the rows of a signal that comes bit by bit; a row is what all channels have at one time.

Each step is called with the rows that are new, (n, numbers of a row), and returns those of its result that they
complete. What it needs again later it keeps, so that nothing is computed twice.
"""

import numpy as np

from tinydl.export import windows
from tinydl.export.floats import mapped

__all__ = ["Map", "Shift", "Windows"]


class Windows:
    """A convolution or pool over the rows that it holds; a row is what all channels have at one time.

    Parameters
    ----------
    step : Step
    geometry : ConvGeometry or PoolGeometry
        With time along H.
    stride : int
    """

    def __init__(self, step, geometry, stride):
        self.step, self.geometry, self.stride = step, geometry, stride
        self.reach = geometry.reach[0]
        if step.kind == "conv":
            g = geometry
            self._weight = step.weight.reshape(g.O, g.KH, g.KW, g.C // g.G)
        self.reset()

    def reset(self):
        """Forget all rows."""
        g = self.geometry
        self._held, self._late = np.zeros((0, g.W * g.C), np.float32), 0
        self._sums = self._residual = np.zeros((0, self.width), np.float32)

    def __call__(self, rows, residual):
        """The rows that are complete with these new ones."""
        # Where the stride is longer than the window, some rows are read by none.
        self._held, self._late = (np.concatenate([self._held, rows[self._late:]]), max(0, self._late - len(rows)))
        n = max(0, (len(self._held) - self.reach) // self.stride + 1)
        y = self._computed(self._held[:(n - 1) * self.stride + self.reach], n) if n else self._sums[:0]
        self._held, self._late = self._held[n * self.stride:], self._late + max(0, n * self.stride - len(self._held))
        if residual is not None:  # one of the two may be ahead
            self._sums = np.concatenate([self._sums, y])
            self._residual = np.concatenate([self._residual, residual])
            n = min(len(self._sums), len(self._residual))
            y = self._sums[:n] + self._residual[:n]
            self._sums, self._residual = self._sums[n:], self._residual[n:]
        return np.maximum(y, 0) if self.step.relu else y

    @property
    def width(self):
        """Numbers of a row of the result."""
        return self.geometry.Q * (self.geometry.O if self.step.kind == "conv" else self.geometry.C)

    def _computed(self, held, n):
        g, held = self.geometry._replace(H=len(held), P=n, SH=self.stride), held.reshape(1, -1)
        if self.step.kind == "conv":
            y = windows.convolved(held, self._weight, g).reshape(n * g.Q, g.O) + self.step.bias
        elif self.step.kind == "max":
            y = windows.pooled(held, g, np.max, -np.inf)
        else:
            count = windows.counts(g, self.step.include).astype(np.float32)
            y = windows.pooled(held, g, np.sum, 0).reshape(n * g.Q, g.C) / count[:, None]
        return y.reshape(n, self.width)


class Map:
    """An activation."""

    def __init__(self, step):
        self.step = step

    def reset(self):
        """There is no state."""

    def __call__(self, rows, residual):
        return mapped(rows, self.step).astype(np.float32)


class Shift:
    """Rows of `fill` before the first one, or the first rows left out."""

    def __init__(self, before, after, fill, width):
        self.before, self.after = np.full((before, width), fill, np.float32), after
        self.reset()

    def reset(self):
        """The next row is the first one."""
        self._before, self._after = self.before, self.after

    def __call__(self, rows, residual):
        rows, self._after = rows[self._after:], max(0, self._after - len(rows))
        rows, self._before = np.concatenate([self._before, rows]), self._before[:0]
        return rows
