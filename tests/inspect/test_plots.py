import os
import subprocess
import sys

import numpy as np
import pytest

from tinydl.inspect import plots

pytest.importorskip("matplotlib")

HISTORY = {"epoch": [1, 2, 3], "loss": [2.0, 0.5, 0.05], "accuracy": [0.3, 0.8, 0.99], "val_loss": [1.8, 0.6, 0.2],
           "val_accuracy": [0.35, 0.75, 0.95]}


def texts(figure):
    """Every piece of text in a figure."""
    from matplotlib.text import Text

    return " | ".join(t.get_text() for t in figure.findobj(Text) if t.get_text())


def test_curves_have_titles_labels_units_and_values():
    figure = plots.curves(HISTORY, "my run")
    loss, accuracy = figure.axes
    assert figure.get_suptitle() == "my run"
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("epoch", "cross-entropy loss")
    assert (accuracy.get_xlabel(), accuracy.get_ylabel()) == ("epoch", "accuracy / %")
    assert [line.get_ydata().tolist() for line in accuracy.lines] == [[30, 80, 99], [35, 75, 95]]
    assert loss.get_yscale() == "log"
    assert "validation (last 95.00 %)" in texts(figure)


def test_curves_of_a_regression_without_validation():
    figure = plots.curves({"loss": [2.0, 1.0]})
    assert len(figure.axes) == 1
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2]
    assert figure.axes[0].get_ylabel() == "loss"


def test_curves_with_epochs_without_validation():
    figure = plots.curves({"epoch": [1, 2], "loss": [2.0, 1.0], "val_loss": [None, 1.5]})
    assert np.array_equal(figure.axes[0].lines[1].get_ydata(), [np.nan, 1.5], equal_nan=True)


def test_confusion_shows_counts_names_and_the_total():
    figure = plots.confusion([[5, 1], [0, 4]], ["cat", "dog"])
    shown = texts(figure)
    assert "9 of 10 right (90.00 %)" in shown
    assert "cat" in shown and "dog" in shown
    assert figure.axes[0].get_xlabel() == "predicted class"
    assert figure.axes[0].get_ylabel() == "true class"
    assert sorted(t.get_text() for t in figure.axes[0].texts) == ["1", "4", "5"]
    assert "share of the true class / %" in shown


def test_confusion_with_an_empty_class_and_without_samples():
    plots.confusion(np.zeros((3, 3), int))
    plots.confusion(np.diag(np.arange(40)))


@pytest.mark.parametrize("channels", [1, 3, 16])
def test_filters(channels):
    weight = np.random.default_rng(0).standard_normal((10, channels, 3, 3))
    figure = plots.filters(weight)
    assert len(figure.axes[0].images) == 10
    assert [t.get_text() for t in figure.axes[0].texts] == [str(i) for i in range(10)]
    assert f"10 filters of {channels}x3x3" in figure.get_suptitle()
    assert "8 of 10" in plots.filters(weight, max_filters=8).get_suptitle()


def test_filters_of_zeros_and_of_a_wrong_shape():
    plots.filters(np.zeros((1, 3, 1, 1)))
    with pytest.raises(ValueError, match=r"\(O, C, KH, KW\), got \(3, 4\)"):
        plots.filters(np.zeros((3, 4)))


def test_misclassified_shows_the_surest_mistakes_first():
    images = np.random.default_rng(0).random((4, 1, 5, 5))
    logits = np.array([[5.0, 0], [0, 1], [0, 9], [3, 0]])
    figure = plots.misclassified(images, [0, 0, 0, 1], logits, ["cat", "dog"])
    titles = [t.get_text() for t in figure.axes[0].texts]
    assert titles == ["true: cat\ntaken for: dog\n(100 % sure)", "true: dog\ntaken for: cat\n(95 % sure)",
                      "true: cat\ntaken for: dog\n(73 % sure)"]
    assert "3 of 3 wrong among 4" in figure.get_suptitle()


def test_misclassified_without_mistakes():
    assert "all 1 images are classified right" in texts(plots.misclassified(np.zeros((1, 1, 2, 2)), [1], [[0.0, 1]]))


def test_misclassified_in_colour():
    figure = plots.misclassified(np.zeros((1, 3, 2, 2), np.uint8), [0], [[0.0, 1]])
    assert figure.axes[0].images[0].get_array().shape == (2, 2, 3)


def test_lr_range():
    figure = plots.lr_range([1e-3, 1e-2, 1e-1], [2.0, 1.0, 3.0], 1e-2)
    assert figure.axes[0].get_xscale() == "log"
    assert "suggested: 0.01" in texts(figure)


def test_save_is_whole_or_absent(tmp_path):
    figure = plots.curves(HISTORY)
    plots.save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    plots.save(figure, tmp_path / "a.svg")
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()
    with pytest.raises(ValueError, match="xyz"):
        plots.save(figure, tmp_path / "a.xyz")
    assert sorted(os.listdir(tmp_path)) == ["a.png", "a.svg"]


def test_neither_import_nor_use_touches_pyplot_or_the_backend():
    code = ("import sys; from tinydl.inspect import plots; assert 'matplotlib' not in sys.modules; "
            "plots.curves({'loss': [1.0, 0.5]}); assert 'matplotlib.pyplot' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_error_names_the_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'tinydl-cnn\[app\]'"):
        plots.curves(HISTORY)


def test_gradient_flow_of_one_net_and_of_several():
    import tinydl as td

    td.manual_seed(0)
    net = td.nn.Sequential(td.nn.Linear(2, 3), td.nn.ReLU(), td.nn.Linear(3, 2))
    flow = td.inspect.gradient_flow(net, np.ones((2, 2)), [0, 1], warn=False)
    figure = plots.gradient_flow(flow, "my net")
    assert "my net: " in figure.get_suptitle() and "reaches the input" in figure.get_suptitle()
    assert "2 Linear" in texts(figure) and "spectral norm of the layer" in texts(figure)
    assert figure.axes[0].lines[0].get_ydata().tolist() == pytest.approx(
        [flow.input_gradient, *(layer.activation_gradient for layer in flow.layers)])
    assert [axes.get_yscale() for axes in figure.axes] == ["log"] * 3
    short = td.inspect.gradient_flow(net, np.ones((2, 2)), [0, 1], spectral=False, warn=False)
    both = plots.gradient_flow({"first": flow, "second": short})
    assert "first (" in texts(both) and "second (" in texts(both)
    assert len(plots.gradient_flow(short).axes) == 2


PLANE = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])


def test_decision_regions_of_a_function_and_of_a_net_with_one_logit():
    figure = plots.decision_regions(lambda x: x[:, :1] - 0.5, PLANE, [0, 1, 0, 1], ["left", "right"], "My regions")
    (axes,) = figure.axes
    assert axes.get_title() == "My regions (100.0 % of 4 points right)"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$x_1$", "$x_2$")
    assert "left" in texts(figure) and "right" in texts(figure)
    regions = axes.images[0].get_array()
    assert regions[:, 0].max() == 0 and regions[:, -1].min() == 1
    assert "25.0 %" in plots.decision_regions(lambda x: np.zeros((len(x), 3)), PLANE, [0, 1, 2, 1]).axes[0].get_title()


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


def test_feature_maps():
    maps = np.random.default_rng(0).normal(size=(1, 10, 4, 6))
    figure = plots.feature_maps(maps, np.zeros((1, 8, 12)), max_maps=8)
    assert len(figure.axes[0].images) == 9
    assert "8 of 10 channels of 4x6" in figure.get_suptitle() and "input" in texts(figure)
    assert figure.axes[0].images[1].get_clim()[0] == -figure.axes[0].images[1].get_clim()[1]  # signed: zero is white
    assert plots.feature_maps(np.abs(maps[0])).axes[0].images[0].get_clim()[0] == 0
    with pytest.raises(ValueError, match="take those of one image"):
        plots.feature_maps(np.zeros((2, 3, 4, 4)))


def test_saliency():
    images, gradients = np.random.default_rng(0).normal(size=(2, 3, 3, 5, 5))
    figure = plots.saliency(images, gradients, ["cat", "dog", "owl"], max_images=2)
    assert len(figure.axes[0].images) == 4
    assert [t.get_text() for t in figure.axes[0].texts] == ["cat", "dog"]
    assert figure.axes[0].images[1].get_array().max() == 1
    plots.saliency(images, np.zeros_like(images))
    with pytest.raises(ValueError, match="must have one shape"):
        plots.saliency(images, gradients[:1])
