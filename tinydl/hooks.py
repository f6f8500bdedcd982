"""Functions that a backward pass calls with the gradient of a tensor.

A hook of a result is called when the node passes its gradient on. A leaf gets its gradient in as many parts as there
are operations that read it; that of a leaf with hooks is collected, and handed over at the end of the walk. As long as
no leaf has a hook, nothing of this runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinydl.gradient import Gradient

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, Self

    from tinydl.tensor import Tensor

__all__ = ["Handle", "accumulator", "called", "deliver", "register"]

leaves = 0  # how many hooks leaves have had so far
accumulate: Any = None  # what a leaf does with a gradient: `Tensor._accumulate`, which tensor.py puts here


class Handle:
    """Removes a hook.

    Parameters
    ----------
    hooks : list
        What the hook is in.
    hook : callable
    """

    def __init__(self, hooks: Any, hook: Callable[..., Any]) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> Literal[False]:
        self.remove()
        return False


def register(tensor: Tensor, hook: Callable[..., Any]) -> Handle:
    """Call `hook` with the gradient of `tensor`, an array; what it returns replaces it. See `Tensor.register_hook`."""
    global leaves
    if not tensor.requires_grad:
        raise RuntimeError("register_hook() needs a tensor that requires a gradient")
    if tensor.creator is not None:
        node = tensor.creator
        hooks = node.hooks = node.hooks if node.hooks is not None else []
    else:
        leaves += 1
        if not hasattr(tensor, "_hooks"):
            tensor._hooks = []  # type: ignore[attr-defined]
        hooks = tensor._hooks  # type: ignore[attr-defined]
    hooks.append(hook)
    return Handle(hooks, hook)


def called(hooks: Any, gradient: Any) -> Any:
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


def accumulator() -> Any:
    """(what a walk calls for the gradients of leaves where some have hooks, what it collects for the end)."""
    collected: dict = {}

    def collect(leaf, array, owned):
        if not getattr(leaf, "_hooks", None):
            accumulate(leaf, array, owned)
            return
        gradient = Gradient(array, owned)
        found = collected.get(leaf)
        collected[leaf] = gradient if found is None else found.plus(gradient)

    return collect, collected


def deliver(collected: Any) -> None:
    """Hand the collected gradients over to their leaves, through their hooks."""
    for leaf, gradient in collected.items():
        seen = called(leaf._hooks, gradient)
        accumulate(leaf, seen.array(), seen.owned)
