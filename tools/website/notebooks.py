"""Notebooks of docs/notebooks as pages: the cells are run when the site is built, what they show stands below them.

The files themselves hold no outputs. A picture goes into the page as an SVG that follows its scheme, as those of the
textbook do; a cell with the tag "solution" is folded away.
"""

import ast
import contextlib
import functools
import html
import io
import json
import re
from pathlib import Path

__all__ = ["FOLDER", "on_files", "on_page_content", "ran", "read", "run"]

FOLDER = Path(__file__).resolve().parents[2] / "docs/notebooks"
HEAD = "[This page as a notebook]({name}.ipynb): the outputs below were computed when the site was built.\n\n"
PLACE = re.compile(r"<!-- output (\d+) (\d+) -->")


def read(path):
    """(kind, text, whether it is a solution) of each cell."""
    cells = json.loads(path.read_text())["cells"]
    return [(cell["cell_type"], "".join(cell["source"]), "solution" in cell["metadata"].get("tags", ()))
            for cell in cells]


def run(code, namespace, place):
    """What a cell shows: the text that it prints, and the value of its last line if that is an expression."""
    tree, value, said = ast.parse(code, place), None, io.StringIO()
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(said):
        exec(compile(tree, place, "exec"), namespace)
        if last is not None and not code.rstrip().endswith(";"):
            value = eval(compile(ast.Expression(last.value), place, "eval"), namespace)
    return [each for each in (said.getvalue(), value) if each not in ("", None)]


def ran(path):
    """[(kind, text, whether it is a solution, what it shows)] of a notebook, its cells run from top to bottom."""
    namespace, cells = {"__name__": "notebook"}, []
    for k, (kind, text, solution) in enumerate(read(path)):
        shown = run(text, namespace, f"{path.name}, cell {k + 1}") if kind == "code" else []
        cells.append((kind, text, solution, shown))
    return cells


@functools.cache
def _page(name, content):
    """Markdown of a notebook and the HTML of its outputs by their place; made again where `content` is another."""
    lines, outputs = [], {}
    for k, (kind, text, solution, shown) in enumerate(ran(FOLDER / f"{name}.ipynb")):
        part = text if kind == "markdown" else f"```python\n{text}\n```"
        for j, value in enumerate(shown):
            outputs[k, j] = _html(value, f"{name}-{k + 1}")
            part += f"\n\n<!-- output {k} {j} -->"
        lines.append(f'<details markdown="1"><summary>Solution</summary>\n\n{part}\n\n</details>' if solution else part)
    lines.insert(1, HEAD.format(name=name))
    return "\n\n".join(lines), outputs


def _html(value, name):
    """An output as HTML: a picture, what a notebook would show, or text."""
    from tinydl.inspect.plots.figure import _drawn
    from tools.website.pictures import figure

    if hasattr(value, "savefig"):
        return figure(_drawn(value, "svg").decode(), f"notebook-{name}", html.escape(_caption(value)))
    if hasattr(value, "_repr_html_"):
        return f'<div class="output" tabindex="0">{value._repr_html_()}</div>'
    return f'<pre class="output" tabindex="0">{html.escape(value if isinstance(value, str) else repr(value))}</pre>'


def _caption(figure):
    """The titles in a picture, which say what it shows."""
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
    labels = [axes.get_xlabel() for axes in figure.axes]
    return "; ".join(dict.fromkeys(each for each in titles if each)) or "; ".join(dict.fromkeys(filter(None, labels)))


def on_files(files, config):
    from mkdocs.structure.files import File

    for path in sorted(FOLDER.glob("*.ipynb")):
        page, _ = _page(path.stem, path.read_text())
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=page))
    return files


def on_page_content(page_html, page):
    folder, _, name = page.file.src_uri.removesuffix(".md").rpartition("/")
    if folder != "notebooks":
        return page_html
    _, outputs = _page(name, (FOLDER / f"{name}.ipynb").read_text())
    return PLACE.sub(lambda match: outputs[int(match[1]), int(match[2])], page_html)
