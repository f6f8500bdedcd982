"""What NumPy's functions make of tensors.

A ufunc that is an operation of the library is that operation, so arrays and tensors meet in operators in either order.
Every other function computes with values alone. Of a tensor that requires a gradient it is refused while operations are
recorded: its result would be a plain array, and nothing before it would learn.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinydl import ops
from tinydl.graph import tensors_in
from tinydl.ops import truth
from tinydl.ops.truth import asked, compared
from tinydl.tensor import Tensor

__all__ = ["array_function", "array_ufunc", "install"]

_UFUNCS: dict[Any, Callable[..., Any]] = {
    np.absolute: ops.abs, np.add: ops.add, np.cos: ops.cos, np.divide: ops.div, np.exp: ops.exp, np.log: ops.log,
    np.matmul: ops.matmul, np.maximum: ops.maximum, np.minimum: ops.minimum, np.multiply: ops.mul,
    np.negative: ops.neg, np.power: ops.power, np.sign: ops.sign, np.sin: ops.sin, np.sqrt: ops.sqrt,
    np.square: lambda x: ops.mul(x, x), np.subtract: ops.sub, np.tanh: ops.tanh,
    np.bitwise_and: truth.OPERATORS["and"], np.bitwise_or: truth.OPERATORS["or"],
    np.bitwise_xor: truth.OPERATORS["xor"], np.floor_divide: truth.floor_divide, np.invert: truth.invert,
    np.remainder: truth.remainder,
    **{ufunc: asked(ufunc) for ufunc in (np.isfinite, np.isinf, np.isnan, np.logical_not, np.signbit)},
    **{ufunc: compared(ufunc) for ufunc in (
        np.equal, np.greater, np.greater_equal, np.less, np.less_equal, np.logical_and, np.logical_or, np.logical_xor,
        np.not_equal)},
}

# Functions that ask for shapes, types, places or truth: their results have no gradient.
_WITHOUT_GRADIENT = frozenset([
    np.all, np.allclose, np.any, np.argmax, np.argmin, np.argsort, np.argwhere, np.array2string, np.array_equal,
    np.array_equiv, np.array_repr, np.array_str, np.can_cast, np.count_nonzero, np.digitize, np.empty_like,
    np.flatnonzero, np.full_like, np.isclose, np.iscomplexobj, np.isneginf, np.isposinf, np.isrealobj,
    np.may_share_memory, np.ndim, np.nonzero, np.ones_like, np.result_type, np.save, np.savetxt, np.savez,
    np.savez_compressed, np.searchsorted, np.shape, np.shares_memory, np.size, np.zeros_like])

# Operations that have another name than NumPy's function.
_NAMES = {
    "amax": "max", "amin": "min", "column_stack": "concatenate", "dot": "matmul", "dstack": "concatenate",
    "einsum": "matmul", "expand_dims": "unsqueeze", "hstack": "concatenate", "inner": "matmul", "moveaxis": "permute",
    "ravel": "flatten", "swapaxes": "transpose", "take": "index", "tensordot": "matmul", "vdot": "matmul",
    "vstack": "concatenate"}


def _refuse(function, tensors):
    """Raise where a function of values alone would lose the gradient of one of `tensors`."""
    for x in tensors:
        if x.recorded:
            name = _NAMES.get(function.__name__, function.__name__)
            cure = f"use td.ops.{name}, or" if name in ops.__all__ else "use operations of td.ops, or"
            raise TypeError(f"numpy.{function.__name__} of a tensor of shape {x.shape} that requires a gradient would "
                            f"return a plain array, and nothing before it would learn; {cure} x.numpy() for the values "
                            "alone")


def _values(value):
    """Nested arguments with arrays in place of tensors."""
    if isinstance(value, Tensor):
        return value.data
    if isinstance(value, (tuple, list)) and tensors_in(value):
        return type(value)([_values(item) for item in value])
    if isinstance(value, dict):
        return {name: _values(item) for name, item in value.items()}
    return value


def array_ufunc(self, ufunc, method, *inputs, **kwargs):
    """A ufunc of tensors: the operation, or for tensors without gradient the ufunc of their values."""
    if method == "__call__" and not kwargs and ufunc in _UFUNCS:
        return _UFUNCS[ufunc](*inputs)
    _refuse(ufunc, tensors_in((inputs, kwargs)))
    return getattr(ufunc, method)(*_values(inputs), **_values(kwargs))


def array_function(self, function, types, args, kwargs):
    """Any other function of NumPy: that of the values, where no gradient is lost."""
    if function not in _WITHOUT_GRADIENT:
        _refuse(function, tensors_in((args, kwargs)))
    return function(*_values(args), **_values(kwargs))


def install():
    """Give Tensor the protocols by which NumPy asks for these."""
    Tensor.__array_ufunc__ = array_ufunc
    Tensor.__array_function__ = array_function
