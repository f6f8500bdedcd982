"""Files of the repository as pages: the line of a name, and text that means the same in HTML."""

from pathlib import Path

import pytest

from tools.website.listing import definition, listing

PYTHON = "import conv\n\nclass Conv:\n    x = conv\n\n    def forward(self):\n        ...\n\ndef forward(x):\n    ...\n"
C = "#define TD_NA 3\n/* tile is below */\n  y = tile(x);\nstatic void tile(int x)\n{\n"


@pytest.mark.parametrize("text, name, line", [
    (PYTHON, "Conv", 3), (PYTHON, "Conv.forward", 6), (PYTHON, "forward", 6), (C, "TD_NA", 1), (C, "tile", 4),
    ("a = 1\nBY_NAME = {}\n", "BY_NAME", 2), ("cdef void strip(int x) noexcept nogil:\n", "strip", 1), ("", "none", 1)])
def test_line_of_a_definition(text, name, line):
    assert definition(text, name) == line


def test_page(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("if a < 1 & b:  # why\n    pass\n")
    page = listing(file, "tinydl/a.py", Path("source/tinydl/a.py.html"), {"3-convolution.md": "Convolution"})
    assert '<b id="L1"></b><i class="k">if</i> a &lt; 1 &amp; b:' in page and '<b id="L2"></b>' in page
    assert '<a href="../../3-convolution.html">Convolution</a>' in page
