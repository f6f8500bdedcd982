"""Function: a differentiable operation as a pair of static methods on plain arrays. It knows no operation itself."""

import functools
import itertools

import numpy as np

from tinydl import config
from tinydl.graph import Description
from tinydl.tensor import Tensor, from_result

__all__ = ["Context", "Function"]

_numbers = itertools.count()


class Context:
    """What an operation keeps between its forward and its backward pass; a node of the graph.

    Attributes
    ----------
    saved_tensors : tuple of numpy.ndarray
        What `save_for_backward` stored.
    needs_input_grad : tuple of bool
        For each argument of forward (after ctx): whether its gradient will be used. A backward pass may return None
        for the others and skip their work.
    """

    edges = ()
    needs_input_grad = ()
    retained = None
    partial = None
    owns_gradient = False  # whether nobody else holds the gradient that backward gets
    saved_tensors = ()
    output = None  # (shape, dtype) of the result

    def __init__(self, function):
        self.function = function
        self.number = next(_numbers)

    @property
    def name(self):
        """Name of the operation."""
        return self.function.__name__

    def save_for_backward(self, *arrays):
        """Keep arrays (or anything else) for the backward pass, which finds them in `saved_tensors`."""
        self.saved_tensors = arrays

    def backward(self, dy):
        """One gradient (or None) per argument of forward, checked."""
        if not self.function.takes_deferred_gradient:
            dy = self.materialise(dy)
        gradients = self.function.backward(self, dy)
        if not isinstance(gradients, tuple):
            gradients = (gradients,)
        if self.function.trusted:
            return gradients
        return self._checked(gradients)

    def _checked(self, gradients):
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
            checked.append(dx if dx.dtype == dtype else dx.astype(dtype))
        return tuple(checked)

    @staticmethod
    def materialise(gradient):
        """A gradient as an array: computes it where it was deferred."""
        return gradient if isinstance(gradient, np.ndarray) else gradient.materialise()

    def release(self):
        """Drop what was saved; a second backward pass is an error from now on."""
        self.function = _released(self.name)
        self.edges = self.saved_tensors = ()


class _Released:
    """Stands where the Function of a used node stood."""

    takes_deferred_gradient = True
    adds_gradient = False
    trusted = True
    fresh_gradients = False

    def __init__(self, name):
        self.__name__ = name

    def backward(self, ctx, dy):
        raise RuntimeError(f"backward() ran through {self.__name__} before and released what it had saved; "
                           "call backward(retain_graph=True) the first time")


@functools.lru_cache(maxsize=256)
def _released(name):
    return _Released(name)


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

    # For the library's own operations. `takes_deferred`: forward reads deferred inputs itself; likewise backward's
    # upstream gradient. `fresh_gradients`: no gradient that backward returns aliases dy, a saved array or another
    # gradient. `trusted`: shapes and dtypes of gradients are right by construction and are not checked.
    # `adds_gradient`: backward adds ctx.partial, what other readers of its first argument sent back, to that gradient.
    takes_deferred = False
    takes_deferred_gradient = False
    adds_gradient = False
    fresh_gradients = False
    trusted = False

    @staticmethod
    def forward(ctx, *args, **kwargs):
        """Compute the result from arrays."""
        raise NotImplementedError

    @staticmethod
    def backward(ctx, dy):
        """Compute the gradients of the arguments from the gradient `dy` of the result."""
        raise NotImplementedError

    @staticmethod
    def describe(node):
        """What there is to know of a recorded call (`tinydl.graph.Node`), as a `tinydl.graph.Description`."""
        return Description()

    @staticmethod
    def lower(node, builder):
        """How a frozen network computes a recorded call: what a method of `builder` returns, or None where none does.

        See `tinydl.inference.builder.Builder`.
        """

    @classmethod
    def apply(cls, *args, **kwargs):
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
        recording = mode.grad
        values, edges = [], []
        for arg in args:
            edge = None
            if isinstance(arg, Tensor):
                if recording and arg.requires_grad:
                    edge = arg if arg.creator is None else arg.creator
                arg = arg.raw if cls.takes_deferred else arg.data
            values.append(arg)
            edges.append(edge)
        needs = tuple([edge is not None for edge in edges])
        ctx = Context(cls)
        ctx.needs_input_grad = needs
        result = cls.forward(ctx, *values, **kwargs)
        if not cls.trusted and not isinstance(result, np.ndarray):
            if isinstance(result, Tensor):
                raise TypeError(f"{cls.__name__}.forward must return a NumPy array, not a Tensor")
            result = np.asarray(result)
        if True not in needs or result.dtype.kind != "f":
            return from_result(result, None)
        ctx.edges = tuple(edges)
        ctx.output = (result.shape, result.dtype)
        return from_result(result, ctx)
