"""What layers hold and see: filters, feature maps, saliency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl.inspect.plots.figure import grid, shortened, show
from tinydl.inspect.plots.palette import GREY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from tinydl._types import ArrayLike
    from tinydl.nn.module import Module

__all__ = ["feature_maps", "filters", "saliency"]


def _first_filters(net):
    """(name, weight) of the first convolution of a net, found by the rank of its weight."""
    for name, parameter in net.named_parameters():
        if parameter.ndim == 4:
            return name, np.asarray(parameter.data)
    return None


def filters(weight: Module | ArrayLike, title: str | None = None, max_filters: int = 64) -> Figure | None:
    """Convolution filters as a grid of images.

    Filters of three channels are shown in colour, each scaled to the full range; others as one row of grey images
    per filter bank, with the mean over their channels if they have several. One scale for all, zero is white.

    Parameters
    ----------
    weight : nn.Module or array, shape (O, C, KH, KW)
        Of a net, its first 2-D convolution is taken.
    title : str, optional
    max_filters : int
        The first so many are shown.

    Returns
    -------
    Figure or None
        None for a net without a 2-D convolution.
    """
    if hasattr(weight, "named_parameters"):
        found = _first_filters(weight)
        if found is None:
            return None
        name, weight = found
        title = title or f"First-layer filters ({name})"
    weight = np.asarray(getattr(weight, "data", weight) if hasattr(weight, "requires_grad") else weight)
    if weight.ndim != 4:
        raise ValueError(f"filters have shape (O, C, KH, KW), got {weight.shape}")
    n_out, channels, height, width = weight.shape
    shown = min(n_out, max_filters)
    colour = channels == 3
    grey = weight.mean(axis=1)
    limit = float(np.abs(grey).max()) or 1.0
    figure, axes, places = grid(shown, min(shown, 8), 0.85, width / height, gap=0.32,
                                 beside=0.2 if colour else 1.1)
    image = None
    for index, (extent, (x, y)) in enumerate(places):
        if colour:
            picture = weight[index].transpose(1, 2, 0)
            low, high = picture.min(), picture.max()
            axes.imshow((picture - low) / ((high - low) or 1.0), interpolation="nearest", extent=extent)
        else:
            image = axes.imshow(grey[index], cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest",
                                extent=extent)
        axes.text(x, y, str(index), ha="center", va="bottom", fontsize=7, color=GREY)
    what = "in colour, each scaled to its range" if colour else \
        "weight" if channels == 1 else f"mean weight over {channels} channels"
    if image is not None:
        figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, label=what)
    count = f"{shown} of {n_out}" if shown < n_out else f"{n_out}"
    figure.suptitle(f"{title or 'Filters'}\n{count} filters of {channels}x{height}x{width}"
                    + (f", {what}" if colour else ""), fontsize=10)
    return figure


def feature_maps(maps: ArrayLike, image: ArrayLike | None = None, title: str = "Feature maps",
                 max_maps: int = 64) -> Figure:
    """Feature maps of one image as a grid of pictures.

    Parameters
    ----------
    maps : array, shape (C, H, W) or (1, C, H, W)
        See `tinydl.inspect.feature_maps`.
    image : array, shape (1 or 3, H, W), optional
        What the net saw; shown first.
    title : str
    max_maps : int
        The first so many are shown.

    Returns
    -------
    Figure
    """
    maps = np.asarray(maps, np.float64)
    maps = maps[0] if maps.ndim == 4 and len(maps) == 1 else maps
    if maps.ndim != 3:
        raise ValueError(f"feature maps of one image have shape (C, H, W), got {maps.shape}; take those of one image")
    channels, height, width = maps.shape
    shown = min(channels, max_maps)
    extra = 0 if image is None else 1
    figure, axes, places = grid(shown + extra, min(8, shown + extra), 1.0, width / height, gap=0.28, beside=1.1)
    low, high = float(maps.min()), float(maps.max())
    signed = low < 0
    limit = max(abs(low), abs(high)) or 1.0
    style = {"cmap": "RdBu", "vmin": -limit, "vmax": limit} if signed else {"cmap": "viridis", "vmin": 0, "vmax": limit}
    if extra:
        extent, (x, y) = places[0]
        show(axes, image, extent)
        axes.text(x, y, "input", ha="center", va="bottom", fontsize=8)
    for index, (extent, (x, y)) in enumerate(places[extra:]):
        drawn = axes.imshow(maps[index], interpolation="nearest", extent=extent, **style)
        axes.text(x, y, str(index), ha="center", va="bottom", fontsize=7, color=GREY)
    figure.colorbar(drawn, ax=axes, fraction=0.04, pad=0.02, label="activation")
    count = f"{shown} of {channels}" if shown < channels else f"{channels}"
    figure.suptitle(f"{title}\n{count} channels of {height}x{width}", fontsize=10)
    return figure


def saliency(images: ArrayLike, gradients: ArrayLike, captions: Sequence[str] | None = None,
             title: str = "Saliency: where the score depends on the pixels", max_images: int = 8) -> Figure:
    """Images, and under each the size of the gradient of its score.

    Parameters
    ----------
    images : array, shape (N, C, H, W)
    gradients : array, shape (N, C, H, W)
        See `tinydl.inspect.saliency`; the largest absolute value over the channels is shown, each image scaled to its
        own maximum.
    captions : sequence of str, optional
    title : str
    max_images : int
        The first so many are shown.

    Returns
    -------
    Figure
    """
    images, gradients = np.asarray(images), np.asarray(gradients)
    if images.ndim != 4 or images.shape != gradients.shape:
        raise ValueError(f"images and gradients must have one shape (N, C, H, W), got {images.shape} and "
                         f"{gradients.shape}")
    n = min(len(images), max_images)
    figure, axes, places = grid(2 * n, n, 1.4, images.shape[3] / images.shape[2], gap=0.2, beside=1.1)
    size = np.abs(gradients[:n]).max(axis=1)
    size /= np.maximum(size.max(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
    for index in range(n):
        extent, (x, y) = places[index]
        show(axes, images[index], extent)
        if captions is not None:
            axes.text(x, y, shortened(captions[index], 18), ha="center", va="bottom", fontsize=8)
        drawn = axes.imshow(size[index], cmap="magma", vmin=0, vmax=1, interpolation="nearest",
                            extent=places[n + index][0])
    figure.colorbar(drawn, ax=axes, fraction=0.04, pad=0.02, label="|d score / d pixel|, largest = 1")
    figure.suptitle(title, fontsize=11)
    return figure
