"""How much of the input one output entry sees."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinydl.inspect.trace import trace
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinydl.nn.module import Module

__all__ = ["Extent", "Field", "fields", "receptive_field"]


class Extent(tuple):
    """Lengths along the spatial axes; equals a plain number when all of them equal it.

    Examples
    --------
    >>> Extent((5, 5)) == 5, Extent((5, 5)) == (5, 5), Extent((5, 3)) == 5
    (True, True, False)
    """

    __slots__ = ()
    __hash__ = tuple.__hash__

    def __eq__(self, other):
        if hasattr(other, "__index__"):
            return len(self) > 0 and all(length == other for length in self)
        return tuple.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    def __str__(self):
        return "x".join(map(str, self)) if len(self) else "-"


class Field:
    """What one entry of an array sees of the input, per spatial axis of the input.

    Parameters
    ----------
    extent : tuple of int
        Length of the piece of the input that the entry depends on; padding counts as input.
    jump : tuple of float
        Distance in the input between the pieces of neighbouring entries.
    size : tuple of int
        Entries along the axis.
    """

    __slots__ = ("extent", "jump", "size")

    def __init__(self, extent, jump, size):
        self.extent, self.jump, self.size = tuple(extent), tuple(jump), tuple(size)

    def after(self, node, x):
        """The field of a node's output from that of its input `x`: extent + (reach - 1) * jump, jump * stride."""
        n, out = len(self.size), node.output.shape
        if not n:
            return self
        told = node.describe()
        reach, stride = (told.reach[-n:], told.stride[-n:]) if told.reach else ((1,) * n, (1,) * n)
        if any(axis > 0 for axis in told.whole):
            # Where the spatial axes are merged into others, reading one of those is reading everything.
            merged = [x.ndim != n + 2 or k + 2 in told.whole for k in range(n)]
            reach = [size if m else r for m, r, size in zip(merged, reach, self.size, strict=True)]
            stride = [0 if m else s for m, s in zip(merged, stride, strict=True)]
        extent = [math.ceil(e + (r - 1) * j) for e, r, j in zip(self.extent, reach, self.jump, strict=True)]
        jump = [j * s for j, s in zip(self.jump, stride, strict=True)]
        return Field(extent, jump, out[2:] if len(out) == n + 2 else self.size)


def fields(graph):
    """What the entries of the tensors of a graph with one input see of it.

    Parameters
    ----------
    graph : tinydl.graph.Graph

    Returns
    -------
    callable
        ``field(tensor)`` is its Field; of what does not depend on the input, or is no tensor, that of the input itself.
    """
    (x,) = graph.inputs
    n = max(x.ndim - 2, 0)
    start = Field((1,) * n, (1.0,) * n, x.shape[2:])
    found = {id(x): start}
    for node in graph.nodes:
        if node.varying:
            # With branches this follows the longest path.
            source = max(node.varying, key=lambda tensor: found[id(tensor)].extent)
            extent = [max(e) for e in zip(*(found[id(tensor)].extent for tensor in node.varying), strict=True)]
            seen = found[id(source)]
            found[id(node.output)] = Field(extent, seen.jump, seen.size).after(node, source)
    return lambda tensor: found.get(id(tensor), start) if isinstance(tensor, Tensor) else start


def receptive_field(net: Module, input_shape: Sequence[int]) -> Extent:
    r"""Size of the piece of the input that one entry of the output depends on.

    A layer with windows of K entries, stride S and dilation D takes an extent r and a jump j (the distance in the input
    of neighbouring entries) to r + D (K - 1) j and j S, starting from r = j = 1; L layers of stride 1 make
    1 + L (K - 1). Branches that meet again count by the longest one. A fully connected layer and a global pool see all
    that their inputs see together. The extent is not cut at the border, so padding counts.

    Parameters
    ----------
    net : nn.Module
        Any module: the operations are followed, so functional code, branches and shared layers count as well.
    input_shape : tuple of int
        Shape of one sample, (C, H, W) or (C, L), without the batch axis.

    Returns
    -------
    Extent
        A tuple with one length per spatial axis; compares equal to a number when all axes agree. Empty for inputs
        without spatial axes.

    Examples
    --------
    >>> import tinydl as td
    >>> net = td.nn.Sequential(*[td.nn.Conv2d(1, 1, 3) for _ in range(4)])
    >>> receptive_field(net, (1, 32, 32)) == 1 + 4 * (3 - 1)
    True
    """
    graph = trace(net, input_shape)
    return Extent(fields(graph)(graph.calls[-1].output).extent)
