"""Several trainings in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinydl.inspect.plots.figure import legend
from tinydl.inspect.plots.palette import CLASSES
from tinydl.inspect.plots.training import as_drawn, over_epochs, panel_axes, panels_of, spread

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure

__all__ = ["compared"]

_STROKES = ("-", "--", ":")  # after the last colour the next stroke


def compared(histories: Mapping[str, Mapping[str, Any]], title: str = "Trainings") -> Figure:
    """The curves of several trainings: a panel a measure, a line a training.

    A line is the validation's where the training has one, else that of the training data, and the legend says so.

    Parameters
    ----------
    histories : dict of str to dict
        What `curves` takes, by the name of the training.
    title : str

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        No history, or none with an epoch in it.
    """
    histories = {name: history for name, history in histories.items() if len(history.get("loss", ()))}
    if not histories:
        raise ValueError("compared: there is no history with an epoch in it")
    panels: dict[str, dict[str, str]] = {}
    for name, history in histories.items():
        for key, columns in panels_of(history).items():
            panels.setdefault(key, {})[name] = columns[-1] if columns[-1].startswith("val_") else columns[0]
    most = max(len(names) for names in panels.values())
    figure, every = panel_axes(len(panels), 3.3 + 0.19 * most, least=5.0)
    places = {name: k for k, name in enumerate(histories)}
    for axes, (key, names) in zip(every, panels.items(), strict=True):
        least, largest = np.inf, 0.0
        for name, column in names.items():
            values, last = as_drawn(key, histories[name][column])
            stroke, colour = divmod(places[name], len(CLASSES))
            axes.plot(np.arange(1, len(values) + 1), values, color=CLASSES[colour],
                      linestyle=_STROKES[stroke % len(_STROKES)], marker="o" if len(values) == 1 else None,
                      label=f"{name[-24:]}: {last}" + ("" if column.startswith("val_") else " (training)"))
            finite = values[np.isfinite(values)]
            least, largest = min([least, *finite]), max([largest, *finite])
        whose = "validation " if all(column.startswith("val_") for column in names.values()) else ""
        if key == "loss":
            spread(axes, least, largest)
        over_epochs(axes, key, whose)
        legend(axes, 8)
    figure.suptitle(title)
    return figure
