"""Where nan and infinity come from."""

import contextlib

import numpy as np

from tinydl import random
from tinydl.config import no_grad

__all__ = ["NonFiniteLossError", "first_nonfinite"]


class NonFiniteLossError(FloatingPointError):
    """The loss became nan or infinite; the message names epoch, batch and the first layer at fault."""


def _finite(array):
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def first_nonfinite(net, x):
    """Say in words where the first number that is not finite appears in ``net(x)``.

    Looks at the input, the parameters and statistics, and then at each layer's output in the order of the forward
    pass, which is run once more without gradients; state and mode of the net are as before afterwards.

    Parameters
    ----------
    net : nn.Module
    x : array

    Returns
    -------
    str
    """
    if not _finite(x):
        row = int(np.flatnonzero(~np.isfinite(x).reshape(len(x), -1).all(axis=1))[0])
        return f"sample {row} of the batch already holds a value that is not finite"
    saved = net.state_dict()
    for name, value in saved.items():
        if not _finite(value):
            return f"{name} is not finite since an earlier step; a smaller learning rate is the usual cure"
    found = []
    leaves = {module: name for name, module in net.named_modules() if next(module.children(), None) is None}

    def watch(module, inputs, output):
        if not found and not _finite(output.data):
            name = leaves[module] or "net"
            found.append(f"the first output that is not finite is that of layer {name!r}, {module!r}")

    random_state = random.state()
    try:
        with no_grad(), np.errstate(all="ignore"), contextlib.ExitStack() as hooks:
            for module in leaves:
                hooks.enter_context(module.register_forward_hook(watch))
            net(x)
    finally:
        net.load_state_dict(saved)
        random.set_state(random_state)
    return found[0] if found else "every layer's output is finite, so it is the loss itself (logits too large?)"
