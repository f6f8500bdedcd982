"""Figures without pyplot, and the way to a file."""

import os
import subprocess
import sys

import pytest

from tinydl.inspect import plots

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
