"""Several arrays as one: tuples, lists and dicts of arrays, as nets of several inputs and outputs have them."""

import numpy as np

from tinydl.tensor import Tensor

__all__ = ["arrays_of", "called", "joined", "leaves", "mapped", "size_of"]


def mapped(function, tree):
    """`function` of every leaf of a tree of tuples, lists and dicts, as a tree of the same form."""
    if isinstance(tree, (tuple, list)):
        return type(tree)(mapped(function, part) for part in tree)
    if isinstance(tree, dict):
        return {name: mapped(function, part) for name, part in tree.items()}
    return function(tree)


def leaves(tree):
    """The leaves of a tree, in order."""
    if isinstance(tree, (tuple, list, dict)):
        return [leaf for part in (tree.values() if isinstance(tree, dict) else tree) for leaf in leaves(part)]
    return [tree]


def size_of(tree):
    """The number of samples: the length of the first leaf."""
    while isinstance(tree, (tuple, list, dict)):
        tree = next(iter(tree.values() if isinstance(tree, dict) else tree))
    return len(tree)


def called(net, x):
    """The output of a net: a tuple is its inputs in order, a dict its inputs by name."""
    if isinstance(x, tuple):
        return net(*x)
    return net(**x) if isinstance(x, dict) else net(x)


def _array(output):
    if not isinstance(output, (Tensor, np.ndarray)):
        raise TypeError(f"a net returns a Tensor, or a tuple or dict of them, got {type(output).__name__}")
    return np.array(output.data if isinstance(output, Tensor) else output)


def arrays_of(output):
    """Copies of the arrays of an output: of a Tensor, or of a tuple, list or dict of them; lists become tuples."""
    if isinstance(output, (tuple, list)):
        return tuple(arrays_of(part) for part in output)
    if isinstance(output, dict):
        return {name: arrays_of(part) for name, part in output.items()}
    return _array(output)


def joined(parts):
    """The arrays of batches as those of all samples; each part is an array, or a tuple or dict of them."""
    first = parts[0]
    if isinstance(first, tuple):
        return tuple(joined(column) for column in zip(*parts, strict=True))
    if isinstance(first, dict):
        return {name: joined([part[name] for part in parts]) for name in first}
    return np.concatenate(parts)
