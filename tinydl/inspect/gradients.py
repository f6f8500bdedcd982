"""How gradients and activations travel through the layers of a net."""

import contextlib
import copy
import math
import warnings
from collections import namedtuple

import numpy as np

from tinydl import nn, random
from tinydl.config import enable_grad, no_grad
from tinydl.inspect.jacobian import vjp
from tinydl.ops.checks import as_input
from tinydl.tensor import Tensor

__all__ = ["GradientFlow", "LayerFlow", "gradient_flow", "layers_of", "spectral_norm"]

# The gradient is called vanishing (exploding) where its norm falls below (grows above) these multiples of that at the
# last layer's output.
_LOW, _HIGH = 1e-3, 1e3

_AFFINE = (nn.Linear, nn.Identity, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.AvgPool1d,
           nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Unflatten)
_DIAGONAL = (nn.activation.Activation, nn.Dropout)
_SELECTION = (nn.MaxPool1d, nn.MaxPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)

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
    """Pairs (name, module) of the layers of a net: Sequential and the net itself are opened, blocks are layers.

    Parameters
    ----------
    net : nn.Module
    """
    children = list(net.named_children())
    if not children or isinstance(net, (nn.ResidualBlock, nn.BottleneckBlock)):
        return [("(net)", net)]
    found = []
    for name, child in children:
        if isinstance(child, (nn.Sequential, nn.ModuleList)):
            inner = layers_of(child) if next(child.children(), None) is not None else []
            found += [(f"{name}.{below}", module) for below, module in inner]
        else:
            found.append((name, child))
    return found


def gradient_flow(net, x, y=None, loss=None, *, layers=None, spectral=True, iterations=100, tolerance=1e-4,
                  warn=True):
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
    passes, state = [], random.state()

    def watch(module, inputs, output):
        if isinstance(output, Tensor) and output.requires_grad:
            output.retain_grad()
            passes.append((module, inputs, output))

    before = _buffers(net)
    with contextlib.ExitStack() as hooks, enable_grad():
        for module in net.modules():
            module._forward_hooks = ()
        for module in chosen:
            hooks.enter_context(module.register_forward_hook(watch))
        value = loss(net(x), y.astype(np.float64) if y.dtype.kind == "f" else y)
        value.backward()
    if not passes:
        raise ValueError(f"no layer of {type(net).__name__} ran with an input that takes a gradient")
    _restore(before)
    random.set_state(state)
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
        rows.append(LayerFlow(*row, product))
    flow = GradientFlow(rows[::-1], float(value.item()), _norm([np.zeros(1) if x.grad is None else x.grad]))
    if warn and flow.verdict != "healthy":
        cure = ("residual blocks, batch norm, ReLU or a larger initialisation" if flow.verdict == "vanishing" else
                "batch norm, gradient clipping or a smaller initialisation")
        warnings.warn(f"the gradient is {flow.verdict}: at the input {flow.ratio:.3g} of what it is at the last "
                      f"layer's output (product of spectral norms {flow.product:.3g}); {cure} would help",
                      RuntimeWarning, stacklevel=2)
    return flow


def spectral_norm(layer, x, iterations=100, tolerance=1e-4):
    r"""Largest singular value of the Jacobian of a layer at `x`, by power iteration on J'J.

    From a random unit vector v: u = J v, v = J'u / norm(J'u), sigma = norm(J v). J'u is a backward pass. J v is exact
    for linear layers, f(v) - f(0); for others it is the central difference (f(x + h v) - f(x - h v)) / 2h in float64,
    right to about eight digits. For activations the Jacobian is diagonal and for max-pooling it selects, so that sigma
    follows from one backward pass without iteration.

    Parameters
    ----------
    layer : nn.Module
        In float64; parameters and running statistics stay as they are.
    x : Tensor or array_like
        A batch of inputs.
    iterations : int
    tolerance : float
        Relative change of a step at which the iteration stops. The value grows towards the limit; with 1e-4 it stays
        below it by at most about one per cent.

    Returns
    -------
    float

    Notes
    -----
    Blocks and other modules with kinks are differentiated at x - d with a tiny positive d, so that entries that are
    exactly 0 after a ReLU, where the derivative jumps, count as cut off in both directions, as `backward` takes them.

    Examples
    --------
    >>> import tinydl as td
    >>> layer = td.nn.Linear(2, 2, bias=False).double()
    >>> layer.weight.data = np.array([[3.0, 0.0], [0.0, 1.0]])
    >>> round(spectral_norm(layer, np.ones((1, 2))), 2)
    3.0
    """
    before, state = _buffers(layer), random.state()

    def repeatable(point):
        random.set_state(state)  # the same dropout every time
        return layer(point)

    frozen = [p for p in layer.parameters() if p.requires_grad]
    try:
        for p in frozen:  # only the input's gradient is wanted
            p.requires_grad = False
        with enable_grad():
            return _spectral_norm(layer, repeatable, np.array(as_input(x).data, np.float64), iterations, tolerance)
    finally:
        for p in frozen:
            p.requires_grad = True
        _restore(before)
        random.set_state(state)


def _spectral_norm(layer, run, x, iterations, tolerance):
    is_affine = isinstance(layer, _AFFINE) or _is_plain_norm(layer)
    if not is_affine and not isinstance(layer, (*_DIAGONAL, *_SELECTION)):
        x = x - 1e-5 * (float(np.sqrt(np.mean(np.square(x)))) or 1.0)
    point = Tensor(x, requires_grad=True)
    y = run(point)
    if isinstance(layer, _DIAGONAL):
        return float(np.abs(vjp(y, point, np.ones(y.shape))).max(initial=0))
    if isinstance(layer, _SELECTION):
        return math.sqrt(float(vjp(y, point, np.ones(y.shape)).max(initial=0)))

    def value(array):
        with no_grad():
            return np.array(run(Tensor(array)).data)

    if is_affine:
        origin = value(np.zeros_like(x))

        def forward(v):
            return value(v) - origin
    else:
        h = 1e-6 * (float(np.sqrt(np.mean(np.square(x)))) or 1.0)

        def forward(v):
            return (value(x + h * v) - value(x - h * v)) / (2 * h)

    v = np.random.default_rng(0).standard_normal(x.shape)
    v /= np.linalg.norm(v)
    sigma = 0.0
    for _ in range(iterations):
        u = forward(v)
        last, sigma = sigma, float(np.linalg.norm(u))
        if not sigma > 0 or not math.isfinite(sigma):
            return sigma
        if abs(sigma - last) <= tolerance * sigma:
            break
        v = vjp(y, point, u)
        size = float(np.linalg.norm(v))
        if not size > 0:
            break
        v /= size
    return sigma


def _is_plain_norm(layer):
    """Whether a layer is a batch norm that maps each entry by itself."""
    return isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)) and not layer.training and layer.track_running_stats


def _named(net, layers):
    modules = dict(net.named_modules())
    missing = [name for name in layers if name not in modules]
    if missing:
        raise ValueError(f"{type(net).__name__} has no module {missing[0]!r}; it has "
                         f"{', '.join(filter(None, modules))}")
    return {name: modules[name] for name in layers}


def _buffers(net):
    return [(array, array.copy()) for array in net.buffers()]


def _restore(buffers):
    for array, values in buffers:
        array[...] = values


def _norm(arrays):
    return math.sqrt(sum(float(np.square(array, dtype=np.float64).sum()) for array in arrays))
