"""What layers make of an image, and which pixels matter."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from tinydl.config import enable_grad, no_grad
from tinydl.inspect.jacobian import kept_state
from tinydl.ops.checks import as_input
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from typing import Any

    from tinydl._types import Array, ArrayLike, Ints
    from tinydl.nn.module import Module

__all__ = ["feature_maps", "saliency"]


def feature_maps(net: Module, x: ArrayLike, layer: str | None = None) -> Any:
    """Outputs of layers for a batch, in evaluation mode.

    Parameters
    ----------
    net : nn.Module
    x : Tensor or array_like
        A batch (N, C, H, W), (N, C, L) or (N, F).
    layer : str, optional
        Dotted name of a module, as in ``net.named_modules()``. By default every module without modules below it, and
        every block.

    Returns
    -------
    numpy.ndarray, or dict of str to numpy.ndarray
        The output of `layer`; without `layer` those of all by name, in the order of computation. Of a module that runs
        several times, the last output.

    Raises
    ------
    ValueError
        If there is no such layer, or it does not run.
    """
    modules = dict(net.named_modules())
    if layer is not None and layer not in modules:
        raise ValueError(f"{type(net).__name__} has no module {layer!r}; it has {', '.join(filter(None, modules))}")
    wanted = modules if layer is None else {layer: modules[layer]}
    outputs: dict[str, Any] = {}

    def keep(name):
        def hook(module, inputs, output):
            if isinstance(output, Tensor):
                outputs.pop(name, None)
                outputs[name] = np.array(output.data)
        return hook

    with kept_state(net), no_grad(), contextlib.ExitStack() as hooks:
        net.eval()
        for name, module in wanted.items():
            if layer is not None or _is_layer(module):
                hooks.enter_context(module.register_forward_hook(keep(name)))
        net(_input(net, x))
    if layer is None:
        return outputs
    if layer not in outputs:
        raise ValueError(f"the module {layer!r} did not run, or its output is no tensor")
    return outputs[layer]


def _is_layer(module):
    from tinydl.nn import BottleneckBlock, ResidualBlock

    return next(module.children(), None) is None or isinstance(module, (ResidualBlock, BottleneckBlock))


def _input(net, x):
    return as_input(x, next((p.dtype for p in net.parameters()), None))


def saliency(net: Module, x: ArrayLike, target: Ints | None = None) -> Array:
    """Gradient of a class's score with respect to the input, in evaluation mode.

    Parameters
    ----------
    net : nn.Module
        From a batch to scores (N, K).
    x : Tensor or array_like
        A batch, for example (N, C, H, W).
    target : int or sequence of int, optional
        The class whose score is differentiated, one for all or one per sample; default the predicted one.

    Returns
    -------
    numpy.ndarray
        d score / d x, with the shape of x: where it is large, small changes of the pixel matter most. Gradients and
        statistics of the net stay as they were.

    References
    ----------
    K. Simonyan, A. Vedaldi and A. Zisserman, Deep inside convolutional networks, arXiv:1312.6034.
    """
    frozen = [p for p in net.parameters() if p.requires_grad]
    point = Tensor(np.array(_input(net, x).data), requires_grad=True)
    try:
        for p in frozen:  # their gradients are neither wanted nor touched
            p.requires_grad = False
        with kept_state(net), enable_grad():
            net.eval()
            scores = net(point)
            if scores.ndim != 2:
                raise ValueError(f"saliency() needs a net with outputs (N, classes), got shape {scores.shape}")
            n, k = scores.shape
            chosen = scores.data.argmax(axis=1) if target is None else np.broadcast_to(np.asarray(target), (n,))
            if chosen.dtype.kind not in "iu" or chosen.min(initial=0) < 0 or chosen.max(initial=0) >= k:
                raise ValueError(f"target must be classes from 0 to {k - 1}, got {target!r}")
            upstream = np.zeros((n, k), scores.dtype)
            upstream[np.arange(n), chosen] = 1
            scores.backward(upstream)
    finally:
        for p in frozen:
            p.requires_grad = True
    return np.zeros_like(point.data) if point.grad is None else point.grad
