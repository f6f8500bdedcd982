"""Tensor: an array, its gradient and the operation that made it."""

from __future__ import annotations

import reprlib
import sys
from typing import TYPE_CHECKING

import numpy as np

from tinydl import changes, config, hooks, layout
from tinydl._check import dtype_of, flag
from tinydl.backward import refuse_double, upstream, walk
from tinydl.gradient import Gradient

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from tinydl._types import Array, ArrayLike, DType, Shape
    from tinydl.hooks import Handle

__all__ = ["Parameter", "Tensor", "array_of", "tensor"]

if TYPE_CHECKING:
    from tinydl._methods import Count, Methods
else:
    Methods = object


class Tensor(Methods):
    """An array that remembers how it was computed.

    Parameters
    ----------
    data : array_like
        Values. float32 and float64 arrays are wrapped as they are (no copy); other floats, Python numbers and lists
        become float32; integer and boolean arrays keep their type and take no gradient.
    requires_grad : bool
        Whether `backward` shall fill `grad`.

    Attributes
    ----------
    data : numpy.ndarray
        The values; logical shape (N, C, H, W), (N, C, L) or any other.
    grad : numpy.ndarray or None
        d(loss)/d(data) after `backward`; sums over calls until it is set to None.
    requires_grad : bool
        True for parameters and for every result that depends on one.
    creator : Context or None
        The operation that made the tensor; None for a leaf.

    Notes
    -----
    A tensor may be *deferred*: batch norm and ReLU leave their map to the operation that reads them next. `data`
    computes it on first access, so nobody sees the difference. Writing into `data` changes what later operations read,
    never what earlier ones have read: `data` of a result that an operation relies on is a copy.
    """

    # `raw`: the array, where others may hold it, or else a `tinydl.deferred.Value`, which operations read.
    # `_written`, `_shown`: of `tinydl.changes`, `_hooks`: of `tinydl.hooks`, `_slot`: the place of the gradient in
    # `tinydl.optim.flat`; absent where nothing was noted.
    __slots__ = ("raw", "grad", "requires_grad", "creator", "_written", "_shown", "_hooks", "_slot", "__weakref__")
    place = 1  # nodes have lower ones, see `tinydl.changes`
    _arrived = None  # of a node, the gradients that its readers have sent so far
    is_parameter = False
    __hash__ = object.__hash__

    def __init__(self, data: ArrayLike, requires_grad: bool = False) -> None:
        data = _as_data(data)
        requires_grad = flag("Tensor", "requires_grad", requires_grad)
        if requires_grad and data.dtype.kind != "f":
            raise TypeError(f"only float32 and float64 tensors take a gradient, got dtype {data.dtype}; numbers with a "
                            "point, or dtype='float32', make a tensor of floats")
        self.raw = data
        self.grad = None
        self.requires_grad = requires_grad
        self.creator = None
        self._slot = None

    # --- values ----------------------------------------------------------------------------------------------------

    def _get_data(self) -> Array:
        # A second reference to the array of a leaf: somebody relies on it, perhaps an operation.
        if self.requires_grad and self.creator is None and sys.getrefcount(self.raw) > 2:
            changes.shown(self)
        raw = self.raw
        if not isinstance(raw, np.ndarray):
            raw = self.raw = raw.given_out(self.creator)
        return raw

    def _set_data(self, values: Any) -> None:
        values = _as_data(values)
        if values.shape != self.shape:
            raise ValueError(f"data of shape {self.shape} cannot be replaced by an array of shape {values.shape}")
        self.raw = values

    data = property(_get_data, _set_data)

    @property
    def shape(self) -> Shape:
        return self.raw.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.raw.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Count:
        return layout.size(self.shape)

    def numpy(self) -> Array:
        """The values as a NumPy array (not a copy)."""
        return self.data

    def __array__(self, dtype: DType = None, copy: bool | None = None) -> Array:
        if self.recorded:
            raise RuntimeError(f"a tensor of shape {self.shape} that requires a gradient does not become an array by "
                               "itself, because nothing before it would learn: use an operation of td.ops (stack and "
                               "concatenate join tensors), or x.numpy() for its values alone")
        if copy is False and dtype is not None and np.dtype(dtype) != self.dtype:
            raise ValueError(f"a {self.dtype} tensor cannot become {np.dtype(dtype)} without a copy")
        return np.array(self.data, dtype=dtype, copy=bool(copy) or None) if copy is not False else self.data

    @property
    def recorded(self) -> bool:
        """Whether an operation on the tensor is recorded for `backward`, here and now."""
        return self.requires_grad and config.mode.grad

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number."""
        if self.size != 1:
            raise ValueError(f"item() needs a tensor with one element, got shape {self.shape}")
        return self._array().item()

    def _array(self) -> Array:
        """The values for a reader that neither keeps nor changes them."""
        return self.raw if isinstance(self.raw, np.ndarray) else self.raw.array()

    def detach(self) -> Tensor:
        """A tensor with the same values that is no part of the graph."""
        return Tensor(self.data)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a tensor without axes has no length")
        return self.shape[0]

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth value of a tensor of shape {self.shape} is ambiguous")
        return bool(self.item())

    def __repr__(self) -> str:
        body = np.array2string(self._array(), separator=", ", prefix="tensor(")
        origin = ""
        if self.creator is not None:
            origin = f", creator={self.creator.name}"
        elif self.requires_grad:
            origin = ", requires_grad=True"
        return f"tensor({body}, dtype={self.dtype}{origin})"

    # --- gradients -------------------------------------------------------------------------------------------------

    def retain_grad(self) -> None:
        """Make `backward` fill `grad` of this tensor although it is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad() needs a tensor that requires a gradient")
        if self.creator is not None:
            self.creator.retained = self

    def register_hook(self, hook: Callable[[Tensor], Any]) -> Handle:
        """Call `hook(grad)` when the gradient of the tensor is known; what it returns, if anything, replaces it.

        Parameters
        ----------
        hook : callable
            Takes a Tensor, the gradient of all that read this one in a backward pass.

        Returns
        -------
        handle
            `handle.remove()` takes the hook away.
        """
        if not callable(hook):
            raise TypeError(f"register_hook() takes a function of the gradient, got {hook!r}")

        def seen(array):
            replaced = hook(Tensor(array))
            return None if replaced is None else _as_data(replaced)

        return hooks.register(self, seen)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient, or with False make it zeros."""
        self.grad = None if set_to_none or self.grad is None else np.zeros_like(self.grad)

    def backward(self, grad: ArrayLike | None = None, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Back-propagate: add d(self)/d(leaf), weighted by `grad`, to `grad` of every leaf that requires it.

        The gradient of a node is the sum over its children: dL/dv = sum over children c of dL/dc * dc/dv.

        Parameters
        ----------
        grad : array_like, optional
            Upstream gradient dL/d(self) of the tensor's shape; 1 for a one-element tensor.
        retain_graph : bool
            Keep what the operations saved, so that `backward` may run again.
        create_graph : bool
            False: a backward pass is not recorded, and there are no gradients of gradients.
        """
        if create_graph:
            refuse_double()
        if not self.requires_grad:
            raise RuntimeError("backward() on a tensor that requires no gradient: no parameter took part in it, "
                               "or it was computed under no_grad()")
        grad = upstream(self, grad)
        walk([(self.creator or self, Gradient(grad))], retain_graph)

    def _accumulate(self, grad, owned):
        """Add the array `grad` to `self.grad`; `owned` says that nobody else holds it."""
        if self.grad is not None:
            if self.grad.flags.writeable:
                self.grad += grad
            else:
                self.grad = self.grad + grad
            return
        slot = self._slot
        if slot is not None:
            if grad is not slot:
                slot[...] = grad
            self.grad = slot
            return
        data = self.raw if isinstance(self.raw, np.ndarray) else self.raw.array()
        if owned and layout.alike(grad, data):
            self.grad = grad
        else:
            self.grad = layout.empty_like(data)
            self.grad[...] = grad

    def __getstate__(self) -> tuple[Any, ...]:
        # For copy and pickle: a copy may be written to, so what it shares is no value of the library's own any more.
        return None, {"raw": self.data, "grad": self.grad, "requires_grad": self.requires_grad,
                      "creator": self.creator}, layout.is_channels_last(self._array())

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, slots, channels_last = state
        self._slot = None
        for name, value in slots.items():
            setattr(self, name, value)
        if channels_last:  # pickle keeps no memory order
            self.raw = layout.channels_last(self.raw)


hooks.accumulate = Tensor._accumulate


class Parameter(Tensor):
    """A leaf tensor that a module owns and an optimiser updates.

    Parameters
    ----------
    data : array_like
        Initial values; copied, and re-laid with the output axis innermost in memory.
    requires_grad : bool
        False freezes the parameter.
    dtype : dtype, optional
        float32 or float64. By default that of a tensor, and float32 of everything else: NumPy makes float64 arrays
        where nobody asked for them, and `Module.double` makes a whole net float64.
    """

    __slots__ = ()
    is_parameter = True

    def __init__(self, data: ArrayLike, requires_grad: bool = True, dtype: DType = None) -> None:
        values = _as_data(data.data if isinstance(data, Tensor) else data)
        if dtype is None and values.dtype == np.float64 and not isinstance(data, Tensor):
            dtype = np.float32
        super().__init__(layout.parameter_like(values, dtype), requires_grad)

    def _set_data(self, values: Any) -> None:
        # Kernels read a parameter in its own memory order; an array in another order would be read wrongly.
        Tensor._set_data(self, layout.parameter_like(_as_data(values)))

    data = property(Tensor._get_data, _set_data)

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle keeps no memory order; the constructor lays the values out anew.
        return type(self), (np.ascontiguousarray(self.data).reshape(self.shape), self.requires_grad, self.dtype)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied = type(self)(self.data, self.requires_grad, self.dtype)
        memo[id(self)] = copied
        return copied


def tensor(data: ArrayLike, dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """Make a leaf tensor from an array, a number or nested lists.

    Parameters
    ----------
    data : array_like
        Values; copied, so the tensor never aliases the caller's array.
    dtype : dtype, optional
        float32 or float64, or a type of integers or booleans, for labels and masks. Default: that of an array; Python
        integers are int64, and all other numbers float32.
    requires_grad : bool
        Whether `backward` fills `grad`.
    """
    values = data.data if isinstance(data, Tensor) else data
    if dtype is not None:
        values = _in_type(values, dtype_of("tensor", dtype))
    elif isinstance(values, np.ndarray):
        values = values.copy(order="K")
    elif (array := array_of(values)).dtype == np.int64:
        values = array
    return Tensor(values, requires_grad)


def _in_type(values, dtype):
    """A copy of `values` in a type: an array becomes what NumPy makes of it, lists and numbers must fit."""
    array = array_of(values)
    if dtype.kind in "iu" and not isinstance(values, np.ndarray) and array.dtype.kind in "iuf" and array.size:
        for value in (array.min().item(), array.max().item()):
            if not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max:
                raise ValueError(f"tensor: an array of {dtype} holds no {value}")
    return np.array(array, dtype=dtype)


def _as_data(values: Any) -> Array:
    """The ndarray a Tensor holds: float32/float64/integer/bool, aligned, native byte order."""
    if isinstance(values, Tensor):
        return values.data
    if type(values) is not np.ndarray:
        # NumPy scalars carry their precision; Python numbers are float32, as every default of the library.
        array = array_of(values)
        if not isinstance(values, (np.generic, np.ndarray)) and array.dtype.kind in "fiu" and array.dtype != np.float32:
            array = array.astype(np.float32)
        values = array
    kind = values.dtype.kind
    if kind == "f" and values.dtype.itemsize not in (4, 8):
        values = values.astype(np.float32)
    elif kind not in "fiub":
        raise TypeError(f"a tensor holds real numbers, got dtype {values.dtype}")
    if not (values.dtype.isnative and values.flags.aligned):
        values = values.astype(values.dtype.newbyteorder("="))
    return values


def array_of(values: Any) -> Array:
    """`values` as an array; a list of tensors whose gradient would be lost is refused."""
    if type(values) is np.ndarray:
        return values
    if isinstance(values, (list, tuple)) and _recorded_in(values, _DEPTH):
        raise TypeError(f"expected one tensor, got a {type(values).__name__} of {len(values)} whose gradient would be "
                        "lost; join them with td.ops.stack or td.ops.concatenate")
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"got a masked array of shape {values.shape}, and what is masked has no value; say which with "
                        "x.filled(0)")
    try:
        return np.asarray(values)
    except ValueError:  # NumPy says it of its own arrays, in terms of dimensions it detected
        raise ValueError("expected numbers, or lists of equal lengths in up to 64 levels, got "
                         f"{reprlib.repr(values)}") from None


_DEPTH = 64  # levels of an array that NumPy knows


def _recorded_in(values, depth):
    """Whether nested lists and tuples hold a tensor that `backward` needs."""
    return depth > 0 and any(v.recorded if isinstance(v, Tensor) else isinstance(v, (list, tuple))
                             and _recorded_in(v, depth - 1) for v in values)


def from_result(raw, creator):
    """The tensor of an operation's result, an array or a value."""
    out = Tensor.__new__(Tensor)
    out.raw = raw
    out.grad = None
    out.creator = creator
    out.requires_grad = creator is not None
    out._slot = None
    return out
