"""Every formula, count and worked example of the course is found by the site's search: its words stand in the pages."""

import re
from pathlib import Path

import pytest

from tools.website.course import COURSE
from tools.website.formulas import plain

DOCS = Path(__file__).resolve().parents[2] / "docs"
def words(page):
    """A page as the search has it: formulas in plain letters, one space between words, no marks of code or links."""
    text = (DOCS / f"{page}.md").read_text()
    text = re.sub(r"```math\n(.*?)```|\$([^$\n]+)\$", lambda m: plain(m[1] or m[2]), text, flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)|[`\[]*\[`|`", "", text)
    return " ".join(text.split())


@pytest.mark.parametrize("page", COURSE)
def test_the_course_is_found(page):
    text = words(page).lower()
    squeezed = text.replace(" ", "")
    missing = [each for each in COURSE[page] if each.lower().replace(" ", "") not in squeezed]
    assert not missing
