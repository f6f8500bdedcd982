"""Where nan and infinity come from."""

import contextlib
import math
import sys

import numpy as np

from tinydl import random
from tinydl.config import mode, no_grad
from tinydl.optim import clip_grad_norm_
from tinydl.train.trees import called, leaves

__all__ = [
    "NonFiniteGradientError", "NonFiniteLossError", "first_nonfinite", "gradients_are_finite", "nonfinite_gradients",
    "nonfinite_state",
]


class NonFiniteLossError(FloatingPointError):
    """The loss became nan or infinite; the message names epoch, batch and the first layer at fault."""


class NonFiniteGradientError(NonFiniteLossError):
    """A gradient became nan or infinite while the loss is finite; the message names epoch, batch and parameter."""


def _finite(array):
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def nonfinite_state(net):
    """Name of the first parameter or buffer of `net` that holds nan or infinity, or None."""
    for name, parameter in net.named_parameters():
        if not _finite(parameter.data):
            return name
    return next((name for name, array in net.named_buffers() if not _finite(array)), None)


def gradients_are_finite(parameters, clip_norm=None):
    """Whether no gradient holds nan or infinity: one pass over all of them, for every batch.

    With `clip_norm` the gradients are scaled together in that pass, so that their norm is at most that.
    """
    try:
        if clip_norm is not None:
            clip_grad_norm_(parameters, clip_norm, error_if_nonfinite=True)
        else:
            # The largest absolute value of all; nothing is clipped.
            clip_grad_norm_(parameters, sys.float_info.max, math.inf, error_if_nonfinite=True)
    except RuntimeError:
        return False
    return True


def nonfinite_gradients(net, parameters):
    """Say in words which gradients hold nan or infinity.

    Parameters
    ----------
    net : nn.Module
        Knows the names.
    parameters : sequence of Tensor

    Returns
    -------
    str
    """
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    bad = []
    for k, parameter in enumerate(parameters):
        if parameter.grad is not None and not _finite(parameter.grad):
            bad.append(names.get(id(parameter), f"parameter {k} of the optimizer"))
            grad = parameter.grad
            value = grad[~np.isfinite(grad)][0]
    others = f" and of {len(bad) - 1} more" if len(bad) > 1 else ""
    # The last one is the nearest to the loss, where the trouble began.
    return f"the gradient of {bad[-1]}{others} is not finite ({value})"


def first_nonfinite(net, x, y=None):
    """Say in words where the first number that is not finite appears in ``net(x)``.

    Looks at the input and the targets, the parameters and statistics, and then at each layer's output in the order of
    the forward pass, which is run once more without gradients; state and mode of the net are as before afterwards.

    Parameters
    ----------
    net : nn.Module
    x : array, or tuple or dict of arrays
    y : array, or tuple or dict of arrays, optional

    Returns
    -------
    str
    """
    for what, array in [("sample", part) for part in leaves(x)] + [("target", part) for part in leaves(y)]:
        if array is not None and not _finite(array):
            row = int(np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))[0])
            return f"{what} {row} of the batch already holds a value that is not finite"
    name = nonfinite_state(net)
    if name is not None:
        return f"{name} is not finite since an earlier step; a smaller learning rate is the usual cure"
    found = []
    modules = {module: name for name, module in net.named_modules() if next(module.children(), None) is None}

    def watch(module, inputs, output):
        if not found and hasattr(output, "data") and not _finite(np.asarray(output.data)):
            name = modules[module] or "net"
            found.append(f"the first output that is not finite is that of layer {name!r}, {module!r}")

    saved, random_state, batch = net.state_dict(), random.state(), mode.batch
    mode.batch = None  # of several shards one looks alone
    try:
        with no_grad(), np.errstate(all="ignore"), contextlib.ExitStack() as hooks:
            for module in modules:
                hooks.enter_context(module.register_forward_hook(watch))
            called(net, x)
    except ValueError:
        if batch is None:
            raise
    finally:
        mode.batch = batch
        net.load_state_dict(saved)
        random.set_state(random_state)
    return found[0] if found else "every layer's output is finite, so it is the loss itself (logits too large?)"
