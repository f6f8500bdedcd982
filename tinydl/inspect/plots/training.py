"""How training went: curves, confusion matrix, mistakes, learning rates, gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl.inspect.plots.figure import (
    at_least_a_decade,
    grid,
    legend,
    new_figure,
    plain,
    positive,
    shortened,
    show,
)
from tinydl.inspect.plots.palette import BLUE, CLASSES, MARKERS, ON_DARK, ON_LIGHT, ORANGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from matplotlib.figure import Figure

    from tinydl._types import Array
    from tinydl.inspect.gradients import GradientFlow

__all__ = [
    "as_drawn", "confusion", "curves", "gradient_flow", "lr_range", "misclassified", "over_epochs", "panel_axes",
    "panels_of", "spread",
]


def curves(history: Mapping[str, Any], title: str = "Training") -> Figure:
    """Loss, accuracy and other metrics over the epochs; a ring marks the epoch of the least validation loss.

    Parameters
    ----------
    history : dict of str to list
        ``Trainer.history``: "epoch", "loss" and, where there are, "val_loss", "accuracy", "val_accuracy", and columns
        of numbers of other names, one panel each. Learning rates and times are left out.
    title : str

    Returns
    -------
    Figure
    """
    epochs = history.get("epoch") or list(range(1, len(history["loss"]) + 1))
    panels = panels_of(history)
    figure, every = panel_axes(len(panels), 3.6)
    losses = np.asarray(history.get("val_loss", []), float)
    best = int(np.nanargmin(losses)) if np.isfinite(losses).any() else None
    for axes, (key, names) in zip(every, panels.items(), strict=True):
        for name in names:
            values, last = as_drawn(key, history[name])
            colour, what = (ORANGE, "validation") if name.startswith("val_") else (BLUE, "training")
            axes.plot(epochs, values, color=colour, marker="o" if len(epochs) <= 30 else None, markersize=3.5,
                      label=f"{what}: {last}")
            if best is not None and what == "validation":
                axes.plot(epochs[best], values[best], "o", color=ORANGE, markerfacecolor="none", markersize=9)
        if key == "loss":
            spread(axes, min(history[key]), max(history[key]))
        over_epochs(axes, key)
        legend(axes)
    figure.suptitle(title)
    return figure


def panels_of(history):
    """Columns of the history that are drawn, by what they measure: training and validation into one panel."""
    panels = {}
    for name, column in history.items():
        numbers = all(isinstance(v, (int, float, np.number)) for v in column if v is not None)
        if numbers and name.split("_")[0] not in ("epoch", "images", "lr", "seconds"):
            panels.setdefault(name.removeprefix("val_"), []).append(name)
    return panels


def panel_axes(n, inches, least=0.0):
    """A figure at least so wide, and the axes of n panels of so many `inches` in height, up to three in a row."""
    columns = min(n, 3)
    rows = -(-n // columns)
    figure = new_figure(max(least, 4.8 * columns), inches * rows + 0.3)
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in every[n:]:
        axes.set_axis_off()
    return figure, every[:n]


def as_drawn(key, column):
    """(a column's values in the unit of its panel, the last one in words)."""
    values = np.array(column, float)  # None becomes nan
    if key != "accuracy":
        return values, f"{values[-1]:.4g}"
    values = 100.0 * values
    return values, f"{values[-1]:.2f} %"


def spread(axes, least, largest):
    """A logarithmic axis for losses from `least` to `largest` that a linear one would press together."""
    if least > 0 and largest > 20 * least:
        axes.set_yscale("log")


def over_epochs(axes, key, whose=""):
    """What the axes of a panel over epochs say."""
    axes.set_xlabel("epoch")
    axes.set_ylabel(whose + ("accuracy / %" if key == "accuracy" else key))
    axes.xaxis.get_major_locator().set_params(integer=True)
    plain(axes)


def confusion(matrix: Array, class_names: Sequence[str] | None = None, title: str = "Confusion matrix") -> Figure:
    """A confusion matrix with its counts; the colour is the share of the row, so rare classes show as well.

    Parameters
    ----------
    matrix : array of int, shape (K, K)
        Rows are the true classes; see `tinydl.train.confusion_matrix`.
    class_names : sequence of str, optional
    title : str

    Returns
    -------
    Figure
    """
    matrix = np.asarray(matrix)
    k = len(matrix)
    names = [str(i) for i in range(k)] if class_names is None else [shortened(n, 24) for n in class_names]
    size = min(12.0, max(4.8, 2.0 + 0.45 * k))
    figure = new_figure(size + 0.6, size)
    axes = figure.add_subplot()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(100 * share, cmap="Blues", vmin=0, vmax=100)
    if k <= 25:
        for i, j in np.argwhere(matrix > 0):
            axes.text(j, i, f"{matrix[i, j]}", ha="center", va="center", fontsize=8,
                      color=ON_DARK if share[i, j] > 0.5 else ON_LIGHT)
    rotation = 45 if max(map(len, names)) > 3 else 0
    axes.set_xticks(range(k), names, rotation=rotation, ha="right" if rotation else "center", fontsize=8)
    axes.set_yticks(range(k), names, fontsize=8)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    right, total = int(np.trace(matrix)), int(matrix.sum())
    axes.set_title(f"{title}\n{right:,} of {total:,} right" + (f" ({100 * right / total:.2f} %)" if total else ""),
                   fontsize=11)
    figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03, label="share of the true class / %")
    return figure


def misclassified(images: Array, labels: Array, logits: Array, class_names: Sequence[str] | None = None,
                  max_images: int = 24, title: str = "Most confident mistakes",
                  white: float = 255) -> Figure:
    """The most wrong images: those where the net is surest of a wrong class.

    Parameters
    ----------
    images : array, shape (N, C, H, W)
    labels : array of int, shape (N,)
    logits : array, shape (N, K)
    class_names : sequence of str, optional
    max_images : int
    title : str
    white : float
        The brightest that bytes are.

    Returns
    -------
    Figure
        Says so when there are no mistakes.
    """
    labels, logits = np.asarray(labels), np.asarray(logits, np.float64)
    names = [str(i) for i in range(logits.shape[1])] if class_names is None else list(class_names)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = logits.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    sure = probabilities[wrong, predicted[wrong]]
    chosen = wrong[np.argsort(-sure, kind="stable")][:max_images]
    if len(chosen) == 0:
        figure = new_figure(5, 1.6)
        figure.suptitle(title)
        figure.text(0.5, 0.4, f"none: all {len(labels):,} images are classified right", ha="center")
        return figure
    figure, axes, places = grid(len(chosen), min(8, max(4, len(chosen))), 1.4, images.shape[3] / images.shape[2],
                                 gap=0.5, head=0.35)
    for (extent, (x, y)), index in zip(places, chosen, strict=True):
        show(axes, images[index], extent, white)
        axes.text(x, y, f"{shortened(names[labels[index]], 18)}\ntaken for\n{shortened(names[predicted[index]], 18)}\n"
                  f"{100 * probabilities[index, predicted[index]]:.0f} % sure", ha="center", va="bottom", fontsize=8)
    figure.suptitle(f"{title}: {len(chosen)} of {len(wrong):,} wrong among {len(labels):,}", fontsize=11)
    return figure


def lr_range(lrs: Sequence[float], losses: Sequence[float], suggestion: float | None = None,
             title: str = "Learning-rate range test") -> Figure:
    """Loss over the learning rate, as `tinydl.train.LRFinder` measured it.

    Parameters
    ----------
    lrs, losses : sequences of float
    suggestion : float, optional
        Marked with a line.
    title : str

    Returns
    -------
    Figure
    """
    figure = new_figure(5.4, 3.8)
    axes = figure.add_subplot()
    axes.plot(lrs, losses, color=BLUE)
    axes.set_xscale("log")
    at_least_a_decade(axes, "x")
    if suggestion is not None:
        axes.axvline(suggestion, color=ORANGE, linestyle="--", label=f"suggested: {suggestion:.2g}")
        legend(axes)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("smoothed loss")
    figure.suptitle(title)
    plain(axes)
    return figure


def gradient_flow(flow: GradientFlow | dict[str, GradientFlow], title: str = "Gradient flow") -> Figure:
    """Gradients, spectral norms and their product over the layers of one or several nets.

    Parameters
    ----------
    flow : GradientFlow, or dict of str to GradientFlow
        What `tinydl.inspect.gradient_flow` returned; several nets by name are drawn into the same axes.
    title : str

    Returns
    -------
    Figure
    """
    flows = flow if isinstance(flow, dict) else {"": flow}
    has_norms = any(np.isfinite(f.product) for f in flows.values())
    deepest = max(len(f.layers) for f in flows.values())
    single = len(flows) == 1
    panels = 3 if has_norms else 2
    figure = new_figure(3.5 * panels, 4.4 if single and deepest <= 25 else 4.0)
    axes = figure.subplots(1, panels)
    for k, (name, f) in enumerate(flows.items()):
        x, colour = np.arange(1, len(f.layers) + 1), CLASSES[k % len(CLASSES)]
        marker = MARKERS[k % len(MARKERS)] if len(x) <= 30 else None
        style = {"color": colour, "marker": marker, "markersize": 3.5}
        columns = {key: positive([getattr(layer, key) for layer in f.layers])
                   for key in ("activation_gradient", "weight_gradient", "spectral_norm", "product")}
        shown = f"{name} ({f.verdict})" if name else "dL/d(output of the layer)"
        axes[0].plot([0, *x], [*positive([f.input_gradient]), *columns["activation_gradient"]], label=shown, **style)
        known = np.isfinite(columns["weight_gradient"])
        axes[1].plot(x[known], columns["weight_gradient"][known], label=name or "dL/d(weights of the layer)", **style)
        if has_norms:
            if single:
                axes[2].plot(x, columns["spectral_norm"], color=ORANGE, marker=marker, markersize=3.5,
                             label="spectral norm of the layer")
            axes[2].plot(x, columns["product"], label=name or "product from here to the end", **style)
    labels = ("norm of the gradient at the output", "norm of the gradient of the weights",
              "largest singular value of the Jacobian" if single else "product of spectral norms from here to the end")
    for k, (panel, label) in enumerate(zip(axes, labels, strict=False)):
        panel.set_yscale("log")
        panel.set_ylabel(label)
        panel.set_xlabel("layer (0: the input)" if k == 0 else "layer")
        panel.xaxis.get_major_locator().set_params(integer=True)
        at_least_a_decade(panel)
        legend(panel, 8)
        plain(panel)
        if single and deepest <= 25:
            names = [f"{layer.name} {layer.kind}" for layer in next(iter(flows.values())).layers]
            ticks = ["input", *names] if k == 0 else names
            panel.set_xticks(range(1 - (k == 0), deepest + 1), ticks, rotation=60, ha="right", fontsize=7)
            panel.set_xlabel("layer")
    only = next(iter(flows.values()))
    figure.suptitle(f"{title}: {only.verdict}, {only.ratio:.2g} of the gradient reaches the input" if single else title)
    return figure
