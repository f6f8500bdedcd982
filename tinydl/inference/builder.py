"""The words in which an operation says how a frozen network computes it.

`Function.lower(node, builder)` calls methods of a `Builder`. Each gives the value that the result has in the program,
or None where it has no such form. What can be joined is joined while steps are recorded: a map per channel goes into
the weights before it, a ReLU and a residual sum happen while the step before them has its results in registers.
"""

import math

import numpy as np

from tinydl.inference import kernels
from tinydl.inference.views import Value, canonical, joint, tidy
from tinydl.inference.weights import Weights
from tinydl.tensor import Tensor

__all__ = ["Builder", "Operation"]

_FLOAT = np.dtype(np.float32)
# A map scale*x + shift loses digits where scale*x and shift cancel; from this ratio on x - centre is computed first.
_CANCELS = 64


class Operation:
    """A step to be.

    Attributes
    ----------
    kernel : Kernel
    weights : Weights or None
    x, y, residual : int
        Stores; residual may be None.
    vector : bool
        Whether the result has one axis.
    relu : bool
    turn : int
        Operations run in the order of their turns.
    """

    def __init__(self, kernel, weights, x, y, vector, turn):
        self.kernel, self.weights, self.x, self.y, self.vector, self.turn = kernel, weights, x, y, vector, turn
        self.residual, self.relu = None, False


class Builder:
    """Steps on float32 images that lie in numbered stores.

    Parameters
    ----------
    graph : tinydl.graph.Graph
    readers : mapping of int
        How often the tensor of an id is read in the whole graph.
    N : int
        Images: the length of the first axis of every value.
    algorithm : {'auto', 'direct', 'winograd', 'im2col'}
    row_major : bool
        Whether inputs are row-major in memory, not channels-last.

    Attributes
    ----------
    sizes : list of int
        Elements an image of each store.
    inputs : dict
        Stores of the tensors that come from outside, in the order in which they were first read.
    operations : list of Operation
    """

    def __init__(self, graph, readers, N, algorithm, row_major=False):
        self.graph, self.readers, self.N, self.algorithm, self.row_major = graph, readers, N, algorithm, row_major
        self.sizes: list = []
        self.inputs: dict = {}
        self.operations: list = []
        self._values: dict = {}     # by id of the tensor
        self._makers: dict = {}     # operation that fills a store, where it is one
        self._laid: dict = {}       # canonical copies
        self._outputs: set = set()
        self._turn = 0

    # --- tensors -----------------------------------------------------------------------------------------------------

    def lower(self, node):
        """Whether the node has a form here; if so its output has a value from now on."""
        if node.output.dtype != _FLOAT or node.output.shape[:1] != (self.N,) or not all(node.output.shape[1:]):
            return False
        value = node.function.lower(node, self)
        if value is None or value.shape != node.output.shape[1:]:
            return False
        self._values[id(node.output)] = value
        return True

    def constant(self, x):
        """The array of an argument that does not depend on the network's input; None where it does."""
        if isinstance(x, Tensor):
            return None if self.graph.varies(x) else x.data
        return None if x is None else np.asarray(x)

    def value(self, x):
        """The value of a tensor that depends on the network's input, or None where it is not of N float32 images."""
        if not isinstance(x, Tensor) or not self.graph.varies(x):
            return None
        found = self._values.get(id(x))
        if found is None and x.dtype == _FLOAT and x.shape[:1] == (self.N,) and all(x.shape[1:]):
            shape = x.shape[1:]
            store = self.inputs[x] = self._store(math.prod(shape))
            dims = tidy([(math.prod(shape), 1)]) if self.row_major else None
            found = self._values[id(x)] = Value(store, shape, dims)
        return found

    def output(self, x):
        """A store for the tensor alone, in which it lies as `layout.empty` would lay it."""
        value = self.laid(self._values[id(x)])
        if value.store in self.inputs.values() or value.store in self._outputs:
            value = self._copied(value, self._store(value.size), canonical(value.shape))
        self._outputs.add(value.store)
        return value.store

    def keep_inputs(self, stores):
        """Forget the other inputs: an operation without a form may have asked for them."""
        self.inputs = {x: store for x, store in self.inputs.items() if store in stores}

    # --- words -------------------------------------------------------------------------------------------------------

    def convolution(self, x, w, b, geometry, shape):
        """A convolution; `shape` is that of the result, with N."""
        value, weights = self.value(x), self._weights(w, b)
        # There is no step of im2col: the operation itself computes what is asked for by that name.
        if value is None or weights is None or self.algorithm == "im2col":
            return None
        return self._step(kernels.convolution(geometry, _FLOAT, self.algorithm), self.laid(value), shape[1:], weights)

    def product(self, x, w, b):
        """x w' + b for vectors x."""
        value, weights = self.value(x), self._weights(w, b)
        if value is None or weights is None or len(value.shape) != 1:
            return None
        if value.size != self.sizes[value.store]:
            value = self.laid(value)
        O, K = w.shape
        return self._step(kernels.product(K, O, value), value, (O,), weights)

    def affine(self, x, scale=1, shift=0, centre=0):
        """scale*(x - centre) + shift, with constants that broadcast to x along axis 1 alone: one number a channel."""
        value = self.value(x)
        maps = [] if value is None else [_per_channel(v, value.shape) for v in (scale, shift, centre)]
        return self.channelwise(x, *maps) if maps and all(v is not None for v in maps) else None

    def channelwise(self, x, scale, shift, centre):
        """scale*(x - centre) + shift with arrays of float64, an entry a channel of x, axis 1."""
        value = self.value(x)
        if value is None or len(value.shape) > 3:
            return None
        with np.errstate(all="ignore"):
            whole = shift - scale * centre
            if not np.isfinite(scale + whole).all():
                return None
        maker = self._joinable(x, "fold")
        if maker is not None and maker.weights.channels == len(scale) == value.shape[0]:
            maker.weights.fold(scale, whole)
            return value
        value = self.laid(value)
        if np.abs(whole - shift).max(initial=0) > _CANCELS:
            value, whole = self._mapped(value, np.ones(len(scale)), -centre), shift
        return self._mapped(value, scale, whole)

    def add(self, x, y):
        """x + y of one shape, or with one number a channel."""
        for one, other in ((x, y), (y, x)):
            constant = self.constant(other)
            if constant is not None:
                return self.affine(one, 1, constant)
        left, right = self.value(x), self.value(y)
        if left is None or right is None or left.shape != right.shape:
            return None
        maker, kept, added = self._joinable(x, "residual"), left, right
        if maker is None:
            maker, kept, added = self._joinable(y, "residual"), right, left
        if maker is None:
            kept, added = self._mapped(self.laid(left), None, None), right
            maker = self._makers[kept.store]
        maker.residual = self.laid(added).store
        maker.turn = self._next()
        return kept

    def clamp(self, x):
        """max(x, 0)."""
        maker = None if self.value(x) is None else self._joinable(x, "relu")
        if maker is None:
            return self.activation(x, "relu")
        maker.relu, maker.turn = True, self._next()
        return self.value(x)

    def activation(self, x, name, parameter=0):
        """The activation of a name, element by element; see `_core/reference/activations.py`."""
        value = self.value(x)
        if value is None:
            return None
        if not self._fills(value):
            value = self.laid(value)
        return self._step(kernels.activation(name, value.size, parameter), value, value.shape, dims=value.dims)

    def max_pool(self, x, geometry, shape):
        """The maximum of each window; `shape` is that of the result, with N."""
        value = self.value(x)
        return None if value is None else self._step(kernels.maximum(geometry), self.laid(value), shape[1:])

    def avg_pool(self, x, geometry, shape, count_include_pad):
        """The mean of each window."""
        value = self.value(x)
        if value is None:
            return None
        return self._step(kernels.average(geometry, count_include_pad), self.laid(value), shape[1:])

    def global_mean(self, x, shape):
        """The mean over all positions of (N, C, L) or (N, C, H, W)."""
        value = self.value(x)
        if value is None or not 2 <= len(value.shape) <= 3:
            return None
        C = value.shape[0]
        return self._step(kernels.global_mean(C, value.size // C), self.laid(value), shape[1:])

    def reshape(self, x, shape):
        """The entries of each image, in logical order, under another shape; nothing moves."""
        value = self.value(x)
        return None if value is None or shape[:1] != (self.N,) else value.reshaped(shape[1:], self._private(x, value))

    def viewed(self, x, view):
        """What `view`, a transpose or basic index, makes of x; nothing moves."""
        value = self.value(x)
        if value is None:
            return None
        if value.strides() is None:
            value = self.laid(value)
        return value.seen_through(view, max(self.N, 1), self._private(x, value))

    def pad(self, x, widths, fill, shape):
        """x with `fill` around it: pairs (before, after) by axis."""
        value = self.value(x)
        if value is None or tuple(widths[0]) != (0, 0):
            return None
        out = Value(self._store(math.prod(shape[1:])), shape[1:])
        strides = out.strides()
        at = sum(before * stride for (before, _), stride in zip(widths[1:], strides, strict=True))
        self._copied(value, out.store, tidy(zip(value.shape, strides, strict=True)), at, fill)
        return out

    def concatenate(self, arrays, axis, shape):
        """The values one after the other along an axis."""
        values = [self.value(x) for x in arrays]
        if axis == 0 or any(value is None for value in values):
            return None
        out, at = Value(self._store(math.prod(shape[1:])), shape[1:]), 0
        strides = out.strides()
        for value in values:
            self._copied(value, out.store, tidy(zip(value.shape, strides, strict=True)), at)
            at += value.shape[axis - 1] * strides[axis - 1]
        self._makers.pop(out.store, None)
        return out

    # --- steps -------------------------------------------------------------------------------------------------------

    def laid(self, value):
        """The value as `layout.empty` would lay it, copied where it lies otherwise."""
        if self._fills(value) and value.is_canonical:
            return value
        key = value.store, value.at, value.dims, value.shape
        if key not in self._laid:
            self._laid[key] = self._copied(value, self._store(value.size), canonical(value.shape))
        return self._laid[key]

    def _fills(self, value):
        """Whether the value is all there is in its store, in whatever order."""
        return value.at == 0 and value.size == self.sizes[value.store]

    def _copied(self, value, store, dims, at=0, fill=None):
        axes = joint(value.dims, dims)
        if axes is None:  # lengths that do not divide each other: by way of a plain vector, which has one
            value = self._copied(value, self._store(value.size), tidy([(value.size, 1)]))
            axes = joint(value.dims, dims)
        kernel = kernels.copy(axes, self.sizes[value.store], value.at, self.sizes[store], at, fill)
        self._record(kernel, None, value, store, len(value.shape) < 2)
        return Value(store, value.shape, dims, at)

    def _mapped(self, value, scale, shift):
        """scale*x + shift, or x itself where they are None."""
        C = value.shape[0] if value.shape else 1
        weights = Weights(Tensor(np.ones((C, 1, 1), np.float32)), None)
        if scale is not None:
            weights.fold(scale, shift)
        return self._step(kernels.channelwise(C, value.size // C), value, value.shape, weights)

    def _step(self, kernel, value, shape, weights=None, dims=None):
        out = Value(self._store(math.prod(shape)), shape, dims)
        self._record(kernel, weights, value, out.store, len(shape) < 2)
        return out

    def _record(self, kernel, weights, value, store, vector=False):
        made = Operation(kernel, weights, value.store, store, vector, self._next())
        self.operations.append(made)
        self._makers[store] = made

    def _store(self, size):
        self.sizes.append(size)
        return len(self.sizes) - 1

    def _next(self):
        self._turn += 1
        return self._turn

    # --- joining -----------------------------------------------------------------------------------------------------

    def _weights(self, w, b):
        """Constant float32 weights, or None."""
        for tensor in (w, b):
            if tensor is not None and (not isinstance(tensor, Tensor) or self.graph.varies(tensor)
                                       or tensor.dtype != _FLOAT):
                return None
        return Weights(w, b)

    def _private(self, x, value):
        return value.private and self.readers[id(x)] == 1

    def _joinable(self, x, what):
        """The operation that makes x, where `what` ('relu', 'residual' or 'fold') may happen in it; else None."""
        value = self._values.get(id(x))
        maker = None if value is None else self._makers.get(value.store)
        if maker is None or not self._private(x, value) or not self._fills(value) or maker.relu:
            return None
        if what == "relu":
            return maker if "relu" in maker.kernel.takes else None
        if maker.weights is None or maker.residual is not None or not value.is_canonical:
            return None
        return maker if what == "fold" or "residual" in maker.kernel.takes else None


def _per_channel(value, shape):
    """A number or array that broadcasts along axis 1 of (N, *shape) alone, as float64 (C,); else None."""
    value = np.asarray(value, np.float64)
    C = shape[0] if shape else 1
    if value.ndim > len(shape) + 1:
        return None
    lengths = (1,) * (len(shape) + 1 - value.ndim) + value.shape
    if any(n != 1 for k, n in enumerate(lengths) if k != 1) or value.size not in (1, C):
        return None
    return np.broadcast_to(value.reshape(-1), (C,))
