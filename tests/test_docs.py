"""The pages of docs/: their Python blocks run, their links lead somewhere, the functions they name exist."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
NAMES = [page.name for page in PAGES]
# A word behind "python" is a package that the block needs.
BLOCK = re.compile(r"^```python *(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[(`?)([^\]`]+)`?\]\(([^)#\s]+)\)")


def test_every_section_of_the_course_has_its_page():
    assert [name[0] for name in NAMES if name[0].isdigit()] == list("123456")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_blocks_run_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    namespace = {"__name__": "docs"}
    for match in BLOCK.finditer(text):
        if match[1] and importlib.util.find_spec(match[1]) is None:
            continue
        line = text[:match.start()].count("\n") + 1
        # Blank lines in front make a traceback show the page's own line numbers.
        exec(compile("\n" * line + match[2], str(page), "exec"), namespace)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_and_names(page):
    for code, name, target in LINK.findall(page.read_text()):
        if target.startswith("https://"):
            continue
        path = page.parent / target
        assert path.exists(), f"{page.name}: {target} does not exist"
        if code and path.is_file() and not name.endswith(path.suffix):
            for part in name.split("::")[-1].split("."):
                assert re.search(rf"\b{re.escape(part)}", path.read_text()), f"{page.name}: no {part} in {target}"
