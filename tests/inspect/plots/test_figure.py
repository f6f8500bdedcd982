"""Figures without pyplot, and the way to a file."""

import os
import subprocess
import sys

import numpy as np
import pytest

import tinydl as td
from tinydl.inspect import gradient_flow, plots
from tinydl.inspect.plots.figure import shortened, show

pytest.importorskip("matplotlib")

HISTORY = {"epoch": [1, 2, 3], "loss": [2.0, 0.5, 0.05], "accuracy": [0.3, 0.8, 0.99], "val_loss": [1.8, 0.6, 0.2],
           "val_accuracy": [0.35, 0.75, 0.95]}


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


def test_a_notebook_shows_a_figure_by_itself():
    figure = plots.new_figure(2, 1)
    assert figure._repr_png_().startswith(b"\x89PNG") and plots.new_figure(1, 1).__class__ is figure.__class__


def test_long_words_are_shortened():
    assert shortened("four", 4) == "four"
    assert shortened("a long name", 8) == "a long\u2026" and shortened(12345, 3) == "12\u2026"


def test_an_image_is_shown_as_it_is():
    axes = plots.new_figure(2, 2).add_subplot()
    dark = show(axes, np.full((1, 2, 2), 51, np.uint8), (0, 1, 0, 1))  # not stretched to black and white
    assert np.allclose(dark.get_array(), 0.2) and (dark.norm.vmin, dark.norm.vmax) == (0, 1)
    assert dark.get_cmap()(0.0)[:3] == (0, 0, 0) and dark.get_cmap()(1.0)[:3] == (1, 1, 1)
    floats = show(axes, np.array([[[-1.0, 3.0]]]), (0, 1, 0, 1))
    assert floats.get_array().tolist() == [[0, 1]]
    assert show(axes, np.zeros((3, 2, 5), np.uint8), (0, 1, 0, 1)).get_array().shape == (2, 5, 3)


NAMES = ["a class of a very long name", "another one of a long name", "short"]


def pictures():
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(30, 2)), np.arange(30) % 3
    images, logits = rng.random((9, 1, 4, 4)), rng.normal(size=(9, 3))
    net = td.nn.Sequential(td.nn.Linear(2, 8), td.nn.ReLU(), td.nn.Linear(8, 3))
    return {
        "curves": plots.curves({**HISTORY, "val_my_metric": [1e-12, 2e5, 3.0]}, "A title of a training"),
        "confusion": plots.confusion(np.eye(3, dtype=int) * 123456, NAMES),
        "mistakes": plots.misclassified(images, 2 - logits.argmax(1), logits, NAMES),
        "regions": plots.decision_regions(net, points, labels, NAMES),
        "flows": plots.gradient_flow(dict.fromkeys(NAMES, gradient_flow(net, points.astype("f"), labels, warn=False))),
    }


def test_no_word_is_cut_and_none_lies_on_another_or_on_the_data():
    from matplotlib.legend import Legend

    for name, figure in pictures().items():
        figure.draw_without_rendering()
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        inside = box.x0 > -0.02 and box.y0 > -0.02 and box.x1 < width + 0.02 and box.y1 < height + 0.02
        assert inside, f"{name}: a word is cut"
        for legend in figure.findobj(Legend):
            for axes in figure.axes:
                shared = legend.get_window_extent().intersection(axes.get_window_extent(), legend.get_window_extent())
                assert shared is None or min(shared.width, shared.height) < 2, f"{name}: a legend lies on the data"
        captions = [t.get_window_extent() for axes in figure.axes for t in axes.texts]
        assert not any(a.overlaps(b) for k, a in enumerate(captions) for b in captions[:k]), f"{name}: captions overlap"
