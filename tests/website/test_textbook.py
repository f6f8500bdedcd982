"""The pictures of the textbook: each is drawn by the tool, stands in a page, and is small."""

import re
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLES = DOCS.parent / "examples"
TEXTBOOK = ("1-networks", "2-autodiff", "3-convolution", "4-pooling-normalisation-residuals", "5-training", "6-seeing",
            "winograd", "machine-code")
SHOWN = re.compile(r"!\[([^\]]+)\]\(pictures/([\w-]+)\.(?:svg|png)\)")


def test_drawn_shown_and_small(tmp_path, capsys):
    from tools.pictures.__main__ import drawings, main

    drawn = {path.stem for path in (DOCS / "pictures").glob("*.svg")}
    assert drawn == set(drawings())
    shown = {name for page in DOCS.glob("*.md") for _, name in SHOWN.findall(page.read_text())}
    assert drawn <= shown
    assert sum(path.stat().st_size for path in (DOCS / "pictures").iterdir()) < 3e6
    assert main(["matrices", "--out", str(tmp_path)]) == 0  # runs, and says so
    assert "matrices" in capsys.readouterr().out and "w223" in (tmp_path / "matrices.svg").read_text()


@pytest.mark.parametrize("page", TEXTBOOK)
def test_every_page_of_the_textbook_has_two_pictures_with_a_text_each(page):
    shown = SHOWN.findall((DOCS / f"{page}.md").read_text())
    assert len(shown) >= 2
    assert all(len(text) > 30 for text, _ in shown)


@pytest.mark.parametrize("page", TEXTBOOK)
def test_every_page_of_the_textbook_ends_with_an_exercise_whose_solution_runs(page):
    head, _, exercise = (DOCS / f"{page}.md").read_text().partition("\n## Exercise\n")
    # tests/test_docs.py runs the block.
    solution = r"<summary>Solution</summary>\n\n.*?^```python\n.*?assert .*?^```\n\n</details>\n$"
    assert head and re.search(solution, exercise, re.DOTALL | re.MULTILINE)


def test_every_example_is_in_the_gallery_with_its_picture():
    shown = dict(re.findall(r"^\[`(\w+)\.py`\]\(\.\./examples/\1\.py\).*?\n!\[[^\]]{30,}\]\(pictures/([\w-]+)\.svg\)$",
                            (DOCS / "gallery.md").read_text(), re.DOTALL | re.MULTILINE))
    assert shown == {path.stem: f"example-{path.stem.replace('_', '-')}" for path in EXAMPLES.glob("*.py")}


def test_every_page_stands_once_in_the_table_of_contents():
    listed = re.findall(r"([\w/-]+)\.md$", (DOCS.parent / "mkdocs.yml").read_text(), re.MULTILINE)
    own = [page for page in listed if not page.startswith(("api/", "project/"))]
    books = [f"notebooks/{path.stem}" for path in DOCS.glob("notebooks/*.ipynb")]
    assert sorted(own) == sorted([*(path.stem for path in DOCS.glob("*.md")), *books])
