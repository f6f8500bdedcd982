"""What all pictures share: figures without pyplot, grids of images, axes; and the way to a file."""

from __future__ import annotations

import contextlib
import functools
import io
import os
from typing import TYPE_CHECKING

import numpy as np

from tinydl._check import path_of
from tinydl.inspect.plots.palette import GREY, darkened

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.figure import Figure

    from tinydl._types import Path

__all__ = [
    "at_least_a_decade", "grid", "legend", "new_figure", "plain", "positive", "save", "shortened", "show",
]


@functools.cache
def _shown_in_notebooks(figure):
    """A kind of figure that a notebook shows without pyplot and without %matplotlib."""
    return type("Picture", (figure,), {"_repr_png_": lambda self: _drawn(self, "png")})


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches that belongs to no window."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        from tinydl._name import how_to_install

        raise ImportError(f"pictures need matplotlib: {how_to_install('app')}") from None
    figure = _shown_in_notebooks(Figure)(figsize=(width, height), dpi=120, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    return figure


def _drawn(figure, extension, dark=False):
    from matplotlib import rc_context

    from tinydl.inspect.plots.svg import SETTINGS, follow

    buffer = io.BytesIO()
    if extension == "svg":
        with rc_context(SETTINGS):
            figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        return follow(buffer.getvalue().decode()).encode()
    with darkened(figure) if dark else contextlib.nullcontext():
        figure.savefig(buffer, format=extension)
    return buffer.getvalue()


def save(figure: Figure, path: Path, dark: bool = False) -> None:
    """Write a figure to `path`, whole or not at all; the format follows from the name (png, svg, pdf).

    An SVG has no paper of its own: it is for light pages, and for dark ones where the reader's scheme is dark. Other
    formats are on white paper, with `dark` on dark paper.
    """
    from tinydl._files import atomic_write

    content = _drawn(figure, os.path.splitext(path_of(path))[1].lstrip(".") or "png", dark)
    with atomic_write(path) as file:
        file.write(content)


def legend(axes: Any, size: float = 9) -> None:
    """A legend above the axes, where no data are, in as many columns as fit; letters of `size` points."""
    handles, labels = axes.get_legend_handles_labels()
    labels = [shortened(label, 40) for label in labels]
    room = axes.figure.get_figwidth() / axes.get_subplotspec().get_gridspec().ncols - 0.9
    one = (0.55 * max(map(len, labels), default=0) + 4.5) * size / 72  # letters are about half as wide as high
    columns = max(1, min(len(labels), int(room / one)))
    if axes.get_title():  # above the legend
        axes.set_title(axes.get_title(), fontsize=axes.title.get_fontsize(),
                       pad=6 + 1.6 * size * -(-len(labels) // columns))
    return axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, frameon=False,
                       ncols=columns, fontsize=size, columnspacing=1.4, handletextpad=0.5)


def shortened(text, length):
    """A text of at most so many characters; what is left out is marked."""
    text = str(text)
    return text if len(text) <= length else text[:length - 1].rstrip() + "\u2026"


def plain(*axes: Any) -> tuple[Any, ...]:
    """Axes without a frame, with a faint grid; returns them."""
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(alpha=0.25, linewidth=0.6)
    return axes


def grid(n, columns, inches, aspect, gap, beside=0.2, head=0.6):
    """A figure with one bare axes for `n` pictures in rows of `columns`: (figure, axes, places).

    One axes with many images is drawn ten times faster than many axes. A place is the extent of a picture and the
    point above its middle for a caption, for which each row has `gap` (in heights of a picture). `inches` is the height
    of a picture, `beside` the room for a colour bar, `head` that for a title.
    """
    rows = -(-n // columns)
    figure = new_figure(max(4.5, inches * 1.12 * aspect * columns + beside), inches * (1 + gap) * rows + head)
    axes = figure.add_subplot()
    places = []
    for index in range(n):
        row, column = divmod(index, columns)
        left, top = 1.12 * aspect * column, -(1 + gap) * row
        places.append(((left, left + aspect, top - 1, top), (left + aspect / 2, top + 0.04)))
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_autoscale_on(False)
    axes.set_xlim(0, 1.12 * aspect * columns)
    axes.set_ylim(-(1 + gap) * rows + gap, gap)
    return figure, axes, places


def show(axes, image, extent, white=255):
    """Draw an image (C, H, W) as it is: large is bright, bytes from 0 to `white`, others from their least to largest.

    Three channels are colours, of any other number the first one is shown in grey.
    """
    image = np.asarray(image)
    low, high = (0, white) if image.dtype == np.uint8 else (float(image.min()), float(image.max()))
    image = (image.astype(np.float32) - low) / ((high - low) or 1.0)
    image = image.transpose(1, 2, 0) if len(image) == 3 else image[0]
    # A frame, for a black or white edge would not be seen.
    left, right, bottom, top = extent
    axes.plot([left, right, right, left, left], [bottom, bottom, top, top, bottom], color=GREY, linewidth=0.6)
    return axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=extent)


def positive(values):
    """Values for a logarithmic axis: 0 becomes the least normal number."""
    values = np.asarray(values, float)
    return np.where(values == 0, np.finfo(float).tiny, values)


def at_least_a_decade(axes, which="y"):
    """Widen a logarithmic axis whose values hardly differ, so that rounding does not look like a trend."""
    low, high = getattr(axes, f"get_{which}lim")()
    if 0 < low < high and high / low < 10:
        middle = (low * high) ** 0.5
        getattr(axes, f"set_{which}lim")(middle / 10**0.5, middle * 10**0.5)
