"""Pictures of nets on points of the plane."""

import numpy as np
import pytest

from tinydl.inspect import plots

pytest.importorskip("matplotlib")

PLANE = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])


def test_decision_regions_of_a_function_and_of_a_net_with_one_logit(texts):
    figure = plots.decision_regions(lambda x: x[:, :1] - 0.5, PLANE, [0, 1, 0, 1], ["left", "right"], "My regions")
    (axes,) = figure.axes
    assert figure.get_suptitle() == "My regions (100.0 % of 4 points right)"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$x_1$", "$x_2$")
    assert "left" in texts(figure) and "right" in texts(figure)
    regions = axes.images[0].get_array()
    assert regions[:, 0].max() == 0 and regions[:, -1].min() == 1
    assert "25.0 %" in plots.decision_regions(lambda x: np.zeros((len(x), 3)), PLANE, [0, 1, 2, 1]).get_suptitle()


def test_feature_space_names_components():
    from tinydl import nn

    net = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1))
    figure = plots.feature_space(net, PLANE, [0, 1, 1, 0])
    assert [axes.get_title() for axes in figure.axes] == ["input", "0: Linear", "1: Tanh", "2: Linear"]
    assert "of the variance)" in figure.axes[1].get_xlabel() and figure.axes[3].get_xlabel() == "unit 1"
    assert len(plots.feature_space(net, PLANE, [0, 1, 1, 0], layers=["1"]).axes) == 2
    with pytest.raises(ValueError, match="no layer 'x' with an output; it has 0, 1, 2"):
        plots.feature_space(net, PLANE, [0, 1, 1, 0], layers=["x"])


@pytest.mark.parametrize("x,y,message", [
    (np.zeros((4, 3)), [0] * 4, r"an array \(N, 2\), got shape \(4, 3\)"),
    (PLANE, [0.5] * 4, "4 integers, got float64"), (PLANE, [0, 1], r"4 integers, got int64 of shape \(2,\)")])
def test_pictures_of_the_plane_refuse_other_data(x, y, message):
    with pytest.raises(ValueError, match=message):
        plots.decision_regions(lambda x: x, x, y)
