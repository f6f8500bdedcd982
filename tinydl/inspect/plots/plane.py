"""Nets on points of the plane: the regions they divide it into, and what each layer makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl.inspect.plots.figure import legend, new_figure, plain, shortened
from tinydl.inspect.plots.palette import CLASSES, GREY, MARKERS, PAPER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from matplotlib.figure import Figure

    from tinydl._types import Array
    from tinydl.nn.module import Module

__all__ = ["decision_regions", "feature_space"]


def _points(x, y):
    x, y = np.asarray(x, float), np.asarray(y)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"this picture needs points in the plane, an array (N, 2), got shape {x.shape}")
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        raise ValueError(f"the labels must be {len(x)} integers, got {y.dtype} of shape {y.shape}")
    return x, y


def _scatter(axes, x, y, class_names, size=14):
    for k in np.unique(y):
        name = f"class {k}" if class_names is None else str(class_names[k])
        axes.scatter(*x[y == k].T, s=size, color=CLASSES[k % len(CLASSES)], edgecolors=PAPER, linewidths=0.4,
                     marker=MARKERS[k % len(MARKERS)], label=name, zorder=3)


def _outputs(net, x):
    """Outputs of a net (in evaluation mode) or of a function, as an array."""
    if hasattr(net, "modules"):
        from tinydl.train import predict

        return np.asarray(predict(net, x.astype(np.float32)))
    y = net(x)
    return np.asarray(y.data if hasattr(y, "requires_grad") else y)


def decision_regions(net: Module | Callable[..., Any], x: Array, y: Array,
                     class_names: Sequence[str] | None = None, title: str = "Decision regions",
                     resolution: int = 200) -> Figure:
    """Points in the plane, and how a net divides the plane.

    Parameters
    ----------
    net : nn.Module or callable
        From points (N, 2) to logits (N, K), or to one logit (N, 1) whose sign decides.
    x : array, shape (N, 2)
    y : array of int, shape (N,)
    class_names : sequence of str, optional
    title : str
    resolution : int
        Pixels along each axis.

    Returns
    -------
    Figure
    """
    from matplotlib.colors import ListedColormap

    x, y = _points(x, y)
    margin = 0.12 * np.ptp(x, axis=0) + 1e-6
    (left, bottom), (right, top) = x.min(axis=0) - margin, x.max(axis=0) + margin
    across, up = np.meshgrid(np.linspace(left, right, resolution), np.linspace(bottom, top, resolution))
    mesh = np.stack([across.ravel(), up.ravel()], axis=1)

    def classes(points):
        logits = _outputs(net, points)
        return (logits[:, 0] > 0).astype(int) if logits.shape[1] == 1 else logits.argmax(axis=1)

    regions = classes(mesh).reshape(across.shape)
    n = int(max(regions.max(), y.max())) + 1
    colours = ListedColormap([CLASSES[k % len(CLASSES)] for k in range(n)])
    figure = new_figure(5.4, 4.8)
    axes = figure.add_subplot()
    axes.imshow(regions, extent=(left, right, bottom, top), origin="lower", cmap=colours, vmin=0, vmax=n - 1 or 1,
                alpha=0.25, aspect="auto", interpolation="nearest")
    if n > 1:
        axes.contour(across, up, regions, levels=np.arange(n - 1) + 0.5, colors="#444444", linewidths=0.9)
    _scatter(axes, x, y, class_names)
    right_ones = float(np.mean(classes(x) == y))
    figure.suptitle(f"{title} ({100 * right_ones:.1f} % of {len(x):,} points right)", fontsize=11)
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
    legend(axes)
    return figure


def feature_space(net: Module, x: Array, y: Array, layers: Sequence[str] | None = None,
                  class_names: Sequence[str] | None = None,
                  title: str = "What each layer makes of the plane") -> Figure:
    """Points in the plane, and the grid under them, as each layer of a net sees them.

    A linear map shears the grid, ReLU folds it, tanh squeezes it. Layers with more than two units are shown along the
    two directions in which the points vary most (principal components), those with one unit along a line.

    Parameters
    ----------
    net : nn.Module
        Takes points (N, 2).
    x : array, shape (N, 2)
    y : array of int, shape (N,)
    layers : sequence of str, optional
        Names of the layers to show; by default all.
    class_names : sequence of str, optional
    title : str

    Returns
    -------
    Figure
    """
    from matplotlib.collections import LineCollection

    from tinydl.inspect.features import feature_maps as outputs_of

    x, y = _points(x, y)
    low, high = x.min(axis=0), x.max(axis=0)
    lines, steps = 13, 60
    along = np.linspace(0, 1, steps)
    grid = [np.stack([low[0] + (high[0] - low[0]) * (along if k else np.full(steps, t)),
                      low[1] + (high[1] - low[1]) * (np.full(steps, t) if k else along)], axis=1)
            for t in np.linspace(0, 1, lines) for k in (0, 1)]
    together = np.concatenate([x, *grid])
    found = outputs_of(net, together)
    names = list(found) if layers is None else list(layers)
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"the net has no layer {missing[0]!r} with an output; it has {', '.join(found)}")
    kinds = {name: type(module).__name__ for name, module in net.named_modules()}
    panels = [("input", together, ("$x_1$", "$x_2$"))]
    for name in names:
        panels.append((f"{name}: {kinds[name]}", *_plane(found[name].reshape(len(together), -1), len(x))))
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(2.6 * columns, 2.7 * rows + 0.6)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, places, labels) in zip(every, panels, strict=False):
        net_lines = places[len(x):].reshape(2 * lines, steps, 2)
        axes.add_collection(LineCollection([*net_lines], colors=GREY, linewidths=0.5, alpha=0.6))
        _scatter(axes, places[:len(x)], y, class_names, size=9)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel(labels[0], fontsize=8)
        axes.set_ylabel(labels[1], fontsize=8)
        axes.tick_params(labelsize=8)
        axes.locator_params(nbins=4)
        axes.autoscale_view()
        plain(axes)
    for axes in every[len(panels):]:
        axes.set_axis_off()
    handles, labels = every[0].get_legend_handles_labels()
    short = [shortened(label, 30) for label in labels]
    figure.legend(handles, short, loc="outside lower center", ncols=min(columns + 1, 4), frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=12)
    return figure


def _plane(features, n):
    """(Places in the plane, axis labels) of feature vectors; principal components are those of the first `n`."""
    width = features.shape[1]
    if width == 1:
        return np.concatenate([features, np.zeros_like(features)], axis=1), ("unit 1", "")
    if width == 2:
        return features, ("unit 1", "unit 2")
    centre = features[:n].mean(axis=0)
    _, size, directions = np.linalg.svd(features[:n] - centre, full_matrices=False)
    share = 100 * size[:2] ** 2 / max(float((size**2).sum()), 1e-300)
    return (features - centre) @ directions[:2].T, tuple(
        f"component {k + 1} ({share[k]:.0f} % of the variance)" for k in range(2))
