"""Function: a differentiable operation as a pair of static methods on plain arrays. It knows no operation itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl import changes, config, layout
from tinydl.deferred import Dense, Given, Value
from tinydl.gradient import Gradient
from tinydl.graph import Description
from tinydl.tensor import Tensor, from_result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tinydl._types import Shape
    from tinydl.graph import Node
    from tinydl.inference.builder import Builder

__all__ = ["Context", "Function", "Operation", "ValueOperation"]


class Context:
    """What an operation keeps between its forward and its backward pass; a node of the graph.

    Attributes
    ----------
    saved_tensors : tuple of numpy.ndarray
        What `save_for_backward` stored.
    needs_input_grad : tuple of bool
        For each positional argument of forward (after ctx): whether its gradient will be used. A backward pass may
        return None for the others and skip their work.
    """

    edges: Sequence[Any] = ()
    frozen: tuple[Any, ...] = ()  # (number, Parameter) of the arguments that are Parameters and require no gradient
    retained: Tensor | None = None
    hooks: list[Any] | None = None  # functions that see, and may replace, the gradient of the result
    saved_tensors: tuple[Any, ...] = ()
    output: tuple[Shape, np.dtype[Any]] | None = None  # (shape, dtype) of the result
    _arrived = None  # during a walk, the Gradient that readers of the result have sent so far
    _slot = None  # only leaves have a place among flat gradients

    def __init__(self, function):
        self.function = function
        self.place = next(changes.places)

    @property
    def name(self):
        """Name of the operation."""
        return self.function.__name__

    @property
    def needs_input_grad(self):
        return tuple([edge is not None for edge in self.edges])

    def save_for_backward(self, *arrays):
        """Keep arrays (or anything else) for the backward pass, which finds them in `saved_tensors`."""
        self.saved_tensors = arrays

    def relies_on(self, k, array):
        """Whether the backward pass reads the values of argument k, which lie in `array`."""
        factors = self.function.factors
        if k in factors and not self.needs_input_grad[factors[1 - factors.index(k)]]:
            return False
        return changes.kept(self.saved_tensors, array)

    def room(self, k, array):
        """Where backward writes the gradient of argument k, a leaf: its place among flat gradients, or `array`.

        The place is free as long as the leaf has no gradient. A leaf that two arguments share, or whose hooks are to
        see the gradient first, gets an array of its own.
        """
        leaf = self.edges[k]
        slot = None if leaf is None else leaf._slot
        if (slot is None or leaf.grad is not None or not config.mode.slots or not layout.alike(slot, array)
                or getattr(leaf, "_hooks", None) or sum([edge is leaf for edge in self.edges]) > 1):
            return array
        return slot

    def checked(self, gradients):
        """What a user's backward returned: one gradient (or None) per argument of forward, of its shape and type."""
        if len(gradients) != len(self.edges):
            raise RuntimeError(f"{self.name}.backward returned {len(gradients)} gradients for {len(self.edges)} "
                               "arguments of forward; return one per argument, None where there is none")
        checked = []
        for k, (edge, dx) in enumerate(zip(self.edges, gradients, strict=True)):
            if edge is None or dx is None:
                checked.append(None)
                continue
            shape, dtype = (edge.shape, edge.dtype) if isinstance(edge, Tensor) else edge.output
            dx = np.asarray(dx.data if isinstance(dx, Tensor) else dx)
            if dx.shape != shape:
                raise RuntimeError(f"{self.name}.backward returned a gradient of shape {dx.shape} for argument {k} of "
                                   f"shape {shape}")
            checked.append(Gradient(dx if dx.dtype == dtype else dx.astype(dtype), owned=False))
        return checked

    def release(self):
        """Drop what was saved; a second backward pass is an error from now on."""
        self.function = self.function.released
        self.edges = self.frozen = self.saved_tensors = ()


class _Released:
    """Stands where the Function of a used node stood."""

    adds_residual = False
    factors = ()

    def __init__(self, name):
        self.__name__, self.released = name, self

    def propagate(self, ctx, dy, residual):
        raise RuntimeError(f"backward() ran through {self.__name__} before and released what it had saved; "
                           "call backward(retain_graph=True) the first time")


class Function:
    """Base class of differentiable operations.

    A subclass defines two static methods on NumPy arrays and is called through `apply`::

        class Sigmoid(Function):
            @staticmethod
            def forward(ctx, x):
                z = 1 / (1 + np.exp(-x))
                ctx.save_for_backward(z)
                return z

            @staticmethod
            def backward(ctx, dz):
                (z,) = ctx.saved_tensors
                return dz * z * (1 - z)

        z = Sigmoid.apply(x)

    `forward(ctx, *args, **kwargs)` gets arrays in place of tensors and returns one array. `backward(ctx, dy)` returns
    one gradient per argument of forward (None for those without), or a single one when there is one argument.
    """

    n_values = 0           # how many arguments, the first ones, reach forward as values
    adds_residual = False  # whether backward adds a residual to the gradient of its first argument
    factors: tuple = ()    # of a product: the two arguments of which each is read for the gradient of the other only
    released = _Released("Function")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.released = _Released(cls.__name__)

    @staticmethod
    def forward(ctx, *args: Any, **kwargs: Any) -> Any:
        """Compute the result from arrays."""
        raise NotImplementedError

    @staticmethod
    def backward(ctx, dy: Any) -> Any:
        """Compute the gradients of the arguments from the gradient `dy` of the result."""
        raise NotImplementedError

    @staticmethod
    def describe(node: Node) -> Description:
        """What there is to know of a recorded call (`tinydl.graph.Node`), as a `tinydl.graph.Description`."""
        return Description()

    @staticmethod
    def lower(node: Node, builder: Builder) -> Any:
        """How a frozen network computes a recorded call: what a method of `builder` returns, or None where none does.

        See `tinydl.inference.builder.Builder`.
        """

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Tensor:
        """Run `forward` and record the operation where gradients are wanted.

        Parameters
        ----------
        *args, **kwargs
            Arguments of `forward` after ctx; tensors reach it as arrays, everything else as it is.

        Returns
        -------
        Tensor
        """
        mode = config.mode
        if mode.recorder is not None:
            return mode.recorder.apply(cls, args, kwargs)
        recording, n_values = mode.grad, cls.n_values
        wanted = False
        frozen: tuple[Any, ...] = ()
        values: list[Any] = [*args]
        edges: list[Any] = [None] * len(args)
        arg: Any
        for k, arg in enumerate(args):
            if isinstance(arg, Tensor):
                if recording:
                    if arg.requires_grad:
                        wanted = True
                        edges[k] = arg.creator or arg
                    elif arg.is_parameter:
                        frozen += ((k, arg),)
                arg = values[k] = arg.raw
                if isinstance(arg, Value):
                    arg.lent = True  # type: ignore[attr-defined]
                    if k >= n_values:
                        values[k] = arg.array()  # type: ignore[attr-defined]
                    continue
            if k < n_values:
                values[k] = Given(arg)
        ctx = Context(cls)
        ctx.edges = edges
        result = cls.result(cls.forward(ctx, *values, **kwargs), args, values)
        if not wanted or result.dtype.kind != "f":
            return from_result(result, None)
        if frozen:
            ctx.frozen = frozen
        ctx.output = (result.shape, result.dtype)
        return from_result(result, ctx)

    @classmethod
    def result(cls, result: Any, args: tuple[Any, ...], values: list[Any]) -> Any:
        """What the tensor of forward's result holds: an array, checked, since a user's operation may keep it."""
        if not isinstance(result, np.ndarray):
            if isinstance(result, Tensor):
                raise TypeError(f"{cls.__name__}.forward must return a NumPy array, not a Tensor")
            result = np.asarray(result)
        if result.dtype.kind not in "fiub":
            raise TypeError(f"{cls.__name__}.forward must return an array of real numbers, got dtype {result.dtype}")
        return _view(result, args) if layout.may_share(result, values) else result

    @classmethod
    def propagate(cls, ctx, dy: Gradient, residual: Any) -> tuple[Any, ...]:
        """Gradients of the arguments from the `Gradient` of the result: arrays of their own, or Gradients, or None."""
        gradients = cls.backward(ctx, dy.array())
        return ctx.checked(gradients if isinstance(gradients, tuple) else (gradients,))


class Operation(Function):
    """An operation of the library: its arrays need no check, and nobody keeps what it returns.

    backward returns arrays that nobody else holds, and ``Gradient(dx, owned=False)`` for any other.
    """

    @classmethod
    def result(cls, result, args, values):
        return _view(result, args) if layout.may_share(result, values) else Dense(result)

    @classmethod
    def propagate(cls, ctx, dy, residual):
        gradients = cls.backward(ctx, dy.array())
        return gradients if isinstance(gradients, tuple) else (gradients,)


class ValueOperation(Operation):
    """An operation whose first `n_values` arguments are what others left to it, each a `tinydl.deferred.Value`.

    forward returns a Value (or an array); backward gets and returns Gradients. One with an argument `residual` gets
    what other readers of the first argument sent back, or None, and adds it to its own gradient of that argument.
    """

    n_values = 1

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        code = cls.backward.__code__
        cls.adds_residual = "residual" in code.co_varnames[:code.co_argcount]

    @classmethod
    def result(cls, result, args, values):
        """The value of what forward returned."""
        return result if isinstance(result, Value) else Dense(result)

    @classmethod
    def propagate(cls, ctx, dy, residual):
        """The gradients of the arguments, as backward gives them."""
        gradients = cls.backward(ctx, dy, residual) if cls.adds_residual else cls.backward(ctx, dy)
        return gradients if isinstance(gradients, tuple) else (gradients,)


def _view(result, args):
    """What the tensor of a view holds: as exposed as what it may be a view of, and lent as it is."""
    if any(isinstance(arg, Tensor) and isinstance(arg.raw, np.ndarray) for arg in args):
        return result
    return Dense(result, lent=True)
