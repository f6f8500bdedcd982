"""Pictures of the page on automatic differentiation."""

import numpy as np

import tinydl as td
from tinydl.inspect import plots
from tools.pictures.draw import arrow, bare, node, number, panels

__all__ = ["finite_differences", "graph"]


def graph():
    """f = (x + y) z at (-2, 5, -4), and w tanh(w) exp(w), where a node is used three times."""
    x, y, z = (td.tensor(v, dtype=np.float64, requires_grad=True) for v in (-2.0, 5.0, -4.0))
    q = x + y
    q.retain_grad()
    f = q * z
    f.backward()
    figure = plots.new_figure(8.4, 3.7)
    left, right = figure.subplots(1, 2)
    bare(left, "f = (x + y) z: values in blue, gradients in orange")
    for k, (name, v) in enumerate((("x", x), ("y", y), ("z", z))):
        node(left, 0, 2.6 - 1.3 * k, name, number(v.item()), number(float(v.grad)))
    node(left, 2, 1.95, "+", f"q = {number(q.item())}", number(float(q.grad)))
    node(left, 4, 1, "\u00d7", f"f = {number(f.item())}", "1")
    for start, end in (((0.32, 2.55), (1.68, 2.05)), ((0.32, 1.35), (1.68, 1.85)), ((0.32, 0.03), (3.7, 0.9)),
                       ((2.3, 1.85), (3.7, 1.1))):
        arrow(left, start, end)
    left.set_xlim(-0.6, 4.8)

    w = td.tensor(0.7, dtype=np.float64, requires_grad=True)
    k, m = td.ops.tanh(w), td.ops.exp(w)
    terms = [1 / np.cosh(0.7) ** 2 * 0.7 * np.exp(0.7), np.tanh(0.7) * np.exp(0.7), np.tanh(0.7) * 0.7 * np.exp(0.7)]
    (k * w * m).backward()
    assert np.isclose(sum(terms), w.grad)
    bare(right, "L = tanh(w) w e\u02b7: three children, three terms, one sum")
    node(right, 0, 1, "w", "0.7", radius=0.32)
    right.text(-0.9, -0.9, " + ".join(f"{t:.4f}" for t in terms) + f" = {float(w.grad):.4f}", fontsize=9,
               color=plots.ORANGE)
    for word, value, y in (("tanh", k.item(), 2.2), ("", None, 1), ("exp", m.item(), -0.2)):
        if word:
            node(right, 2.2, y, word, f"{value:.4f}", "")
            arrow(right, (0.3, 1 + 0.14 * np.sign(y - 1)), (1.88, y))
            arrow(right, (2.52, y), (4.1, 1 + 0.14 * np.sign(y - 1)))
        else:
            arrow(right, (0.34, 1), (4.08, 1))
        right.text(3.75 if word else 3.2, 1 + 1.02 * np.sign(y - 1) - 0.05 if word else 1.08,
                   f"term {terms[(0, 1, 2)[('tanh', '', 'exp').index(word)]]:.4f}", ha="center", fontsize=9,
                   color=plots.ORANGE)
    node(right, 4.4, 1, "\u00d7", f"L = {(k * w * m).item():.4f}", "1")
    right.set_xlim(-1.4, 5.1)
    return figure


def finite_differences():
    """How far a difference quotient is from what backward computes: truncation on one side, rounding on the other."""
    rng = np.random.default_rng(0)
    layer = td.nn.Sequential(td.nn.Conv2d(1, 4, 3), td.nn.Tanh(), td.nn.Flatten(), td.nn.Linear(36, 1)).double()
    x0, u = rng.normal(size=(1, 1, 5, 5)), rng.normal(size=(1, 1, 5, 5))
    x = td.tensor(x0, requires_grad=True)
    layer(x).sum().backward()
    exact = float((x.grad * u).sum())
    h = np.logspace(-14, 0, 57)

    def value(t):
        with td.no_grad():
            return layer(td.tensor(x0 + t * u)).item()

    central = [abs((value(t) - value(-t)) / (2 * t) - exact) / abs(exact) for t in h]
    forward = [abs((value(t) - value(0)) / t - exact) / abs(exact) for t in h]
    figure, (axes,) = panels(7, 3.6, 1)
    axes.loglog(h, np.maximum(forward, 1e-16), color=plots.ORANGE, marker="s", markersize=3,
                label="one-sided, error ~ h")
    axes.loglog(h, np.maximum(central, 1e-16), color=plots.BLUE, marker="o", markersize=3,
                label="central, error ~ h\u00b2")
    axes.set(title="A difference quotient beside the backward pass, float64", xlabel="step h",
             ylabel="relative difference")
    plots.legend(axes)
    return figure
