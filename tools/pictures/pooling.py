"""Pictures of the page on pooling, normalisation and residual networks."""

import numpy as np

import tinydl as td
from tinydl.data import load_digits
from tinydl.inspect import gradient_flow, plots
from tools.pictures.draw import bare, cells, frame, panels

__all__ = ["gradients_by_depth", "normalised", "winners"]

X = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])


def winners():
    """Max pooling forward and back, beside average pooling, which shares the gradient out."""
    x = td.tensor(X[None, None], requires_grad=True)
    dy = np.array([[1.0, 2], [3, 4]])
    best, mean = td.ops.max_pool2d(x, 2), td.ops.avg_pool2d(x, 2)
    best.backward(dy[None, None])
    to_winner = x.grad[0, 0].copy()
    x.grad = None
    mean.backward(dy[None, None])
    shown = (("x, winners framed", X, 9), ("max", best.data[0, 0], 9), ("dx of max, dy = 1 2 3 4", to_winner, 4),
             ("average", mean.data[0, 0], 9), ("dx of average", x.grad[0, 0], 4))
    figure = plots.new_figure(8.4, 2.4)
    for axes, (title, values, limit) in zip(figure.subplots(1, 5, width_ratios=(4, 2, 4, 2, 4)), shown, strict=True):
        bare(axes, title, 9)
        cells(axes, values, limit=2 * limit, size=8)
        if len(values) == 4:
            for i, j in ((0, 0), (0, 2), (2, 0), (2, 2)):
                frame(axes, j, i, 2, 2, plots.GREY, linewidth=1.6)
        if title.startswith("x"):
            for i, j in np.argwhere(to_winner != 0):
                frame(axes, j + 0.06, i + 0.06, 0.88, 0.88)
    return figure


def normalised():
    """Activations of 20 layers with weights a little too large: without and with batch norm between them."""
    x0 = np.random.default_rng(0).normal(size=(256, 64)).astype(np.float32)
    figure, every = panels(8.4, 3.4, 2, sharey=True)
    for axes, norm in zip(every, (False, True), strict=True):
        td.manual_seed(0)
        x = td.tensor(x0)
        spread = []
        for _ in range(20):
            layer = td.nn.Linear(64, 64)
            td.nn.init.normal_(layer.weight, 0, 1.15 * np.sqrt(2 / 64))
            x = layer(x)
            x = td.ops.relu(td.nn.BatchNorm1d(64)(x) if norm else x)
            spread.append(np.percentile(x.data, (75, 90, 99)))
        for k, (what, marker) in enumerate((("75 %", "o"), ("90 %", "s"), ("99 %", "^"))):
            values = np.array(spread)[:, k]
            axes.semilogy(range(1, 21), np.maximum(values, 1e-3), color=plots.CLASSES[k], marker=marker, markersize=4,
                          label=what)
        axes.set(title="Linear, batch norm, ReLU" if norm else "Linear, ReLU: weights 15 % too large", xlabel="layer")
        axes.xaxis.get_major_locator().set_params(integer=True)
        plots.legend(axes)
    every[0].set_ylabel("outputs of 256 samples, percentiles")
    return figure


class Residual(td.nn.Module):
    """x + F(x) with F = conv, ReLU, conv, the last one small at the start."""

    def __init__(self, scale):
        self.inner = td.nn.Sequential(td.nn.Conv2d(8, 8, 3, padding=1), td.nn.ReLU(), td.nn.Conv2d(8, 8, 3, padding=1))
        td.nn.init.small_(self.inner[2].weight, scale)
        td.nn.init.zeros_(self.inner[2].bias)

    def forward(self, x):
        return td.ops.add(x, self.inner(x))


def gradients_by_depth():
    """Norms of the gradient below 40 blocks of three kinds, before any training."""
    def conv():
        return td.nn.Conv2d(8, 8, 3, padding=1)

    blocks = {"plain: conv, ReLU": lambda: td.nn.Sequential(conv(), td.nn.ReLU()),
              "normalised: conv, batch norm, ReLU":
                  lambda: td.nn.Sequential(conv(), td.nn.BatchNorm2d(8), td.nn.ReLU()),
              "residual: x + F(x), small start": lambda: Residual(0.01)}
    train, _ = load_digits()
    figure, (axes,) = panels(8, 3.8, 1)
    depth = 40
    for k, (name, block) in enumerate(blocks.items()):
        td.manual_seed(0)
        net = td.nn.Sequential(td.nn.Conv2d(1, 8, 3, padding=1), *[block() for _ in range(depth)], td.nn.Flatten(),
                               td.nn.Linear(512, 10))
        flow = gradient_flow(net, train.normalised()[:32], train.labels[:32], layers=[str(i) for i in range(depth + 1)],
                             spectral=False, warn=False)
        norms = np.array([layer.activation_gradient for layer in flow.layers])
        axes.semilogy(range(depth + 1), norms / norms[-1], color=plots.CLASSES[k], marker=plots.MARKERS[k],
                      markersize=3.5, label=name)
    axes.invert_xaxis()
    axes.set(title=f"The gradient on its way back through {depth} blocks, before any training",
             xlabel="block, from the last to the first", ylabel="norm / norm at the last block")
    plots.legend(axes)
    return figure
