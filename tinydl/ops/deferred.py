"""Values and gradients that nobody has computed yet: what batch norm, ReLU and residual sums leave to their readers.

After its statistics are known, batch norm is a map scale*(x - centre) + shift per channel and ReLU a clamp of it.
Writing the result costs a pass over memory that the next operation can save by applying the map while it loads. The
same holds for batch norm's gradient, a*dz' + b*(x - centre) + c per channel. `Affine` and `DeferredGradient` carry such
a pending map; `materialise` carries it out for readers that know nothing of it.
"""

import numpy as np

from tinydl import layout
from tinydl._core import batchnorm, batchnorm_backward, elementwise
from tinydl._core.operands import Map, Pending
from tinydl._core.parallel import get_num_threads

__all__ = ["Affine", "ConvResult", "DeferredGradient", "array_of", "operand"]


class Affine:
    """The value `map` of x [+ residual], clamped after the sum if map.relu.

    Parameters
    ----------
    x : numpy.ndarray (N, C, *spatial)
        What batch norm read.
    map : Map
        Without scale and shift for a plain ReLU.
    residual : numpy.ndarray or Affine without residual and relu, optional
    """

    __slots__ = ("x", "map", "residual", "value")

    def __init__(self, x, map, residual=None):
        self.x, self.map, self.residual = x, map, residual
        self.value = None

    @property
    def shape(self):
        return self.x.shape

    @property
    def dtype(self):
        return self.x.dtype

    @property
    def relu(self):
        return self.map.relu

    @property
    def is_plain(self):
        """Whether a reader can apply the map by itself: there is no second array to add."""
        return self.residual is None and self.value is None

    def with_relu(self):
        """The same value after ReLU."""
        return Affine(self.x, self.map.with_relu(), self.residual)

    @classmethod
    def relu_of(cls, x):
        """max(x, 0)."""
        return cls(x, Map(relu=True))

    def materialise(self):
        """The value as an array; computed once."""
        if self.value is None:
            residual, on_residual = self.residual, None
            if isinstance(residual, Affine):
                if residual.value is not None:
                    residual = residual.value
                else:
                    residual, on_residual = residual.x, residual.map
            y = layout.empty_like(self.x)
            if self.map.scale is None:
                elementwise.relu_forward(self.x, y, get_num_threads())
            else:
                batchnorm.affine_forward(self.x, self.map, residual, on_residual, y, get_num_threads())
            self.value = y
        return self.value


class ConvResult:
    """A convolution's result; maybe with per-channel sums that it made while it was in registers.

    Parameters
    ----------
    array : numpy.ndarray (N, C, *spatial)
    moments : Moments or None
        Of the array.
    """

    __slots__ = ("array", "moments")

    def __init__(self, array, moments):
        self.array, self.moments = array, moments

    @property
    def shape(self):
        return self.array.shape

    @property
    def dtype(self):
        return self.array.dtype

    def materialise(self):
        """The array."""
        return self.array


class DeferredGradient:
    """The gradient dz, masked by the ReLU of `affine`, then mapped to a*dz' + b*(x - centre) + c where there is a map.

    Parameters
    ----------
    dz : numpy.ndarray
    affine : Affine
        Whose x and map the mask and the gradient's map read.
    relu : bool
        Whether dz' is dz where the map's value is above 0, or dz itself.
    sums : numpy.ndarray (G, 2, C), optional
        Partial sums of dz' and dz' * (x - centre) that the operation above made while dz was in registers.
    coefficients : tuple of three numpy.ndarray (C,), optional
        a, b, c of batch norm's gradient.
    """

    __slots__ = ("dz", "affine", "relu", "sums", "coefficients", "value")

    def __init__(self, dz, affine, relu=False, sums=None, coefficients=()):
        self.dz, self.affine, self.relu, self.sums, self.coefficients = dz, affine, relu, sums, coefficients
        self.value = None

    @property
    def shape(self):
        return self.dz.shape

    @property
    def dtype(self):
        return self.dz.dtype

    @property
    def pending(self):
        """The gradient as kernels take it, a `Pending`; None where nothing is pending."""
        if self.value is not None or not self.coefficients and not self.relu:
            return None
        mask = self.affine.map
        if mask.relu != self.relu:
            mask = Map(mask.scale, mask.shift, mask.centre, self.relu)
        return Pending(layout.channels_last(self.dz), self.affine.x, mask, *self.coefficients)

    def materialise(self):
        """The gradient as an array; computed once."""
        if self.value is None:
            pending = self.pending
            if pending is None:
                self.value = self.dz
            else:
                dx = layout.empty_like(self.affine.x)
                batchnorm_backward.backward_apply(pending, dx, get_num_threads())
                self.value = dx
        return self.value


def array_of(x):
    """The array of a value or gradient, computed where it is deferred."""
    return x if isinstance(x, np.ndarray) else x.materialise()


def operand(x):
    """What a reader that applies maps itself takes: an array and its `Map` or None."""
    if isinstance(x, np.ndarray):
        return layout.channels_last(x), None
    if isinstance(x, Affine) and x.is_plain:
        return x.x, x.map
    return layout.channels_last(x.materialise()), None
