"""The pages of docs/: their blocks run, their links lead somewhere, what they name exists, no name is missing."""

import importlib
import importlib.util
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
NAMES = [page.name for page in PAGES]
# A word behind the language is a package that the block needs; "raises": its last line is the error.
BLOCK = re.compile(r"^```(python|console) *(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[(`?)([^\]`]+)`?\]\(([^)#\s]+)\)")
CODE = re.compile(r"^```.*?^```$|^ {4}.*?$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
MODULES = ("tinydl", "tinydl.nn", "tinydl.ops", "tinydl.optim", "tinydl.data", "tinydl.train", "tinydl.models",
           "tinydl.inspect", "tinydl.export")
LONG_TAIL = ("tinydl.nn", "tinydl.ops")  # of which a line in the list of all names is enough


def test_every_section_of_the_course_has_its_page():
    assert [name[0] for name in NAMES if name[0].isdigit()] == list("123456")


def raises(code, place, namespace):
    """Run a block whose last line is a comment with the error; `...` stands for any text."""
    wanted = code.rstrip().splitlines()[-1].removeprefix("# ")
    with pytest.raises(Exception) as caught:
        exec(compile(code, place, "exec"), namespace)
    said = " ".join(f"{type(caught.value).__name__}: {caught.value}".split())
    assert fits(said, wanted), f"{place}: says\n{said}\nwanted\n{wanted}"


def fits(said, wanted):
    return re.match("".join(".*" if part == "..." else re.escape(part) for part in re.split(r"(\.\.\.)", wanted)) + "$",
                    said, re.DOTALL)


def command(text, place, capsys):
    """Run the lines that begin with $; the lines behind each occur in what it prints."""
    from tinydl.cli import main

    for part in text.split("$ ")[1:]:
        line, *wanted = part.splitlines()
        words = shlex.split(line)
        assert words[0] == "tinydl", f"{place}: {line}"
        code = main(words[1:])
        said = capsys.readouterr()
        assert code == 0, f"{place}: {line} ends with {code}: {said.err}"
        printed = said.out + said.err
        for row in wanted:
            assert fits(printed, f"...{row}..."), f"{place}: {line} prints\n{printed}wanted\n{row}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_blocks_run_in_order(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    namespace, commands = {"__name__": "docs"}, False
    for match in BLOCK.finditer(text):
        kind, word, code = match.groups()
        if word and word != "raises" and importlib.util.find_spec(word) is None:
            continue
        line = text[:match.start()].count("\n") + 1
        if kind == "console":
            commands = True
            command(code, f"{page.name}, line {line}", capsys)
            continue
        # Blank lines in front make a traceback show the page's own line numbers.
        code = "\n" * line + code
        if word == "raises":
            raises(code, str(page), namespace)
        else:
            exec(compile(code, str(page), "exec"), namespace)
    assert commands or not any(tmp_path.iterdir())


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


def test_the_table_of_contents_has_every_page():
    listed = {target for _, _, target in LINK.findall((ROOT / "docs/README.md").read_text())}
    assert set(NAMES) - {"README.md"} <= listed


def words_of(pages):
    """All words in code, in blocks or between backticks."""
    return {word for page in pages for code in CODE.findall(page.read_text()) for word in re.findall(r"\w+", code)}


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_in_the_manual(module):
    pages = [page for page in PAGES if page.name != "reference.md" or module in LONG_TAIL]
    assert not sorted(set(importlib.import_module(module).__all__) - words_of(pages))


@pytest.mark.parametrize("name", ["train", "eval", "predict", "report", "compare", "export", "summary", "info"])
def test_every_command_is_shown(name):
    text = (ROOT / "docs/command-line.md").read_text()
    assert f"\n$ tinydl {name}" in text and f"| `tinydl {name}" in text


def test_the_course_is_explained_where_it_is_first_read():
    text = (ROOT / "docs/README.md").read_text()
    assert "course on neural networks" in text[:text.index(chr(34) + "the course" + chr(34))]
