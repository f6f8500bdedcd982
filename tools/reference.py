"""The page docs/reference.md: every public name with the first paragraph of its docstring.

    python tools/reference.py               # writes the page anew
    python tools/reference.py --check       # fails when it would change
"""

import argparse
import importlib
import inspect
import sys
from pathlib import Path

__all__ = ["MODULES", "page", "summary"]

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reference.md"
MODULES = ("tinydl", "tinydl.nn", "tinydl.ops", "tinydl.optim", "tinydl.data", "tinydl.train", "tinydl.models",
           "tinydl.inspect", "tinydl.export")
CONSTANTS = {
    "tinydl.__version__": "The version, as text.",
    "tinydl.optim.BY_NAME": "The optimisers by the names that the command line and the scikit-learn estimators take.",
    "tinydl.data.BY_NAME": "The published data sets by name; see `load`.",
    "tinydl.models.INPUT_SHAPES": "Shape of one input of each network, by its name.",
}
HEAD = """# All names

Every public name, with the first words of its docstring; `help(td.nn.Conv2d)` has the rest: formula, shapes, errors,
source. Methods of tensors are named as the operations; words of PyTorch that are something else here are in [Coming
from PyTorch](coming-from-pytorch.md).

<!-- Written by tools/reference.py. -->
"""


def summary(owner, name):
    """What is said of a name: the first paragraph of its docstring, in one line."""
    if f"{owner}.{name}" in CONSTANTS:
        return CONSTANTS[f"{owner}.{name}"]
    paragraphs = (inspect.getdoc(getattr(importlib.import_module(owner), name)) or "").split("\n\n")
    if paragraphs[0].startswith(f"{name}("):  # compiled functions begin with their signature
        paragraphs = paragraphs[0].split("\n", 1)[1:] + paragraphs[1:]
    text = " ".join(paragraphs[0].split()) if paragraphs else ""
    if not text:
        raise ValueError(f"{owner}.{name} has no docstring")
    return text.replace("|", r"\|").replace("``", "`")


def page():
    """The text of the page."""
    parts = [HEAD]
    for module in MODULES:
        names = sorted(importlib.import_module(module).__all__, key=lambda name: (name.lower(), name))
        rows = [f"| `{name}` | {summary(module, name)} |" for name in names]
        parts.append("\n".join([f"\n## {module}\n", "| name | what |", "|---|---|", *rows, ""]))
    return "".join(parts)


def main(argv=None):
    """Write or check the page; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when the page would change")
    text = page()
    if parser.parse_args(argv).check:
        if PAGE.read_text() != text:
            print(f"{PAGE} is not what the docstrings say; run python tools/reference.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
