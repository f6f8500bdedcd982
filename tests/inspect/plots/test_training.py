"""Pictures of training: what they say, and that the numbers are those given."""

import numpy as np
import pytest

from tinydl.inspect import plots

pytest.importorskip("matplotlib")

HISTORY = {"epoch": [1, 2, 3], "loss": [2.0, 0.5, 0.05], "accuracy": [0.3, 0.8, 0.99], "val_loss": [1.8, 0.6, 0.2],
           "val_accuracy": [0.35, 0.75, 0.95]}


def test_curves_have_titles_labels_units_and_values(texts):
    figure = plots.curves(HISTORY, "my run")
    loss, accuracy = figure.axes
    assert figure.get_suptitle() == "my run"
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("epoch", "loss")
    assert (accuracy.get_xlabel(), accuracy.get_ylabel()) == ("epoch", "accuracy / %")
    assert [line.get_ydata().tolist() for line in accuracy.lines[:2]] == [[30, 80, 99], [35, 75, 95]]
    (ring,) = accuracy.lines[2:]
    assert (ring.get_xdata(), ring.get_ydata()) == ([3], [95])  # the epoch of the least validation loss
    assert loss.get_yscale() == "log"
    assert "validation: 95.00 %" in texts(figure)


def test_curves_of_metrics_have_panels_of_their_own():
    more = {**HISTORY, "val_f1": [None, 0.5, 0.6], "lr": [1, 1, 1], "lr_1": [1, 1, 1], "seconds": [1] * 3,
            "note": "abc"}
    panels = plots.curves(more).axes
    assert [axes.get_ylabel() for axes in panels if axes.axison] == ["loss", "accuracy / %", "f1"]


def test_curves_of_a_regression_without_validation():
    figure = plots.curves({"loss": [2.0, 1.0]})
    assert len(figure.axes) == 1
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2]
    assert figure.axes[0].get_ylabel() == "loss"


def test_curves_with_epochs_without_validation():
    figure = plots.curves({"epoch": [1, 2], "loss": [2.0, 1.0], "val_loss": [None, 1.5]})
    assert np.array_equal(figure.axes[0].lines[1].get_ydata(), [np.nan, 1.5], equal_nan=True)


def test_confusion_shows_counts_names_and_the_total(texts):
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


def test_misclassified_shows_the_surest_mistakes_first():
    images = np.random.default_rng(0).random((4, 1, 5, 5))
    logits = np.array([[5.0, 0], [0, 1], [0, 9], [3, 0]])
    figure = plots.misclassified(images, [0, 0, 0, 1], logits, ["cat", "dog"])
    titles = [t.get_text() for t in figure.axes[0].texts]
    assert titles == ["cat\ntaken for\ndog\n100 % sure", "dog\ntaken for\ncat\n95 % sure",
                      "cat\ntaken for\ndog\n73 % sure"]
    assert "3 of 3 wrong among 4" in figure.get_suptitle()


def test_misclassified_without_mistakes(texts):
    assert "all 1 images are classified right" in texts(plots.misclassified(np.zeros((1, 1, 2, 2)), [1], [[0.0, 1]]))


def test_bytes_are_as_bright_as_their_scale_says():
    figure = plots.misclassified(np.array([[[[0, 4], [8, 16]]]], np.uint8), [0], [[0.0, 1]], white=16)
    assert figure.axes[0].images[0].get_array().tolist() == [[0, 0.25], [0.5, 1]]
    figure = plots.misclassified(np.array([[[[0, 51], [102, 255]]]], np.uint8), [0], [[0.0, 1]])
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[0, 0.2], [0.4, 1]], rtol=1e-6)


def test_misclassified_in_colour():
    figure = plots.misclassified(np.zeros((1, 3, 2, 2), np.uint8), [0], [[0.0, 1]])
    assert figure.axes[0].images[0].get_array().shape == (2, 2, 3)


def test_lr_range(texts):
    figure = plots.lr_range([1e-3, 1e-2, 1e-1], [2.0, 1.0, 3.0], 1e-2)
    assert figure.axes[0].get_xscale() == "log"
    assert "suggested: 0.01" in texts(figure)


def test_gradient_flow_of_one_net_and_of_several(texts):
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
