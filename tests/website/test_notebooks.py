"""The notebooks of the course: one a page, without outputs, run from top to bottom, with pictures and an exercise."""

import json
import re
from pathlib import Path

import pytest

from tools.website import notebooks

pytest.importorskip("matplotlib")
DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTEBOOKS = sorted(notebooks.FOLDER.glob("*.ipynb"))


def test_there_is_one_for_each_page_of_the_course():
    assert [path.stem for path in NOTEBOOKS] == [page.stem for page in sorted(DOCS.glob("[0-9]-*.md"))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_file_holds_short_cells_and_no_outputs(path):
    book = json.loads(path.read_text())
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    for cell in book["cells"]:
        assert len(cell["source"]) <= 32 and max(map(len, cell["source"])) <= 121
        assert cell["cell_type"] == "markdown" or cell["outputs"] == [] and cell["execution_count"] is None
    text = "\n".join(text for _, text, _ in notebooks.read(path))
    for target in re.findall(r"\]\(([^)#\s]+)\)", text):
        assert (path.parent / target).exists()
    assert f"](../{path.stem}.md)" in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_shows_pictures_and_solves_its_exercise(path):
    cells = notebooks.ran(path)
    pictures = [value for *_, shown in cells for value in shown if hasattr(value, "savefig")]
    assert len(pictures) >= 2
    kind, text, solution, _ = cells[-1]
    assert (kind, solution) == ("code", True) and "assert " in text
    assert any(text.startswith("## Exercise\n") for kind, text, *_ in cells if kind == "markdown")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_jupyter_runs_it(path, tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in book.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in shown) >= 2
    assert not any(output.output_type == "error" for output in shown)


def test_what_a_cell_shows():
    namespace = {}
    assert notebooks.run("x = 1\nprint('said')\nx + 1", namespace, "here") == ["said\n", 2]
    assert notebooks.run("x + 1;", namespace, "here") == [] and namespace["x"] == 1
    assert notebooks.run("# nothing", namespace, "here") == []
