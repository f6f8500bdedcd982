"""The walk of a backward pass through the graph."""

from heapq import heappop, heappush

import numpy as np

from tinydl import changes
from tinydl.gradient import Gradient

__all__ = ["walk"]


def walk(root, gradient, retain_graph):
    """Send gradients from `root` to the leaves; a node passes on when all that read its result have sent theirs.

    Parameters
    ----------
    root : Context
    gradient : Gradient
        Of its result.
    retain_graph : bool
        Keep what the operations saved.

    Raises
    ------
    RuntimeError
        For a node that was walked before without `retain_graph`, and for one whose arguments changed since.
    """
    root._arrived = gradient
    # A node is made after the nodes it reads and has a lower place: nothing can arrive at the lowest one waiting.
    waiting = [(root.place, root)]
    try:
        while waiting:
            place, node = heappop(waiting)
            if place > changes.latest:
                changes.check(node)
            gradient, node._arrived = node._arrived, None
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
                        edge._accumulate(dx.array(), dx.owned)
                    else:
                        edge._accumulate(np.asarray(dx), owned=True)
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
