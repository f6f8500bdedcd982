"""What the pictures of the textbook are drawn with: cells with numbers, arrows, nodes."""

import numpy as np

from tinydl.inspect import plots
from tinydl.inspect.plots.palette import INK, ON_DARK, ON_LIGHT

__all__ = ["arrow", "bare", "cells", "frame", "node", "number", "panels"]


def number(value, form=".4g"):
    """A number as one writes it on a blackboard."""
    return f"{value:{form}}".replace("-", "\u2212")


def panels(width, height, n, rows=1, **options):
    """A figure and its axes in a row or in rows, all with the faint grid of the library's pictures."""
    figure = plots.new_figure(width, height)
    return figure, plots.plain(*np.ravel(figure.subplots(rows, n, **options)))


def bare(axes, title=None, size=10):
    """Axes for drawings: no frame, no ticks, equal steps in both directions, y downwards as rows of a matrix."""
    axes.set_axis_off()
    axes.set_aspect("equal")
    if title:
        axes.set_title(title, fontsize=size)
    return axes


def cells(axes, values, left=0, top=0, limit=None, words=True, size=9, step=1, cmap="RdBu"):
    """Numbers of a matrix in coloured cells: blue above zero, red below; `limit` has the full colour."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    values = np.atleast_2d(np.asarray(values, float))
    limit = limit or np.abs(values).max() or 1.0
    for (i, j), value in np.ndenumerate(values):
        red, green, blue, _ = colormaps[cmap](0.5 + 0.42 * np.clip(value / limit, -1, 1))
        axes.add_patch(Rectangle((left + j * step, -(top + i * step)), step, -step, facecolor=(red, green, blue),
                                 edgecolor=plots.GREY, linewidth=0.6))
        if words:
            dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.55
            axes.text(left + (j + 0.5) * step, -(top + (i + 0.5) * step), number(value), ha="center", va="center",
                      fontsize=size, color=ON_DARK if dark else ON_LIGHT)
    # Cells are patches, which do not move the limits of axes.
    axes.update_datalim([(left, -top), (left + values.shape[1] * step, -top - values.shape[0] * step)])
    axes.autoscale_view()


def frame(axes, left, top, width, height, colour=plots.ORANGE, **options):
    """A frame around cells."""
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((left, -top), width, -height, fill=False, edgecolor=colour,
                             **{"linewidth": 2.2, "zorder": 3, **options}))


def arrow(axes, start, end, colour=plots.GREY, bend=0.0, **options):
    """An arrow between two points."""
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "shrinkA": 0, "shrinkB": 0,
                                              "connectionstyle": f"arc3,rad={bend}", **options})


def node(axes, x, y, word, above="", below="", radius=0.3):
    """A node of a graph: its value above, its gradient below."""
    from matplotlib.patches import Circle

    axes.add_patch(Circle((x, y), radius, facecolor="none", edgecolor=INK, linewidth=1.1))
    axes.text(x, y, word, ha="center", va="center", fontsize=10)
    axes.text(x, y + radius + 0.06, above, ha="center", va="bottom", fontsize=9, color=plots.BLUE)
    axes.text(x, y - radius - 0.06, below, ha="center", va="top", fontsize=9, color=plots.ORANGE)
    axes.update_datalim([(x - radius, y - radius - 0.35), (x + radius, y + radius + 0.35)])
    axes.autoscale_view()
