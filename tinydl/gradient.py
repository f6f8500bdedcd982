"""Gradient: what travels back through the graph, an array or one that waits for its reader to compute it."""

import numpy as np

from tinydl import config, layout
from tinydl._core import batchnorm_backward, elementwise
from tinydl._core.parallel import team

__all__ = ["Gradient"]


class Gradient:
    """dL/d(value) on its way from the operations that read a value to the one that made it.

    Parameters
    ----------
    array : numpy.ndarray, or None
        None while `pending` waits.
    owned : bool
        Whether nobody else holds the array, so that it may be added to in place.
    pending : Pending, optional
        What kernels compute the gradient from as they load it.
    sums : numpy.ndarray (G, 2, C), optional
        For the batch norm that read `summed`: sums of dz' and dz' * (x - centre), made while dz was in registers.
    summed : Dense, optional
        The value x of these sums.
    """

    __slots__ = ("_array", "owned", "pending", "sums", "summed")

    def __init__(self, array, owned=True, pending=None, sums=None, summed=None):
        self._array, self.owned, self.pending, self.sums, self.summed = array, owned, pending, sums, summed

    @classmethod
    def waiting(cls, pending, sums=None, summed=None):
        """The gradient that `pending` stands for, computed by its reader."""
        waiting = cls(None, True, pending, sums, summed)
        if not config.mode.deferral:
            waiting.array()
        return waiting

    @property
    def shape(self):
        return self.pending.dz.shape if self._array is None else self._array.shape

    @property
    def dtype(self):
        return self.pending.dz.dtype if self._array is None else self._array.dtype

    def array(self):
        """The gradient as an array; what waits is computed once."""
        if self._array is None:
            dx = layout.empty_like(self.pending.y)
            batchnorm_backward.backward_apply(self.pending, dx, team())
            self._array, self.pending = dx, None
        return self._array

    def operand(self):
        """What a kernel takes that computes pending gradients itself: a `Pending` or a channels-last array."""
        return layout.channels_last(self._array) if self.pending is None else self.pending

    def shared(self):
        """The same gradient for several readers, none of which may write to it."""
        self.owned = False
        return self

    def plus(self, other):
        """The sum of two gradients, in the memory of one that nobody else holds."""
        x, y = self.array(), other.array()
        if x.strides != y.strides or x.dtype != y.dtype or not (x.flags.c_contiguous or layout.is_channels_last(x)):
            return Gradient(np.asarray(np.add(x, y)))
        out = x if self.owned and x.flags.writeable else y if other.owned and y.flags.writeable else None
        if out is None:
            out = layout.empty_like(x)
        elementwise.add(x, y, out, team())
        return Gradient(out)
