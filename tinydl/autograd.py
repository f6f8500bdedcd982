"""Gradients as results: those of some tensors with respect to others, without a `grad` anywhere being written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl import config
from tinydl.backward import refuse_double, upstream, walk
from tinydl.function import Function
from tinydl.gradient import Gradient
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tinydl.hooks import Handle

__all__ = ["Function", "grad"]


def grad(outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor], grad_outputs: Any = None,
         retain_graph: bool = False, create_graph: bool = False, allow_unused: bool = False) -> tuple[Any, ...]:
    """The gradients d(sum of outputs)/d(input), one of each input.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
        Numbers, or tensors with `grad_outputs`.
    inputs : Tensor or sequence of Tensor
        Leaves or results; each requires a gradient.
    grad_outputs : array_like or sequence, optional
        The weights of the outputs' entries: the upstream gradients.
    retain_graph : bool
        Keep what the operations saved, for another backward pass.
    create_graph : bool
        False: a backward pass is not recorded, and there are no gradients of gradients.
    allow_unused : bool
        Whether an input that no output depends on has the gradient None instead of being an error.

    Returns
    -------
    tuple of Tensor
    """
    if create_graph:
        refuse_double()
    outputs, inputs = (_tensors(given, name) for given, name in ((outputs, "outputs"), (inputs, "inputs")))
    if not isinstance(grad_outputs, (tuple, list)):
        grad_outputs = [grad_outputs] * (len(outputs) if grad_outputs is None else 1)
    if len(grad_outputs) != len(outputs):
        raise ValueError(f"grad: {len(outputs)} outputs need as many grad_outputs, got {len(grad_outputs)}")
    found: dict[int, Tensor] = {}
    handles: list[Handle] = []

    def note(key):
        def seen(gradient):
            found[key] = gradient if key not in found else found[key] + gradient
        return seen

    try:
        for x in inputs:
            if x.creator is not None:
                handles.append(x.register_hook(note(id(x))))
        leaves = {id(x): x for x in inputs if x.creator is None}

        def accumulate(leaf, array, owned):
            if id(leaf) in leaves:
                note(id(leaf))(Tensor(array if owned else array.copy(order="K")))

        config.mode.slots = False
        walk([(y.creator or y, Gradient(upstream(y, weight)))
              for y, weight in zip(outputs, grad_outputs, strict=True)], bool(retain_graph), accumulate)
    finally:
        config.mode.slots = True
        for handle in handles:
            handle.remove()
    for k, x in enumerate(inputs):
        if id(x) not in found and not allow_unused:
            raise RuntimeError(f"grad: no output depends on input {k} of shape {x.shape}; allow_unused=True gives None "
                               "for it")
    return tuple([found.get(id(x)) for x in inputs])


def _tensors(given, name):
    tensors = [given] if isinstance(given, Tensor) else list(given)
    for k, x in enumerate(tensors):
        if not isinstance(x, Tensor) or not x.requires_grad:
            raise TypeError(f"grad: {name} are tensors that require a gradient, number {k} is "
                            + (f"one that does not, of shape {x.shape}" if isinstance(x, Tensor) else repr(x)))
    return tensors
