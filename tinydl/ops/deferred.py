"""Values and gradients that nobody has computed yet: what batch norm, ReLU and residual sums leave to their readers.

After its statistics are known, batch norm is a map scale*x + shift per channel and ReLU a clamp of it. Writing the
result costs a pass over memory that the next operation can save by applying the map while it loads. The same holds for
batch norm's gradient, a*dz' + b*x + c per channel. `Affine` and `DeferredGradient` carry such a pending map;
`materialise` carries it out for readers that know nothing of it.
"""

import numpy as np

from tinydl import layout
from tinydl._core import batchnorm, elementwise
from tinydl._core.parallel import get_num_threads

__all__ = ["Affine", "ConvResult", "DeferredGradient", "array_of", "operand"]


class Affine:
    """The value [relu](scale*x + shift [+ residual]), per channel.

    Parameters
    ----------
    x : numpy.ndarray (N, C, *spatial)
        What batch norm read.
    scale, shift : numpy.ndarray (C,), or None
        None for a plain ReLU.
    mean : numpy.ndarray (C,) or None
        Mean of x, about which the batch norm sums its gradient.
    residual : numpy.ndarray or Affine without residual and relu, optional
    relu : bool
    """

    __slots__ = ("x", "scale", "shift", "mean", "residual", "relu", "value")

    def __init__(self, x, scale, shift, mean=None, residual=None, relu=False):
        self.x, self.scale, self.shift, self.mean = x, scale, shift, mean
        self.residual, self.relu = residual, relu
        self.value = None

    @property
    def shape(self):
        return self.x.shape

    @property
    def dtype(self):
        return self.x.dtype

    @property
    def is_plain(self):
        """Whether a reader can apply the map by itself: there is no second array to add."""
        return self.residual is None and self.value is None

    def with_relu(self):
        """The same value after ReLU."""
        return Affine(self.x, self.scale, self.shift, self.mean, self.residual, True)

    @classmethod
    def relu_of(cls, x):
        """max(x, 0)."""
        return cls(x, None, None, relu=True)

    def materialise(self):
        """The value as an array; computed once."""
        if self.value is None:
            residual, scale, shift = self.residual, None, None
            if isinstance(residual, Affine):
                if residual.value is not None:
                    residual = residual.value
                else:
                    residual, scale, shift = residual.x, residual.scale, residual.shift
            y = layout.empty_like(self.x)
            if self.scale is None:
                elementwise.relu_forward(self.x, y, get_num_threads())
                self.value = y
                return y
            batchnorm.affine_forward(self.x, self.scale, self.shift, residual, scale, shift, self.relu, y,
                                     get_num_threads())
            self.value = y
        return self.value


class ConvResult:
    """A convolution's result; maybe with per-channel sums about `origin`, made while it was in registers.

    Parameters
    ----------
    array : numpy.ndarray (N, C, *spatial)
    sums : numpy.ndarray (G, 2, C) or None
        Partial sums of array - origin and (array - origin)^2.
    origin : numpy.ndarray (C,) or None
    """

    __slots__ = ("array", "sums", "origin")

    def __init__(self, array, sums, origin):
        self.array, self.sums, self.origin = array, sums, origin

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
    """The gradient dz, masked by the ReLU of `affine`, then mapped to a*dz' + b*x + c where `coefficients` are set.

    Parameters
    ----------
    dz : numpy.ndarray
    affine : Affine
        Whose x, scale and shift the mask and the map read.
    relu : bool
        Whether dz' is dz where scale*x + shift > 0, or dz itself.
    sums : numpy.ndarray (G, 2, C), optional
        Partial sums of dz' and dz' * (x - mean) that the operation above made while dz was in registers.
    coefficients : tuple of three numpy.ndarray (C,), optional
        a, b, c of batch norm's gradient.
    """

    __slots__ = ("dz", "affine", "relu", "sums", "coefficients", "value")

    def __init__(self, dz, affine, relu=False, sums=None, coefficients=None):
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
        """The map as the convolution kernels take it: (x, scale, shift, relu, a, b, c); None where there is none."""
        f = self.affine
        if self.value is not None or self.coefficients is None and not self.relu:
            return None
        return (f.x, f.scale, f.shift, self.relu, *(self.coefficients or (None, None, None)))

    def materialise(self):
        """The gradient as an array; computed once."""
        if self.value is None:
            if self.coefficients is None and not self.relu:
                self.value = self.dz
            elif self.coefficients is None:
                # The mask alone is that of relu_backward, for which any array with the sign of the value serves.
                self.value = _masked(layout.channels_last(self.dz), self.affine)
            else:
                f = self.affine
                a, b, c = self.coefficients
                dx = layout.empty_like(f.x)
                batchnorm.backward_apply(layout.channels_last(self.dz), f.x, f.scale, f.shift, self.relu, a, b, c, dx,
                                         get_num_threads())
                self.value = dx
        return self.value


def _masked(dz, affine):
    """dz where the affine map is positive, else 0."""
    dx = layout.empty_like(dz)
    y = affine.x if affine.scale is None else affine.materialise()
    elementwise.relu_backward(y, dz, dx, get_num_threads())
    return dx


def array_of(x):
    """The array of a value or gradient, computed where it is deferred."""
    return x if isinstance(x, np.ndarray) else x.materialise()


def operand(x):
    """What a reader that applies maps itself takes: (array, scale, shift, relu); scale may be None, relu too."""
    if isinstance(x, np.ndarray):
        return layout.channels_last(x), None, None, False
    if isinstance(x, Affine) and x.is_plain:
        return x.x, x.scale, x.shift, x.relu
    return layout.channels_last(x.materialise()), None, None, False
