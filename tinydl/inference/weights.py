"""Weights of a frozen network: maps folded into them, packed once for all shapes."""

import hashlib

import numpy as np

from tinydl import layout
from tinydl.ops.checks import laid_weight
from tinydl.tensor import Parameter

__all__ = ["Packed", "Weights"]

_FLOAT = np.dtype(np.float32)


class Weights:
    """A weight whose first axis are the output channels, a bias, and maps of the output that both take up.

    The map scale*y + shift makes them W' = scale W and b' = scale b + shift. Maps are joined in float64, and the result
    is rounded once.

    Parameters
    ----------
    weight, bias : Tensor
        float32; the bias may be None.
    """

    def __init__(self, weight, bias):
        self.weight, self.bias = weight, bias
        self.scale = self.shift = None

    @property
    def channels(self):
        """Output channels."""
        return self.weight.shape[0]

    def fold(self, scale, shift):
        """Take up the map scale*y + shift, two arrays of float64 with an entry a channel."""
        if self.scale is None:
            self.scale, self.shift = scale, shift
        else:
            self.scale, self.shift = scale * self.scale, scale * self.shift + shift

    def arrays(self):
        """Weight and bias (or None) with the maps in them, laid out as the kernels read them."""
        weight, bias = self.weight.data, None if self.bias is None else self.bias.data
        if self.scale is None:
            return laid_weight(weight), None if bias is None else np.ascontiguousarray(bias)
        weight = weight * self.scale.reshape(-1, *(1,) * (weight.ndim - 1))
        bias = self.shift if bias is None else self.scale * bias + self.shift
        return layout.parameter_like(weight, _FLOAT), bias.astype(_FLOAT)

    def key(self):
        """Equal for equal weights."""
        maps = () if self.scale is None else (self.scale.tobytes(), self.shift.tobytes())
        return _identity(self.weight), _identity(self.bias), *maps


def _identity(tensor):
    """Parameters stay the same ones; what is computed anew for each graph is known by its values."""
    if tensor is None:
        return None
    if isinstance(tensor, Parameter):
        return id(tensor)
    array = np.ascontiguousarray(tensor.data)
    return array.shape, hashlib.sha256(array).digest()


class Packed:
    """Packed filters of a frozen network by what they were packed from and for: all shapes share them."""

    def __init__(self):
        self._found = {}

    def filters(self, weights, kind, pack):
        """`pack(weight, bias)` of these weights, made once for each `kind`."""
        key = (*weights.key(), kind)
        if key not in self._found:
            # The tensors are kept with it, so that no other can get their id.
            self._found[key] = pack(*weights.arrays()), weights.weight, weights.bias
        return self._found[key][0]
