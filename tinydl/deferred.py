"""Values that operations hand to each other: arrays, and what waits for its reader to compute it.

After its statistics are known, batch norm is a map scale*(x - centre) + shift per channel and an activation a function
of it. Writing the result costs a pass over memory that the next operation can save by applying the map while it loads.
Values speak a small language, `relu`, `activated`, `add`, `mapped`, and answer how they are read: `operand` for readers
that apply a map themselves, `array` for all others.

ReLU and leaky ReLU cost less than a pass over memory, so every reader applies them again as it loads, and their
gradient too. The other activations cost more: they and the map before them are computed in one pass at the first read,
and their gradient in the pass that makes the sums for the batch norm.

Only arrays that nobody outside can write to may wait for a reader. `Given` wraps those that others hold: what is made
of them is computed at once. An array that an operation has read, and may read again in the backward pass, is `lent`:
whoever asks a tensor for its `data` gets a copy, and what was read stays what it was.
"""

import contextlib

import numpy as np

from tinydl import config, layout
from tinydl._core import batchnorm, batchnorm_backward, elementwise
from tinydl._core.operands import Map, Pending
from tinydl._core.parallel import team
from tinydl.gradient import Gradient

__all__ = ["Affine", "ConvResult", "Dense", "Given", "Value", "switched_off"]


class Value:
    """What a tensor holds besides plain arrays.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    lent : bool
        Whether an operation has read the value.
    """

    __slots__ = ("shape", "dtype", "lent")

    def given_out(self, creator):
        """The array for a reader who may write to it; a copy where an operation relies on the array."""
        array = self.array()
        if self.lent or creator is not None and any(kept is self or kept is array for kept in creator.saved_tensors):
            array = array.copy(order="K")
        return array


class Dense(Value):
    """An array that nobody outside of the library holds.

    Parameters
    ----------
    array : numpy.ndarray
    lent : bool
        Whether others rely on it from the start, as on a view of another value.
    """

    __slots__ = ("_array",)
    given = False
    moments = None

    def __init__(self, array, lent=False):
        self._array, self.shape, self.dtype, self.lent = array, array.shape, array.dtype, lent

    def array(self):
        """The array."""
        return self._array

    def operand(self):
        """(channels-last array, Map or None), for readers that apply a map themselves."""
        return layout.channels_last(self._array), None

    def laid(self):
        """The same value channels-last in memory."""
        return self if layout.is_channels_last(self._array) else Dense(layout.channels_last(self._array))

    def mapped(self, on_x):
        """The value of a per-channel map, left to its reader; self must be `laid`."""
        return _left(Affine(self, on_x))

    def relu(self):
        """max(x, 0)."""
        x = self._array
        if not (x.flags.c_contiguous or layout.is_channels_last(x)):
            x = layout.channels_last(x)
        y = layout.empty_like(x)
        elementwise.relu_forward(x, y, team())
        return Dense(y)

    def activated(self, activation, parameter=0.0):
        """The value of an activation, left to its reader; None where that saves nothing."""
        return

    def masked(self, dy):
        """The gradient `dy` where this value, a ReLU's result, is above 0 or NaN."""
        y, dz = self._array, dy.array()
        dx = layout.empty_like(y)
        if dz.strides != dx.strides:
            dz = layout.empty_like(y)
            dz[...] = dy.array()
        elementwise.relu_backward(y, dz, dx, team())
        return Gradient(dx)

    def add(self, other):
        """self + other, with broadcasting."""
        if isinstance(other, Affine) and other.takes(self):
            return other.add(self)
        x, y = self._array, other.array()
        if x.shape == y.shape and x.dtype == y.dtype and x.strides == y.strides and x.dtype.kind == "f" \
                and (x.flags.c_contiguous or layout.is_channels_last(x)) and x.dtype.itemsize >= 4:
            z = layout.empty_like(x)
            elementwise.add(x, y, z, team())
            return Dense(z)
        return Dense(np.asarray(np.add(x, y)))


class Given(Dense):
    """An array that others may hold and write to."""

    __slots__ = ()
    given = True


class ConvResult(Dense):
    """A convolution's result; its ReLU or leaky ReLU is left to the next operation.

    Parameters
    ----------
    array : numpy.ndarray (N, C, *spatial)
    moments : Moments or None
        Sums of the array that the convolution made while it was in registers.
    """

    __slots__ = ("moments",)

    def __init__(self, array, moments):
        Dense.__init__(self, array)
        self.moments = moments

    def relu(self):
        """max(x, 0), left to its reader."""
        return _left(Affine(self, Map(activation="relu")))

    def activated(self, activation, parameter=0.0):
        """The value of an activation that readers apply as they load, left to them; None for the others."""
        on_x = Map(activation=activation, parameter=parameter)
        return Affine(self, on_x) if on_x.loads and config.mode.deferral else None


class Affine(Value):
    """The value `map` of x [+ residual], the map's activation after the sum: what batch norm and activations leave.

    Parameters
    ----------
    x : Dense (N, C, *spatial)
        Channels last in memory.
    map : Map
        Without scale and shift for an activation alone.
    residual : Dense as x, Affine that `takes` more, or None
    """

    __slots__ = ("x", "map", "residual", "_array")

    def __init__(self, x, map, residual=None):
        self.x, self.map, self.residual = x, map, residual
        self.shape, self.dtype, self.lent = x.shape, x.dtype, False
        self._array = None
        x.lent = True
        if residual is not None:
            residual.lent = True

    @property
    def given(self):
        """Whether somebody outside may write to what this is made of."""
        return self.x.given or self.residual is not None and self.residual.given

    def array(self):
        """The value as an array; computed once."""
        if self._array is None:
            x, y = self.x.array(), layout.empty_like(self.x.array())
            if self.map.scale is None:
                elementwise.activation_forward(self.map.activation, x, y, self.map.parameter, team())
            else:
                residual, on_residual = (None, None) if self.residual is None else self.residual.operand()
                batchnorm.affine_forward(x, self.map, residual, on_residual, y, team())
            self._array = y
        return self._array

    def operand(self):
        """(channels-last array, Map or None), for readers that apply a map themselves."""
        return (self.x.array(), self.map) if self.is_map else (self.array(), None)

    @property
    def is_map(self):
        """Whether a reader can apply the map by itself: nothing to add, nothing dear, and not computed already."""
        return self.residual is None and self._array is None and self.map.loads

    def laid(self):
        """The value as an array, channels-last in memory."""
        return Dense(self.array())

    def relu(self):
        """The same value, clamped."""
        if self.map.activation or self._array is not None:
            return Dense(self.array()).relu()
        return _left(Affine(self.x, self.map.followed_by("relu"), self.residual))

    def activated(self, activation, parameter=0.0):
        """The value of an activation, left to its reader; None where that saves nothing."""
        if self.map.activation or not self.is_map or self.given or not config.mode.deferral:
            return None
        return Affine(self.x, self.map.followed_by(activation, parameter))

    def masked(self, dy):
        """`dy` times the derivative of the activation of this value, left to the batch norm or convolution below."""
        if self.residual is None and self.map.loads:
            sums = dy.sums if dy.summed is self.x else None
            return Gradient.waiting(Pending(layout.channels_last(dy.array()), self.x.array(), self.map), sums, self.x)
        # The sums that the batch norm below needs are made in the same pass. Behind a residual sum ReLU goes by the
        # sign of its result.
        dz, x = layout.channels_last(dy.array()), self.x.array()
        sums, masked = np.empty((1, 2, x.shape[1])), dz if dy.owned and dz.flags.writeable else layout.empty_like(x)
        waiting = Pending(dz, x, self.map)
        if self.residual is not None:
            waiting = Pending(dz, self.array(), Map(activation="relu"))
        batchnorm_backward.backward_reduce(waiting, x, self.map.centre, sums, masked, team())
        return Gradient(masked, sums=sums, summed=self.x)

    def takes(self, other):
        """Whether `other` can be added to this map as its residual."""
        return self.is_map and not self.map.activation and self.shape == other.shape and self.dtype == other.dtype

    def add(self, other):
        """self + other, with broadcasting; left to its reader together with the ReLU that usually follows."""
        if self.takes(other):
            if not (isinstance(other, Affine) and other.takes(self)):
                other = other.laid()
            return _left(Affine(self.x, self.map, other))
        if isinstance(other, Affine) and other.takes(self):
            return other.add(self)
        return Dense(self.array()).add(other)


def _left(value):
    """`value` for its reader to compute; computed at once where somebody may write to what it is made of."""
    return value if config.mode.deferral and not value.given else Dense(value.array())


@contextlib.contextmanager
def switched_off():
    """Compute every value and gradient at once, in this thread, within the context: the oracle of tests."""
    before = config.mode.deferral
    config.mode.deferral = False
    try:
        yield
    finally:
        config.mode.deferral = before
