"""The search reads numbers and formulas as they are typed, and puts the textbook first.

What parts words is written down in mkdocs.yml: of `W1 = [[.1, .2]]` the words are w1, .1 and .2. search.js goes into
the theme's worker: what a section holds as it was typed comes before what has the words anywhere.
"""

from pathlib import Path

from tools.website.course import COURSE

__all__ = ["on_page_markdown", "on_post_build"]

FIRST = Path(__file__).with_suffix(".js")


def on_page_markdown(markdown, page):
    if page.file.src_uri.removesuffix(".md") in COURSE:
        page.meta["search"] = {"boost": 2}
    return markdown


def on_post_build(config):
    worker, = Path(config.site_dir).glob("assets/javascripts/workers/search.*.js")
    separator = config.plugins["material/search"].config.separator
    worker.write_text(FIRST.read_text().replace("SEPARATOR", separator) + worker.read_text())
