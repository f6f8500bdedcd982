"""The walk of a backward pass through the graph."""

from heapq import heapify, heappop, heappush

import numpy as np

from tinydl import changes, hooks
from tinydl.gradient import Gradient

__all__ = ["refuse_double", "upstream", "walk"]


def refuse_double(create_graph):
    """Raise where gradients of gradients are asked for."""
    if create_graph:
        raise NotImplementedError("create_graph=True: a backward pass is not recorded, so there are no gradients of "
                                  "gradients; a penalty on weights is td.penalty, a matrix of first derivatives "
                                  "td.inspect.jacobian")


def upstream(x, grad):
    """The gradient that a backward pass from the tensor `x` starts with, an array of its own."""
    if grad is None:
        if x.size != 1:
            raise RuntimeError(f"backward() without a gradient needs a one-element tensor, got shape {x.shape}; reduce "
                               "it with .sum() or .mean(), or pass the upstream gradient")
        return np.ones(x.shape, x.dtype)
    given = grad.data if hasattr(grad, "requires_grad") else np.asarray(grad)
    if given.shape != x.shape:
        raise ValueError(f"the upstream gradient has shape {given.shape}, the tensor {x.shape}")
    return given.astype(x.dtype)  # a copy: the caller's array is never handed on


def walk(roots, retain_graph, accumulate=None):
    """Send gradients from the roots to the leaves; a node passes on when all that read its result have sent theirs.

    Parameters
    ----------
    roots : list of (Context or leaf, Gradient)
        Each with the gradient of its result.
    retain_graph : bool
        Keep what the operations saved.
    accumulate : callable, optional
        Gets (leaf, array, owned) of every gradient that arrives at a leaf; by default the leaf adds it to its `grad`.

    Raises
    ------
    RuntimeError
        For a node that was walked before without `retain_graph`, and for one whose arguments changed since.
    """
    collected = None
    if accumulate is None:
        accumulate, collected = hooks.accumulator()
    waiting = []
    try:
        for root, gradient in roots:
            if root.place > 0:
                accumulate(root, gradient.array(), gradient.owned)
            elif root._arrived is None:
                root._arrived = gradient
                waiting.append((root.place, root))
            else:
                root._arrived = root._arrived.plus(gradient)
        # A node is made after the nodes it reads and has a lower place: nothing can arrive at the lowest one waiting.
        heapify(waiting)
        while waiting:
            place, node = heappop(waiting)
            if place > changes.latest:
                changes.check(node)
            gradient, node._arrived = node._arrived, None
            if node.hooks is not None:
                gradient = hooks.called(node.hooks, gradient)
            if node.retained is not None:
                node.retained._accumulate(gradient.array(), owned=False)
            edges, function, first, residual = node.edges, node.function, None, None
            if function.adds_residual and edges[0] is not None:
                first = edges[0]
                residual = first._arrived
            gradients = function.propagate(node, gradient, residual)
            if not retain_graph:
                node.release()
            for edge, dx in zip(edges, gradients, strict=True):
                if edge is None or dx is None:
                    continue
                if edge.place > 0:  # a leaf
                    if isinstance(dx, Gradient):
                        accumulate(edge, dx.array(), dx.owned)
                    else:
                        accumulate(edge, np.asarray(dx), True)
                    continue
                if not isinstance(dx, Gradient):
                    dx = Gradient(np.asarray(dx))
                if edge._arrived is None:
                    heappush(waiting, (edge.place, edge))
                elif residual is not None and edge is first:
                    residual = None  # is in dx
                else:
                    dx = edge._arrived.plus(dx)
                edge._arrived = dx
    finally:
        for _, node in waiting:  # none, unless a backward failed
            node._arrived = None
    if collected:
        hooks.deliver(collected)
