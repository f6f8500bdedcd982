"""How gradients and activations travel through the layers of a net."""

from __future__ import annotations

import contextlib
import copy
import math
import warnings
from collections import namedtuple
from typing import TYPE_CHECKING

import numpy as np

from tinydl import nn
from tinydl.config import enable_grad
from tinydl.inspect.jacobian import kept_state
from tinydl.inspect.spectral import spectral_norm
from tinydl.ops.checks import as_input
from tinydl.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinydl._types import ArrayLike, Loss
    from tinydl.nn.module import Module

__all__ = ["GradientFlow", "LayerFlow", "gradient_flow", "layers_of"]

# The gradient is called vanishing (exploding) where its norm falls below (grows above) these multiples of that at the
# last layer's output.
_LOW, _HIGH = 1e-3, 1e3

LayerFlow = namedtuple("LayerFlow", ["name", "kind", "activation", "activation_gradient", "weight", "weight_gradient",
                                     "spectral_norm", "product"])
LayerFlow.__doc__ = """One layer of a `GradientFlow`.

`activation` is the norm of the output and `activation_gradient` that of dL/d(output); `weight` and `weight_gradient`
are the norms of all parameters of the layer and of their gradient (nan without parameters). `spectral_norm` is the
largest singular value of the layer's Jacobian, `product` the product of those from this layer to the last one: a bound
on how much the gradient can grow (or on what is left of it) between the net's output and this layer's input.
"""


class GradientFlow:
    """What `gradient_flow` returns; printing it shows the table, `plot()` draws it.

    Attributes
    ----------
    layers : list of LayerFlow
        In the order of computation.
    loss : float
    input_gradient : float
        Norm of dL/d(input).
    ratio : float
        `input_gradient` over the norm of the gradient at the output of the last layer: what is left of the gradient
        after its way through the net.
    product : float
        Product of all spectral norms.
    verdict : str
        'vanishing', 'exploding' or 'healthy'.
    """

    def __init__(self, layers, loss, input_gradient):
        self.layers, self.loss, self.input_gradient = layers, loss, input_gradient
        last = layers[-1].activation_gradient
        self.ratio = input_gradient / last if last > 0 else math.nan
        self.product = layers[0].product
        sizes = [input_gradient, *(layer.activation_gradient for layer in layers)]
        if last == 0 or any(size < _LOW * last for size in sizes):
            self.verdict = "vanishing"
        elif not all(size <= _HIGH * last for size in sizes):
            self.verdict = "exploding"
        else:
            self.verdict = "healthy"

    def __str__(self):
        head = ("layer", "kind", "|output|", "|dL/doutput|", "|w|", "|dL/dw|", "spectral norm", "product to the end")
        lines = [(row.name, row.kind, *("-" if math.isnan(v) else f"{v:.3g}" for v in row[2:])) for row in self.layers]
        widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]

        def line(cells):
            return "  ".join(cell.ljust(w) if k < 2 else cell.rjust(w)
                             for k, (cell, w) in enumerate(zip(cells, widths, strict=True))).rstrip()

        out = [line(head), "-" * (sum(widths) + 2 * len(widths) - 2), *map(line, lines)]
        out.append(f"{self.verdict}: loss {self.loss:.4g}, |dL/dinput| {self.input_gradient:.3g}, that is "
                   f"{self.ratio:.3g} of the gradient at the last layer's output; spectral norms multiply to "
                   f"{self.product:.3g}")
        return "\n".join(out)

    __repr__ = __str__

    def plot(self, title="Gradient flow"):
        """The figure of `plots.gradient_flow`."""
        from tinydl.inspect import plots

        return plots.gradient_flow(self, title)


def layers_of(net):
    """Pairs (name, module) of the layers of a net: the net itself and the containers in it are opened, blocks are not.

    Parameters
    ----------
    net : nn.Module
    """
    children = list(net.named_children())
    if not children:
        return [("(net)", net)]
    found = []
    for name, child in children:
        if isinstance(child, (nn.Sequential, nn.ModuleList)):
            inner = layers_of(child) if next(child.children(), None) is not None else []
            found += [(f"{name}.{below}", module) for below, module in inner]
        else:
            found.append((name, child))
    return found


def gradient_flow(net: Module, x: ArrayLike, y: ArrayLike | None = None, loss: Loss | None = None, *,
                  layers: Sequence[str] | None = None, spectral: bool = True, iterations: int = 100,
                  tolerance: float = 1e-4, warn: bool = True) -> GradientFlow:
    r"""Norms of activations, gradients and Jacobians, layer by layer.

    For layers y_k = f_k(y_(k-1)) the gradient travels as dL/dy_(k-1) = J_k' dL/dy_k, so its norm changes at most by the
    factor sigma_k, the largest singular value of J_k, and over many layers by their product. Everything is computed in
    float64 on a copy, in the mode (training or evaluation) the net is in; net, gradients and running statistics stay.

    Parameters
    ----------
    net : nn.Module
    x : Tensor or array_like
        A batch; few samples are enough, and faster.
    y : array_like, optional
        Labels or targets. `x` may be a pair (x, y) instead.
    loss : callable, optional
        ``loss(output, y)``; default CrossEntropyLoss.
    layers : sequence of str, optional
        Names of modules to take for layers; by default the net's children, with Sequentials opened (see `layers_of`).
    spectral : bool
        False leaves out the spectral norms (nan), which take most of the time.
    iterations : int
        At most so many steps of the power iteration.
    tolerance : float
        The power iteration stops when a step changes the value by a smaller relative amount.
    warn : bool
        Whether to warn when the gradient vanishes or explodes.

    Returns
    -------
    GradientFlow
        Printing it shows the table; ``plot()`` draws it.

    Warns
    -----
    RuntimeWarning
        If somewhere on its way the gradient's norm falls below 1/1000, or grows above 1000 times, that at the output of
        the last layer. (The product of the spectral norms is a bound: if it is small the gradient must vanish, but it
        may be large and the gradient still be well.)

    Notes
    -----
    See `spectral_norm` for how Jacobian-vector products are made. The Jacobian is that of the whole batch; where the
    samples do not see each other (everywhere but in batch norm in training) its largest singular value is the largest
    over the samples.

    Examples
    --------
    >>> import tinydl as td
    >>> td.manual_seed(0)
    >>> net = td.nn.Sequential(*[td.nn.Sequential(td.nn.Linear(4, 4), td.nn.Sigmoid()) for _ in range(12)])
    >>> gradient_flow(net, np.ones((2, 4)), [0, 1], warn=False).verdict
    'vanishing'
    """
    if y is None:
        if not isinstance(x, (tuple, list)) or len(x) != 2:
            raise ValueError("gradient_flow() needs labels: pass gradient_flow(net, x, y) or a batch (x, y)")
        x, y = x
    names = dict(layers_of(net)) if layers is None else _named(net, layers)
    net = copy.deepcopy(net).double()
    modules = dict(net.named_modules())
    chosen = {modules["" if name == "(net)" else name]: name for name in names}
    loss = nn.CrossEntropyLoss() if loss is None else copy.deepcopy(loss)
    if isinstance(loss, nn.Module):
        loss.double()
    x = Tensor(np.array(as_input(x).data, np.float64), requires_grad=True)
    y = y.data if isinstance(y, Tensor) else np.asarray(y)
    passes = []

    def watch(module, inputs, output):
        if isinstance(output, Tensor) and output.requires_grad:
            output.retain_grad()
            passes.append((module, inputs, output))

    with contextlib.ExitStack() as hooks, kept_state(net), enable_grad():
        for module in net.modules():
            module._forward_hooks = ()
        for module in chosen:
            hooks.enter_context(module.register_forward_hook(watch))
        value = loss(net(x), y.astype(np.float64) if y.dtype.kind == "f" else y)
        value.backward()
    if not passes:
        raise ValueError(f"no layer of {type(net).__name__} ran with an input that takes a gradient")
    found = []
    for module, inputs, output in passes:
        sigma = spectral_norm(module, inputs[0], iterations, tolerance) if spectral else math.nan
        parameters = list(module.parameters())
        gradients = [p.grad for p in parameters if p.grad is not None]
        found.append([chosen[module], type(module).__name__, _norm([output.data]),
                      _norm([np.zeros(1) if output.grad is None else output.grad]),
                      _norm([p.data for p in parameters]) if parameters else math.nan,
                      _norm(gradients) if parameters else math.nan, sigma])
    product, rows = 1.0, []
    for row in reversed(found):
        product *= row[-1]
        rows.append(LayerFlow(*[*row, product]))
    flow = GradientFlow(rows[::-1], float(value.item()), _norm([np.zeros(1) if x.grad is None else x.grad]))
    if warn and flow.verdict != "healthy":
        cure = ("residual blocks, batch norm, ReLU or a larger initialisation" if flow.verdict == "vanishing" else
                "batch norm, gradient clipping or a smaller initialisation")
        warnings.warn(f"the gradient is {flow.verdict}: at the input {flow.ratio:.3g} of what it is at the last "
                      f"layer's output (product of spectral norms {flow.product:.3g}); {cure} would help",
                      RuntimeWarning, stacklevel=2)
    return flow


def _named(net, layers):
    modules = dict(net.named_modules())
    missing = [name for name in layers if name not in modules]
    if missing:
        raise ValueError(f"{type(net).__name__} has no module {missing[0]!r}; it has "
                         f"{', '.join(filter(None, modules))}")
    return {name: modules[name] for name in layers}


def _norm(arrays):
    return math.sqrt(sum(float(np.square(array, dtype=np.float64).sum()) for array in arrays))
