"""Jacobians of vectorised functions, row by row through `backward`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from tinydl import random
from tinydl.config import enable_grad
from tinydl.function import Context
from tinydl.ops.checks import as_input
from tinydl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tinydl._types import Array, ArrayLike

__all__ = ["jacobian", "kept_state", "vjp"]


def jacobian(f: Callable[[Any], Any], x: ArrayLike) -> Array:
    r"""Jacobian d vec(Y) / d vec(X)' of Y = f(X), with vec in row-major order of the logical axes.

    Entry (i, j) is the derivative of output i with respect to input j; row i is what `backward` makes of the i-th unit
    vector. With vec the chain rule is a product of matrices: the Jacobian of g(f(X)) is that of g times that of f.

    Parameters
    ----------
    f : callable
        Takes X as a tensor and returns Y as a tensor; a Module, for example. With a parameter for `x` it may ignore its
        argument: ``jacobian(lambda w: net(images), net[0].weight)``.
    x : Tensor, Parameter or array_like
        Where to differentiate. Arrays take the type of a Module's parameters; else float64 stays float64 and everything
        else becomes float32.

    Returns
    -------
    numpy.ndarray, shape (Y.size, X.size)
        Zero where Y does not depend on X. Gradients, buffers and the graph of the caller are left as they were.

    Raises
    ------
    TypeError
        If f returns no tensor, or X cannot take a gradient.

    Examples
    --------
    >>> import tinydl as td
    >>> jacobian(lambda x: x * x, [1.0, 2.0]).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    x = _leaf(f, x)
    required, x.requires_grad = x.requires_grad, True
    try:
        with kept_state(f), enable_grad():
            y = f(x)
            if not isinstance(y, Tensor):
                raise TypeError(f"jacobian() needs a function that returns a Tensor, got {type(y).__name__}")
            rows = np.zeros((y.size, x.size), x.dtype)
            if y.requires_grad:
                with _kept_gradients(y):
                    unit = np.zeros(y.size, y.dtype)
                    for i, row in enumerate(rows):
                        unit[i] = 1
                        _pull(y, unit.reshape(y.shape), x, row)
                        unit[i] = 0
    finally:
        x.requires_grad = required
    return rows


def vjp(y, x, dy):
    """J' dy for the result `y` of a recorded computation from the leaf `x`; the graph stays for further calls.

    Parameters
    ----------
    y, x : Tensor
    dy : numpy.ndarray
        Of the shape of y.

    Returns
    -------
    numpy.ndarray
        Of the shape of x.
    """
    out = np.zeros(x.size, x.dtype)
    if y.requires_grad:
        with _kept_gradients(y):
            _pull(y, dy, x, out)
    return out.reshape(x.shape)


def _pull(y, dy, x, out):
    """Write J' dy into the vector `out`."""
    x.grad = None
    y.backward(dy, retain_graph=True)
    if x.grad is not None:
        out[...] = x.grad.reshape(-1)


def _leaf(f: Any, x: Any) -> Tensor:
    if isinstance(x, Parameter) or isinstance(x, Tensor) and x.creator is None:
        leaf = x
    elif isinstance(x, Tensor):
        leaf = x.detach()
    else:
        parameters = f.parameters() if hasattr(f, "parameters") else ()
        leaf = as_input(x, next((p.dtype for p in parameters), None))
    if leaf.dtype.kind != "f":
        raise TypeError(f"a Jacobian needs float32 or float64 values, got {leaf.dtype}; convert with "
                        ".astype('float32')")
    return leaf


@contextlib.contextmanager
def _kept_gradients(y):
    """Put back the gradients of all leaves that `y` depends on."""
    leaves = {id(y): y} if y.creator is None else _leaves(y.creator)
    saved = [(leaf, leaf.grad) for leaf in leaves.values()]
    for leaf, _ in saved:
        leaf.grad = None
    try:
        yield
    finally:
        for leaf, grad in saved:
            leaf.grad = grad


def _leaves(creator):
    """The leaf tensors that an operation depends on, by id."""
    seen, stack, leaves = {creator}, [creator], {}
    while stack:
        for edge in stack.pop().edges:
            if isinstance(edge, Tensor):
                leaves[id(edge)] = edge
            elif isinstance(edge, Context) and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return leaves


@contextlib.contextmanager
def kept_state(net):
    """Put back the buffers (running statistics) and the modes of a module, and tinydl's random state.

    Parameters
    ----------
    net : nn.Module or anything else
    """
    modules = list(net.modules()) if hasattr(net, "modules") else []
    state = random.state()
    buffers = [(array, array.copy()) for module in modules for _, array in module._own_buffers()]
    modes = [(module, module.training) for module in modules]
    try:
        yield
    finally:
        random.set_state(state)
        for array, values in buffers:
            array[...] = values
        for module, mode in modes:
            module.training = mode
