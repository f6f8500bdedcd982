"""Pictures of the page on networks and losses."""

import numpy as np

import tinydl as td
from tinydl.inspect import plots
from tools.pictures.draw import arrow, bare, node, number, panels

__all__ = ["activations", "saturation", "worked_net"]


def activations():
    """Six activations and their derivatives, which the backward pass makes."""
    shown = {"ReLU": td.ops.relu, "leaky ReLU, slope 0.1": lambda x: td.ops.leaky_relu(x, 0.1), "tanh": td.ops.tanh,
             "sigmoid": td.ops.sigmoid, "GELU": td.ops.gelu, "SiLU": td.ops.silu}
    figure, every = panels(8.4, 4.6, 3, rows=2, sharex=True)
    for axes, (name, f) in zip(every, shown.items(), strict=True):
        x = td.tensor(np.linspace(-4, 4, 161), requires_grad=True)
        y = f(x)
        y.sum().backward()
        axes.plot(x.data, y.data, color=plots.BLUE, label="y")
        axes.plot(x.data, x.grad, color=plots.ORANGE, linestyle="--", label="dy/dx")
        axes.set_title(name, fontsize=10)
        axes.set_ylim(-1.2, 2.2)
    for axes in every[3:]:
        axes.set_xlabel("x")
    figure.legend(*every[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def worked_net():
    """The worked net of the page: values on the way forward, gradients on the way back."""
    net = td.nn.Sequential(td.nn.Linear(1, 2), td.nn.Tanh(), td.nn.Linear(2, 1), td.nn.Tanh(),
                           td.nn.Linear(1, 1)).double()
    net.load_state_dict({"0.weight": [[0.3], [0.4]], "0.bias": [0.1, 0.2], "2.weight": [[1.0, -3.0]], "2.bias": [0.2],
                         "4.weight": [[2.0]], "4.bias": [1.0]})
    sums = []
    x = td.tensor([[2.0]], dtype=np.float64)
    for layer in net:
        x = layer(x)
        sums.append(x)
    loss = ((x - 1.0) ** 2).sum()
    loss.backward()
    s1, x1, s2, x2, o = (s.data[0] for s in sums)
    d1, d2, d3 = net[0].bias.grad, net[2].bias.grad, net[4].bias.grad

    figure = plots.new_figure(8.4, 3.2)
    axes = bare(figure.add_subplot(), "Forward: s and x = tanh(s) in blue. Backward: dL/ds in orange.")
    node(axes, 0, 0, "2", "x = 2")
    for k, y in enumerate((0.9, -0.9)):
        node(axes, 2.4, y, "tanh", f"s = {number(s1[k])},  x = {x1[k]:.6f}", number(d1[k], ".6f"))
        arrow(axes, (0.32, 0.1 * np.sign(y)), (2.08, 0.9 * y))
        axes.text(1.1, 0.74 * np.sign(y) - 0.06, f"{net[0].weight.data[k, 0]} (+{net[0].bias.data[k]})",
                  ha="center", fontsize=9)
        arrow(axes, (2.72, 0.9 * y), (4.48, 0.1 * np.sign(y)))
        axes.text(3.8, 0.74 * np.sign(y) - 0.06, f"{number(net[2].weight.data[0, k])}", ha="center", fontsize=9)
    node(axes, 4.8, 0, "tanh", f"s = {number(s2[0], '.6f')}\nx = {number(x2[0], '.6f')}", number(d2[0], ".6f"))
    arrow(axes, (5.12, 0), (6.68, 0))
    axes.text(5.9, 0.08, "2 (+1)", ha="center", fontsize=9)
    node(axes, 7, 0, "o", number(o[0], ".6f"), number(d3[0], ".6f"))
    arrow(axes, (7.32, 0), (8.28, 0))
    node(axes, 8.6, 0, "L", f"(o \u2212 1)\u00b2 = {loss.item():.6f}", "1")
    axes.set_xlim(-0.5, 9.4)
    axes.set_ylim(-1.7, 1.7)
    return figure


def saturation():
    """The squared error of tanh(w x) against 0.5: where tanh saturates, there is nothing to follow."""
    w = td.tensor(np.linspace(-6, 10, 321).astype(np.float32), requires_grad=True)
    error = (td.ops.tanh(w) - 0.5) ** 2
    error.sum().backward()
    figure, (left, right) = panels(8.4, 3.2, 2)
    left.plot(w.data, error.data, color=plots.BLUE)
    left.plot(np.arctanh(0.5), 0, "o", color=plots.ORANGE, label="minimum, w = artanh 0.5")
    left.set(title="E = (tanh(w) \u2212 0.5)\u00b2", xlabel="w")
    plots.legend(left)
    right.semilogy(w.data, np.maximum(np.abs(w.grad), 1e-12), color=plots.ORANGE)
    zero = w.data[(w.grad == 0) & (w.data > 1)]
    right.axvspan(zero.min(), 10, color=plots.BLUE, alpha=0.2,
                  label=f"exactly 0 in float32 from w = {zero.min():.1f} on")
    right.set(title="|dE/dw|", xlabel="w", ylim=(1e-9, 10))
    plots.legend(right)
    return figure
