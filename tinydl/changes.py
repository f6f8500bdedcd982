"""Values that change between a forward pass and the backward pass that relies on them.

Nodes of the graph and changes take places in one order. A node that was made before the latest change of one of its
arguments, and kept that argument's values, would compute a gradient of neither the old values nor the new: that is an
error. Forward passes note nothing, and a backward pass compares one number a node, so a step costs nothing more.

What the library changes in place (steps of optimisers, load_state_dict, initialisations) is always found. NumPy does
not say what it writes: the values of a tensor are compared with those that its `data` had when it was asked for while
somebody else, an operation perhaps, held its array. A write through an array that was taken before the forward pass is
not found, nor one to a tensor that requires no gradient, unless it is a Parameter and the library writes.
"""

import itertools
import os
import threading

import numpy as np

__all__ = ["check", "kept", "latest", "places", "shown", "written"]

# Of nodes and changes, downwards: a node has a lower place than those it reads. Leaves have 1.
places = itertools.count(0, -1)
latest = 1  # place of the latest change, above all others where there was none
_REMEMBERED = 7  # earlier values of a tensor
_lock = threading.Lock()  # held from the place of a change until it is the latest, so that no later one is overwritten


def _now():
    """The place of a change."""
    global latest
    with _lock:
        latest = place = next(places)
    return place


def _after_fork():
    """A child has no thread that would release what it held as it was copied."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def written(tensors):
    """Note that the values of `tensors` were changed in place."""
    place = _now()
    for tensor in tensors:
        tensor._written = place


def shown(tensor):
    """Note the values of a tensor on which somebody relies and whose array is about to be given out."""
    digest, record = _digest(tensor.raw), getattr(tensor, "_shown", ())
    if record and record[-1][1] == digest:
        record = record[:-1]  # as it was then: one entry says both
    tensor._shown = (*record[-_REMEMBERED:], (_now(), digest))


def _digest(array):
    return hash(array.tobytes("A"))


def _changed(tensor, place):
    """Whether the values of `tensor` are others than they were at `place`."""
    if getattr(tensor, "_written", place) < place:
        return True
    for shown_at, digest in getattr(tensor, "_shown", ()):
        if shown_at < place:
            return digest != _digest(tensor.raw)
    return False


def check(node):
    """Raise where the values of an argument, on which the backward pass of `node` relies, are no longer the same."""
    leaves = [(k, edge) for k, edge in enumerate(node.edges) if edge is not None and edge.place > 0]
    for k, leaf in (*leaves, *node.frozen):
        if node.relies_on(k, leaf.raw) and _changed(leaf, node.place):
            raise RuntimeError(
                f"{node.name} saved its argument {k} of shape {leaf.shape} for the backward pass, and its values were "
                "changed in place since (by an optimiser's step, load_state_dict or a write into its data); call "
                "backward() before that, or compute the result again with the new values")


def kept(saved, array):
    """Whether one of the things that an operation saved lies in the memory of `array`."""
    for item in saved:
        item = item if isinstance(item, np.ndarray) else getattr(item, "_array", None)
        if isinstance(item, np.ndarray) and np.may_share_memory(item, array):
            return True
    return False
