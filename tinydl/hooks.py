"""Functions that a backward pass calls with the gradient of a tensor.

A hook of a result is called when the node passes its gradient on. A leaf gets its gradient in as many parts as there
are operations that read it; that of a leaf with hooks is collected, and handed over at the end of the walk. As long as
no leaf has a hook, nothing of this runs.
"""

from typing import Any

from tinydl.gradient import Gradient

__all__ = ["Handle", "accumulator", "called", "deliver", "register"]

_leaves = 0  # how many hooks leaves have had so far
accumulate: Any = None  # what a leaf does with a gradient: `Tensor._accumulate`, which tensor.py puts here


class Handle:
    """Removes a hook.

    Parameters
    ----------
    hooks : list
        What the hook is in.
    hook : callable
    """

    def __init__(self, hooks, hook):
        self._hooks, self._hook = hooks, hook

    def remove(self):
        """Take the hook away; a second call does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()
        return False


def register(tensor, hook):
    """Call `hook` with the gradient of `tensor`, an array; what it returns replaces it. See `Tensor.register_hook`."""
    global _leaves
    if not tensor.requires_grad:
        raise RuntimeError("register_hook() needs a tensor that requires a gradient")
    if tensor.creator is not None:
        node = tensor.creator
        hooks = node.hooks = node.hooks if node.hooks is not None else []
    else:
        _leaves += 1
        if not hasattr(tensor, "_hooks"):
            tensor._hooks = []
        hooks = tensor._hooks
    hooks.append(hook)
    return Handle(hooks, hook)


def called(hooks, gradient):
    """The gradient after the hooks have seen it."""
    for hook in tuple(hooks):
        array = gradient.array()
        values = hook(array.copy(order="K"))
        if values is None:
            continue
        if values.shape != array.shape:
            raise ValueError(f"a hook returned a gradient of shape {values.shape} in place of one of {array.shape}")
        gradient = Gradient(values.astype(array.dtype))
    return gradient


def accumulator():
    """(what a walk calls for the gradients of leaves, what it collects for the end or None)."""
    if not _leaves:
        return accumulate, None
    collected: dict = {}

    def collect(leaf, array, owned):
        if not getattr(leaf, "_hooks", None):
            accumulate(leaf, array, owned)
            return
        gradient = Gradient(array, owned)
        found = collected.get(leaf)
        collected[leaf] = gradient if found is None else found.plus(gradient)

    return collect, collected


def deliver(collected):
    """Hand the collected gradients over to their leaves, through their hooks."""
    for leaf, gradient in collected.items():
        seen = called(leaf._hooks, gradient)
        accumulate(leaf, seen.array(), seen.owned)
