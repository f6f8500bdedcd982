"""Predictions over what is true."""

import numpy as np
import pytest

from tinydl.inspect import plots

pytest.importorskip("matplotlib")


def test_points_and_the_line_where_they_are_right():
    figure = plots.predicted([1.0, 2, 3], [1.5, 2, 4], "mine")
    (axes,) = figure.axes
    line, points = axes.lines
    assert figure.get_suptitle() == "mine" and (axes.get_xlabel(), axes.get_ylabel()) == ("true", "predicted")
    assert list(line.get_xdata()) == list(line.get_ydata()) == [1, 4]
    assert points.get_xdata().tolist() == [1, 2, 3] and points.get_ydata().tolist() == [1.5, 2, 4]


def test_a_panel_a_column_six_at_most():
    y = np.random.default_rng(0).random((5, 8))
    axes = plots.predicted(y, y + 1).axes
    assert [panel.get_xlabel() for panel in axes] == [f"true, column {k}" for k in range(6)]
    assert axes[2].lines[1].get_ydata() == pytest.approx(y[:, 2] + 1)


@pytest.mark.parametrize(("targets", "values"), [([1.0], [1.0, 2]), ([], []), (1.0, 1.0)])
def test_shapes_that_cannot_be(targets, values):
    with pytest.raises(ValueError, match="must have one shape"):
        plots.predicted(targets, values)
