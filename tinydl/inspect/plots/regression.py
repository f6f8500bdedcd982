"""Pictures of a regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl.inspect.plots.figure import new_figure, plain
from tinydl.inspect.plots.palette import BLUE, GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tinydl._types import ArrayLike

__all__ = ["predicted"]

_MOST = 6  # panels


def predicted(targets: ArrayLike, values: ArrayLike, title: str = "Predicted and true") -> Figure:
    """What a net said over what is true, a panel a column; all points lie on the line where it is right.

    Parameters
    ----------
    targets, values : arrays, shape (N,) or (N, K)
        The first 6 columns are shown.
    title : str

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        Shapes that differ, or no samples.
    """
    targets, values = np.asarray(targets, np.float64), np.asarray(values, np.float64)
    if targets.shape != values.shape or targets.ndim not in (1, 2) or len(targets) == 0:
        raise ValueError(f"predicted: targets and values must have one shape (N,) or (N, K), got {targets.shape} and "
                         f"{values.shape}")
    targets, values = targets.reshape(len(targets), -1), values.reshape(len(values), -1)
    n = min(_MOST, targets.shape[1])
    figure = new_figure(0.6 + 3.6 * n, 4)
    for k, axes in enumerate(np.atleast_1d(figure.subplots(1, n))):
        ends = [min(targets[:, k].min(), values[:, k].min()), max(targets[:, k].max(), values[:, k].max())]
        axes.plot(ends, ends, color=GREY, linewidth=1)
        axes.plot(targets[:, k], values[:, k], "o", color=BLUE, markersize=3, alpha=0.7)
        axes.set_aspect("equal", "datalim")
        axes.set_xlabel("true" if n == 1 else f"true, column {k}")
        axes.set_ylabel("predicted")
        plain(axes)
    figure.suptitle(title)
    return figure
