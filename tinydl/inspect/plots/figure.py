"""What all pictures share: figures without pyplot, grids of images, axes; and the way to a file."""

import os

import numpy as np

__all__ = [
    "BLUE", "CLASSES", "GREY", "ORANGE", "at_least_a_decade", "grid", "new_figure", "picture", "plain", "positive",
    "save",
]

BLUE, ORANGE, GREY = "#1f5fa8", "#d9641e", "#8a8a8a"
CLASSES = (BLUE, ORANGE, "#2f8f4e", "#8d4bb0", "#b8860b", "#c2356b", "#3aa6a6", "#6b4f3a", "#5b6bd6", "#7a7a7a")


def new_figure(width, height):
    """A figure of so many inches that belongs to no window."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("pictures need matplotlib: pip install 'tinydl-cnn[app]'") from None
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    return figure


def save(figure, path):
    """Write a figure to `path`, whole or not at all; the format follows from the name (png, svg, pdf)."""
    import io

    from tinydl._files import atomic_write

    buffer = io.BytesIO()
    extension = os.path.splitext(os.fspath(path))[1].lstrip(".") or "png"
    figure.savefig(buffer, format=extension)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def plain(axes):
    """Axes without a frame, with a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)


def grid(n, columns, inches, aspect, gap, beside=0.2):
    """A figure with one bare axes for `n` pictures in rows of `columns`: (figure, axes, places).

    One axes with many images is drawn ten times faster than many axes. A place is the extent of a picture and the
    point above its middle for a caption, for which each row has `gap` (in heights of a picture). `inches` is the height
    of a picture, `beside` the room for a colour bar.
    """
    rows = -(-n // columns)
    figure = new_figure(max(4.5, inches * 1.12 * aspect * columns + beside), inches * (1 + gap) * rows + 0.6)
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


def picture(image):
    """An image (C, H, W) as imshow takes it."""
    image = np.asarray(image, np.float32)
    low, high = image.min(), image.max()
    image = (image - low) / ((high - low) or 1.0)
    return image.transpose(1, 2, 0) if len(image) == 3 else image[0]


def positive(values):
    """Values for a logarithmic axis: 0 becomes the least normal number."""
    values = np.asarray(values, float)
    return np.where(values == 0, np.finfo(float).tiny, values)


def at_least_a_decade(axes):
    """Widen a logarithmic axis whose values hardly differ, so that rounding does not look like a trend."""
    low, high = axes.get_ylim()
    if 0 < low < high and high / low < 10:
        middle = (low * high) ** 0.5
        axes.set_ylim(middle / 10**0.5, middle * 10**0.5)
