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
