"""docs/reference.md is what the docstrings say."""

import importlib
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))

from tools import reference


def test_the_page_is_what_the_docstrings_say():
    assert reference.main(["--check"]) == 0, "run python tools/reference.py"


def test_literal_lines():
    assert reference.summary("tinydl.ops", "sqrt") == ("Square root, element by element: NaN below 0; its gradient is "
                                                       "infinite at 0.")
    assert reference.summary("tinydl.ops", "l1") == r"Absolute error \|x - t\|; gradient 0 where they are equal."
    assert "get_num_threads(" not in reference.summary("tinydl", "get_num_threads")


def test_a_page_that_is_stale_is_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(reference, "PAGE", tmp_path / "reference.md")
    (tmp_path / "reference.md").write_text("old")
    assert reference.main(["--check"]) == 1 and "tools/reference.py" in capsys.readouterr().err


@pytest.mark.parametrize("module", reference.MODULES)
def test_every_public_name_has_a_line(module):
    section = reference.page().split(f"\n## {module}\n")[1].split("\n## ")[0]
    names = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(names) == sorted(importlib.import_module(module).__all__)
