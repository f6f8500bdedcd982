"""Several trainings in one picture."""

import numpy as np
import pytest

from tinydl.inspect import plots

pytest.importorskip("matplotlib")

FIRST = {"epoch": [1, 2], "loss": [2.0, 0.5], "accuracy": [0.3, 0.8], "val_loss": [1.8, 0.6],
         "val_accuracy": [0.35, 0.75], "lr": [1, 1]}
SECOND = {"epoch": [1, 2, 3], "loss": [1.5, 0.4, 0.3], "accuracy": [0.5, 0.7, 0.9], "lr": [1, 1, 1]}


def test_a_panel_a_measure_and_a_line_a_training(texts):
    figure = plots.compared({"a": FIRST, "b": SECOND, "empty": {}}, "both")
    loss, accuracy = figure.axes
    assert figure.get_suptitle() == "both"
    assert [line.get_ydata().tolist() for line in loss.lines] == [[1.8, 0.6], [1.5, 0.4, 0.3]]
    assert [line.get_ydata().tolist() for line in accuracy.lines] == [[35, 75], [50, 70, 90]]
    assert loss.lines[1].get_xdata().tolist() == [1, 2, 3]
    shown = texts(figure)
    assert "a: 75.00 %" in shown and "b: 0.3 (training)" in shown and "b: 90.00 % (training)" in shown


def test_more_trainings_than_colours_have_other_strokes():
    lines = plots.compared({f"run {k}": SECOND for k in range(11)}).axes[0].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 11


def test_what_cannot_be_compared():
    assert np.isnan(plots.compared({"a": {"loss": [np.nan]}}).axes[0].lines[0].get_ydata()).all()
    with pytest.raises(ValueError, match="no history with an epoch"):
        plots.compared({"a": {"loss": []}})
