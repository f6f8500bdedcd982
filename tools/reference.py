"""The page docs/reference.md: every public name with the first paragraph of its docstring.

    python tools/reference.py               # writes the page anew
    python tools/reference.py --check       # fails when it would change
"""

import importlib
import inspect
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from tools.written import ROOT, write_or_check

__all__ = ["MODULES", "page", "summary"]

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
    return write_or_check({PAGE: page()}, "tools/reference.py", __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
