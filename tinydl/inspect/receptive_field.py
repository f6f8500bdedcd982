"""How much of the input one output entry sees."""

from tinydl.inspect.trace import trace

__all__ = ["Extent", "receptive_field"]


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


def receptive_field(net, input_shape):
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
    return Extent(trace(net, input_shape).calls[-1].field.extent)
